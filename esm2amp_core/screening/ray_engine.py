"""The work of a screen spread over a Ray cluster: actors hold the model, blocks are tasks.

What actors find comes back to the driver, which alone writes: so a block is in the output once, however often
it was scored. An actor that dies, or whose node does, gives its blocks back to the others, and another actor
is asked for in its place. Ray is optional (requirements-ray.txt) and imported here alone, when asked for.

Every machine of the cluster needs the same esm2amp and the model's folder under the same path.
"""

from __future__ import annotations

import os
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from esm2amp_core import __version__
from esm2amp_core.embed.pooled import STAGE, embed_pooled, feature_key
from esm2amp_core.errors import BundleError, UserError
from esm2amp_core.features import POOLED_TOKENS, ProteinFeatures
from esm2amp_core.predictor import Predictor
from esm2amp_core.progress import Report
from esm2amp_core.screen_plan import Block
from esm2amp_core.screening.engines import Progress, score_block
from esm2amp_core.screening.features import FeatureFile
from esm2amp_core.screening.parts import BlockScores
from esm2amp_core.sequences import Protein
from esm2amp_core.settings import Settings

TASKS_PER_ACTOR = 2
"""One at work, one whose data is under way."""
MOST_DEATHS = 3
"""A task with which so many actors died is not tried again."""
PATIENCE_SECONDS = 300.0
"""How long a cluster without any living actor is waited for."""
POLL_SECONDS = 0.5
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
        self._n_actors = n_gpus or max(int(resources.get("CPU", 1)) // settings.ray_cpus, 1)
        self._actor_class = self._ray.remote(Actor).options(
            num_cpus=1 if n_gpus else settings.ray_cpus, num_gpus=1 if n_gpus else 0,
            scheduling_strategy="SPREAD", max_restarts=0, max_task_retries=0,
        )  # fmt: skip
        self.proteins_at_once = min(max(512, 128 * self._n_actors), 8_192)
        self._actors: set[Any] = set()
        self._idle: deque[Any] = deque()  # actors, as often as each can take a task
        self._n_lost_loading = 0
        self._starting = dict(self._start() for _ in range(self._n_actors))

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
        for piece, (features, failed) in self._spread("embed", pieces, lambda piece: (piece,), progress):
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
        return self._spread(
            "score", blocks, lambda block: (block, features.read(block.rows), features.read(block.columns)),
            progress,
        )  # fmt: skip

    def close(self) -> None:
        """Let the actors go; a cluster that was started here ends."""
        if self._is_ours:
            self._ray.shutdown()
            return
        for actor in self._actors:
            self._ray.kill(actor)

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
        self._actors.add(actor)
        how = _How(str(predictor.bundle.folder), predictor.bundle.digest, self._settings, self.device,
                   str(predictor.embedder.precision))  # fmt: skip
        return actor.load.remote(how), actor

    def _spread(
        self, method: str, items: Iterable[Any], arguments: Callable[[Any], tuple], progress: Progress
    ) -> Iterator[tuple[Any, Any]]:
        """Each item with what an actor's method returns for it, in any order, each once.

        At most `TASKS_PER_ACTOR` items per actor are under way; arguments are made when an item's turn comes.
        """
        ray, items = self._ray, iter(items)
        again: deque[Any] = deque()
        deaths: Counter[int] = Counter()
        running: dict[Any, tuple[Any, Any]] = {}
        following, alive_at = next(items, None), time.monotonic()
        while again or running or following is not None:
            while self._idle and (again or following is not None):
                if again:
                    item = again.popleft()
                else:
                    item, following = following, next(items, None)
                actor = self._idle.popleft()
                running[getattr(actor, method).remote(*arguments(item))] = (item, actor)
            done, _ = ray.wait([*running, *self._starting], timeout=POLL_SECONDS)
            progress(0)
            if running:
                alive_at = time.monotonic()
            elif time.monotonic() - alive_at > PATIENCE_SECONDS:
                raise UserError("The Ray cluster has no processors left for the model.",
                                hint="Start a node and run the screen again: it goes on where it stopped.")
            for reference in done:
                if actor := self._starting.pop(reference, None):
                    self._welcome(reference, actor)
                    continue
                item, actor = running.pop(reference)
                try:
                    answer = ray.get(reference)
                except _losses(ray):
                    deaths[id(item)] += 1
                    if deaths[id(item)] == MOST_DEATHS:
                        raise UserError(
                            f"{MOST_DEATHS} processes of the Ray cluster died at the same task.",
                            hint="Perhaps memory is short there: choose smaller blocks.",
                        ) from None
                    again.append(item)
                    self._replace(actor, running)
                except ray.exceptions.RayTaskError as error:
                    raise _cause(error) from None
                else:
                    del deaths[id(item)]
                    self._idle.append(actor)
                    yield item, answer

    def _welcome(self, reference: Any, actor: Any) -> None:
        """Take an actor in that has loaded the model, or ask for another one if it died."""
        try:
            self._ray.get(reference)
        except _losses(self._ray):
            self._n_lost_loading += 1
            if self._n_lost_loading > MOST_DEATHS * self._n_actors:
                raise UserError("Processes of the Ray cluster die when they load the model.",
                                hint="Perhaps memory is short there: raise ESM2AMP_RAY_CPUS, so that fewer "
                                "of them share a machine.") from None
            self._starting |= [self._start()]
        except self._ray.exceptions.RayTaskError as error:
            raise _cause(error) from None
        else:
            self._idle.extend([actor] * TASKS_PER_ACTOR)

    def _replace(self, actor: Any, running: dict[Any, tuple[Any, Any]]) -> None:
        """Forget a dead actor; ask for another one when its last task has come back."""
        self._idle = deque(other for other in self._idle if other != actor)
        if all(other != actor for _, other in running.values()):
            self._actors.discard(actor)
            self._ray.kill(actor)  # if only the way to it was lost, it must not keep its processors
            self._starting |= [self._start()]


@dataclass(frozen=True)
class _How:
    """What an actor loads."""

    folder: str
    digest: str
    settings: Settings
    device: str
    precision: str
    version: str = __version__


class Actor:
    """Holds the model on one machine of the cluster."""

    def load(self, how: _How) -> None:
        """Load the model.

        Raises
        ------
        UserError
            If it cannot be loaded here, or is another one; the message names the machine.
        """
        here = f"On {socket.gethostname()}"
        if how.version != __version__:
            raise UserError(f"{here}, esm2amp is {__version__}; the screen was started by {how.version}.",
                            hint="Install the same version everywhere.")
        try:
            loaded = Predictor.load(how.folder, settings=how.settings, device=how.device,
                                    precision=how.precision)
        except UserError as error:
            raise type(error)(f"{here}: {error.message}", hint=error.hint) from None
        if loaded.bundle.digest != how.digest:
            raise BundleError(f"{here}, {how.folder} holds another model.",
                              hint="Copy the same one everywhere.")
        self._predictor = replace(loaded, cache=None)

    def embed(self, proteins: list[Protein]) -> tuple[ProteinFeatures, dict[str, str]]:
        """Features of proteins, and why others have none."""
        return embed_pooled(proteins, self._predictor.embedder)

    def score(self, block: Block, rows: np.ndarray, columns: np.ndarray) -> BlockScores:
        """Scores of a block."""
        predictor = self._predictor
        return score_block(predictor.bundle, block, rows, columns, precision=predictor.embedder.precision)


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


def _losses(ray: Any) -> tuple[type[Exception], ...]:
    """What Ray says when an actor, its node, or what it had found is gone."""
    gone = ray.exceptions
    return (gone.RayActorError, gone.ObjectLostError, gone.NodeDiedError, gone.WorkerCrashedError,
            gone.OutOfMemoryError)  # fmt: skip


def _cause(error: Any) -> Exception:
    """What went wrong in a task: the reason in words where it is one."""
    return error.cause if isinstance(error.cause, UserError) else error
