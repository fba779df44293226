"""Database, migrations, inputs as files, predictions, search, and room on the disk."""

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from job_samples import SAMPLE, pairs_of, scored
from pandas.testing import assert_frame_equal
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from esm2amp_core.errors import Issue, JobError, Severity
from esm2amp_core.jobs import JobState
from esm2amp_core.pairs import PairTable
from esm2amp_core.predictions import NEAREST_COLUMNS, RESULT_COLUMNS, PredictionTable
from esm2amp_core.progress import Cancelled
from esm2amp_core.reference import Nearest
from esm2amp_core.sequences import Protein
from esm2amp_core.settings import Settings
from esm2amp_core.store import artifacts, database, disk
from esm2amp_core.store.artifacts import Artifacts, input_digest
from esm2amp_core.store.database import Database
from esm2amp_core.store.migrations import STEPS, migrate
from esm2amp_core.store.tables import Base
from esm2amp_core.trust import nearest_frame
from esm2amp_core.workspace import Workspace

OLD = Path(__file__).parent / "data" / "old_workspaces"


@pytest.fixture
def jobs(tmp_path):
    return Workspace.open(Settings(workspace=tmp_path)).jobs


def run_through(jobs, pairs, *, title="", **changes):
    """Submit and score at once, as a worker would."""
    job = jobs.submit(SAMPLE, {}, pairs, title=title)
    assert jobs.claim("w").id == job.id
    jobs.save_predictions(job.id, scored(pairs.frame, **changes), worker="w")
    jobs.finish(job.id, worker="w")
    return jobs.get(job.id)


# Database and migrations


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


# Inputs as files

ODD_NAMES = ["NA", "1E5", "007", "=cmd()", "名前 🧬", "two\nlines", " spaced ", "<b>", "", "a\0b", "'\"\\"]


def odd_pairs():
    """A table full of what people really write."""
    n = len(ODD_NAMES)
    carried = {
        "": ODD_NAMES,
        "0": ["1"] * n,
        "__index_level_0__": ["x"] * n,
        "probability (input)": ["0.5"] * n,
        "label\n🧬": ODD_NAMES[::-1],
    }
    frame = pd.DataFrame(
        {"row": range(1, n + 1), "protein_a": ODD_NAMES, "protein_b": ODD_NAMES[::-1], **carried}
    )
    proteins = {name: Protein(f"sp|{name}|X", "MKTAYIAKQRQISFVKXU") for name in ODD_NAMES[:-2]}
    issues = (
        Issue(3, "007\n🧬", "It is odd.", "Even it out."),
        Issue(None, "", "The table is odd.", "", Severity.WARNING),
    )
    return PairTable(frame.astype({name: "str" for name in frame.columns if name != "row"}), proteins, issues)


def assert_same_input(one, other):
    assert_frame_equal(one.frame, other.frame)
    assert dict(one.proteins) == dict(other.proteins)
    assert one.issues == other.issues


def test_inputs_come_back_as_they_were_submitted(tmp_path):
    pairs = odd_pairs()
    Artifacts(tmp_path).write_inputs("x", pairs)
    assert_same_input(Artifacts(tmp_path).read_inputs("x"), pairs)


def test_inputs_without_carried_columns_proteins_or_issues_come_back(tmp_path):
    pairs = PairTable(pairs_of(2).frame, {})
    Artifacts(tmp_path).write_inputs("x", pairs)
    assert_same_input(Artifacts(tmp_path).read_inputs("x"), pairs)


