"""How every figure for print looks, and how it becomes a file: the same bytes for the same numbers."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from threading import RLock
from typing import ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from esm2amp_core.errors import printable
from esm2amp_core.figures.explanation_numbers import colour_range

SINGLE_MM, DOUBLE_MM = 85.0, 178.0
"""Widths of one and of two columns of a journal."""
MM_PER_INCH = 25.4
POINTS = 7
INK, SOFT, GRID = "#1c2733", "#5a6875", "#d6dde4"
# Blue for, orange against, as on the screen: told apart in any colour vision, and by their side of zero.
FOR, AGAINST, PLAIN = "#1f6fad", "#d9641a", "#4b6478"
CALLED, NOT_CALLED = "#009e73", "#7d8a96"
SIGNED = LinearSegmentedColormap.from_list(
    "against_for", ("#8a3a00", AGAINST, "#f8d3b8", "#ffffff", "#c6ddf0", FOR, "#0b3c69"))
UNSIGNED = LinearSegmentedColormap.from_list("importance", ("#ffffff", FOR))  # as on the screen
MISSING, MUTED = "#e3e6e9", "#b4bcc4"
LONGEST_NAME = 18
"""Letters of a name that fit beside half a picture of one column."""
STYLE = {
    # DejaVu Sans comes with Matplotlib, so that figures are laid out alike on every machine; where a reader
    # has no such font, the usual ones (Arial, Helvetica) are narrower and fit.
    "font.family": ["sans-serif"], "font.sans-serif": ["DejaVu Sans"], "font.size": POINTS,
    "text.parse_math": False,  # a dollar sign in a protein's name is a dollar sign
    "axes.titlesize": POINTS, "axes.labelsize": POINTS, "xtick.labelsize": 6, "ytick.labelsize": 6,
    "legend.fontsize": 6, "legend.frameon": False, "axes.titlelocation": "left", "axes.titlepad": 4,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": SOFT, "xtick.color": SOFT,
    "ytick.color": SOFT, "xtick.labelcolor": INK, "ytick.labelcolor": INK, "grid.color": GRID,
    "axes.linewidth": 0.5, "lines.linewidth": 1.0, "grid.linewidth": 0.4, "patch.linewidth": 0.5,
    "xtick.major.width": 0.5, "ytick.major.width": 0.5, "xtick.major.size": 2, "ytick.major.size": 2,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
    "figure.facecolor": "white", "axes.facecolor": "white", "savefig.facecolor": "white",
    "figure.constrained_layout.h_pad": 0.03, "figure.constrained_layout.w_pad": 0.03,
    "svg.fonttype": "none", "svg.hashsalt": "esm2amp",
}  # fmt: skip
_ONE_AT_A_TIME = RLock()  # Matplotlib's settings are the whole process's; pages draw in several threads
Parameters = ParamSpec("Parameters")


def on_paper(draw: Callable[Parameters, Figure]) -> Callable[Parameters, Figure]:
    """Let a function draw in the style of the figures for print."""

    @wraps(draw)
    def drawn(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Figure:
        with _ONE_AT_A_TIME, mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


def new_figure(width_mm: float, height_mm: float) -> Figure:
    """An empty figure of exactly this size, whose parts make room for each other."""
    return Figure((width_mm / MM_PER_INCH, height_mm / MM_PER_INCH), layout="constrained")


def to_svg(figure: Figure) -> bytes:
    """A vector image; text stays text, which can be searched and edited."""
    return _saved(figure, format="svg", metadata={"Date": None, "Creator": None})


def to_png(figure: Figure, dpi: float = 300) -> bytes:
    """A raster image.

    Parameters
    ----------
    figure : Figure
    dpi : float
        Pixels per inch: 300 suits print.
    """
    return _saved(figure, format="png", dpi=dpi, metadata={"Software": None})


def _saved(figure: Figure, **how: object) -> bytes:
    buffer = io.BytesIO()
    with _ONE_AT_A_TIME, mpl.rc_context(STYLE), warnings.catch_warnings():
        # A name in letters that the font lacks: an SVG shows it all the same, a PNG shows boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure.savefig(buffer, **how)
    return buffer.getvalue()


def plain(text: str, longest: int = LONGEST_NAME) -> str:
    """A name as a figure can hold it: on one line, control characters visible, cut where it is long."""
    shown = printable(" ".join(text.split()))
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def scale(values: np.ndarray, *, signed: bool) -> tuple[Colormap, Normalize]:
    """Colours of values: orange over white to blue, centred on 0, where signed; white to blue elsewhere."""
    colours = (SIGNED if signed else UNSIGNED).with_extremes(bad=MISSING)
    return colours, Normalize(*colour_range(values, signed=signed))


def colour_bar(
    figure: Figure, axes: Axes | Sequence[Axes], scaled: tuple[Colormap, Normalize], label: str
) -> None:
    """A narrow bar to the right, as high as the axes, that tells what colours mean."""
    colours, norm = scaled
    # Beside one picture it is a part of it: axes that are kept square would leave it too high.
    place = {"cax": axes.inset_axes((1.03, 0, 0.04, 1))} if isinstance(axes, Axes) else {
        "ax": axes, "fraction": 0.05, "pad": 0.02, "aspect": 28}  # fmt: skip
    bar = figure.colorbar(ScalarMappable(norm, colours), **place)
    bar.solids.set(rasterized=False, edgecolor="face", linewidth=0.2)  # vectors, without gaps between them
    bar.outline.set_visible(False)
    bar.ax.locator_params(nbins=5)
    bar.set_label(label)


def ink_on(colour: tuple[float, float, float, float]) -> str:
    """Black or white, whichever can be read on a colour."""
    red, green, blue = colour[:3]
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
