"""Tasks given to the actors of a Ray cluster, each done once, though actors and their nodes may die."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from esm2amp_core.errors import UserError
from esm2amp_core.screening.engines import Progress

TASKS_PER_ACTOR = 2
"""One at work, one whose data is under way."""
MOST_DEATHS = 3
"""A task with which so many actors died is not tried again."""
PATIENCE_SECONDS = 300.0
"""How long a cluster without any living actor is waited for."""
POLL_SECONDS = 0.5


class Dispatch:
    """Actors that are starting, idle or at work, and what to do when one dies.

    Parameters
    ----------
    ray : module
    start : callable
        Asks the cluster for an actor: gives what tells that it has loaded the model, and the actor.
    n_actors : int
    """

    def __init__(self, ray: Any, start: Callable[[], tuple[Any, Any]], n_actors: int) -> None:
        self._ray, self._ask, self._n_actors = ray, start, n_actors
        self._actors: set[Any] = set()
        self._idle: deque[Any] = deque()  # actors, as often as each can take a task
        self._n_lost_loading = 0
        self._starting = dict(self._start() for _ in range(n_actors))

    def close(self) -> None:
        """Let the actors go."""
        for actor in self._actors:
            self._ray.kill(actor)

    def spread(
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

    def _start(self) -> tuple[Any, Any]:
        ready, actor = self._ask()
        self._actors.add(actor)
        return ready, actor


def _losses(ray: Any) -> tuple[type[Exception], ...]:
    """What Ray says when an actor, its node, or what it had found is gone."""
    gone = ray.exceptions
    return (gone.RayActorError, gone.ObjectLostError, gone.NodeDiedError, gone.WorkerCrashedError,
            gone.OutOfMemoryError)  # fmt: skip


def _cause(error: Any) -> Exception:
    """What went wrong in a task: the reason in words where it is one."""
    return error.cause if isinstance(error.cause, UserError) else error
