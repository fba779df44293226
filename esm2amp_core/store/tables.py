"""What stands in the database. A change here needs a step in `migrations`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Double, Enum, ForeignKey, Index, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from esm2amp_core.jobs import Job, JobState

ID_LENGTH = 32


class UtcTime(TypeDecorator[datetime]):
    """A moment: UTC in the database, timezone-aware outside, also where the database forgets zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


STATE = Enum(JobState, native_enum=False, length=16, values_callable=lambda states: [s.value for s in states])


class Base(DeclarativeBase):
    """All tables."""


class JobRow(Base):
    """One job; see `jobs.Job` for what the fields mean."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("jobs_by_time", "created", "id"),
        Index("jobs_by_state", "state", "created", "id"),
        Index("jobs_by_owner", "owner", "created"),
    )

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    state: Mapped[JobState] = mapped_column(STATE)
    title: Mapped[str] = mapped_column(Text, default="")
    # Title and id in folded case: what the search looks at, in every database alike.
    search_text: Mapped[str] = mapped_column(Text, default="")
    owner: Mapped[str] = mapped_column(String(200))
    params: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    input_digest: Mapped[str] = mapped_column(String(64), default="")
    n_rows: Mapped[int] = mapped_column(default=0)
    n_done: Mapped[int] = mapped_column(default=0)
    n_errors: Mapped[int] = mapped_column(default=0)
    stage: Mapped[str] = mapped_column(Text, default="")
    stage_done: Mapped[int] = mapped_column(BigInteger, default=0)
    stage_total: Mapped[int] = mapped_column(BigInteger, default=0)
    message: Mapped[str] = mapped_column(Text, default="")
    error: Mapped[str] = mapped_column(Text, default="")
    attempts: Mapped[int] = mapped_column(default=0)
    # Workers that died on it since it last got on.
    deaths: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str] = mapped_column(String(64), default="")
    # All files of the job: its input, and a report where it makes one.
    input_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    result_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    results_removed: Mapped[bool] = mapped_column(default=False)
    created: Mapped[datetime] = mapped_column(UtcTime)
    started: Mapped[datetime | None] = mapped_column(UtcTime)
    finished: Mapped[datetime | None] = mapped_column(UtcTime)
    stage_started: Mapped[datetime | None] = mapped_column(UtcTime)

    def to_job(self) -> Job:
        """The row as callers see it."""
        return Job(**{name: getattr(self, name) for name in Job.__dataclass_fields__})


class JobProteinRow(Base):
    """A protein that a job's pairs name, each once: what the search by protein looks at."""

    __tablename__ = "job_proteins"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(Text)
    folded: Mapped[str] = mapped_column(Text)


class PredictionRow(Base):
    """The outcome of one input row. The primary key forbids a second one."""

    __tablename__ = "predictions"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    row: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    protein_a: Mapped[str] = mapped_column(Text)
    protein_b: Mapped[str] = mapped_column(Text)
    probability: Mapped[float | None] = mapped_column(Double)
    logit: Mapped[float | None] = mapped_column(Double)
    interacts: Mapped[bool | None]
    status: Mapped[str] = mapped_column(String(16))
    message: Mapped[str] = mapped_column(Text, default="")
    # The nearest training protein of A and of B; nothing where the model does not tell.
    seen_a: Mapped[bool | None]
    nearest_a: Mapped[str | None] = mapped_column(Text)
    similarity_a: Mapped[float | None] = mapped_column(Double)
    seen_b: Mapped[bool | None]
    nearest_b: Mapped[str | None] = mapped_column(Text)
    similarity_b: Mapped[float | None] = mapped_column(Double)


class WorkerRow(Base):
    """The one seat of the worker, taken or free (no name)."""

    __tablename__ = "workers"

    seat: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(64), default="")
    pid: Mapped[int] = mapped_column(BigInteger, default=0)
    host: Mapped[str] = mapped_column(String(200), default="")
    started: Mapped[datetime] = mapped_column(UtcTime)
    beat: Mapped[datetime] = mapped_column(UtcTime)
