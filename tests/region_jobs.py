"""A workspace with a finished explanation of four pairs, to lay regions over."""

import pandas as pd
from page_visits import MDM2, P53

from esm2amp_core.pairs import PairTable
from esm2amp_core.sequences import Protein
from esm2amp_core.tasks.worker import run_pending

SEQUENCES = {"P04637": P53, "Q00987": MDM2, "=P9": P53[::-1]}
PAIRS = [("P04637", "Q00987", "1"), ("Q00987", "=P9", "0"), ("=P9", "=P9", "1"), ("P04637", "=P9", "")]
REGIONS = (b"protein,type,start,end,note,evidence\nP04637,Domain,1,30,=HYPERLINK(1),ECO:1\n"
           b"P04637,Motif,20,25,,\n"
           b"Q00987,Domain,40,500,too long,\nQ00987,Repeat,5,2,backwards,\n=P9,Domain,1,9,,\n")  # fmt: skip


def explain(workspace, rows=(), *, methods=("attention",), bundle="starter_amps"):
    """Score and explain the pairs; the finished job."""
    frame = pd.DataFrame(PAIRS, columns=["protein_a", "protein_b", "truth"])
    frame.insert(0, "row", range(1, len(frame) + 1))
    proteins = {name: Protein(name, text) for name, text in SEQUENCES.items()}
    scored = workspace.submit_prediction(PairTable(frame, proteins), bundle=bundle, title="Kinases")
    run_pending(workspace)
    job = workspace.explain(scored.id, rows, methods=methods)
    run_pending(workspace)
    return workspace.jobs.get(job.id)


def compare(workspace, explained, **options):
    """Lay regions over an explanation; the finished job."""
    asked = {"method": "attention", "annotations": REGIONS, "filename": "my regions.csv"} | options
    job = workspace.compare_regions(explained.id, **asked)
    run_pending(workspace)
    return workspace.jobs.get(job.id)
