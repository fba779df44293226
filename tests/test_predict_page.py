"""The Predict page, run by Streamlit without a browser; the worker is not started, or runs inline."""

import pytest
from page_samples import finished_job
from page_visits import FASTA, MDM2, P53, button, metrics, sound, visit, words
from streamlit.testing.v1 import AppTest

from esm2amp_core.jobs import JobState
from esm2amp_core.tasks.worker import run_pending
from pages.components.inputs import EXAMPLES, n_records


def paste(pairs: str, fasta: str = FASTA) -> AppTest:
    app = visit("predict")
    app.text_area(key="pairs").set_value(pairs)
    app.text_area(key="fasta").set_value(fasta)
    return sound(app.run())


def test_pasted_pairs_become_a_job_and_its_results(workspace):
    app = paste("P04637\tQ00987\nQ00987\tQ00987")
    assert metrics(app) == {
        "Pairs": "2", "Different proteins": "2", "Residues": f"{len(P53) + len(MDM2):,}",
        "Pairs that can be scored": "2",
    }  # fmt: skip
    next(box for box in app.text_input if box.label == "Title of the job").set_value("My two")
    button(app, "Predict 2 pairs").click()
    sound(app.run())
    (job,) = workspace.jobs.list()
    assert (job.title, job.n_rows, job.state) == ("My two", 2, JobState.QUEUED)
    assert app.query_params["job"] == job.id
    assert "Waiting" in words(app)

    run_pending(workspace)
    app = visit("results", job=job.id)
    assert metrics(app) | {"Called interacting": ""} == {
        "Pairs scored": "2", "Called interacting": "", "With a warning": "1", "Not scored": "0",
    }  # fmt: skip
    assert {button.label for button in app.download_button} == {
        "Download CSV", "Download Excel (XLSX)", "Download Parquet",
    }  # fmt: skip


def test_every_problem_is_listed_with_its_row_and_good_rows_can_run(workspace):
    app = paste("protein_a,protein_b\nP04637,Q00987\nP04637,NOBODY\n1-Mar,Q00987")
    table = next(frame.value for frame in app.dataframe if "Problem" in frame.value)
    assert list(table[table["Kind"] == "error"]["Row"]) == [2, 3]
    assert "NOBODY" in table["Value"].tolist()
    assert metrics(app)["Pairs that can be scored"] == "1"
    button(app, "Predict 1 pair").click()
    sound(app.run())
    (job,) = workspace.jobs.list()
    run_pending(workspace)
    result = workspace.results(job.id).frame
    assert list(result["status"]) == ["ok", "error", "error"]
    assert "NOBODY" in result["message"][1]


def test_a_missing_sequence_can_be_added_in_the_page(workspace):
    app = paste("P04637,Q00987", fasta=f">P04637\n{P53}\n")
    assert metrics(app)["Pairs that can be scored"] == "0"
    assert button(app, "Predict").disabled
    next(box for box in app.text_area if box.label.startswith("More sequences")).set_value(f">Q00987\n{MDM2}")
    button(app, "Check again").click()
    sound(app.run())
    assert metrics(app)["Pairs that can be scored"] == "1"
    assert "cannot be scored" not in words(app)


def test_columns_with_other_names_can_be_chosen_by_hand(workspace):
    app = paste("left over,right over,score\nP04637,Q00987,0.3")
    assert "not recognised" in words(app)
    assert not [found for found in app.button if found.label.startswith("Predict")]
    boxes = {box.label: box for box in app.selectbox}
    boxes["Protein A"].set_value("left over")
    boxes["Protein B"].set_value("right over")
    button(app, "Use these columns").click()
    sound(app.run())
    assert metrics(app)["Pairs that can be scored"] == "1"
    button(app, "Predict").click()
    sound(app.run())
    (job,) = workspace.jobs.list()
    assert workspace.inputs(job.id).carried == ["score"]


def test_the_columns_stand_open_where_one_of_them_holds_the_missing_sequences(workspace):
    def columns_box(app):
        return next(box for box in app.expander if box.label.startswith("Columns:"))

    table = f"bait,prey,baitseq,preyseq\nP04637,Q00987,{P53},{MDM2}"
    app = paste(table, fasta="")
    assert metrics(app)["Pairs that can be scored"] == "0"
    assert columns_box(app).proto.expanded
    boxes = {box.label: box for box in app.selectbox}
    boxes["Sequence of A"].set_value("baitseq")
    boxes["Sequence of B"].set_value("preyseq")
    button(app, "Use these columns").click()
    sound(app.run())
    assert metrics(app)["Pairs that can be scored"] == "1"
    assert not columns_box(app).proto.expanded
    assert not columns_box(paste("bait,prey\nP04637,NOBODY")).proto.expanded


