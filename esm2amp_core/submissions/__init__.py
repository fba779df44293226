"""What asks for each kind of job: one module per kind checks what is asked and gives a `Submission`.

`submitting` queues it, for the `Workspace`. Nothing here loads a model: the worker does.
"""
