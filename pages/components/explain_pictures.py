"""The pictures of an explanation, each with a sentence on what it shows, and its files."""

from __future__ import annotations

import numpy as np
import streamlit as st

from esm2amp_core.explanations import METHODS, Explanation
from esm2amp_core.figures import explanation_frames as frames
from esm2amp_core.figures import explanation_parts as parts_of
from esm2amp_core.figures.explanation_bars import importance_bars, waterfall
from esm2amp_core.figures.explanation_heatmap import token_heatmap
from esm2amp_core.figures.explanation_swarm import MOST_PAIRS, beeswarm
from esm2amp_core.figures.explanation_track import sequence_track
from esm2amp_core.number_text import number_text
from pages.components import explain_drawings as drawn
from pages.components.explain_downloads import caption_and_files, picture_files
from pages.components.explain_drawings import drawings
from pages.components.explain_reading import View, all_values
from pages.components.explain_selection import chosen_tokens, clickable_chart
from pages.components.text import literal

TOLD_APART = "Blue speaks for the interaction, orange against it. "
SETS = ("The classifier reads the segments as a set: it knows what each contains, not where it lies or to "
        "which protein it belongs.")  # fmt: skip
PROTEIN_SETS = ("The classifier reads each protein's segments as a set: it knows what each contains, not "
                "where it lies.")
READS = {"amps": SETS, "amp_cse": SETS, "mean": SETS, "siamese": PROTEIN_SETS}
"""What an architecture cannot know, in words; the others know every place."""
PREFERRED = ("token_shapley", "integrated_gradients", "attention")
"""Methods that colour the sequences, until a person chooses another."""


def _reads(view: View) -> str:
    return READS.get(view.folder.summary["model"]["architecture"], "")


def _from_where(view: View) -> str:
    """What the signs compare with; "" where nothing is followed to the classifier's score of one pair."""
    part = next((part for method in PREFERRED if (part := view.parts.get(method)) is not None
                 and parts_of.is_additive(part)), None)
    if part is None or not view.is_pair:
        return ""
    base, score = float(part.base_values[0]), float(part.outputs[0])
    heavier, lighter = ("blue", "orange") if score > base else ("orange", "blue")
    ends = f"(logit {number_text(base, '.2f')}; {view.folder.summary['baseline']}) to the logit of this pair"
    return (f"They lead from the base value {ends}, {number_text(score, '.2f')}: so {heavier} outweighs "
            f"{lighter}, whatever the call. ")


def _doubt(methods: list[str]) -> str:
    """What is said wherever a method that does no better than chance is drawn; "" for none."""
    names = ", ".join(METHODS[method].title for method in methods)
    return f" **{names}: no better than a random order here; read nothing from it.**" if names else ""


def show_tracks(view: View, unfaithful: set[str]) -> None:
    """Both proteins from end to end, coloured by one method."""
    methods = list(view.parts)
    preferred = [method for method in PREFERRED if method in methods] + methods
    default = next((method for method in preferred if method not in unfaithful), preferred[0])
    heading, chooser = st.columns([3, 1.2], vertical_alignment="bottom")
    heading.subheader("The two sequences", anchor=False)
    method = chooser.selectbox("Coloured by", methods, index=methods.index(default), key="explain-colour",
                               format_func=lambda key: METHODS[key].title)
    values, signed = parts_of.token_values(view.parts[method])
    by_residue = next((part for part in view.parts.values() if parts_of.has_residues(part)), None)
    for side, sequence in zip("AB", view.sequences, strict=True):
        residues = None if by_residue is None else parts_of.residue_values(by_residue, side)
        clickable_chart(
            sequence_track(sequence, side, values, view.pair, signed=signed, residues=residues,
                           chosen=chosen_tokens(view.pair), muted=method in unfaithful,
                           muted_residues=by_residue is not None and by_residue.method in unfaithful),
            key=f"track-{side}", alt=f"Protein {side}: its ten segments, coloured by their importance",
        )  # fmt: skip
    below = ("It has one colour, since this explanation does not go down to residues."
             if by_residue is None else "The curve and the colour behind the letters: residue by residue.")
    colours = TOLD_APART if signed else "The stronger the blue, the more a segment matters. "
    if method in unfaithful:
        colours = "The stronger the grey, the larger the value. "
    words = (f"The numbered blocks are the ten segments of each protein. {colours}The band below them holds "
             "the residues: drag over a stretch to zoom in until their letters show; the house above shows "
             f"all again. {below}")  # fmt: skip
    shown = {method} if by_residue is None else {method, by_residue.method}
    doubted = _doubt([name for name in view.parts if name in shown & unfaithful])
    table = ((lambda: frames.residue_table(by_residue, view.pair, view.sequences)) if by_residue
             else lambda: frames.token_table({method: view.parts[method]}, view.pair))
    note = doubted.strip(" *")
    caption_and_files(view, words + doubted, "sequences", table, drawings(drawn.tracks, view, method, note))


