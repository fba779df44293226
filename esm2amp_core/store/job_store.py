"""Jobs as people see them: submit, find, cancel, rename, delete, look at the results."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import pandas as pd
from sqlalchemy import Select, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from esm2amp_core.errors import JobError
from esm2amp_core.jobs import LONGEST_TITLE, UNDER_WAY, Job, JobState
from esm2amp_core.pairs import PairTable
from esm2amp_core.store import prediction_store
from esm2amp_core.store.artifacts import input_digest
from esm2amp_core.store.job_queue import JobQueue, now
from esm2amp_core.store.tables import JobProteinRow, JobRow, PredictionRow

ID_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without those that look alike
ID_LENGTH = 12


class JobStore(JobQueue):
    """What people ask of the store, besides what the worker asks of it."""

    def submit(
        self,
        kind: str,
        params: Mapping[str, Any],
        pairs: PairTable | None = None,
        *,
        title: str = "",
        owner: str = "local",
        files: Mapping[str, bytes] | None = None,
        same_in: Collection[JobState] = (),
    ) -> Job:
        """Keep what a job was given and queue it, or give the job that asks for the same.

        Parameters
        ----------
        kind : str
            A key of `kinds.KINDS`.
        params : mapping
            JSON values.
        pairs : PairTable, optional
            Row numbers are unique.
        title : str
            Empty for one made from the pairs.
        files : mapping of str to bytes, optional
            What the job needs besides; kept in its folder.
        same_in : collection of JobState
            A job with the same input and parameters in one of these states is given instead of a new one,
            also when both are asked for at once.

        Raises
        ------
        JobError
            If there are no pairs in the table, or the input cannot be kept.
        """
        if pairs is not None and not len(pairs):
            raise JobError("There are no pairs to score.", hint="Add at least one row.")
        if pairs is not None and pairs.frame["row"].duplicated().any():
            raise ValueError("Row numbers of a pair table are unique.")
        digest = input_digest(pairs, params)
        if same_in:
            with self.database.reading() as session:
                if same := _equal(session, kind, digest, owner, same_in):
                    return same
        job_id = _new_id()
        title = _one_line(title) or _default_title(pairs)
        # Files first: a job that can be seen can be run.
        input_bytes = self.artifacts.write_inputs(job_id, pairs, files)
        row = JobRow(
            id=job_id, kind=kind, state=JobState.QUEUED, title=title, search_text=_search_text(title, job_id),
            owner=owner, params=dict(params), input_digest=digest, n_rows=0 if pairs is None else len(pairs),
            input_bytes=input_bytes, created=now(),
        )  # fmt: skip
        try:
            with self.database.writing() as session:
                # Once more, now that nobody else writes.
                same = _equal(session, kind, digest, owner, same_in)
                if same is None:
                    session.add(row)
                    session.flush()
                    if pairs is not None:
                        names = pd.concat([pairs.frame["protein_a"], pairs.frame["protein_b"]])
                        prediction_store.insert_proteins(session, job_id, names.unique())
                job = row.to_job() if same is None else same
        except JobError:
            self.artifacts.remove(job_id)
            raise
        if job.id != job_id:
            self.artifacts.remove(job_id)
        return job

    def get(self, job_id: str) -> Job:
        """One job as it stands now.

        Raises
        ------
        JobError
            If there is none with this id.
        """
        with self.database.reading() as session:
            return _row(session, job_id).to_job()

    def list(
        self,
        search: str = "",
        states: Collection[JobState] = (),
        owner: str | None = None,
        kind: str = "",
        limit: int = 50,
        offset: int = 0,
    ) -> list[Job]:
        """Jobs, newest first.

        Parameters
        ----------
        search : str
            Part of a title, an id, or the name of a protein in its input; case does not count.
        states : collection of JobState
            Only these; empty for all.
        owner : str, optional
            Only theirs.
        kind : str
            Only of this kind; empty for all.
        limit, offset : int
            At most so many, after leaving out so many.
        """
        statement = _chosen(select(JobRow), search, states, owner, kind)
        statement = statement.order_by(JobRow.created.desc(), JobRow.id.desc()).limit(limit).offset(offset)
        with self.database.reading() as session:
            return [row.to_job() for row in session.scalars(statement)]

    def find_equal(
        self, kind: str, params: Mapping[str, Any], pairs: PairTable | None = None, *, owner: str = "local",
        states: Collection[JobState] = (*UNDER_WAY, JobState.DONE),
    ) -> Job | None:  # fmt: skip
        """The newest job of a kind with the same input and parameters in one of `states`, if there is one."""
        with self.database.reading() as session:
            return _equal(session, kind, input_digest(pairs, params), owner, states)

    def equal_to(self, job: Job, states: Collection[JobState]) -> list[Job]:
        """Other jobs of the same owner that asked for the same and kept their files, newest first."""
        with self.database.reading() as session:
            found = session.scalars(_equals(job.kind, job.input_digest, job.owner, states))
            return [row.to_job() for row in found if row.id != job.id]

    def inputs(self, job_id: str) -> PairTable:
        """Input of a job, as submitted.

        Raises
        ------
        JobError
            If there is no such job, or its input was removed.
        """
        self.check_kept(job_id)
        return self.artifacts.read_inputs(job_id)

    def check_kept(self, job_id: str) -> None:
        """Refuse a job whose files are no more.

        Raises
        ------
        JobError
            If there is no such job, or its input and results were removed.
        """
        job = self.get(job_id)
        if job.results_removed:
            raise JobError(f"Input and results of job {job.title!r} were removed to save disk.",
                           hint="Submit the pairs again; ESM2AMP_MAX_JOB_MB sets how much is kept.")

    def count(
        self,
        search: str = "",
        states: Collection[JobState] = (),
        owner: str | None = None,
        kind: str = "",
    ) -> int:
        """How many jobs `list` would give without a limit."""
        with self.database.reading() as session:
            return session.scalar(_chosen(select(func.count(JobRow.id)), search, states, owner, kind)) or 0

    def made_of(self, job_id: str, kind: str) -> int:
        """How many jobs of a kind have this job as their source."""
        source = JobRow.params["source"].as_string()
        with self.database.reading() as session:
            return session.scalar(
                select(func.count(JobRow.id)).where(JobRow.kind == kind, source == job_id)) or 0

    def exists(self, job_id: str) -> bool:
        """False where there is no such job: it was deleted, or never was."""
        with self.database.reading() as session:
            return session.get(JobRow, job_id) is not None

    def position(self, job_id: str) -> int | None:
        """Place in the queue, 1 for the next; None if the job does not wait.

        Raises
        ------
        JobError
            If there is no such job.
        """
        with self.database.reading() as session:
            row = _row(session, job_id)
            if row.state != JobState.QUEUED:
                return None
            same_time = and_(JobRow.created == row.created, JobRow.id < row.id)
            earlier = select(func.count(JobRow.id)).where(
                JobRow.state == JobState.QUEUED, or_(JobRow.created < row.created, same_time)
            )
            return 1 + (session.scalar(earlier) or 0)

    def cancel(self, job_id: str) -> Job:
        """Stop a queued or running job; rows scored so far are kept. A finished one stays as it is.

        Raises
        ------
        JobError
            If there is no such job.
        """
        return self._change(job_id, UNDER_WAY, state=JobState.CANCELLED, finished=now())

    def rename(self, job_id: str, title: str) -> Job:
        """Give a job another title.

        Raises
        ------
        JobError
            If there is no such job, or the title is empty.
        """
        title = _one_line(title)
        if not title:
            raise JobError("The title is empty.", hint="Type at least one letter.")
        return self._change(job_id, tuple(JobState), title=title, search_text=_search_text(title, job_id))

    def delete(self, job_id: str) -> None:
        """Remove a job with its input and results; one that runs is stopped by it.

        Raises
        ------
        JobError
            If there is no such job.
        """
        with self.database.writing() as session:
            _row(session, job_id)
            remove_results(session, job_id)
            session.execute(delete(JobRow).where(JobRow.id == job_id))
        self.artifacts.remove(job_id)

    def predictions(self, job_id: str) -> pd.DataFrame:
        """Rows scored so far, in order, typed as in `PredictionTable`: `RESULT_COLUMNS`, `NEAREST_COLUMNS`.

        Raises
        ------
        JobError
            If there is no such job.
        """
        with self.database.reading() as session:
            _row(session, job_id)
            return prediction_store.read_predictions(session, job_id)

    def find_protein(self, text: str, limit: int = 200, owner: str | None = None) -> pd.DataFrame:
        """Scored pairs of all jobs with a protein whose name holds `text`, whatever its case.

        Parameters
        ----------
        owner : str, optional
            Only in their jobs.

        Returns
        -------
        DataFrame, at most `limit` lines, newest job first
            Columns job_id, title, row, protein_a, protein_b, probability, interacts.
        """
        with self.database.reading() as session:
            return prediction_store.find_protein(session, text, limit, owner)

    def _change(self, job_id: str, states: Iterable[JobState], **values: Any) -> Job:
        """Change a job that is in one of `states`, and give it back as it stands then."""
        with self.database.writing() as session:
            session.execute(
                update(JobRow).where(JobRow.id == job_id, JobRow.state.in_(tuple(states))).values(**values)
            )
            return _row(session, job_id).to_job()


def _row(session: Session, job_id: str) -> JobRow:
    row = session.get(JobRow, job_id)
    if row is None:
        raise JobError(f"There is no job {job_id!r:.60}.",
                       hint="It may have been deleted; the list of jobs shows all there are.")
    return row


def _equal(
    session: Session, kind: str, digest: str, owner: str, states: Collection[JobState]
) -> Job | None:
    """The newest job of a kind with this digest in one of the states, whose results are there."""
    row = session.scalar(_equals(kind, digest, owner, states).limit(1))
    return None if row is None else row.to_job()


def _equals(kind: str, digest: str, owner: str, states: Collection[JobState]) -> Select:
    """Jobs of a kind with this digest in one of the states, whose results are there, newest first."""
    return (
        select(JobRow)
        .where(JobRow.kind == kind, JobRow.input_digest == digest, JobRow.owner == owner,
               JobRow.results_removed.is_(False), JobRow.state.in_(tuple(states)))
        .order_by(JobRow.created.desc())
    )  # fmt: skip


def _chosen(
    statement: Select, search: str, states: Collection[JobState], owner: str | None, kind: str
) -> Select:
    """Narrow a statement over jobs to what a person chose."""
    if searched := prediction_store.searched(search):
        by_text = JobRow.search_text.contains(searched, autoescape=True)
        statement = statement.where(or_(by_text, JobRow.id.in_(prediction_store.naming_protein(search))))
    if states:
        statement = statement.where(JobRow.state.in_(tuple(states)))
    if kind:
        statement = statement.where(JobRow.kind == kind)
    return statement if owner is None else statement.where(JobRow.owner == owner)


def remove_results(session: Session, job_id: str) -> None:
    """Remove predictions and protein names of a job."""
    session.execute(delete(PredictionRow).where(PredictionRow.job_id == job_id))
    session.execute(delete(JobProteinRow).where(JobProteinRow.job_id == job_id))


def _new_id() -> str:
    return "".join(secrets.choice(ID_LETTERS) for _ in range(ID_LENGTH))


def _search_text(title: str, job_id: str) -> str:
    return f"{title}\n{job_id}".casefold()


def _one_line(title: str) -> str:
    return " ".join(title.split())[:LONGEST_TITLE]


def _default_title(pairs: PairTable | None) -> str:
    """Both names for a single pair, else how many there are."""
    if pairs is None:
        return ""
    if len(pairs) == 1:
        return _one_line(f"{pairs.frame['protein_a'].iloc[0]} and {pairs.frame['protein_b'].iloc[0]}")
    return f"{len(pairs):,} pairs"
