"""A Ray cluster of several nodes on this machine."""

from contextlib import contextmanager

import pytest

NODE = {"num_cpus": 1, "object_store_memory": 80_000_000}


@contextmanager
def small_cluster():
    """A head without processors and two nodes of one each: a process apiece, as machines would be.

    Yields the cluster, and a list of its nodes.
    """
    pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-ray.txt")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        made = Cluster(initialize_head=True, head_node_args=NODE | {"num_cpus": 0})
        nodes = [made.add_node(**NODE) for _ in range(2)]
        made.wait_for_nodes()
        yield made, nodes
        made.shutdown()