def test_repeated_pairs_are_noted_and_all_are_scored(workspace):
    app = paste("protein_a,protein_b\nP04637,Q00987\nQ00987,P04637\nP04637,Q00987")
    table = next(frame.value for frame in app.dataframe if "Problem" in frame.value)
    assert table["Problem"].tolist()[0].startswith("2 rows repeat an earlier pair (the first is row 2)")
    assert len(table) == 1 and metrics(app)["Pairs that can be scored"] == "3"


def test_an_empty_file_of_sequences_is_told(workspace):
    app = visit("predict")
    app.segmented_control(key="way").set_value("Upload a file").run()
    table = f"id1,id2,seq1,seq2\nP04637,Q00987,{P53},{MDM2}\n".encode()
    app.file_uploader(key="table-file").set_value(("pairs.csv", table, "text/csv"))
    app.file_uploader(key="fasta-file").set_value(("none.fasta", b"", "text/plain"))
    sound(app.run())
    assert "none.fasta is empty" in words(app).replace("\\", "")
    assert metrics(app)["Pairs that can be scored"] == "1"


def test_two_bare_sequences_are_enough(workspace):
    app = visit("predict")
    app.segmented_control(key="way").set_value("Two sequences").run()
    app.text_area(key="sequence-A").set_value(f">sp|P04637|P53_HUMAN\n{P53}")
    app.text_area(key="sequence-B").set_value(MDM2)
    sound(app.run())
    assert metrics(app)["Pairs that can be scored"] == "1"
    button(app, "Predict 1 pair").click()
    sound(app.run())
    job = workspace.jobs.list()[0]
    assert job.n_rows == 1
    assert job.title == "sp|P04637|P53_HUMAN and protein B"
    assert workspace.inputs(job.id).frame["protein_a"].tolist() == ["sp|P04637|P53_HUMAN"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (f">one\n{P53}\n>two\n{MDM2}", 2), (f"{P53}\n>second\n{MDM2}", 2),
        (f"{P53}\n >b\n{MDM2}\n>c\n{P53}", 3), (f"{P53}\n \n{MDM2}", 2),
        (f">one\n\n{P53}\n\n\n{MDM2}\n\n>c", 3),
    ],
)  # fmt: skip
def test_two_sequences_in_one_box_are_never_joined(workspace, text, number):
    app = visit("predict")
    app.segmented_control(key="way").set_value("Two sequences").run()
    app.text_area(key="sequence-A").set_value(MDM2)
    app.text_area(key="sequence-B").set_value(text)
    sound(app.run())
    assert f"Box B holds {number} sequences; keep one." in words(app).replace("\\", "")
    assert not metrics(app) and not [found for found in app.button if found.label.startswith("Predict")]


def test_one_sequence_over_many_lines_and_below_a_gap_is_one():
    assert n_records(f">one\n\n{P53}\n{MDM2}\n") == n_records(f"\n{P53}\n{MDM2}\n\n") == 1
    assert n_records(" \n") == 0


def test_two_sequences_without_names_are_titled_by_their_lengths(workspace):
    app = visit("predict")
    app.segmented_control(key="way").set_value("Two sequences").run()
    for side, sequence in (("A", P53), ("B", MDM2)):
        app.text_area(key=f"sequence-{side}").set_value(sequence)
    sound(app.run())
    title = next(box.value for box in app.text_input if box.label == "Title of the job")
    assert title == f"Two sequences of {len(P53)} and {len(MDM2)} residues"


def test_columns_that_are_likely_meant_are_chosen_already(workspace):
    app = paste("Ensembl A,Ensembl B,score\nP04637,Q00987,0.3")
    assert "not recognised" in words(app)
    boxes = {box.label: box.value for box in app.selectbox}
    assert (boxes["Protein A"], boxes["Protein B"]) == ("Ensembl A", "Ensembl B")


