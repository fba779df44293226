"""Tasks given to the actors of a Ray cluster, each done once, though actors and their nodes may die."""

from __future__ import annotations

import pickle
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from esm2amp_core import __version__
from esm2amp_core.cluster.connection import Cluster
from esm2amp_core.errors import UserError

TASKS_PER_ACTOR = 2
"""One at work, one whose data is under way."""
MOST_DEATHS = 3
"""A task with which so many actors died is not tried again."""
PATIENCE_SECONDS = 300.0
"""How long a cluster without any living actor is waited for."""
POLL_SECONDS = 0.5
_SHORT_MEMORY = (
    "Perhaps memory is short there: raise ESM2AMP_RAY_CPUS, so that fewer of them share a machine."
)


class Dispatch:
    """Actors that are starting, idle or at work, and what to do when one dies.

    Parameters
    ----------
    cluster : Cluster
    load : callable
        Loads the model on an actor's machine; can be pickled.

    Attributes
    ----------
    device : str
        On which actors compute.
    """

    def __init__(self, cluster: Cluster, load: Callable[[], Any]) -> None:
        self._ray, self._cluster, self._load = cluster.ray, cluster, pickle.dumps(load)
        self.device = cluster.device
        self._actors: set[Any] = set()
        self._starting: dict[Any, Any] = {}  # actors by what tells that they have loaded the model
        self._idle: deque[Any] = deque()  # actors, as often as each can take a task
        self._n_lost_loading = 0

    def close(self) -> None:
        """Let the actors go."""
        for actor in self._actors:
            self._ray.kill(actor)

    def spread(
        self,
        function: Callable[..., Any],
        items: Iterable[Any],
        arguments: Callable[[Any], tuple],
        tick: Callable[[], None],
    ) -> Iterator[tuple[Any, Any]]:
        """Each item with what a function makes of an actor's model and it, in any order, each once.

        At most `TASKS_PER_ACTOR` items per actor are under way; arguments are made when an item's turn comes.

        Parameters
        ----------
        function : callable
            Called with the model and the arguments where the actor is.
        items : iterable
        arguments : callable
            From an item.
        tick : callable
            Called at least each `POLL_SECONDS`; what it raises stops the work.
        """
        ray, items = self._ray, iter(items)
        again = deque(islice(items, self._cluster.n_actors))
        for _ in range(len(again) - len(self._actors)):  # no more actors than there is work for
            self._start()
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
                running[actor.work.remote(function, *arguments(item))] = (item, actor)
            done, _ = ray.wait([*self._starting, *running], timeout=POLL_SECONDS)
            tick()
            if running:
                alive_at = time.monotonic()
            elif time.monotonic() - alive_at > PATIENCE_SECONDS:
                raise UserError("The Ray cluster has no processors left for the model.",
                                hint="Start a node and run this again: it goes on where it stopped.")
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
                            hint=f"{_SHORT_MEMORY} A screen can have smaller blocks, too.",
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
        except _losses(self._ray) as error:
            self._actors.discard(actor)
            if "creation task" in str(error):  # so Ray says where the actor's class cannot be imported
                reason = str(error).strip().rpartition("\n")[2]
                raise UserError(f"A machine of the Ray cluster cannot run esm2amp {__version__}: {reason}.",
                                hint="Install the same version everywhere.") from None
            self._n_lost_loading += 1
            if self._n_lost_loading > MOST_DEATHS * self._cluster.n_actors:
                raise UserError("Processes of the Ray cluster die when they load the model.",
                                hint=_SHORT_MEMORY) from None
            self._start()
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
            self._start()

    def _start(self) -> None:
        """Ask for an actor."""
        actor = self._cluster.actor()
        self._actors.add(actor)
        self._starting[actor.load.remote(__version__, self._load)] = actor


def _losses(ray: Any) -> tuple[type[Exception], ...]:
    """What Ray says when an actor, its node, or what it had found is gone."""
    gone = ray.exceptions
    return (gone.RayActorError, gone.ObjectLostError, gone.NodeDiedError, gone.WorkerCrashedError,
            gone.OutOfMemoryError)  # fmt: skip


def _cause(error: Any) -> Exception:
    """What went wrong in a task: the reason in words where it is one."""
    return error.cause if isinstance(error.cause, UserError) else error
