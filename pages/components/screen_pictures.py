"""Pictures of a screen: the histogram of all scores, the network of the best, each protein's own scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from esm2amp_core.figures.screen_background import MOST_POINTS, RANK, SPREAD, background_plot
from esm2amp_core.figures.screen_histogram import screen_histogram
from esm2amp_core.figures.screen_network import Network, network
from esm2amp_core.jobs import Job
from esm2amp_core.screen_files import VIEW_EDGES, ScreenFolder
from pages.components.explain_drawings import drawings
from pages.components.file_row import files_row
from pages.components.screen_reading import called_words, network_of, sticky_of
from pages.components.text import count, literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STILL = {"displayModeBar": False}
MOVING = {"displaylogo": False, "scrollZoom": True, "modeBarButtonsToRemove": ["select2d", "lasso2d"]}
FIRST_EDGES, FEWEST_EDGES = 150, 20
ORDERS = {"rank_by_score": "Highest probability", "rank_by_z": "Highest z"}
VIEWS = {SPREAD: "Mean against spread", RANK: "Ranked by mean"}
TOP_STICKY = 200


def on_paper(name: str, *args: object, **options: object) -> dict[str, Callable[[], bytes]]:
    """SVG and PNG of a picture of `plots.screen`; Matplotlib is loaded when somebody asks for one."""

    def draw() -> Figure:
        from esm2amp_core.plots import screen

        return getattr(screen, name)(*args, **options)

    return drawings(draw)


def show_histogram(job: Job, screen: ScreenFolder) -> None:
    """All pairs by probability."""
    log_counts = st.toggle("Logarithmic axis of pairs", value=True, key="screen-log",
                           help="A few high scores among very many pairs cannot be seen otherwise.")
    threshold = screen.summary["threshold"]
    st.plotly_chart(screen_histogram(screen.histogram, threshold=threshold, log_counts=log_counts),
                    key="screen-histogram", config=STILL, alt="Histogram of the scores of all pairs")
    files_row(job, "all_scores", lambda: screen.histogram,
              on_paper("screen_histogram", screen.histogram, threshold=threshold, log_counts=log_counts),
              f"The scores of all {screen.summary['n_pairs']:,} pairs.")


def show_network(job: Job, screen: ScreenFolder) -> None:
    """The best hits as nodes and edges."""
    by, how_many = st.columns([1, 2], vertical_alignment="bottom", gap="medium")
    rank = by.segmented_control("Pairs with the", list(ORDERS), default="rank_by_score", required=True,
                                format_func=ORDERS.get, key="screen-network-by")
    n_hits = int(screen.hits[rank].notna().sum())
    if not n_hits:
        st.info("No pair has a z: the proteins met too few partners, and the model brings no reference "
                "proteins.")
        return
    most = min(n_hits, VIEW_EDGES)
    # A fifth of the pairs at first: with all of a small screen, everything would be tied to everything.
    first = min(FIRST_EDGES, max(most // 5, min(most, FEWEST_EDGES)))
    n_edges = (most if most == 1 else
               how_many.slider("Pairs shown", 1, most, first, key=f"screen-edges-{rank}"))
    drawn, edges = network_of(screen, n_edges, rank), screen.edges(n_edges, by=rank)
    dark = st.context.theme.type == "dark"
    st.plotly_chart(network(drawn, edges, screen.proteins, dark=dark), key="screen-network", config=MOVING,
                    alt="Network of the best pairs")
    files_row(job, "network_hits", lambda: edges, on_paper("network", drawn),
              f"{called_words(screen, edges, 'pair shown', 'pairs shown')} {_symbol_words(screen)} "
              f"{_hidden_words(drawn)}Drag to move, scroll to zoom, point at a node or at the middle of a "
              "line. For Cytoscape, take GraphML or TSV under “Files and settings”: they hold all "
              f"{count(len(screen.hits), 'best pair')}, not only those shown.")


def _hidden_words(drawn: Network) -> str:
    n_hidden = int((~drawn.is_named).sum())
    if not n_hidden:
        return ""
    are = "is" if n_hidden == 1 else "are"
    return f"{count(n_hidden, 'name')} of {len(drawn.names):,} {are} not written, for want of room. "


def _symbol_words(screen: ScreenFolder) -> str:
    larger = "larger ones have more of the pairs shown."
    if screen.is_all_vs_all:
        return f"A circle is a protein; {larger}"
    return f"A square is a bait, also one that is in the library, a circle another protein of it; {larger}"


def show_background(job: Job, screen: ScreenFolder) -> None:
    """Each protein's mean and spread over all its partners, and the list of sticky ones."""
    view, find = st.columns([1, 1], vertical_alignment="bottom")
    by = view.segmented_control("Picture", list(VIEWS), default=SPREAD, required=True,
                                format_func=VIEWS.get, key="screen-background-by")
    marked = find.text_input("Mark a protein", key="screen-marked", placeholder="its id",
                             icon=":material/search:").strip()
    proteins, sticky = screen.proteins, sticky_of(screen)
    if marked and not (proteins["protein"] == marked).any():
        like = proteins["protein"][proteins["protein"].str.contains(marked, case=False, regex=False)]
        if len(like) == 1:
            marked = like.iloc[0]
        else:
            found = f"{count(len(like), 'protein')} match" if len(like) else "No protein matches"
            st.caption(f"{found} “{literal(marked, limit=40)}”; write the whole id.")
    st.plotly_chart(background_plot(proteins, sticky, by=by, marked=marked), key="screen-background",
                    config=STILL, alt="Mean score of each protein")
    n_all = len(proteins)
    few = f" Of {n_all:,}, the {MOST_POINTS:,} highest are drawn." if n_all > MOST_POINTS else ""
    files_row(job, "proteins", lambda: proteins, on_paper("background", proteins, sticky, by=by),
              "A point per protein: its mean score over all its partners, or over reference proteins where "
              "partners are fewer than 20. A protein far to the right of its "
              f"like scores high with everything.{few}")
    if sticky.any():
        st.markdown(f"**{count(int(sticky.sum()), 'sticky protein')}**")
        shown = proteins[sticky.to_numpy()].sort_values("mean_logit", ascending=False)
    else:
        st.markdown("**No protein is sticky**; those with the highest means:")
        shown = proteins.sort_values("mean_logit", ascending=False)
    column = st.column_config
    shown = shown.head(TOP_STICKY)
    st.dataframe(
        shown.assign(share_called=100 * shown["share_called"]), hide_index=True,
        height=min(38 + 35 * max(len(shown), 1), 388), alt="Proteins",
        column_order=["protein", "role", "length", "n_partners", "background", "n_background", "mean_logit",
                      "sd_logit", "share_called", "n_hits"],
        column_config={
            "protein": "Protein", "role": "Role", "length": "Residues", "n_partners": "Partners",
            "background": column.TextColumn("Compared with", help="Its partners in this screen; where they "
                                            "are fewer than 20, reference proteins of the model."),
            "n_background": column.NumberColumn("How many", help="Scores behind mean and spread."),
            "mean_logit": column.NumberColumn("Mean score", format="%.2f",
                                              help="Mean logit with those it is compared with."),
            "sd_logit": column.NumberColumn("Spread", format="%.2f",
                                            help="Standard deviation of its logits."),
            "share_called": column.NumberColumn("Called", format="%.1f %%", help="Share of those it is "
                                                "compared with that it is called interacting with."),
            "n_hits": column.NumberColumn("Among the best", help="In how many of the best pairs it is."),
        },
    )  # fmt: skip
