"""A whole job against regions: hit rates per class, enrichment, and the bias for places in the chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from esm2amp_core.figures import region_charts
from esm2amp_core.figures.region_numbers import (
    CLASSES,
    class_title,
    comparisons,
    drawn_types,
    hit_panels,
    position_table,
    with_all,
)
from esm2amp_core.jobs import Job
from esm2amp_core.region_files import LOW, TOP, RegionFolder
from pages.components.explain_drawings import drawings
from pages.components.file_row import files_row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MORE_THAN_CHANCE = "More than chance?"
CHART = {"displayModeBar": False}


def on_paper(name: str, *args: object) -> dict[str, Callable[[], bytes]]:
    """SVG and PNG of a picture of `plots.regions`; Matplotlib is loaded when somebody asks for one."""

    def draw() -> Figure:
        from esm2amp_core.plots import regions

        return getattr(regions, name)(*args)

    return drawings(draw)


def left_out(folder: RegionFolder) -> str:
    """A sentence on the types that are not drawn; empty where all are."""
    n_types, n_drawn = len(folder.types), len(drawn_types(folder.enrichment, folder.types))
    return "" if n_types == n_drawn else (
        f" Shown are the {n_drawn:,} of {n_types:,} types that cover most of the proteins, and ALL of them "
        "together; the files hold every type.")  # fmt: skip


def show_hit_rates(job: Job, folder: RegionFolder) -> None:
    """Share of pairs whose top, and low, segments reach a coverage."""
    thresholds = folder.summary["thresholds_percent"]
    what = "pair" if folder.is_by_residue else "segment"
    threshold = st.segmented_control(
        f"A {what} hits if at least this share of it lies in a region", thresholds, default=thresholds[1],
        required=True, format_func=lambda percent: f"{percent} %", key="regions-threshold",
    )  # fmt: skip
    types = drawn_types(folder.enrichment, folder.types)
    panels, names = hit_panels(folder.hit_rates, types, threshold), with_all(types)
    unit = folder.summary["unit"]
    st.plotly_chart(region_charts.hit_rate_bars(panels, names, threshold, unit), key="hit-rates",
                    config=CHART, alt="Share of pairs whose top and low segments lie on each type of region")
    k = folder.summary["chosen_per_pair"]["most"]
    counted = ("A pair counts if the mean coverage of its chosen residues reaches the threshold."
               if folder.is_by_residue else
               f"A pair counts if any of its {k} segments reaches the threshold, as in the paper.")
    classes = [CLASSES[name] for name, *_ in panels if class_title(name) == name]  # the others are words
    words = (f"{counted} ALL: any of the types. A blue bar longer than the orange one says that top {unit}s "
             "lie on regions more often than low ones; whether that is more than chance, "
             f"“{MORE_THAN_CHANCE}” tells. "
             f"{'; '.join(classes)}{'.' if classes else ''}{left_out(folder)}")
    files_row(job, "hit_rates", lambda: folder.hit_rates,
              on_paper("hit_rate_bars", panels, names, threshold, unit), words)


def show_enrichment(job: Job, folder: RegionFolder) -> None:
    """Coverage against chance, per type; beside it, where in the chains the segments lie."""
    left, right = st.columns([2.1, 1], gap="medium")
    types = drawn_types(folder.enrichment, folder.types)
    names, found = with_all(types), comparisons(folder.enrichment, types)
    unit = folder.summary["unit"]
    with left:
        st.subheader("Regions", anchor=False)
        st.plotly_chart(region_charts.enrichment_plot(found, names), key="enrichment", config=CHART,
                        alt="Difference of coverage from chance with its interval, per type of region")
    with right:
        st.subheader("Place in the chain", anchor=False)
        top, low = (position_table(folder.positions, which) for which in (TOP, LOW))
        st.plotly_chart(region_charts.position_plot(top, low, unit), key="positions", config=CHART,
                        alt="Share of top and low segments in each tenth of the chains")
    moved = (f"{unit}s change places within their protein" if not folder.is_by_residue
             else "the residues are rotated along their protein")
    files_row(
        job, "enrichment", lambda: folder.enrichment, on_paper("enrichment_plot", found, names),
        f"**Regions.** A dot right of 0: these {unit}s are covered more than by chance, that is when {moved}"
        ". Between top and low, chance itself need not be 0: the grey bar shows it. A filled dot: the "
        "p-value, corrected for all tests of this table, is at most 0.05. The line is "
        "the 95 % interval over pairs that share proteins; a type has none with fewer than 10 proteins, or "
        "pairs with such a protein, that have a region of it. It shows where the explanation points; it does "
        "not show that the model knows the region, nor that the region binds the partner."
        f"{left_out(folder)}",
    )  # fmt: skip
    files_row(
        job, "position_bias", lambda: folder.positions, on_paper("position_plot", top, low, unit),
        f"**Place in the chain.** By chance, each tenth of the chains holds a tenth of the {unit}s. Regions "
        "have favourite places too: where the lines leave the dashed one, a preference for a region may be "
        "no more than a preference for a place.",
    )  # fmt: skip
