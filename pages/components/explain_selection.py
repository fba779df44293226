"""Which segments are chosen: in the address, set by a click in any picture, told to all of them."""

from __future__ import annotations

from functools import partial

import plotly.graph_objects as go
import streamlit as st

from esm2amp_core.explanations import METHODS
from esm2amp_core.figures.explanation_pair import PairTokens, span_text
from esm2amp_core.figures.explanation_ranking import places_of
from pages.components.explain_reading import View
from pages.components.text import count, literal

TOKEN = "token"
CHOOSER = "explain-segment"
MOST = 2
"""Tokens chosen at once: a cell names two."""


def chosen_tokens(pair: PairTokens) -> tuple[str, ...]:
    """The tokens in the address that this pair has."""
    asked = dict.fromkeys(st.query_params.get_all(TOKEN))
    return tuple(token for token in asked if token in pair.tokens)[:MOST]


def choose(tokens: tuple[str, ...]) -> None:
    """Put tokens into the address; the same ones once more: take them away."""
    if tokens and tokens != tuple(st.query_params.get_all(TOKEN)):
        st.query_params[TOKEN] = list(tokens)
    else:
        st.query_params.pop(TOKEN, None)


def clickable_chart(figure: go.Figure, *, key: str, alt: str) -> None:
    """A picture whose marks choose the tokens they stand for."""
    st.plotly_chart(
        figure, key=key, alt=alt, on_select=partial(_clicked, key), selection_mode="points",
        # The second click of a double-click would choose what lies there once all is seen again.
        config={"displaylogo": False, "showTips": False, "doubleClick": False,
                "modeBarButtons": [["zoomIn2d", "zoomOut2d", "resetScale2d"]],
                "displayModeBar": figure.layout.dragmode == "zoom"},
    )  # fmt: skip


def _clicked(key: str) -> None:
    points = st.session_state[key]["selection"]["points"]
    if not points:
        return
    meant = points[-1].get("customdata") or []
    names = meant if isinstance(meant, list) else list(meant.values()) if isinstance(meant, dict) else [meant]
    tokens = tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name))
    if tokens:
        choose(tokens)


def show_selection(view: View) -> None:
    """A box to choose a segment by keyboard, and what is known of the chosen ones."""
    chosen = chosen_tokens(view.pair)
    st.session_state[CHOOSER] = chosen[0] if chosen else None  # the address decides
    left, right = st.columns([1, 3], gap="medium")
    left.selectbox(
        # Where quick clicks cut a run short, the box falls back to its default: that must be no segment.
        "Chosen segment", view.pair.tokens, index=None, key=CHOOSER, on_change=_picked, placeholder="none",
        format_func=lambda token: _with_residues(view.pair, token),
    )  # fmt: skip
    with right:
        if not chosen:
            where = "a block of a sequence, a bar or a cell" if view.is_pair else "a bar, a point or a cell"
            what = ", and its residues stand here" if view.is_pair else ""
            st.caption(f"Click {where} in any picture: the same segment is outlined in all of them{what}. "
                       "The address keeps it.")
            return
        for column, token in zip(st.columns(len(chosen)), chosen, strict=True):
            with column:
                _show_token(view, token)


def _picked() -> None:
    token = st.session_state[CHOOSER]
    choose((token,) if token else ())


def _with_residues(pair: PairTokens, token: str) -> str:
    found = pair.residues(token)
    return token if found is None else f"{token} · {span_text(*found)}"


def _show_token(view: View, token: str) -> None:
    found = view.pair.residues(token)
    if found is None:
        what = "the language model's own summary vector, without a place in the chain"
        if token.partition(".")[2].startswith("segment"):
            what = "of each pair's protein; its residues differ from pair to pair"
        st.markdown(f"**{token}**: {what}.")
    else:
        start, end = found
        stretch = view.sequences["AB".index(token[0])][start - 1 : end]
        words = f"residue {start:,}" if start == end else f"residues {start:,} to {end:,}"
        st.markdown(f"**{token}**: {words} of "
                    f"{literal(view.pair.name(token), limit=40)} ({count(len(stretch), 'residue')})")
        st.code(stretch, language=None, wrap_lines=True)
    if ranks := _ranks(view, token):
        st.caption(f"Place among the {len(view.pair.tokens)} segments, by length of bar: {ranks}")


def _ranks(view: View, token: str) -> str:
    """Which place a token has by each method."""
    at = view.pair.tokens.index(token)
    places = []
    for method, part in view.parts.items():
        of_all = places_of(part)
        place = int(of_all[at])
        shared = " (shared)" if (of_all == place).sum() > 1 else ""
        sign, value = "", part.value[0][at]
        if METHODS[method].signed and value:
            sign = ", for" if value > 0 else ", against"
        places.append(f"{METHODS[method].title} {place}{shared}{sign}")
    return "; ".join(places)
