"""The best hits of a screen as a network."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from esm2amp_core.figures.explanation_pair import NEGATIVE, POSITIVE, picture_text
from esm2amp_core.figures.screen_labels import choose_sides
from esm2amp_core.figures.screen_layout import lay_out
from esm2amp_core.figures.screen_numbers import find_baits, met

NAMED, LONGEST_NAME = 80, 18
"""Nodes with their names written beside them: all, or the baits first and then those with most edges."""
LARGEST = 40
"""Edges from which a node is drawn no larger."""
DARK_INK, LIGHT_GROUND = "#1f2933", "#ffffff"
LIGHT_INK, DARK_GROUND = "#eef1f4", "#12171f"
EDGE, EDGE_STICKY, LIBRARY = "rgba(110,125,140,0.75)", "rgba(150,160,170,0.3)", "#7d8a96"


class Network(NamedTuple):
    """A network with a place for each node.

    Attributes
    ----------
    names : ndarray, dtype=object, shape=(N,)
        Proteins.
    places : ndarray, dtype=float64, shape=(N, 2)
    ends : ndarray, dtype=int64, shape=(M, 2)
        Of each edge, numbers of nodes.
    degree : ndarray, dtype=int64, shape=(N,)
    is_bait, is_sticky : ndarray, dtype=bool, shape=(N,)
        `find_baits`; `find_sticky`.
    sides : ndarray, dtype=object, shape=(N,)
        Where the name is written, a key of `screen_labels.SIDES`; empty where it is not.
    """

    names: np.ndarray
    places: np.ndarray
    ends: np.ndarray
    degree: np.ndarray
    is_bait: np.ndarray
    is_sticky: np.ndarray
    sides: np.ndarray

    @property
    def is_named(self) -> np.ndarray:
        """Those whose names are written: ndarray, dtype=bool, shape=(N,)."""
        return self.sides != ""

    @property
    def is_other(self) -> np.ndarray:
        """Neither bait nor sticky: ndarray, dtype=bool, shape=(N,)."""
        return ~self.is_bait & ~self.is_sticky

    @property
    def touches_sticky(self) -> np.ndarray:
        """Edges of a sticky protein: ndarray, dtype=bool, shape=(M,)."""
        return self.is_sticky[self.ends].any(1)


def place_hits(edges: pd.DataFrame, proteins: pd.DataFrame, sticky: pd.Series) -> Network:
    """Lay out the network of some hits.

    Parameters
    ----------
    edges : DataFrame
        Lines of `screen_files.HIT_COLUMNS`; at least one.
    proteins : DataFrame
        `screen_files.PROTEIN_COLUMNS`.
    sticky : Series, dtype=bool
        By protein.
    """
    names = pd.unique(edges[["protein_a", "protein_b"]].to_numpy().ravel())
    number = pd.Series(np.arange(len(names)), index=names)
    ends = np.column_stack([number[edges[side]].to_numpy() for side in ("protein_a", "protein_b")])
    degree = np.bincount(ends.ravel(), minlength=len(names))
    is_bait = find_baits(proteins).reindex(names, fill_value=False).to_numpy()
    places = lay_out(len(names), ends)
    n_letters = np.array([min(len(short_name(name)), LONGEST_NAME) for name in names])
    sides = choose_sides(places, ends, n_letters, _size(degree), np.lexsort((-degree, ~is_bait))[:NAMED],
                         n_certain=int(is_bait.sum()))
    return Network(
        names, places, ends, degree,
        is_bait=is_bait, is_sticky=sticky.reindex(names, fill_value=False).to_numpy(), sides=sides,
    )  # fmt: skip


def network(
    drawn: Network, edges: pd.DataFrame, proteins: pd.DataFrame, *, dark: bool = False
) -> go.Figure:
    """Proteins as nodes, hits as edges; edges of sticky proteins are faint.

    Parameters
    ----------
    drawn : Network
    edges, proteins : DataFrame
        Those it was laid out from.
    dark : bool
        Names are to be read on a dark ground.
    """
    figure = go.Figure()
    for which, colour, name in ((drawn.touches_sticky, EDGE_STICKY, "pair of a sticky protein"),
                                (~drawn.touches_sticky, EDGE, "pair")):
        if which.any():
            _add_edges(figure, drawn.places[drawn.ends[which]], colour, name)
    _add_hover(figure, drawn, edges)
    _add_nodes(figure, drawn, proteins)
    ink, ground = (LIGHT_INK, DARK_GROUND) if dark else (DARK_INK, LIGHT_GROUND)
    # A halo, so that a name that a line crosses can be read.
    halo = ", ".join([f"0 0 2px {ground}"] * 3)
    figure.update_traces(textfont={"size": 11, "color": ink, "shadow": halo},
                         selector={"mode": "markers+text"})
    # Room for names at the border; both axes are stretched: only who lies near whom has a meaning.
    for update, at, share in ((figure.update_xaxes, drawn.places[:, 0], 0.11),
                              (figure.update_yaxes, drawn.places[:, 1], 0.06)):
        room = share * (np.ptp(at) or 1)
        update(visible=False, range=[at.min() - room, at.max() + room])
    figure.update_layout(
        height=640, margin={"l": 0, "r": 0, "t": 36, "b": 0}, hovermode="closest", dragmode="pan",
        plot_bgcolor="rgba(0,0,0,0)", legend={"orientation": "h", "y": 1.01, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    return figure


def _add_edges(figure: go.Figure, lines: np.ndarray, colour: str, name: str) -> None:
    """All lines as one path with gaps: a browser draws 2,000 of these at once, not one by one.

    Not by WebGL, which Plotly puts on top of the nodes.
    """
    path = np.full((len(lines), 3, 2), np.nan)
    path[:, :2] = lines
    x, y = path.reshape(-1, 2).T
    figure.add_scatter(x=x, y=y, mode="lines", name=name, line={"color": colour, "width": 1.2},
                       hoverinfo="skip")


def _add_hover(figure: go.Figure, drawn: Network, edges: pd.DataFrame) -> None:
    """What an edge is, told at its middle: Plotly knows no hover on lines."""
    x, y = drawn.places[drawn.ends].mean(1).T
    figure.add_scattergl(
        x=x, y=y, mode="markers", marker={"size": 9, "color": "rgba(0,0,0,0)"}, showlegend=False,
        text=[_edge_words(line) for line in edges.to_dict("records")],
        hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip


def _add_nodes(figure: go.Figure, drawn: Network, proteins: pd.DataFrame) -> None:
    about = proteins.set_index("protein").reindex(drawn.names)
    kinds = (("library" if drawn.is_bait.any() else "proteins", drawn.is_other, "circle", LIBRARY),
             ("baits", drawn.is_bait & ~drawn.is_sticky, "square", POSITIVE),
             ("sticky: scores high with everything", drawn.is_sticky, "diamond", NEGATIVE))  # fmt: skip
    for kind, which, symbol, colour in kinds:
        at = np.flatnonzero(which)
        if not len(at):
            continue
        figure.add_scatter(
            x=drawn.places[at, 0], y=drawn.places[at, 1], mode="markers+text", name=kind,
            marker={"symbol": symbol, "color": colour, "opacity": 1,
                    "size": _size(drawn.degree[at]),
                    "line": {"width": 1, "color": "rgba(255,255,255,0.8)"}},
            text=[picture_text(short_name(drawn.names[i]), limit=LONGEST_NAME) if named else ""
                  for i, named in zip(at, drawn.is_named[at], strict=True)],
            textposition=[side or "top center" for side in drawn.sides[at]],
            hovertext=[_node_words(drawn.names[i], drawn.degree[i], about.iloc[i]) for i in at],
            hovertemplate="%{hovertext}<extra></extra>",
        )  # fmt: skip


def _size(degree: np.ndarray) -> np.ndarray:
    """Diameters of nodes in pixels."""
    return 8 + 3 * np.sqrt(np.minimum(degree, LARGEST))


def short_name(name: str) -> str:
    """What is written beside a node: of ``sp|P24941|CDK2_HUMAN`` the last part."""
    return name.rpartition("|")[2] or name


def _node_words(name: str, degree: int, about: pd.Series) -> str:
    share = "" if np.isnan(about["share_called"]) else (
        f"<br>called interacting with {about['share_called']:.1%} of {met(about)}")
    return (f"<b>{picture_text(name)}</b> ({about['role']}, {about['length']:,.0f} residues)<br>"
            f"{degree:,} of the pairs shown{share}")


def _edge_words(hit: dict) -> str:
    z = "" if np.isnan(hit["z"]) else f", z {hit['z']:.1f}"
    return (f"<b>{picture_text(hit['protein_a'])}</b> and <b>{picture_text(hit['protein_b'])}</b><br>"
            f"probability {hit['probability']:.3f}{z}")