def test_a_crash_while_writing_leaves_no_input(tmp_path, monkeypatch):
    def crash(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(artifacts, "_to_disk", crash)
    with pytest.raises(JobError, match="No space left.*Free some space"):
        Artifacts(tmp_path).write_inputs("x", pairs_of(2))
    assert list(tmp_path.iterdir()) == []


def test_a_job_whose_input_cannot_be_kept_does_not_exist(jobs, monkeypatch):
    def crash(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(artifacts, "_to_disk", crash)
    with pytest.raises(JobError):
        jobs.submit(SAMPLE, {}, pairs_of(2))
    assert jobs.count() == 0


@pytest.mark.parametrize("damage", ["pairs.parquet", "proteins.parquet", "issues.json"])
def test_a_damaged_input_is_named_so(tmp_path, damage):
    kept = Artifacts(tmp_path)
    kept.write_inputs("x", pairs_of(2))
    (tmp_path / "x" / damage).write_bytes(b"\0 damaged")
    with pytest.raises(JobError, match="gone or damaged"):
        kept.read_inputs("x")


def test_only_old_half_written_folders_are_swept(tmp_path):
    kept = Artifacts(tmp_path)
    kept.write_inputs("whole", pairs_of(2))
    for name in ("new.part", "old.part"):
        (tmp_path / name).mkdir()
    for name in ("whole", "old.part"):
        os.utime(tmp_path / name, (0, 0))
    kept.remove_abandoned()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.part", "whole"]


def test_the_digest_depends_on_rows_sequences_and_parameters_only():
    pairs = pairs_of(4, note=["a", "b", "c", "d"])
    swapped = pairs.frame.assign(protein_a=pairs.frame["protein_b"], protein_b=pairs.frame["protein_a"])
    name = next(iter(pairs.proteins))
    mutated = {**pairs.proteins, name: Protein(name, "MKTAYIAKQRQISFVR")}
    other_note = pairs.frame.assign(note=["ab", "", "c", "d"])
    different = [
        input_digest(pairs, {"bundle": "x"}),
        input_digest(pairs, {"bundle": "y"}),
        input_digest(PairTable(swapped, pairs.proteins), {"bundle": "x"}),
        input_digest(PairTable(pairs.frame, mutated), {"bundle": "x"}),
        input_digest(PairTable(other_note, pairs.proteins), {"bundle": "x"}),
    ]
    assert len(set(different)) == len(different)
    reordered = PairTable(pairs.frame, dict(reversed(pairs.proteins.items())))
    assert input_digest(reordered, {"bundle": "x"}) == different[0]


# Submit, list, search


def test_a_submitted_job_says_what_it_is(jobs):
    job = jobs.submit(SAMPLE, {"pause": 1}, pairs_of(3), title="  My\n pairs ", owner="ana")
    assert (job.state, job.title, job.owner, job.n_rows) == (JobState.QUEUED, "My pairs", "ana", 3)
    assert job.params == {"pause": 1}
    assert job == jobs.get(job.id)


def test_a_job_without_a_title_gets_one_from_its_pairs(jobs):
    assert jobs.submit(SAMPLE, {}, pairs_of(1200)).title == "1,200 pairs"
    one = PairTable(pd.DataFrame({"row": [1], "protein_a": ["TP53"], "protein_b": ["MDM2"]}), {})
    assert jobs.submit(SAMPLE, {}, one).title == "TP53 and MDM2"


def test_no_pairs_are_no_job(jobs):
    with pytest.raises(JobError, match="no pairs"):
        jobs.submit(SAMPLE, {}, PairTable(pairs_of(2).frame.iloc[:0], {}))


def test_broken_characters_are_refused_and_leave_nothing(jobs):
    with pytest.raises(JobError, match="broken characters"):
        jobs.submit(SAMPLE, {}, pairs_of(2), title="half a \ud83e")
    assert jobs.count() == 0
    assert list(jobs.artifacts.folder.iterdir()) == []


def test_jobs_are_listed_newest_first_in_pages(jobs):
    ids = [jobs.submit(SAMPLE, {}, pairs_of(2)).id for _ in range(5)][::-1]
    assert [job.id for job in jobs.list(limit=2)] == ids[:2]
    assert [job.id for job in jobs.list(limit=2, offset=4)] == ids[4:]
    assert jobs.count() == 5


def test_jobs_are_chosen_by_state_and_owner(jobs):
    mine, other = (jobs.submit(SAMPLE, {}, pairs_of(2), owner=owner) for owner in ("ana", "ben"))
    jobs.cancel(other.id)
    assert [job.id for job in jobs.list(states=[JobState.QUEUED])] == [mine.id]
    assert [job.id for job in jobs.list(owner="ben")] == [other.id]
    assert jobs.count(states=[JobState.QUEUED, JobState.CANCELLED]) == 2
    assert jobs.count(states=[JobState.CANCELLED], owner="ana") == 0


@pytest.mark.parametrize("text, found", [
    ("BAIT", [0]), ("bait", [0]), ("100%", [0]), ("%", [0]), ("_", [2]), ("/", [3]), ("straße", [1]),
    ("STRASSE", [1]), ("q9_x", [2]), ("Q9", [1, 2]), ("nothing", []), ("  bait ", [0]), ("a" * 100_000, []),
    ("\udcff", None), ("'; DROP TABLE jobs; --", []), ("", [0, 1, 2, 3]), ("\\", []),
])  # fmt: skip
def test_search_looks_at_titles_and_proteins_as_typed(jobs, text, found):
    titles = ["Bait 100% sure", "Straße", "plain", "a/b"]
    ids = [jobs.submit(SAMPLE, {}, pairs_of(2, prefix=prefix), title=title).id
           for title, prefix in zip(titles, ["A", "Q9Y", "Q9_X", "D"], strict=True)]  # fmt: skip
    if found is None:
        with pytest.raises(JobError, match="broken characters"):
            jobs.list(search=text)
        return
    assert [job.id for job in jobs.list(search=text)] == [ids[i] for i in found[::-1]]
    assert jobs.count(search=text) == len(found)


def test_search_finds_ids_and_new_titles(jobs):
    job = jobs.submit(SAMPLE, {}, pairs_of(2), title="before")
    jobs.rename(job.id, "After")
    assert jobs.list(search=job.id[:8].upper()) == [jobs.get(job.id)]
    assert jobs.count(search="after") == 1
    assert jobs.count(search="before") == 0


def test_a_title_of_nothing_is_refused(jobs):
    job = jobs.submit(SAMPLE, {}, pairs_of(2), title="before")
    with pytest.raises(JobError, match="empty"):
        jobs.rename(job.id, " \n ")
    assert jobs.get(job.id).title == "before"


def test_the_queue_is_first_come_first_served(jobs):
    first, second, third = (jobs.submit(SAMPLE, {}, pairs_of(2)).id for _ in range(3))
    assert [jobs.position(job_id) for job_id in (first, second, third)] == [1, 2, 3]
    assert jobs.claim("w").id == first
    jobs.cancel(second)
    assert [jobs.position(job_id) for job_id in (first, second, third)] == [None, None, 1]
    assert jobs.claim("w").id == third
    assert jobs.claim("w") is None


def test_claims_never_give_a_job_twice(tmp_path):
    jobs = Workspace.open(Settings(workspace=tmp_path)).jobs
    submitted = {jobs.submit(SAMPLE, {}, pairs_of(2)).id for _ in range(40)}
    claimed = []

    def claim_all():
        own = Workspace.open(Settings(workspace=tmp_path)).jobs
        while job := own.claim(threading.current_thread().name):
            claimed.append(job.id)

    assert in_threads(claim_all, 6) == []
    assert sorted(claimed) == sorted(submitted)


def in_threads(function, n_threads):
    """Run at once; give back what was raised."""
    faults = []

    def run():
        try:
            function()
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=run) for _ in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults


# Predictions


def test_predictions_come_back_typed_and_in_order(jobs):
    pairs = pairs_of(6)
    job = jobs.submit(SAMPLE, {}, pairs)
    jobs.claim("w")
    expected = scored(pairs.frame)
    expected.loc[3, ["probability", "logit"]] = float("nan")
    expected.loc[3, "interacts"] = pd.NA
    expected.loc[3, ["status", "message"]] = ["error", "Too long 🧬\n<b>"]
    for part in (expected.iloc[3:], expected.iloc[:3]):
        jobs.save_predictions(job.id, part, worker="w")
    kept_rows = jobs.predictions(job.id)
    assert_frame_equal(kept_rows[list(RESULT_COLUMNS)], expected)
    assert kept_rows[list(NEAREST_COLUMNS)].isna().all(axis=None)
    kept = jobs.get(job.id)
    assert (kept.n_done, kept.n_errors) == (6, 1)
    assert jobs.rows_done(job.id) == set(range(1, 7))


def test_a_job_without_rows_gives_an_empty_table_of_the_same_types(jobs):
    job = jobs.submit(SAMPLE, {}, pairs_of(2))
    empty = jobs.predictions(job.id)
    assert len(empty) == 0
    expected = scored(pairs_of(2).frame).iloc[:0]
    assert_frame_equal(empty[list(RESULT_COLUMNS)], expected, check_index_type=False)
    assert len(PredictionTable(empty)) == 0


def test_the_nearest_training_proteins_come_back_as_they_were(jobs):
    pairs = pairs_of(3)
    job = jobs.submit(SAMPLE, {}, pairs)
    jobs.claim("w")
    near = [Nearest("TRAIN1", 0.25, seen=False), Nearest("TRAIN2", 1.0, seen=True), None]
    nearest = nearest_frame(near, reversed(near))
    jobs.save_predictions(job.id, pd.concat([scored(pairs.frame), nearest], axis=1), worker="w")
    assert_frame_equal(jobs.predictions(job.id)[list(NEAREST_COLUMNS)], nearest)


def test_a_row_cannot_be_kept_twice_and_the_count_stays_true(jobs):
    pairs = pairs_of(4)
    job = jobs.submit(SAMPLE, {}, pairs)
    jobs.claim("w")
    jobs.save_predictions(job.id, scored(pairs.frame.iloc[:2]), worker="w")
    with pytest.raises(sa.exc.IntegrityError):
        jobs.save_predictions(job.id, scored(pairs.frame.iloc[1:]), worker="w")
    assert jobs.get(job.id).n_done == len(jobs.predictions(job.id)) == 2


@pytest.mark.parametrize("lose", ["cancel", "delete", "other worker"])
def test_a_worker_that_lost_its_job_keeps_no_more_rows(jobs, lose):
    pairs = pairs_of(4)
    job = jobs.submit(SAMPLE, {}, pairs)
    jobs.claim("w")
    jobs.save_predictions(job.id, scored(pairs.frame.iloc[:2]), worker="w")
    if lose == "other worker":
        jobs.requeue_orphans()
        jobs.claim("v")
    else:
        getattr(jobs, lose)(job.id)
    for deed in (lambda: jobs.save_predictions(job.id, scored(pairs.frame.iloc[2:]), worker="w"),
                 lambda: jobs.report(job.id, "Scoring", 1, 2, worker="w"),
                 lambda: jobs.note(job.id, {}, worker="w")):  # fmt: skip
        with pytest.raises(Cancelled):
            deed()
    jobs.finish(job.id, worker="w")
    jobs.fail(job.id, "no", worker="w")
    jobs.release(job.id, worker="w")
    if lose == "delete":
        assert jobs.count() == 0
    else:
        state = JobState.CANCELLED if lose == "cancel" else JobState.RUNNING
        assert (jobs.get(job.id).state, jobs.get(job.id).n_done) == (state, 2)


def test_deleting_removes_rows_and_files(jobs):
    gone, stays = run_through(jobs, pairs_of(4)), run_through(jobs, pairs_of(4))
    jobs.delete(gone.id)
    assert [path.name for path in jobs.artifacts.folder.iterdir()] == [stays.id]
    with jobs.database.engine.connect() as connection:
        for table in ("predictions", "job_proteins"):
            left = connection.execute(sa.text(f"SELECT DISTINCT job_id FROM {table}")).scalars().all()
            assert left == [stays.id]


def test_a_protein_is_found_across_jobs_newest_first(jobs):
    older = run_through(jobs, pairs_of(4, prefix="P53_"), title="older")
    run_through(jobs, pairs_of(4, prefix="Q"), title="other")
    newer = run_through(jobs, pairs_of(4, prefix="xp53_"), title="newer")
    found = jobs.find_protein("p53_")
    assert found["job_id"].tolist() == [newer.id] * 4 + [older.id] * 4
    assert found["row"].tolist() == [1, 2, 3, 4] * 2
    assert found["title"].unique().tolist() == ["newer", "older"]
    assert len(jobs.find_protein("p53_", owner="local")) == 8
    assert len(jobs.find_protein("p53_", owner="somebody else")) == 0
    assert_frame_equal(found.iloc[:4][["protein_a", "probability", "interacts"]],
                       jobs.predictions(newer.id)[["protein_a", "probability", "interacts"]])  # fmt: skip


@pytest.mark.parametrize(
    "text, rows", [("%", [2]), ("_", [3]), ("tp53", [1, 3]), ("TP53", [1, 3]), ("zz", [])]
)
def test_a_protein_is_found_by_either_side_and_wildcards_are_letters(jobs, text, rows):
    frame = pd.DataFrame(
        {"row": [1, 2, 3], "protein_a": ["TP53", "100%", "a_b"], "protein_b": ["MDM2", "x", "tp53"]}
    )
    run_through(jobs, PairTable(frame, {}))
    assert jobs.find_protein(text)["row"].tolist() == rows


def test_a_protein_search_stops_at_its_limit_and_shows_running_jobs(jobs):
    run_through(jobs, pairs_of(4))
    pairs = pairs_of(4)
    running = jobs.submit(SAMPLE, {}, pairs)
    jobs.claim("w")
    jobs.save_predictions(running.id, scored(pairs.frame.iloc[:2]), worker="w")
    jobs.submit(SAMPLE, {}, pairs)
    assert jobs.find_protein("P", limit=3)["job_id"].tolist()[:2] == [running.id] * 2
    assert len(jobs.find_protein("P", limit=3)) == 3
    assert list(jobs.find_protein("absent").columns) == list(jobs.find_protein("P").columns)


# Orphans


def test_orphans_go_back_to_the_queue_and_keep_their_rows(jobs):
    pairs = pairs_of(4)
    job = jobs.submit(SAMPLE, {}, pairs)
    jobs.claim("dead")
    jobs.save_predictions(job.id, scored(pairs.frame.iloc[:3]), worker="dead")
    assert jobs.requeue_orphans() == 1
    again = jobs.claim("w")
    assert (again.id, again.attempts, again.n_done) == (job.id, 2, 3)


def test_a_job_fails_in_words_after_three_deaths_without_a_new_row(jobs):
    job = jobs.submit(SAMPLE, {}, pairs_of(4))
    for expected in (JobState.QUEUED, JobState.QUEUED, JobState.FAILED):
        jobs.claim("dead")
        jobs.requeue_orphans()
        assert jobs.get(job.id).state == expected
    assert "memory" in jobs.get(job.id).error
    assert jobs.get(job.id).finished is not None


def test_deaths_between_new_rows_do_not_add_up(jobs):
    pairs = pairs_of(6)
    job = jobs.submit(SAMPLE, {}, pairs)
    for row in range(6):
        jobs.claim("dead")
        jobs.save_predictions(job.id, scored(pairs.frame.iloc[row : row + 1]), worker="dead")
        jobs.requeue_orphans()
    assert jobs.get(job.id).state == JobState.QUEUED


def test_deaths_of_a_job_that_gets_on_within_a_stage_do_not_add_up(jobs):
    job = jobs.submit(SAMPLE, {}, pairs_of(6))
    for done in range(1, 7):  # what was embedded is kept: the next worker begins there
        jobs.claim("dead")
        jobs.report(job.id, "Reading", done - 1, 9, worker="dead")
        jobs.report(job.id, "Reading", done, 9, worker="dead")
        jobs.requeue_orphans()
    assert jobs.get(job.id).state == JobState.QUEUED


def test_a_job_that_dies_at_the_same_place_thrice_fails(jobs):
    job = jobs.submit(SAMPLE, {}, pairs_of(6))
    for _ in range(3):
        jobs.claim("dead")
        for stage, done in [("Loading", 0), ("Reading", 5), ("Reading", 5), ("Scoring", 6)]:
            jobs.report(job.id, stage, done, 9, worker="dead")
        jobs.requeue_orphans()
    assert jobs.get(job.id).state == JobState.FAILED


# Disk


def test_the_oldest_finished_results_make_room_and_the_jobs_stay(jobs, monkeypatch):
    monkeypatch.setattr(disk, "MB", 1)  # the limit is then in bytes
    old, middle, new = (run_through(jobs, pairs_of(2000)) for _ in range(3))
    waiting = jobs.submit(SAMPLE, {}, pairs_of(2000))
    in_all = disk.job_bytes(jobs)
    assert disk.make_room(jobs, in_all) == []
    assert disk.make_room(jobs, in_all - 1) == [old.id]
    assert disk.job_bytes(jobs) < in_all * 0.8
    assert disk.make_room(jobs, 0) == [middle.id]  # the newest result stays in any case
    for job in (old, middle):
        kept = jobs.get(job.id)
        assert (kept.state, kept.results_removed, kept.n_done) == (JobState.DONE, True, 2000)
        assert "removed to save disk" in kept.message
        assert len(jobs.predictions(job.id)) == 0
    assert not jobs.get(new.id).results_removed
    assert len(jobs.predictions(new.id)) == 2000
    assert sorted(path.name for path in jobs.artifacts.folder.iterdir()) == sorted([new.id, waiting.id])


def test_removed_results_give_their_space_back(jobs, tmp_path):
    old = run_through(jobs, pairs_of(20_000))
    run_through(jobs, pairs_of(2))
    with sqlite3.connect(tmp_path / "app.sqlite") as connection:
        before = connection.execute("PRAGMA page_count").fetchone()
        assert disk.make_room(jobs, 0) == [old.id]
        assert connection.execute("PRAGMA page_count").fetchone()[0] < before[0] / 2


def test_space_comes_back_in_portions_and_others_may_write_in_between(jobs, tmp_path, monkeypatch):
    monkeypatch.setattr(database, "VACUUM_PAGES", 10)
    run_through(jobs, pairs_of(20_000))
    old = run_through(jobs, pairs_of(2))
    jobs.delete(jobs.list()[1].id)
    moments = []

    def write_meanwhile(seconds):
        jobs.rename(old.id, f"renamed {len(moments)} times")  # fails where the lock is held
        with sqlite3.connect(tmp_path / "app.sqlite") as connection:
            moments.append(connection.execute("PRAGMA freelist_count").fetchone()[0])

    monkeypatch.setattr(database.time, "sleep", write_meanwhile)
    jobs.database.give_back_space()
    assert len(moments) > 10
    assert moments == sorted(moments, reverse=True) and moments[-1] < 10


def test_a_lock_while_space_is_given_back_is_told_in_words(jobs, tmp_path, monkeypatch):
    run_through(jobs, pairs_of(2_000))
    jobs.delete(jobs.list()[0].id)
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.05)
    impatient = Database.of_file(tmp_path / "app.sqlite")
    with sqlite3.connect(tmp_path / "app.sqlite", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JobError, match="busy"):
            impatient.give_back_space()
        other.execute("ROLLBACK")


@pytest.mark.parametrize("measure", [
    lambda folder: disk.file_bytes(folder / "x"),
    lambda folder: Artifacts(folder).remove_abandoned(),
], ids=["size", "sweep"])  # fmt: skip
def test_files_that_go_while_they_are_looked_at_are_no_matter(tmp_path, monkeypatch, measure):
    (tmp_path / "x").write_bytes(b"1234")
    gone = [tmp_path / "x-wal", tmp_path / "job.part"]  # seen a moment ago
    monkeypatch.setattr(Path, "is_file", lambda self: True)
    found = Path.glob
    monkeypatch.setattr(Path, "glob", lambda self, pattern: [*gone, *found(self, pattern)])
    assert measure(tmp_path) in (4, None)


def test_the_estimate_of_disk_use_is_near_the_files(jobs, tmp_path):
    run_through(jobs, pairs_of(20_000), message="The orders A-B and B-A differ by 0.03 in probability.")
    jobs.database.close()
    files = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert disk.job_bytes(jobs) == pytest.approx(files, rel=0.3)
