"""Four pairs, scored and explained in a workspace."""

import pandas as pd
from page_samples import WIDTH
from page_visits import MDM2, P53
from tiny import make_encoder
from tiny_bundle import make_bundle

from esm2amp_core.explanation_files import ExplanationFolder
from esm2amp_core.pairs import PairTable
from esm2amp_core.sequences import Protein
from esm2amp_core.tasks.worker import run_pending

SEQUENCES = {"P04637": P53, "Q00987": MDM2, "P9": P53[::-1]}
PAIRS = [("P04637", "Q00987"), ("Q00987", "P9"), ("P9", "P9"), ("P04637", "P9")]


def make_models(folder):
    """A model without attention under the name of the default one, and one with attention."""
    encoder = make_encoder(folder / "encoder", width=WIDTH)
    make_bundle(folder / "models" / "starter", encoder, architecture="siamese")
    make_bundle(folder / "models" / "starter_amps", encoder)
    return folder / "models"


def scored(workspace, pairs, *, bundle="starter_amps", sequences=None) -> str:
    """A finished prediction of named pairs."""
    frame = pd.DataFrame(pairs, columns=["protein_a", "protein_b"])
    frame.insert(0, "row", range(1, len(frame) + 1))
    proteins = {name: Protein(name, text) for name, text in (sequences or SEQUENCES).items()}
    job = workspace.submit_prediction(PairTable(frame, proteins), bundle=bundle, title="Kinases")
    run_pending(workspace)
    return job.id


def explained(workspace, rows=(), **options) -> str:
    """A finished explanation by attention of some or all of four pairs."""
    job = workspace.explain(scored(workspace, PAIRS), rows, methods=["attention"], **options)
    run_pending(workspace)
    return job.id


def folder_of(workspace, job_id) -> ExplanationFolder:
    return ExplanationFolder(workspace.folders.explanation(job_id))
