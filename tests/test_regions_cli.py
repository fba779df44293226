"""`esm2amp regions` and what it reads and writes."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from region_samples import residue_frame, token_frame
from scipy.stats import false_discovery_control
from uniprot_server import make_entry, running

from esm2amp_core.annotations.region import AnnotationError
from esm2amp_core.cli.main import main
from esm2amp_core.files.run_lock import sole_writer
from esm2amp_core.regions.importance import read_importances

LENGTHS = {"P1": 100, "P2": 95, "P3": 10}
PAIRS = [("P1", "P2"), ("P3", "P1"), ("P2", "P2")]
REGIONS = "protein,type,start,end,note\nP1,Domain,1,10,first\nP1,Repeat,15,24,\nP2,Domain,50,200,long\n"
LABELS = "Protein1,Protein2,Label\nP2,P1,1\nP3,P1,0\nP2,P2,1\n"


def rising(row, side, i):
    """The last segments matter most, those of B more than those of A."""
    return 1 + i + 10 * side


def falling(row, side, i):
    return 100 - rising(row, side, i)


@pytest.fixture
def esm2amp(tmp_path, monkeypatch, capsys):
    """Run a command in a fresh folder: exit code, standard output, standard error."""
    monkeypatch.setenv("ESM2AMP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.chdir(tmp_path)
    Path("regions.csv").write_text(REGIONS)
    Path("labels.csv").write_text(LABELS)
    token_frame(PAIRS, LENGTHS, falling).to_csv("attention.csv", index=False)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["esm2amp", "regions", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        said = capsys.readouterr()
        return exit_.value.code or 0, said.out, said.err

    return run


def test_it_writes_what_can_be_worked_out_by_hand(esm2amp):
    code, _, err = esm2amp("attention.csv", "--annotations", "regions.csv", "--labels", "labels.csv",
                           "-o", "out")
    assert (code, "3 pairs analysed in out" in err) == (0, True)
    coverage = pd.read_csv("out/coverage.csv")
    first = coverage[(coverage["row"] == 1) & (coverage["selection"] == "top")]
    assert first["token"].tolist() == ["A.segment0", "A.segment1", "A.segment2"]
    assert first[["start", "end"]].to_numpy().tolist() == [[1, 10], [11, 20], [21, 30]]
    assert first["Domain"].tolist() == [100, 0, 0] and first["Repeat"].tolist() == [0, 60, 40]
    assert first["ALL"].tolist() == [100, 60, 40] and first["rank"].tolist() == [1, 2, 3]
    own = coverage[(coverage["row"] == 3) & (coverage["selection"] == "top")]  # of 95 residues, twice
    assert own[["start", "end"]].to_numpy().tolist() == [[1, 10], [11, 20], [21, 30]]
    low = coverage[(coverage["row"] == 1) & (coverage["selection"] == "low")]
    assert low[["start", "end"]].to_numpy().tolist() == [[87, 95], [78, 86], [69, 77]]
    assert low["token"].tolist() == ["B.segment9", "B.segment8", "B.segment7"]
    assert low["Domain"].tolist() == [100, 100, 100]
    hits = pd.read_csv("out/hit_rates.csv").set_index(["selection", "class", "threshold", "rank"])
    # Tops: pair 1 and 2 begin with P1's or P3's first segments; P3 has no region.
    assert_allclose(hits.loc[("top", "all", 50, "any"), ["Domain", "Repeat", "ALL"]].astype(float),
                    [100 / 3, 100 / 3, 100 / 3])
    assert hits.loc[("top", "positive", 75, "any"), "Repeat"] == 0
    assert hits.loc[("low", "negative", 25, "any"), "n_pairs"] == 1
    summary = json.loads(Path("out/summary.json").read_text())
    assert summary["classes"] == {"all": 3, "positive": 2, "negative": 1}
    assert summary["annotations"]["proteins_unknown"] == ["P3"]
    assert summary["inputs"]["importances"]["file"] == "attention.csv"
    assert "'P3'" in err and "reaches beyond its 95 residues" in err
    issues = pd.read_csv("out/annotation_issues.csv")
    assert issues["value"].tolist() == ["Domain 50-200"] and issues["remedy"].notna().all()


def test_p_values_are_corrected_within_each_table(esm2amp):
    esm2amp("attention.csv", "--annotations", "regions.csv", "-o", "out")
    for name in ("enrichment", "position_bias", "pair_enrichment"):
        table = pd.read_csv(f"out/{name}.csv").dropna(subset="p_value")
        assert len(table) > 3
        assert_allclose(table["q_value"], false_discovery_control(table["p_value"]))


def test_types_without_an_interval_are_named_with_the_reason(esm2amp):
    esm2amp("attention.csv", "--annotations", "regions.csv", "-o", "out")
    assert pd.read_csv("out/enrichment.csv")["difference_low"].isna().all()
    note = json.loads(Path("out/summary.json").read_text())["notes"][-1]
    assert "Without a 95 % interval" in note and "fewer than 10 proteins" in note
    assert "Domain (2), Repeat (1), ALL (2)" in note


def test_annotations_of_other_proteins_are_refused_with_both_names(esm2amp):
    Path("other.csv").write_text("protein,type,start,end\nP99999,Domain,1,5\n")
    code, _, err = esm2amp("attention.csv", "--annotations", "other.csv", "-o", "out")
    assert code == 2 and "of other proteins" in err and "'P99999'" in err and "'P1'" in err
    assert not Path("out").exists()


def test_annotations_of_another_isoform_are_used_as_far_as_they_go_and_told(esm2amp):
    Path("isoform.csv").write_text("protein,type,start,end,length\nP1,Domain,1,10,100\nP2,Domain,50,110,120\n")
    code, _, err = esm2amp("attention.csv", "--annotations", "isoform.csv", "-o", "out")
    assert code == 0 and "'P2' has 95 residues here; annotated were 120" in err
    low = pd.read_csv("out/coverage.csv").query("row == 1 and selection == 'low'")
    assert low["Domain"].tolist() == [100, 100, 100]


def test_sequences_that_are_not_those_explained_are_refused(esm2amp):
    Path("other.fasta").write_text("".join(f">{name}\n{'M' * (n + 5)}\n" for name, n in LENGTHS.items()))
    code, _, err = esm2amp("attention.csv", "--annotations", "regions.csv", "--sequences", "other.fasta",
                           "-o", "out")
    assert code == 2 and "'P1' has 100 residues, elsewhere 105" in err and not Path("out").exists()


def test_a_type_called_all_is_not_the_union(esm2amp):
    Path("own.csv").write_text("protein,type,start,end\nP1,ALL,1,5\nP1,row,11,20\n")
    code, *_ = esm2amp("attention.csv", "--annotations", "own.csv", "-o", "out")
    found = pd.read_csv("out/enrichment.csv")
    assert code == 0 and not found.duplicated(["selection", "against", "type"]).any()
    first = pd.read_csv("out/coverage.csv").iloc[:2]
    assert first["ALL"].tolist() == [50, 100] and first["All (of the file)"].tolist() == [50, 0]


def test_predictions_beside_the_importances_make_the_four_classes(esm2amp):
    pd.DataFrame({"row": [1, 2, 3], "protein_a": ["P1", "P3", "P2"], "protein_b": ["P2", "P1", "P2"],
                  "interacts": [True, True, False]}).to_csv("pairs.csv", index=False)
    code, *_ = esm2amp("attention.csv", "--annotations", "regions.csv", "--labels", "labels.csv", "-o", "out")
    summary = json.loads(Path("out/summary.json").read_text())
    assert code == 0 and summary["classes"] == {"all": 3, "TP": 1, "FN": 1, "TN": 0, "FP": 1}
    assert pd.read_csv("out/coverage.csv").groupby("row")["class"].first().tolist() == ["TP", "FP", "FN"]


@pytest.mark.parametrize("other", ["P1,P2\nP3,P1\n", "bait,prey\nP1,P2\n", ""])
def test_another_table_of_pairs_beside_the_importances_is_left_alone(esm2amp, other):
    Path("pairs.csv").write_text(other)
    code, _, err = esm2amp("attention.csv", "--annotations", "regions.csv", "-o", "out")
    assert (code, "Error" in err) == (0, False)
    assert json.loads(Path("out/summary.json").read_text())["classes"] == {"all": 3}


def test_a_table_of_chosen_segments_gives_the_same_as_the_importances(esm2amp):
    chosen = pd.DataFrame(PAIRS, columns=["protein_a", "protein_b"])
    for rank in (1, 2, 3):
        chosen[f"top{rank}"], chosen[f"low{rank}"] = f"A_segment{rank - 1}", f"B_segment{10 - rank}"
    chosen.to_csv("chosen.tsv.gz", index=False, sep="\t")
    Path("proteins.fasta").write_text("".join(f">{name}\n{'M' * n}\n" for name, n in LENGTHS.items()))
    esm2amp("attention.csv", "--annotations", "regions.csv", "-o", "one")
    code, _, err = esm2amp("chosen.tsv.gz", "--annotations", "regions.csv", "-o", "two")
    assert code == 2 and "--sequences" in err  # nothing tells how long P1 is
    code, *_ = esm2amp("chosen.tsv.gz", "--annotations", "regions.csv", "--sequences", "proteins.fasta",
                       "-o", "two")
    assert code == 0
    for name in ("hit_rates", "enrichment", "pair_enrichment", "position_bias"):
        assert Path(f"one/{name}.csv").read_bytes() == Path(f"two/{name}.csv").read_bytes()


def test_residues_are_compared_with_rotations_of_their_chain(esm2amp):
    residue_frame([("P1", "P2")], {"P1": 60, "P2": 40}, lambda row, side, i: 100 - i + side / 2).to_csv(
        "residue_gradients.csv", index=False)
    written = pd.read_csv("residue_gradients.csv")
    numbers = written["token"].str.removeprefix("A.residue").str.removeprefix("B.residue").astype(int)
    assert (written["start"] == numbers).all() and (written["end"] == numbers).all()
    Path("short.csv").write_text("protein,type,start,end\nP1,Domain,1,5\n")
    code, out, _ = esm2amp("residue_gradients.csv", "--annotations", "short.csv", "-o", "out")
    coverage = pd.read_csv("out/coverage.csv")
    top = coverage[coverage["selection"] == "top"]
    assert code == 0 and len(top) == 10  # a tenth of 100 residues
    assert top["token"].tolist()[:4] == ["B.residue1", "A.residue1", "B.residue2", "A.residue2"]
    assert top["Domain"].sum() == 500
    pair = pd.read_csv("out/pair_enrichment.csv").query("selection == 'top' and type == 'Domain'").iloc[0]
    assert_allclose([pair["coverage"], pair["reference"]], [50, 100 * (0.5 * 5 / 60)])
    # Five residues in a row, all in the domain: one of 60 rotations puts them there.
    assert_allclose(pair["p_value"], 1 / 60)
    summary = json.loads(Path("out/summary.json").read_text())
    assert summary["unit"] == "residue" and "rotated" in summary["chance"]["null"]
    assert set(pd.read_csv("out/hit_rates.csv")["rank"]) == {"mean"}
    esm2amp("residue_gradients.csv", "--annotations", "short.csv", "--share", "0.001", "-o", "one")
    assert pd.read_csv("one/coverage.csv")["token"].tolist() == ["B.residue1", "A.residue60"]  # at least one


def test_tokens_without_place_are_left_out_and_the_signed_value_can_rank(esm2amp):
    frame = token_frame([("P1", "P2")], LENGTHS, rising)
    extra = frame.iloc[:2].assign(token=["A.cls", "B.eos"], start=None, end=None, magnitude=1e9)
    pd.concat([extra, frame]).to_csv("ig.csv", index=False)
    by_size = read_importances("ig.csv")
    by_sign = read_importances("ig.csv", by="value")  # the values are the negated magnitudes
    assert by_size.top.unit.tolist() == by_sign.low.unit.tolist() == [9, 8, 7]
    assert by_size.top.side.tolist() == [1, 1, 1] and by_sign.top.unit.tolist() == [0, 1, 2]


def test_lookup_asks_uniprot_only_when_asked(esm2amp, monkeypatch):
    lengths = {"P12345": 100, "Q67890": 50}
    token_frame([tuple(lengths)], lengths, falling).to_csv("attention.csv", index=False)
    with running(make_entry("P12345"), make_entry("Q67890", length=50)) as server:
        monkeypatch.setenv("ESM2AMP_UNIPROT_URL", server.url)
        code, _, err = esm2amp("attention.csv", "-o", "out")
        assert code == 2 and "--lookup" in err and not server.asked
        assert esm2amp("attention.csv", "--lookup", "-o", "out")[0] == 0
    assert json.loads(Path("out/summary.json").read_text())["annotations"]["releases"] == ["2026_02"]
    assert esm2amp("attention.csv", "--lookup", "-o", "again")[0] == 0  # from what was kept
    assert sorted(path.name for path in Path("workspace/uniprot").iterdir()) == ["P12345.json", "Q67890.json"]


@pytest.mark.parametrize("arguments, message", [
    (("none.csv",), "does not exist"),
    (("labels.csv",), "tells no importances by magnitude"),
    (("attention.csv", "-k", "10", "--labels", "none.csv"), "does not exist"),
    (("attention.csv", "--labels", "regions.csv"), "protein_a, protein_b and label"),
    (("attention.csv", "--types", "Motif"), "no region of type 'Motif'"),
    (("attention.csv", "--by", "size"), "magnitude or value"),
    (("attention.csv", "--share", "0.9"), "up to 0.5"),
    (("attention.csv", "--lookup"), "One source of annotations"),
    (("attention.csv", "--sequences", "regions.csv"), "FASTA"),
])  # fmt: skip
def test_wrong_use_is_one_line_and_leaves_nothing_behind(esm2amp, arguments, message):
    code, out, err = esm2amp(*arguments, "--annotations", "regions.csv", "-o", "out")
    assert (code, out) == (2, "") and message in err and "Traceback" not in err
    assert not Path("out").exists()


def test_a_second_run_into_the_same_folder_is_refused_before_the_work(esm2amp, monkeypatch):
    monkeypatch.setattr("esm2amp_core.regions.running.analyse", lambda *_, **__: pytest.fail("worked"))
    with sole_writer(Path("out")):
        code, _, err = esm2amp("attention.csv", "--annotations", "regions.csv", "-o", "out")
    assert code == 2 and "out is being written by another process" in err and not Path("out").exists()


def test_a_folder_that_stands_is_not_touched(esm2amp):
    Path("out").mkdir()
    Path("out/mine.txt").write_text("mine")
    code, _, err = esm2amp("attention.csv", "--annotations", "regions.csv", "-o", "out")
    assert code == 2 and "exists already" in err
    assert [path.name for path in Path("out").iterdir()] == ["mine.txt"]


def test_the_same_seed_writes_the_same_files(esm2amp):
    for name in ("one", "two"):
        esm2amp("attention.csv", "--annotations", "regions.csv", "--seed", "3", "-o", name)
    assert {path.name: path.read_bytes() for path in Path("one").iterdir()} == {
        path.name: path.read_bytes() for path in Path("two").iterdir()}


def drop(frame):
    return frame.drop(index=3)


def twice(frame):
    return pd.concat([frame, frame.iloc[[3]]])


@pytest.mark.parametrize("change, message", [
    (drop, "1 of 3 pairs are not complete"), (twice, "1 of 3 pairs are not complete"),
    (lambda f: f.assign(token=f["token"].str.replace("segment9", "segment12")), "3 of 3 pairs are not comp"),
    (lambda f: f.assign(token=f["token"].str.replace("segment0", "segment12")), "3 of 3 pairs are not comp"),
    (lambda f: f.assign(token=f["token"].str.replace("A.segment9", "C.segment9")), "is no token"),
    (lambda f: f.assign(magnitude=f["magnitude"].where(f.index != 7, np.nan)), "1 rows have no number"),
    (lambda f: f.assign(magnitude=f["magnitude"].where(f.index != 7, np.inf)), "1 rows have no number"),
    (lambda f: f.assign(end=f["end"].where(f.index != 9, 101)), "'P1' has 1.. residues"),
    (lambda f: f.assign(row=1), "different proteins under row number 1"),
    (lambda f: f.iloc[:0], "has a header but no rows"),
    (lambda f: f.assign(token="A.mean"), "no segments"),
    (lambda f: f.assign(token=f["token"].mask(f.index == 4, "A.residue4")), "residues and segments"),
])  # fmt: skip
def test_importances_that_contradict_themselves_are_refused(tmp_path, change, message):
    change(token_frame(PAIRS, LENGTHS, rising)).to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(AnnotationError, match=message):
        read_importances(tmp_path / "bad.csv")


@pytest.mark.parametrize("change, message", [
    ({"top2": "A_segment10"}, "'A_segment10' is no top segment"),
    ({"top2": "A_segment1"}, "stands there twice"),
    ({"low1": ""}, "is no low segment"), ({"top3": None}, "no column top3"),
])  # fmt: skip
def test_chosen_segments_that_mean_nothing_are_refused(tmp_path, change, message):
    row = {"protein_a": "P1", "protein_b": "P2", "top1": "A_segment1", "top2": "B_segment1",
           "top3": "A_segment0", "low1": "A_segment5", "low2": "A_segment6", "low3": "A_segment7"} | change
    pd.DataFrame([{name: value for name, value in row.items() if value is not None}]).to_csv(
        tmp_path / "chosen.csv", index=False)
    with pytest.raises(AnnotationError, match=message):
        read_importances(tmp_path / "chosen.csv", lengths=LENGTHS)


def test_findings_are_told_beside_the_bias_for_the_ends_of_chains(esm2amp):
    _, out, _ = esm2amp("attention.csv", "--annotations", "regions.csv", "-o", "out")
    # Top are the first three segments of A: one of them lies at an end.
    assert "top first or last tenth: 33.3 % covered, 20.0 % by chance" in out
    assert "top Domain: " in out and "low ALL: " in out
