"""Which figures belong to an explanation."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Collection, Mapping

from matplotlib.figure import Figure

from esm2amp_core.explanation_files import ExplanationFolder
from esm2amp_core.explanation_report.evidence import tests_of
from esm2amp_core.explanation_report.reading import (
    GROUPS,
    groups_of,
    no_better_than_random,
    pair_of,
    position_of,
)
from esm2amp_core.explanations import METHODS, Explanation
from esm2amp_core.figures.explanation_pair import PairTokens
from esm2amp_core.figures.explanation_parts import (
    ROLLOUT,
    bars_of,
    has_interactions,
    has_token_matrix,
    is_additive,
    part_of,
    residue_values,
    token_matrix,
    token_values,
    unit_of,
)
from esm2amp_core.plots.bars import beeswarm, token_bars, waterfall
from esm2amp_core.plots.matrices import attention_heatmap, interaction_map
from esm2amp_core.plots.paper import DOUBLE_MM, to_svg
from esm2amp_core.plots.tracks import sequence_tracks


def side_by_side(
    parts: Mapping[str, Explanation], pair: PairTokens, *, muted: Collection[str] = ()
) -> Figure:
    """Importance of each token by every method; `muted` ones are grey."""
    return token_bars([bars_of(part, muted=method in muted) for method, part in parts.items()], pair)


def figures_of_method(part: Explanation, pair: PairTokens) -> dict[str, Figure]:
    """Every picture of what one method says of one pair.

    Parameters
    ----------
    part : Explanation
        Of one pair, as `part_of` gives it.
    pair : PairTokens

    Returns
    -------
    dict of str to Figure
        By a name that suits a file: ``heatmap``, ``rollout``, ``waterfall``, ``interactions``, ``track``.
    """
    unit, found = unit_of(part.method), {}
    if has_token_matrix(part):
        found["heatmap"] = attention_heatmap(token_matrix(part), pair, title="Mean of layers and heads")
        if ROLLOUT in part.arrays:
            found[ROLLOUT] = attention_heatmap(token_matrix(part, ROLLOUT), pair, title="Rollout")
    values, signed = token_values(part)
    if is_additive(part):
        found["waterfall"] = waterfall(values, float(part.base_values[0]), pair, unit=unit,
                                       output=float(part.outputs[0]))
    if has_interactions(part):
        found["interactions"] = interaction_map(part.arrays["interactions"][0], pair, unit=unit,
                                                title="Interaction of two segments")  # fmt: skip
    residues = {side: residue_values(part, side) for side in "AB"}
    known = all(array is not None for array in residues.values())
    found["track"] = sequence_tracks(
        values, pair, unit=unit, signed=signed, method=METHODS[part.method].title,
        residues=residues if known else None, width_mm=DOUBLE_MM)  # fmt: skip
    return found


def figures_of_pair(folder: ExplanationFolder, row: int) -> dict[str, Figure]:
    """Every figure of a pair, by a name that suits a file: ``bars``, ``attention_heatmap`` and so on.

    Raises
    ------
    ValueError
        If the row was not explained.
    """
    position = position_of(folder, row)
    pair = pair_of(folder, position)
    parts = {method: part_of(folder.explanation(method), [position]) for method in folder.methods}
    found = {"bars": side_by_side(parts, pair, muted=no_better_than_random(folder, row))}
    for method, part in parts.items():
        found |= {f"{method}_{name}": figure for name, figure in figures_of_method(part, pair).items()}
    for test in tests_of(folder, row):
        found |= {name: figure for name, (figure, _) in test.figures.items()}
    return found


def figures_of_averages(explanation: Explanation, folder: ExplanationFolder) -> dict[str, Figure]:
    """What one method says of many pairs: means of each group, and every pair as a dot."""
    pair, unit, groups = PairTokens(folder.tokens), unit_of(explanation.method), groups_of(folder)
    parts = {name: part_of(explanation, which) for name, which in groups.items()}
    titles = {name: f"{GROUPS[name]} ({len(which):,})" for name, which in groups.items()}
    found = {"means": token_bars([bars_of(part, title=titles[name]) for name, part in parts.items()], pair)}
    if METHODS[explanation.method].signed:
        called = folder.pairs["interacts"].fillna(False).to_numpy(dtype=bool)
        found["swarm"] = beeswarm(explanation.value, pair, unit=unit, called=called)
    if has_token_matrix(explanation):
        found |= {f"heatmap_{name}".replace("-", "_"):
                  attention_heatmap(token_matrix(part), pair, title=titles[name])
                  for name, part in parts.items()}  # fmt: skip
    return found


def inline(name: str, figure: Figure, words: str) -> str:
    """A figure as SVG that can stand in a page among others.

    Parameters
    ----------
    name : str
        Goes in front of every id, so that no two figures of a page share one.
    figure : Figure
    words : str
        For people who cannot see it.
    """
    root = ET.fromstring(to_svg(figure))
    for parent in root.iter():
        for child in [child for child in parent if _tag(child) in ("metadata", "style")]:
            parent.remove(child)
    ids = {element.get("id") for element in root.iter()} - {None}
    for element in root.iter():
        element.tag = _tag(element)
        for key, value in list(element.attrib.items()):
            plain = key.rpartition("}")[2]
            del element.attrib[key]
            element.set(plain, _renamed(plain, value, name, ids))
    root.set("role", "img")
    root.set("aria-label", words)
    return ET.tostring(root, encoding="unicode")


def _renamed(key: str, value: str, name: str, ids: set[str]) -> str:
    """An attribute that names another element, or is a name, with the figure's name in front."""
    if key == "id":
        return f"{name}-{value}"
    if value.startswith("#") and value[1:] in ids:
        return f"#{name}-{value[1:]}"
    return value.replace("url(#", f"url(#{name}-")


def _tag(element: ET.Element) -> str:
    """Without the namespace: in a page, SVG needs none."""
    return element.tag.rpartition("}")[2]
