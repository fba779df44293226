"""The answer at a glance: numbers, histogram, what the scores mean, where they come from, downloads."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from esm2amp_core import exports
from esm2amp_core.figures.histogram import score_histogram
from esm2amp_core.jobs import Job
from esm2amp_core.predictions import PredictionTable, precision_in_words
from esm2amp_core.workspace import Workspace
from pages.components.file_row import stem_of
from pages.components.model_words import JobModel, is_weak, trust_words
from pages.components.results import load_results, summarise
from pages.components.text import count, literal, plain, when

FORMATS: dict[str, tuple[str, Callable[[PredictionTable], bytes], str]] = {
    "csv": ("CSV", exports.to_csv, "text/csv"),
    "xlsx": ("Excel (XLSX)", exports.to_xlsx,
             "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "parquet": ("Parquet", exports.to_parquet, "application/vnd.apache.parquet"),
}  # fmt: skip
PARAMETERS = {
    "bundle": "Name of the model", "bundle_digest": "SHA-256 of the model's card", "title": "Model",
    "encoder": "Language model", "encoder_revision": "Language model, version", "esm2amp": "esm2amp",
}  # fmt: skip


def show_summary(frame: pd.DataFrame) -> None:
    """Four numbers."""
    numbers = summarise(frame)
    labels = (
        ("Pairs scored", numbers["scored"], "Rows of your table that have a probability."),
        ("Called interacting", numbers["interacting"], "Their probability reaches the model's threshold."),
        ("With a warning", numbers["warnings"], "Scored; the note of the row says what to keep in mind."),
        ("Not scored", numbers["errors"], "The note of the row says why. No row is ever left out."),
    )
    for column, (label, number, tip) in zip(st.columns(4), labels, strict=True):
        column.metric(label, f"{number:,}", help=tip, border=True)


def show_histogram(frame: pd.DataFrame, model: JobModel) -> None:
    """How the probabilities are spread, and where the threshold lies."""
    st.plotly_chart(
        score_histogram(frame["probability"].to_numpy(dtype=float), threshold=model.threshold),
        config={"displaylogo": False, "toImageButtonOptions": {"format": "svg", "filename": "scores"},
                "modeBarButtons": [["toImage"]]},
        alt="Histogram of the probabilities of interaction",
    )  # fmt: skip


def show_meaning(model: JobModel) -> None:
    """What a score says and what it does not."""
    threshold = "the model's threshold" if model.threshold is None else f"{model.threshold:.2f}"
    trust = trust_words(model.card) if model.card else ""
    if model.card and is_weak(model.card):
        st.warning(
            f"These scores are close to guessing: try the program with them, but pick no proteins. {trust}",
            icon=":material/warning:",
        )
        trust = ""
    st.markdown(
        f"A pair is **called interacting** from a probability of {threshold}. The model judges from the "
        f"two sequences alone. It does not know in which cell, when or where the proteins occur. {trust}"
    )
    if model.changed:
        st.info(
            f"The model {literal(model.name)} has changed since these scores were made. What the Models "
            "page says of it today may not hold for them. Run the job again to score with today's model.",
            icon=":material/info:",
        )
    with st.expander("What these scores mean, and what they do not"):
        st.markdown(
            "- The probability holds for data like those the model was tested on, where about half of the "
            "pairs interact. Among pairs picked at random far fewer do: of the pairs called interacting "
            "there, most will be wrong. Look at the top of the list first.\n"
            "- Swapping protein A and protein B does not change the score.\n"
            "- Proteins much like those the model was trained on score more reliably than others.\n"
            "- A score near the threshold says little in either direction.\n"
            "- It is a reason to do an experiment, not a replacement for one."
        )
        if card := model.card:
            for text in filter(None, (card.calibration, *card.limitations)):
                st.markdown(f"- {literal(text)}")


def show_downloads(workspace: Workspace, job: Job) -> None:
    """One button per format; the file is made when it is asked for."""
    with st.container(horizontal=True, horizontal_alignment="right"):
        for suffix, (label, write, mime) in FORMATS.items():
            st.download_button(
                f"Download {label}",
                data=lambda write=write: write(load_results(workspace, job)),
                file_name=f"{stem_of(job)}.{suffix}",
                mime=mime,
                on_click="ignore",
                icon=":material/download:",
                key=f"download-{suffix}",
            )


def show_provenance(job: Job, model: JobModel) -> None:
    """Everything needed to tell later how the numbers came about."""
    params = {name: value for name, value in job.params.items() if name != "used"} | model.used
    if model.card:
        params["encoder"] = model.card.encoder.id  # the worker knows but the folder it lies in
    facts = {
        "Job": job.id,
        "Model": model.title,
        "Rows": count(job.n_rows, "row"),
        "Submitted": when(job.created),
        "Started": when(job.started),
        "Finished": when(job.finished),
        "SHA-256 of the input": job.input_digest,
        **{PARAMETERS.get(name, plain(name)): value for name, value in precision_in_words(params).items()},
    }
    facts = {name: str(value) for name, value in facts.items() if value not in ("", None)}
    with st.expander("How these numbers were made"):
        st.dataframe(
            pd.DataFrame({"What": facts.keys(), "Value": facts.values()}), hide_index=True, alt="Provenance"
        )
