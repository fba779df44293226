"""The work of a screen spread over a Ray cluster: actors hold the model, blocks are tasks.

What actors (`ray_actor`) find comes back to the driver, which alone writes: so a block is in the output once,
however often it was scored. An actor that dies, or whose node does, gives its blocks back to the others, and
another actor is asked for in its place (`ray_dispatch`). Ray is optional (requirements-ray.txt) and imported
here alone, when asked for.

Every machine of the cluster needs the same esm2amp and the model's folder under the same path.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from esm2amp_core.embed.pooled import STAGE, feature_key
from esm2amp_core.errors import UserError
from esm2amp_core.features import POOLED_TOKENS, ProteinFeatures
from esm2amp_core.predictor import Predictor
from esm2amp_core.progress import Report
from esm2amp_core.screen_plan import Block
from esm2amp_core.screening.engines import Progress
from esm2amp_core.screening.features import FeatureFile
from esm2amp_core.screening.parts import BlockScores
from esm2amp_core.screening.ray_actor import Actor, Loading
from esm2amp_core.screening.ray_dispatch import Dispatch
from esm2amp_core.sequences import Protein
from esm2amp_core.settings import Settings

KNOCK_SECONDS = 10.0
PIECE_RESIDUES = 20_000
"""Of proteins that an actor embeds as one task."""
_MISSING = "Ray is not installed."


class RayEngine:
    """See `engines.Engine`.

    Parameters
    ----------
    predictor : Predictor
        Of a bundle that lies in a folder; its precision holds for all actors.
    settings : Settings
        `ray_address` of a running cluster, empty for a new one on this machine; `ray_cpus` per actor.

    Raises
    ------
    UserError
        If Ray is not installed, or there is no cluster.
    """

    def __init__(self, predictor: Predictor, settings: Settings) -> None:
        self._ray, self._predictor, self._settings = _import_ray(), predictor, settings
        if predictor.bundle.folder is None:
            raise ValueError("Actors load the model from its folder; this one was never saved.")
        self._is_ours = not self._ray.is_initialized()
        if self._is_ours:
            self._connect(settings.ray_address)
        resources = self._ray.cluster_resources()
        n_gpus = int(resources.get("GPU", 0))
        self.device = "cuda" if n_gpus else "cpu"
        n_actors = n_gpus or max(int(resources.get("CPU", 1)) // settings.ray_cpus, 1)
        self._actor_class = self._ray.remote(Actor).options(
            num_cpus=1 if n_gpus else settings.ray_cpus, num_gpus=1 if n_gpus else 0,
            scheduling_strategy="SPREAD", max_restarts=0, max_task_retries=0,
        )  # fmt: skip
        self.proteins_at_once = min(max(512, 128 * n_actors), 8_192)
        self._dispatch = Dispatch(self._ray, self._start, n_actors)

    def embed(self, proteins: Sequence[Protein], report: Report) -> tuple[ProteinFeatures, dict[str, str]]:
        """See `engines.Engine.embed`; what the cache of this machine has is not computed again."""
        embedder, cache = self._predictor.embedder, self._predictor.cache
        key_of = {protein.digest: feature_key(protein.digest, embedder) for protein in proteins}
        shape = (len(POOLED_TOKENS), embedder.width)
        kept = cache.get(key_of.values()) if cache else {}
        found = {digest: kept[key] for digest, key in key_of.items()
                 if key in kept and kept[key].shape == shape}  # fmt: skip
        failures: dict[str, str] = {}
        done = sum(len(protein.sequence) for protein in proteins if protein.digest in found)
        total = sum(len(protein.sequence) for protein in proteins)

        def progress(_: int) -> None:
            report(STAGE, done, total)

        progress(0)
        pieces = _pieces([protein for protein in proteins if protein.digest not in found])
        answers = self._dispatch.spread("embed", pieces, lambda piece: (piece,), progress)
        for piece, (features, failed) in answers:
            made = dict(zip(features.digests, features.values, strict=True))
            if cache:
                cache.put({key_of[digest]: values for digest, values in made.items()})
            found |= made
            failures |= failed
            done += sum(len(protein.sequence) for protein in piece)
            progress(0)
        digests = tuple(protein.digest for protein in proteins if protein.digest in found)
        values = np.array([found[digest] for digest in digests], np.float32).reshape(-1, *shape)
        return ProteinFeatures(digests, values), failures

    def score(
        self, blocks: Iterable[Block], features: FeatureFile, progress: Progress
    ) -> Iterator[tuple[Block, BlockScores]]:
        """See `engines.Engine.score`."""
        return self._dispatch.spread(
            "score", blocks, lambda block: (block, features.read(block.rows), features.read(block.columns)),
            progress,
        )  # fmt: skip

    def close(self) -> None:
        """Let the actors go; a cluster that was started here ends."""
        if self._is_ours:
            self._ray.shutdown()
            return
        self._dispatch.close()

    def _connect(self, address: str) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
        # A cluster of our own is for this machine alone.
        how = {} if address else {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        try:
            _knock(address)
            self._ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **how)
        except (RuntimeError, ValueError, OSError, self._ray.exceptions.RayError) as error:
            where = f"The Ray cluster at {address}" if address else "A Ray cluster on this machine"
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            raise UserError(f"{where} cannot be reached: {reason}.",
                            hint="Check the address and that the cluster runs (ray status).") from None

    def _start(self) -> tuple[Any, Any]:
        """Ask for an actor: what tells that it is ready, and the actor."""
        predictor = self._predictor
        actor = self._actor_class.remote()
        how = Loading(str(predictor.bundle.folder), predictor.bundle.digest, self._settings, self.device,
                      str(predictor.embedder.precision))  # fmt: skip
        return actor.load.remote(how), actor


def _import_ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise UserError(_MISSING, hint="Install it with `pip install -r requirements-ray.txt`, or choose "
                        "--engine local.") from None
    return ray


def _knock(address: str) -> None:
    """Raise OSError or ValueError where nobody listens: Ray itself would try for minutes.

    ``auto`` is an address, too: of the cluster that runs on this machine.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon:
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_SECONDS).close()


def _pieces(proteins: list[Protein]) -> Iterator[list[Protein]]:
    """Proteins in pieces of about `PIECE_RESIDUES`, the longest first, so that the last pieces are quick."""
    piece, size = [], 0
    for protein in sorted(proteins, key=lambda protein: -len(protein.sequence)):
        if piece and size + len(protein.sequence) > PIECE_RESIDUES:
            yield piece
            piece, size = [], 0
        piece.append(protein)
        size += len(protein.sequence)
    if piece:
        yield piece
