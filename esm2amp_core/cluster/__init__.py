"""Work spread over a Ray cluster; optional (requirements-ray.txt), and imported only when asked for.

`connection` finds the cluster, an `actor` holds a model on one of its machines, and `dispatch` gives tasks to
actors, each done once though machines fail. `embedding` is the language model there. Every machine needs the
same esm2amp, and the model's folder under the same path.
"""
