"""The job "regions": what it writes, what it refuses, and what it survives."""

import json
import sys
from dataclasses import replace

import pandas as pd
import pytest
from page_samples import WIDTH
from region_jobs import REGIONS, compare, explain
from tiny import make_encoder
from tiny_bundle import make_bundle
from uniprot_server import make_entry, running

from esm2amp_core.cli.main import main
from esm2amp_core.errors import JobError
from esm2amp_core.jobs import JobState
from esm2amp_core.kinds import REGIONS as KIND
from esm2amp_core.region_files import ISSUES, SUMMARY, TABLES, RegionFolder
from esm2amp_core.settings import Settings
from esm2amp_core.tasks.worker import run_pending
from esm2amp_core.workspace import Workspace


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A workspace in which four pairs were explained; tests add jobs to it."""
    folder = tmp_path_factory.mktemp("regions")
    encoder = make_encoder(folder / "encoder", width=WIDTH)
    make_bundle(folder / "models" / "starter_amps", encoder)
    settings = Settings(workspace=folder / "workspace", models=folder / "models", bundle="starter_amps")
    workspace = Workspace.open(settings)
    return workspace, explain(workspace)


@pytest.fixture
def workspace(home):
    return home[0]


@pytest.fixture
def explained(home):
    return home[1]


def folder_of(workspace, job) -> RegionFolder:
    return RegionFolder(workspace.folders.regions(job.id))


def test_the_job_writes_what_the_command_writes(workspace, explained, tmp_path, monkeypatch):
    job = compare(workspace, explained, label="truth")
    assert (job.state, job.title) == (JobState.DONE, "Regions: Kinases, Attention")
    (tmp_path / "regions.csv").write_bytes(REGIONS)
    pairs = workspace.inputs(explained.id).frame
    pairs.rename(columns={"truth": "label"}).drop(columns="row").to_csv(tmp_path / "labels.csv", index=False)
    importances = workspace.folders.explanation(explained.id) / "attention.csv"
    monkeypatch.setenv("ESM2AMP_WORKSPACE", str(tmp_path / "other"))
    monkeypatch.setattr(sys, "argv", ["esm2amp", "regions", str(importances), "--annotations",
                                      str(tmp_path / "regions.csv"), "--labels", str(tmp_path / "labels.csv"),
                                      "-o", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert not exit_.value.code
    folder = workspace.folders.regions(job.id)
    for name in TABLES.values():
        assert (folder / name).read_bytes() == (tmp_path / "out" / name).read_bytes(), name
    of_job, of_command = (json.loads((place / SUMMARY).read_text()) for place in (folder, tmp_path / "out"))
    assert of_job.pop("inputs")["method"] == "attention" and of_command.pop("inputs")
    for summary in (of_job, of_command):  # they name the file
        summary["annotations"].pop("issues")
    assert of_job == of_command


def test_run_again_asks_the_same_anew_and_needs_its_explanation(workspace, explained):
    first = compare(workspace, explained, label="truth", k=2)
    second = workspace.rerun(first.id)
    run_pending(workspace)
    done = workspace.jobs.get(second.id)
    assert (done.id != first.id, done.state, done.params) == (True, JobState.DONE, first.params)
    assert done.title == f"{first.title} (run 2)"
    for name in TABLES.values():
        assert (workspace.folders.regions(done.id) / name).read_bytes() == (
            workspace.folders.regions(first.id) / name).read_bytes(), name
    workspace.folders.annotations_file(first.id).unlink()
    with pytest.raises(JobError, match="annotations of .* were removed"):
        workspace.rerun(first.id)
    again = workspace.explain(explained.params["source"], (1,), methods=("attention",))
    run_pending(workspace)
    third = compare(workspace, again)
    workspace.jobs.delete(again.id)
    with pytest.raises(JobError):
        workspace.rerun(third.id)


def test_what_was_written_is_read_as_it_was(workspace, explained):
    job = compare(workspace, explained, label="truth")
    found = folder_of(workspace, job)
    assert found.types == ["Domain", "Motif"]
    regions = found.regions_of("=P9")
    assert regions[["type", "start", "end"]].to_numpy().tolist() == [["Domain", 1, 9]]
    assert found.regions["note"].tolist()[0] == "=HYPERLINK(1)"
    assert set(found.coverage["protein_b"]) == {"Q00987", "=P9"}
    assert len(found.coverage) == 4 * 2 * 3 and found.coverage["importance"].dtype == float
    assert set(found.pairs["row"]) == {1, 2, 3, 4}
    problems = "\n".join(found.issues["problem"])
    assert "reaches beyond its 92 residues" in problems and "before its start" in problems
    assert found.issues["row"].dropna().tolist() == [4]
    assert workspace.jobs.get(job.id).kind == KIND


def test_what_a_killed_worker_left_half_written_is_gone_after_the_next_attempt(workspace, explained):
    asked = workspace.compare_regions(explained.id, method="attention", annotations=REGIONS,
                                      filename="regions.csv")
    folder = workspace.folders.regions(asked.id)
    remains = folder.with_name(f".{folder.name}.0a1b2c3d.part")
    for part in (folder, remains):
        part.mkdir()
        (part / SUMMARY).write_text("{")
    assert [done.state for done in run_pending(workspace)] == [JobState.DONE]
    assert RegionFolder(folder).summary and not remains.exists()


def test_pairs_without_a_label_have_no_class(workspace, explained):
    found = folder_of(workspace, compare(workspace, explained, label="truth"))
    classes = found.summary["classes"]
    assert classes["all"] == 4 and sum(classes.values()) == 4 + 3
    assert found.summary["pairs_without_class"] == 1
    called = workspace.results(explained.id).frame["interacts"].tolist()
    truth = [True, False, True]
    assert classes["TP"] == sum(t and c for t, c in zip(truth, called, strict=False))
    assert set(folder_of(workspace, compare(workspace, explained)).summary["classes"]) == {
        "all", "predicted positive", "predicted negative"}  # fmt: skip


def test_the_same_question_is_answered_once(workspace, explained):
    first = compare(workspace, explained)
    assert compare(workspace, explained).id == first.id
    others = [compare(workspace, explained, **options).id for options in (
        {"k": 2}, {"label": "truth"}, {"types": ["Motif"]},
        {"annotations": REGIONS + b"P04637,Domain,50,60,,\n"})]
    assert len({first.id, *others}) == 5
    assert folder_of(workspace, workspace.jobs.get(others[2])).types == ["Motif"]
    assert folder_of(workspace, workspace.jobs.get(others[0])).coverage["rank"].tolist().count("2") == 8


@pytest.mark.parametrize("name", ["../../escape.csv", "/etc/passwd", ".hidden", "", "...", "a/b\\c.tsv.gz",
                                  "ä" * 300 + ".csv", "pairs.parquet", "regions"])  # fmt: skip
def test_a_file_of_any_name_stays_in_the_folder_of_its_job(workspace, explained, name):
    job = compare(workspace, explained, filename=name)
    assert job.state == JobState.DONE
    file = workspace.folders.annotations_file(job.id)
    assert file.parent.parent == workspace.folders.regions(job.id).parent
    assert file.read_bytes() == REGIONS and not file.name.startswith(".")


@pytest.mark.parametrize("options, message", [
    ({"method": "gini"}, "no method 'gini'"),
    ({"label": "nothing"}, "no column 'nothing'"),
    ({"annotations": b""}, "One source of annotations"),
    ({"lookup": True}, "One source of annotations"),
    ({"k": 0}, "cannot be chosen"),
    ({"k": 11}, "cannot be chosen"),
])  # fmt: skip
def test_what_cannot_be_compared_is_refused_before_it_is_queued(workspace, explained, options, message):
    before = workspace.jobs.count()
    with pytest.raises(JobError, match=message):
        compare(workspace, explained, **options)
    assert workspace.jobs.count() == before


def test_a_file_that_is_too_large_is_refused(workspace, explained):
    small = replace(workspace, settings=replace(workspace.settings, max_file_mb=1))
    with pytest.raises(JobError, match="at most 1 MB are read"):
        compare(small, explained, annotations=b"x" * 1_000_001)


def test_only_a_finished_explanation_can_be_compared(workspace, explained):
    source = workspace.jobs.get(explained.params["source"])
    waiting = workspace.explain(source.id, [1, 2], methods=["attention"])
    for job in (source, waiting):
        with pytest.raises(JobError, match="no finished explanation"):
            workspace.compare_regions(job.id, method="attention", annotations=REGIONS, filename="r.csv")
    run_pending(workspace)


@pytest.mark.parametrize("annotations, message", [
    (b"protein,type,start,end\nNOBODY,Domain,1,5\n", ""),
    (b">P1\nMK\n", "FASTA"),
    (b"hello", "no table of regions"),
    (b"\xff\xfe\x00\x01", ""),
    (b"{", "is not JSON"),
])  # fmt: skip
def test_annotations_that_are_none_fail_in_words(workspace, explained, annotations, message):
    job = compare(workspace, explained, annotations=annotations)
    if job.state == JobState.DONE:  # readable, but of other proteins
        assert folder_of(workspace, job).summary["annotations"]["proteins_known"] == 0
    else:
        assert message in job.error and "incident" not in job.error


def test_labels_that_are_neither_yes_nor_no_are_told_with_their_row(workspace, explained):
    folder = workspace.jobs.artifacts.folder / explained.id
    kept = (folder / "pairs.parquet").read_bytes()
    job = workspace.compare_regions(explained.id, method="attention", annotations=REGIONS, label="truth", k=4)
    pairs = workspace.inputs(explained.id)
    workspace.jobs.artifacts.write_inputs("other", replace(pairs, frame=pairs.frame.assign(truth="maybe")))
    (workspace.jobs.artifacts.folder / "other" / "pairs.parquet").replace(folder / "pairs.parquet")
    run_pending(workspace)
    (folder / "pairs.parquet").write_bytes(kept)
    failed = workspace.jobs.get(job.id)
    assert failed.state == JobState.FAILED and "Column truth, row 1: 'maybe'" in failed.error


def test_an_explanation_that_was_deleted_meanwhile_is_missed_in_words(workspace):
    explained = explain(workspace, [2])
    job = workspace.compare_regions(explained.id, method="attention", annotations=REGIONS)
    workspace.jobs.delete(explained.id)
    run_pending(workspace)
    failed = workspace.jobs.get(job.id)
    assert failed.state == JobState.FAILED and "The explanation was deleted" in failed.error


def test_what_a_dead_worker_left_is_replaced(workspace, explained):
    job = workspace.compare_regions(explained.id, method="attention", annotations=REGIONS, k=5)
    left = workspace.folders.regions(job.id)
    left.mkdir()
    (left / SUMMARY).write_text("half")
    run_pending(workspace)
    assert workspace.jobs.get(job.id).state == JobState.DONE
    assert folder_of(workspace, job).summary["chosen_per_pair"] == {"least": 5, "most": 5}
    assert {path.name for path in left.iterdir()} == {SUMMARY, ISSUES, *TABLES.values()}


def test_uniprot_is_asked_by_the_worker_alone(home):
    workspace, explained = home
    with running(make_entry("P04637", 92), make_entry("Q00987", 92)) as server:
        asking = replace(workspace, settings=replace(workspace.settings, uniprot_url=server.url))
        job = asking.compare_regions(explained.id, method="attention", lookup=True)
        assert not server.asked
        run_pending(asking)
    assert server.asked == [["P04637", "Q00987"]]
    found = folder_of(workspace, job)
    assert found.summary["annotations"]["releases"] == ["2026_02"]
    assert set(found.regions["protein"]) == {"P04637", "Q00987"}


def test_files_of_the_job_count_and_go_with_it(workspace, explained):
    before = workspace.disk_use().jobs
    job = compare(workspace, explained, k=6)
    folder = workspace.folders.regions(job.id).parent
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert workspace.disk_use().jobs - before == size > len(REGIONS)
    workspace.jobs.delete(job.id)
    assert not folder.exists() and workspace.disk_use().jobs == before


@pytest.mark.parametrize("damage", [b"{", b"[]", b'{"format": 99}', b'{"format": 1}', b"[" * 100_000])
def test_a_damaged_analysis_is_told_in_words(workspace, explained, damage):
    job = compare(workspace, explained, k=7)
    path = workspace.folders.regions(job.id) / SUMMARY
    whole = json.loads(path.read_text())
    path.write_bytes(damage)
    with pytest.raises(JobError, match="missing or damaged|format 99"):
        _ = folder_of(workspace, job).summary
    whole["annotations"].pop("types")
    path.write_text(json.dumps(whole))
    with pytest.raises(JobError, match="missing or damaged"):
        _ = folder_of(workspace, job).summary
    (workspace.folders.regions(job.id) / TABLES["regions"]).unlink()
    with pytest.raises(JobError, match="missing or damaged"):
        _ = folder_of(workspace, job).regions
    workspace.jobs.delete(job.id)


def test_single_residues_are_compared_too(workspace):
    explained = explain(workspace, [1], methods=["attention", "residue_gradients"])
    found = folder_of(workspace, compare(workspace, explained, method="residue_gradients"))
    assert found.is_by_residue and found.summary["chosen_per_pair"] == {"least": 18, "most": 18}
    assert isinstance(found.hit_rates, pd.DataFrame) and set(found.hit_rates["rank"]) == {"mean"}