def show_bars(view: View, unfaithful: set[str]) -> None:
    """Importance of every segment by all methods, side by side."""
    panels = [parts_of.bars_of(part, muted=method in unfaithful) for method, part in view.parts.items()]
    clickable_chart(
        importance_bars(panels, view.pair, chosen=chosen_tokens(view.pair)), key="bars",
        alt="Importance of each segment by every method",
    )  # fmt: skip
    signs = TOLD_APART if any(panel.signed for panel in panels) else ""
    words = ("Each method measures in units of its own: compare the order of bars, not their lengths. "
             f"{signs}{_from_where(view)}{_order_words(view)}")
    if unfaithful:
        names = ", ".join(METHODS[method].title for method in view.parts if method in unfaithful)
        words += (f"Grey: {names}. Leaving out segments in this order changes the score no more than a "
                  "random order does, so nothing should be read from it here. ")
    caption_and_files(view, words + _reads(view), "importance",
                      lambda: frames.token_table(view.parts, view.pair),
                      drawings(drawn.bars, panels, view.pair))
    with st.expander("What each method shows, and what it does not"):
        told = [METHODS[method] for method in view.parts]
        st.markdown("\n".join(f"- **{method.title}.** {method.shows} {method.not_shown}" for method in told))
        for method, reason in view.folder.summary["unavailable"].items():
            title = METHODS[method].title if method in METHODS else literal(method)
            st.markdown(f"- **{title}** was left out: {literal(str(reason))}")


def _order_words(view: View) -> str:
    """Which number puts the segments in order, and which other ones there are."""
    signed = [part for method, part in view.parts.items() if METHODS[method].signed]
    words = "Places, and the segments named at the top, go by the length of the bar"
    if not signed:
        return f"{words}. "
    words += (", to whichever side; the test of leaving segments out goes by the value with its sign, those "
              "first that moved the score to where it is. ")
    if any(not np.allclose(part.magnitude, np.abs(part.value)) for part in signed):
        words += ("Magnitudes, in the files, sum a segment's parts without letting these cancel and may "
                  "give another order. ")
    return words


def show_matrix(view: View, part: Explanation, unfaithful: set[str]) -> None:
    """Token by token of a layer and a head, such as attention."""
    layers, heads = parts_of.labels_of(part, "layers"), parts_of.labels_of(part, "heads")
    left, right = st.columns([1.75, 1], gap="medium")
    with right:
        rollout = [parts_of.ROLLOUT] if parts_of.ROLLOUT in part.arrays else []
        layer = st.radio("Layer", [parts_of.MEAN, *layers, *rollout], key="explain-layer",
                         format_func=lambda key: _layer_words(key, len(layers)))
        head = st.selectbox("Head", [parts_of.MEAN, *heads], key="explain-head",
                            disabled=layer == parts_of.ROLLOUT,
                            format_func=_head_words)
        share = 1 / len(view.pair.tokens)
        st.caption("Each row tells where one segment takes from. A row adds up to 1; shared out evenly, "
                   f"every cell would be {share:.3f}. The lines divide protein A from protein B: the upper "
                   "right and lower left blocks compare one with the other. Click a cell to see its two "
                   "segments.")
        st.caption(METHODS[part.method].not_shown)
    matrix = parts_of.token_matrix(part, layer, head)
    with left:
        clickable_chart(
            token_heatmap(matrix, view.pair, chosen=chosen_tokens(view.pair),
                          template="{row}<br>takes {value}<br>from {column}"),
            key="matrix", alt="Attention: how much each segment takes from each other one",
        )  # fmt: skip
        st.caption(METHODS[part.method].shows + _doubt([part.method] if part.method in unfaithful else []))
        picture_files(view, "attention", lambda: frames.matrix_table(matrix, view.pair.tokens),
                      drawings(drawn.matrix, matrix, view.pair, _title_words(layer, head, len(layers))))


