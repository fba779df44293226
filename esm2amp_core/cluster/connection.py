"""The way to a Ray cluster."""

from __future__ import annotations

import os
import socket
from types import ModuleType
from typing import Any

from esm2amp_core.cluster.actor import Actor
from esm2amp_core.errors import UserError
from esm2amp_core.settings import Settings

KNOCK_SECONDS = 10.0


class Cluster:
    """A Ray cluster, for as long as it is not closed.

    Parameters
    ----------
    settings : Settings
        `ray_address` of a running cluster, empty for a new one on this machine; `ray_cpus` per actor;
        `device`, ``auto`` for graphics cards where there are any.

    Attributes
    ----------
    ray : module
    device : str
        On which actors compute: ``cpu`` or ``cuda``.
    n_actors : int
        For how many it has room.

    Raises
    ------
    UserError
        If Ray is not installed, there is no cluster, or none with that device.
    """

    def __init__(self, settings: Settings) -> None:
        self.ray = _import_ray()
        self._is_ours = not self.ray.is_initialized()
        if self._is_ours:
            self._connect(settings.ray_address)
        resources = self.ray.cluster_resources()
        n_gpus, n_cpus = int(resources.get("GPU", 0)), int(resources.get("CPU", 0))
        self.device = "cuda" if n_gpus and settings.device != "cpu" else "cpu"
        if settings.device not in ("auto", self.device):
            self.close()
            raise UserError(f"The Ray cluster has no {settings.device} device.", hint="Choose auto or cpu.")
        self._needs = {"num_cpus": settings.ray_cpus, "num_gpus": 0}
        self.n_actors = max(n_cpus // settings.ray_cpus, 1)
        if self.device == "cuda":
            self._needs, self.n_actors = {"num_cpus": 1, "num_gpus": 1}, n_gpus

    def actor(self) -> Any:
        """Ask for one more actor; it is there as soon as the cluster has room."""
        # Ray's own restarts are off: an actor would wait for a machine that does not come back.
        options = {"scheduling_strategy": "SPREAD", "max_restarts": 0, "max_task_retries": 0}
        return self.ray.remote(Actor).options(**self._needs, **options).remote()

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._is_ours:
            self.ray.shutdown()

    def _connect(self, address: str) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
        # A cluster of our own is for this machine alone.
        how = {} if address else {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        try:
            _knock(address)
            self.ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **how)
        except (RuntimeError, ValueError, OSError, self.ray.exceptions.RayError) as error:
            where = f"The Ray cluster at {address}" if address else "A Ray cluster on this machine"
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            raise UserError(f"{where} cannot be reached: {reason}.",
                            hint="Check the address and that the cluster runs (ray status).") from None


def _import_ray() -> ModuleType:
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise UserError("Ray is not installed.", hint="Install it with "
                        "`pip install -r requirements-ray.txt`, or choose --engine local.") from None
    return ray


def _knock(address: str) -> None:
    """Raise OSError or ValueError where nobody listens: Ray itself would try for minutes.

    ``auto`` is an address, too: of the cluster that runs on this machine.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon:
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_SECONDS).close()
