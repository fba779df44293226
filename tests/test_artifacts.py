"""Inputs of jobs as files."""

import os

import pandas as pd
import pytest
from job_samples import SAMPLE, pairs_of
from pandas.testing import assert_frame_equal

from esm2amp_core.errors import Issue, JobError, Severity
from esm2amp_core.pairs import PairTable
from esm2amp_core.sequences import Protein
from esm2amp_core.store import artifacts
from esm2amp_core.store.artifacts import Artifacts, input_digest

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