def show_waterfall(view: View, unfaithful: set[str]) -> None:
    """From the base value to the score, by a method whose values add up."""
    able = [method for method, part in view.parts.items() if parts_of.is_additive(part)]
    first = next((method for method in able if method not in unfaithful), able[0])
    method = st.segmented_control("Method", able, default=first, required=True, key="explain-additive",
                                  format_func=lambda key: METHODS[key].title)
    part = view.parts[method]
    scale = str(part.settings.get("scale", "score"))
    clickable_chart(
        waterfall(part.value[0], view.pair, base=float(part.base_values[0]), output=float(part.outputs[0]),
                  chosen=chosen_tokens(view.pair), scale_words=scale),
        key="waterfall", alt="From the base value over the segments to the score",
    )  # fmt: skip
    words = f"{METHODS[method].shows} {TOLD_APART}{METHODS[method].not_shown}"
    words += _doubt([method] if method in unfaithful else [])
    caption_and_files(view, words, "waterfall",
                      lambda: frames.token_table({method: part}, view.pair),
                      drawings(drawn.steps, part, view.pair))


def show_swarm(view: View) -> None:
    """Every pair as a point, by one method."""
    method = st.segmented_control("Method", list(view.parts), default=next(iter(view.parts)), required=True,
                                  key="explain-swarm", format_func=lambda key: METHODS[key].title)
    values, pairs = all_values(view.folder, method)[view.positions], view.folder.pairs.iloc[view.positions]
    called = pairs["interacts"].fillna(False).to_numpy(dtype=bool)
    clickable_chart(
        beeswarm(values, view.pair, rows=pairs["row"].tolist(), called=called,
                 signed=METHODS[method].signed, chosen=chosen_tokens(view.pair)),
        key="swarm", alt="What the method says of each segment, a point per pair",
    )  # fmt: skip
    some = f"Drawn are {MOST_PAIRS:,} of {len(values):,} pairs. " if len(values) > MOST_PAIRS else ""
    caption_and_files(
        view, f"One point per pair and segment. {some}A segment's number is its place in its own protein; "
        f"what stands there differs from pair to pair. {METHODS[method].not_shown}", "swarm",
        lambda: frames.swarm_table(values, pairs, view.pair.tokens),
        drawings(drawn.swarm, values, view.pair, method, called),
    )  # fmt: skip


def show_interactions(view: View, part: Explanation) -> None:
    """Which segments work together."""
    matrix = part.arrays["interactions"][0]
    left, right = st.columns([1.75, 1], gap="medium")
    with left:
        clickable_chart(
            token_heatmap(matrix, view.pair, signed=True, chosen=chosen_tokens(view.pair),
                          template="{row}<br>with {column}<br>{value}"),
            key="interactions", alt="How much each two segments do together beyond what each does alone",
        )  # fmt: skip
        picture_files(view, "interactions", lambda: frames.matrix_table(matrix, view.pair.tokens),
                      drawings(drawn.interactions, matrix, view.pair))
    with right:
        st.caption("What two segments add to the score together, beyond what each of them adds alone. Blue: "
                   "together they speak more for the interaction than apart; orange: less, for instance "
                   "because they say the same.")
        if words := _sampled_words(view, part):
            st.caption(words)
        st.caption("It is no contact map: that two segments work together in the model does not say that "
                   f"they touch. {_reads(view)}")


def _sampled_words(view: View, part: Explanation) -> str:
    """How far the numbers of the map are sampled; "" where all combinations were taken."""
    errors = part.arrays.get("interaction_errors")
    if errors is None or not errors.any():
        return ""
    own = errors[0][np.triu_indices(len(view.pair.tokens), k=1)]
    of_pairs = "" if view.is_pair else " in a single pair"
    usual, most = (number_text(float(error), ".2g") for error in (np.median(own), own.max()))
    return (f"**Sampled:** from {part.settings['coalitions']:,} of {2 ** len(view.pair.tokens):,} "
            f"combinations of segments. The standard error of a cell{of_pairs} is {usual} (median; at most "
            f"{most}): read nothing from cells nearer to 0 than about twice that.")


def _head_words(head: int | str) -> str:
    return "Mean of all heads" if head == parts_of.MEAN else f"Head {head}"


def _title_words(layer: int | str, head: int | str, count: int) -> str:
    """Which weights they are, also away from the page."""
    if layer == parts_of.ROLLOUT:
        return "Rollout of all layers"
    return f"{_layer_words(layer, count)}, {_head_words(head).lower()}"


def _layer_words(layer: int | str, count: int) -> str:
    if layer == parts_of.MEAN:
        return "Mean of all layers" if count > 1 else "Mean"
    return "Rollout (all layers, one after the other)" if layer == parts_of.ROLLOUT else f"Layer {layer}"
