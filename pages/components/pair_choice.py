"""Which pair of many is shown: chosen from a list, kept in the address."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

ROW = "row"
MOST_LISTED = 1_000


def choose_from(
    rows: Sequence[int], chosen: int | str, *, words: Callable[[int | str], str], key: str,
    groups: Sequence[str] = (),
) -> None:  # fmt: skip
    """A box with the groups of pairs and the pairs; what is picked goes into the address, which decides.

    Parameters
    ----------
    rows : sequence of int
        Of all pairs.
    chosen : int or str
        The row, or the group, that the address asks for.
    words : callable
        What to call a row, or a group.
    key : str
        Of the box.
    groups : sequence of str
    """
    listed = [*groups, *rows[:MOST_LISTED]]
    if chosen not in listed:
        listed.append(chosen)
    st.session_state[key] = chosen
    if len(listed) > 1:
        st.selectbox("Pair", listed, key=key, on_change=_picked, args=(key,), format_func=words)
    if len(rows) > MOST_LISTED:
        st.caption(f"The first {MOST_LISTED:,} of {len(rows):,} pairs are listed; the address reaches the "
                   "others by their row.")


def _picked(key: str) -> None:
    st.query_params[ROW] = str(st.session_state[key])
