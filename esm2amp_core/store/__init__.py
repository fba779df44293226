"""What is kept: jobs and predictions in a database, the inputs of jobs in files.

Read in this order:

- `database`: how a session opens, commits and fails; the only place that knows of SQLite;
- `tables` and `migrations`: what stands in the database, and how an old one becomes a new one;
- `job_queue` and `job_store`: a job as the worker and as a person sees it;
- `prediction_store`: rows of scores; `artifacts`: inputs as files; `job_folders`: where a job's files lie;
- `worker_seat`: who works here; `disk`: what all of it takes.

Rows never leave this package: callers get `Job`s and tables. Nothing here knows of torch.
"""