def test_the_reason_stands_beside_each_row_that_is_to_be_mended(workspace):
    app = paste("protein_a,protein_b,Reason\nP04637,Q00987,mine\nP04637,GHOST,mine")
    grid = next(frame.value for frame in app.dataframe if "Reason (2)" in frame.value)
    assert list(grid.columns) == ["Reason (2)", "protein_a", "protein_b", "Reason"]
    assert list(grid.index) == [2] and "GHOST" in grid["Reason (2)"].iloc[0]


def test_an_uploaded_table_is_read_and_named_after_its_file(workspace):
    app = visit("predict")
    app.segmented_control(key="way").set_value("Upload a file").run()
    table = f"id1;id2;sequence_1;sequence_2\nP04637;Q00987;{P53};{MDM2}\n".encode()
    app.file_uploader(key="table-file").set_value(("my screen.csv", table, "text/csv"))
    sound(app.run())
    assert metrics(app)["Pairs that can be scored"] == "1"
    assert next(box.value for box in app.text_input if box.label == "Title of the job") == "my screen"


@pytest.mark.parametrize("data", [b"", b"\x00\x01\x02" * 900, b"PK\x03\x04 not a workbook", b"%PDF-1.7"])
def test_a_file_that_is_no_table_is_refused_in_words(workspace, data):
    app = visit("predict")
    app.segmented_control(key="way").set_value("Upload a file").run()
    app.file_uploader(key="table-file").set_value(("x.csv", data, "text/csv"))
    sound(app.run())
    assert len(app.error) == 1
    assert not [found for found in app.button if found.label.startswith("Predict")]


def test_the_example_needs_one_click(workspace):
    app = visit("predict")
    app.segmented_control(key="way").set_value("Try an example")
    sound(app.run())
    n_pairs = int(metrics(app)["Pairs"])
    assert n_pairs >= 12
    assert metrics(app)["Pairs that can be scored"] == str(n_pairs)
    assert not button(app, f"Predict {n_pairs} pairs").disabled


def test_the_messy_example_shows_many_kinds_of_problems(workspace):
    app = visit("predict")
    app.segmented_control(key="way").set_value("Try an example").run()
    app.radio(key="example").set_value(next(example for example in EXAMPLES if "messy" in example.title))
    sound(app.run())
    table = next(frame.value for frame in app.dataframe if "Problem" in frame.value)
    assert table["Problem"].nunique() >= 5
    assert int(metrics(app)["Pairs that can be scored"]) > 0


def test_empty_input_asks_for_pairs(workspace):
    app = visit("predict")
    button(app, "Check these pairs").click()
    assert "Paste at least one pair" in words(sound(app.run()))


def test_without_a_model_the_page_says_how_to_get_one(workspace, monkeypatch, tmp_path):
    monkeypatch.setenv("ESM2AMP_MODELS", str(tmp_path / "none"))
    app = paste("P04637\tQ00987")
    assert "No model is installed" in words(app)


def test_the_time_is_estimated_from_earlier_jobs(workspace):
    assert "time is not known" in words(paste("P04637\tQ00987"))
    finished_job(workspace)
    assert "judging from 1 earlier job" in words(paste("P04637\tQ00987"))


def test_a_small_job_says_nothing_about_the_time_of_a_large_one(workspace):
    finished_job(workspace, n_rows=6)
    assert "judging from" in words(paste("P04637\tQ00987\n" * 60))
    assert "time is not known" in words(paste("P04637\tQ00987\n" * 61))


def test_a_note_about_the_table_stands_there_once(workspace):
    app = paste("My screen of last year\n\nprotein_a,protein_b,score\nP04637,Q00987,1")
    table = next(frame.value for frame in app.dataframe if "Problem" in frame.value)
    notes = [problem for problem in table["Problem"] if "Above the header" in problem]
    assert len(notes) == 1
    assert "Above the header" not in words(app)


def test_a_job_that_has_to_wait_for_others_is_told_so_before_and_after(workspace):
    assert "came before it" not in words(paste("P04637\tQ00987"))
    pairs = workspace.inputs(finished_job(workspace))
    first, second = (workspace.submit_prediction(pairs, bundle="starter", title=title) for title in "12")
    app = paste("P04637\tQ00987")
    assert "It starts after 2 jobs that came before it." in words(app)
    assert "Place 2 in the queue." in words(visit("results", job=second.id))
    assert "when the worker is ready" in words(visit("results", job=first.id))
    workspace.jobs.claim("someone")
    assert "when the job that is running now has ended" in words(visit("results", job=second.id))
