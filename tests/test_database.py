"""The database: migrations, old workspaces, and what can be wrong with it."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from job_samples import SAMPLE, in_threads, pairs_of, run_through
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from esm2amp_core.errors import JobError
from esm2amp_core.jobs import JobState
from esm2amp_core.settings import Settings
from esm2amp_core.store import database
from esm2amp_core.store.database import Database
from esm2amp_core.store.migrations import STEPS, migrate
from esm2amp_core.store.tables import Base
from esm2amp_core.workspace import Workspace

OLD = Path(__file__).parent / "data" / "old_workspaces"


def schema(connection):
    """What stands in a database: columns with type and whether they may be empty, keys, indexes."""
    inspector = sa.inspect(connection)
    return {
        table: (
            {c["name"]: (str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)},
            inspector.get_pk_constraint(table)["constrained_columns"],
            sorted((i["name"], tuple(i["column_names"])) for i in inspector.get_indexes(table)),
            [(k["constrained_columns"], k["referred_table"], k["options"])
             for k in inspector.get_foreign_keys(table)],
        )
        for table in inspector.get_table_names()
        if table != "schema_version"
    }  # fmt: skip


def test_the_migrations_lead_to_the_tables_of_today(tmp_path):
    migrated, made = (Database.of_file(tmp_path / name) for name in ("migrated", "made"))
    migrate(migrated)
    Base.metadata.create_all(made.engine)
    with migrated.engine.connect() as one, made.engine.connect() as other:
        assert schema(one) == schema(other)


@pytest.mark.parametrize("dialect", [postgresql.dialect(), mysql.dialect()], ids=lambda d: d.name)
def test_the_tables_can_be_made_in_other_databases(dialect):
    for table in Base.metadata.tables.values():
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            # Some databases refuse keys of unlimited length.
            assert not [column for column in index.columns if isinstance(column.type, sa.Text)]
            assert "CREATE INDEX" in str(CreateIndex(index).compile(dialect=dialect))


def test_a_later_step_runs_once_and_keeps_what_is_there(tmp_path):
    job = run_through(Workspace.open(Settings(workspace=tmp_path)).jobs, pairs_of(3))
    runs = []

    def add_a_column(connection):
        runs.append(1)
        connection.execute(sa.text("ALTER TABLE jobs ADD COLUMN mood VARCHAR(9) DEFAULT 'good' NOT NULL"))

    opened = Database.of_file(tmp_path / "app.sqlite")
    for _ in range(2):
        migrate(opened, (*STEPS, add_a_column))
    with opened.engine.connect() as connection:
        assert connection.execute(sa.text("SELECT id, mood FROM jobs")).all() == [(job.id, "good")]
    assert runs == [1]


def test_a_failing_step_leaves_the_database_as_it_was(tmp_path):
    opened = Database.of_file(tmp_path / "db")

    def fail(connection):
        connection.execute(sa.text("CREATE TABLE half (id INTEGER)"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        migrate(opened, (*STEPS, fail))
    migrate(opened)
    with opened.engine.connect() as connection:
        assert set(schema(connection)) == set(Base.metadata.tables)


def test_a_newer_database_is_refused_in_words_and_left_alone(tmp_path):
    Workspace.open(Settings(workspace=tmp_path))
    with sqlite3.connect(tmp_path / "app.sqlite") as connection:
        connection.execute("UPDATE schema_version SET version = 999")
    with pytest.raises(JobError, match="newer esm2amp.*999.*Update esm2amp"):
        Workspace.open(Settings(workspace=tmp_path))


def test_many_processes_may_open_a_new_workspace_at_once(tmp_path):
    code = "from esm2amp_core.workspace import Workspace; print(Workspace.open().jobs.count())"
    environment = {**os.environ, "ESM2AMP_WORKSPACE": str(tmp_path / "new")}
    processes = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=-1, stderr=-1, text=True)
        for _ in range(4)
    ]
    assert [process.communicate(timeout=120) for process in processes] == [("0\n", "")] * 4
    with sqlite3.connect(tmp_path / "new" / "app.sqlite") as connection:
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [(len(STEPS),)]


def test_many_threads_may_open_a_new_workspace_at_once(tmp_path):
    faults = in_threads(lambda: Workspace.open(Settings(workspace=tmp_path)).jobs.count(), 8)
    assert faults == []


@pytest.mark.parametrize("version", sorted(path.name for path in OLD.iterdir()))
def test_an_old_workspace_opens_with_all_it_holds(tmp_path, version):
    import shutil

    shutil.copytree(OLD / version, tmp_path / "old")
    workspace = Workspace.open(Settings(workspace=tmp_path / "old"))
    done, queued = workspace.jobs.list()[::-1]
    assert (done.state, queued.state) == (JobState.DONE, JobState.QUEUED)
    assert (done.title, done.n_rows, done.n_errors) == ("Kept for ever", 3, 1)
    table = workspace.results(done.id).frame
    assert table["protein_a"].tolist() == ["TP53", "名前 🧬", "=A1"]
    assert table["status"].tolist() == ["ok", "warning", "error"]
    assert table["note"].tolist() == ["a", "", "line\nbreak"]
    assert table["probability"].round(3).tolist()[:2] == [0.9, 0.25]
    assert workspace.inputs(queued.id).issues[0].row == 3
    assert workspace.jobs.claim("w").id == queued.id


def test_sqlite_is_set_up_for_readers_beside_a_writer(tmp_path):
    with Database.of_file(tmp_path / "db").engine.connect() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                 for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")}  # fmt: skip
    assert found == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 1, "busy_timeout": 15000}


def test_a_block_that_raises_changes_nothing(jobs):
    job = jobs.submit(SAMPLE, {}, pairs_of(2))
    with pytest.raises(ZeroDivisionError), jobs.database.writing() as session:
        session.execute(sa.text("DELETE FROM jobs"))
        raise ZeroDivisionError
    assert jobs.get(job.id) == job


@pytest.mark.parametrize(
    "content", [b"no database at all, only words " * 99, b"SQLite format 3\0" + b"\xff" * 4080]
)
def test_a_file_that_is_no_database_is_named_so(tmp_path, content):
    (tmp_path / "app.sqlite").write_bytes(content)
    with pytest.raises(JobError, match="damaged"):
        Workspace.open(Settings(workspace=tmp_path))


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JobError, match="cannot be made.*ESM2AMP_WORKSPACE"):
        Workspace.open(Settings(workspace=tmp_path / "file" / "workspace"))


def test_a_database_that_cannot_be_opened_is_named_so(tmp_path):
    (tmp_path / "app.sqlite").mkdir()
    with pytest.raises(JobError, match="cannot be opened"):
        Workspace.open(Settings(workspace=tmp_path))


def test_a_read_only_database_is_named_so(tmp_path):
    Workspace.open(Settings(workspace=tmp_path)).jobs.database.close()
    url = f"sqlite:///file:{tmp_path}/app.sqlite?mode=ro&uri=true"
    workspace = Workspace.open(Settings(workspace=tmp_path, database_url=url))
    assert workspace.jobs.list() == []
    with pytest.raises(JobError, match="cannot be written"):
        workspace.jobs.submit(SAMPLE, {}, pairs_of(2))
    assert list((tmp_path / "jobs").iterdir()) == []


def test_a_database_held_by_another_program_is_called_busy(jobs, tmp_path, monkeypatch):
    job = jobs.submit(SAMPLE, {}, pairs_of(2))
    jobs.database.close()
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.1)
    holder = sqlite3.connect(tmp_path / "app.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert jobs.get(job.id) == job  # readers are not held up
    with pytest.raises(JobError, match="busy"):
        jobs.cancel(job.id)
    holder.execute("ROLLBACK")
    assert jobs.cancel(job.id).state == JobState.CANCELLED
    holder.close()


def test_who_opens_the_workspace_says_how_long_to_wait(tmp_path):
    jobs = Workspace.open(Settings(workspace=tmp_path), lock_seconds=0.05).jobs
    holder = sqlite3.connect(tmp_path / "app.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with jobs.database.reading() as session:
        assert session.execute(sa.text("PRAGMA busy_timeout")).scalar() == 50
    with pytest.raises(JobError, match="nothing was changed"):
        jobs.submit(SAMPLE, {}, pairs_of(2))
    holder.execute("ROLLBACK")
    assert jobs.submit(SAMPLE, {}, pairs_of(2)).state == JobState.QUEUED
    holder.close()


def test_pages_do_not_keep_a_person_waiting_for_the_database(monkeypatch):
    from pages.components import page

    opened = {}
    monkeypatch.setattr(page.Workspace, "open", lambda settings, **options: opened.update(options))
    page._open_workspace.__wrapped__(Settings())
    assert opened["lock_seconds"] <= 5


def test_a_full_disk_is_called_full(jobs):
    with pytest.raises(JobError, match="disk is full"), jobs.database.writing() as session:
        size = session.execute(sa.text("PRAGMA page_count")).scalar()
        session.execute(sa.text(f"PRAGMA max_page_count = {size}"))
        session.execute(sa.text("CREATE TABLE big AS SELECT zeroblob(1000000)"))


@pytest.mark.parametrize("url", ["nonsense", "martian://host/db"])
def test_a_database_address_that_cannot_be_used_is_named(tmp_path, url):
    with pytest.raises(JobError, match="ESM2AMP_DATABASE_URL"):
        Workspace.open(Settings(workspace=tmp_path, database_url=url))


@pytest.mark.parametrize("job_id", ["", "nobody", "../../etc", "x" * 10_000, "a\0b", "\udcff", "' OR 1=1 --"])
def test_an_id_that_does_not_exist_is_refused_in_words(jobs, job_id):
    jobs.submit(SAMPLE, {}, pairs_of(2))
    for ask in (jobs.get, jobs.cancel, jobs.delete, jobs.predictions, jobs.position):
        with pytest.raises(JobError):
            ask(job_id)
    assert jobs.count() == 1
