"""How each protein of a screen scores with all its partners."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from esm2amp_core.figures.explanation_pair import NEGATIVE, POSITIVE, picture_text
from esm2amp_core.figures.screen_network import LIBRARY
from esm2amp_core.figures.screen_numbers import find_baits, met

MOST_POINTS = 20_000
SPREAD, RANK = "spread", "rank"


def background_plot(
    proteins: pd.DataFrame, sticky: pd.Series, *, by: str = SPREAD, marked: str = ""
) -> go.Figure:
    """A point per protein: its mean logit against their spread, or by rank.

    The scores are those with its partners, or with reference proteins: the hover text tells which.

    Parameters
    ----------
    proteins : DataFrame
        `screen_files.PROTEIN_COLUMNS`; at most `MOST_POINTS` lines are drawn, those with the highest means.
    sticky : Series, dtype=bool
        By protein, as `find_sticky` gives it.
    by : {"spread", "rank"}
    marked : str
        A protein to be named in the picture.
    """
    known = proteins.dropna(subset="mean_logit").sort_values("mean_logit", ascending=False, kind="stable")
    known = known.assign(rank=np.arange(1, len(known) + 1),
                         sticky=sticky.reindex(known["protein"]).to_numpy())
    known = known.head(MOST_POINTS)
    if by == SPREAD:
        known = known.dropna(subset="sd_logit")
    x, y = ("mean_logit", "sd_logit") if by == SPREAD else ("rank", "mean_logit")
    is_bait = find_baits(proteins)
    of_bait = is_bait.reindex(known["protein"]).to_numpy()
    figure = go.Figure()
    others = "library" if is_bait.any() else "proteins"
    # The few last, and so on top.
    for name, which, symbol, colour in ((others, ~of_bait, "circle", LIBRARY),
                                        ("baits", of_bait, "square", POSITIVE)):
        _add_points(figure, known[which & ~known["sticky"]], x, y, name=name, symbol=symbol, colour=colour)
    _add_points(figure, known[known["sticky"]], x, y, name="sticky: scores high with everything",
                symbol="diamond", colour=NEGATIVE)
    for line in known[known["protein"] == marked].to_dict("records"):
        figure.add_annotation(x=line[x], y=line[y], text=picture_text(marked), showarrow=True, arrowhead=2,
                              ax=24, ay=-30)  # fmt: skip
    titles = {"mean_logit": "mean score with all others (logit)", "sd_logit": "spread of its scores (SD)",
              "rank": "proteins, highest mean first"}
    figure.update_xaxes(title=titles[x], zeroline=False)
    figure.update_yaxes(title=titles[y], zeroline=False)
    figure.update_layout(
        height=420, margin={"l": 10, "r": 10, "t": 40, "b": 10}, hovermode="closest",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    return figure


def _add_points(
    figure: go.Figure, proteins: pd.DataFrame, x: str, y: str, *, name: str, symbol: str, colour: str
) -> None:
    if len(proteins):
        figure.add_scattergl(
            x=proteins[x], y=proteins[y], mode="markers", name=name,
            marker={"symbol": symbol, "color": colour, "size": 7, "opacity": 0.8},
            text=[_words(line) for line in proteins.to_dict("records")],
            hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip


def _words(protein: dict) -> str:
    spread = "" if np.isnan(protein["sd_logit"]) else f", spread {protein['sd_logit']:.2f}"
    return (f"<b>{picture_text(protein['protein'])}</b> ({protein['role']})<br>mean logit "
            f"{protein['mean_logit']:+.2f}{spread}<br>called interacting with {protein['share_called']:.1%} "
            f"of {met(protein)}<br>{protein['n_hits']:,.0f} of the best pairs")
