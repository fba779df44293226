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


def kill_node(made, nodes):
    """Kill the last node of the list, and wait until what worked there is gone, too."""
    import psutil  # Ray brings it along

    (raylet,) = nodes[-1].all_processes["raylet"]
    workers = psutil.Process(raylet.process.pid).children(recursive=True)
    made.remove_node(nodes.pop(), allow_graceful=False)
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive
