"""What asks for each kind of job: one module per kind checks what is asked and gives a `Submission`.

Nothing here queues anything: `Workspace` does, and nothing here loads a model: the worker does.
"""
