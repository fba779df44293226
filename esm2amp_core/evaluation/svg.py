"""Small line charts as SVG: they print, need no script, and take their colours from the page around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, floor

WIDTH, HEIGHT = 340, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 46


@dataclass
class Chart:
    """Axes from 0 to 1, or over another range, and what is drawn into them.

    Attributes
    ----------
    title : str
        For people who cannot see the picture.
    x_title, y_title : str
    x_range, y_range : tuple of float
    """

    title: str
    x_title: str
    y_title: str
    x_range: tuple[float, float] = (0.0, 1.0)
    y_range: tuple[float, float] = (0.0, 1.0)
    _shapes: list[str] = field(default_factory=list)

    def x(self, value: float) -> float:
        """Place on the paper."""
        low, high = self.x_range
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low)

    def y(self, value: float) -> float:
        """Place on the paper; up is larger."""
        low, high = self.y_range
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low)

    def line(self, x: Sequence[float], y: Sequence[float], kind: str) -> None:
        """A line through points; `kind` is the CSS class that colours it."""
        points = " ".join(f"{self.x(a):.1f},{self.y(b):.1f}" for a, b in zip(x, y, strict=True))
        self._shapes.append(f'<polyline class="{kind}" points="{points}"/>')

    def point(self, x: float, y: float, words: str) -> None:
        """A dot that says `words` under the pointer."""
        self._shapes.append(
            f'<circle class="dot" cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="4">'
            f"<title>{escape(words)}</title></circle>"
        )

    def bar(self, x: float, low: float, high: float) -> None:
        """An upright interval."""
        self.line((x, x), (low, high), "interval")

    def to_svg(self) -> str:
        """The picture."""
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        grid, words = [], []
        for value in ticks(*self.x_range):
            grid.append(f'<path d="M{self.x(value):.1f} {TOP}V{bottom}"/>')
            words.append(_text(self.x(value), bottom + 16, f"{value:g}"))
        for value in ticks(*self.y_range):
            grid.append(f'<path d="M{LEFT} {self.y(value):.1f}H{right}"/>')
            words.append(_text(LEFT - 6, self.y(value) + 4, f"{value:g}", anchor="end"))
        middle_x, middle_y = (LEFT + right) / 2, (TOP + bottom) / 2
        words.append(_text(middle_x, HEIGHT - 8, self.x_title))
        words.append(f'<text transform="translate(13 {middle_y}) rotate(-90)" text-anchor="middle">'
                     f"{escape(self.y_title)}</text>")
        return (
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.title)}">'
            f'<g class="grid">{"".join(grid)}</g>{"".join(self._shapes)}{"".join(words)}</svg>'
        )


def forest(title: str, rows: Sequence[tuple[str, float, float, float]], reference: float) -> str:
    """Intervals below each other as SVG.

    Parameters
    ----------
    title : str
    rows : sequence of (name, value, low, high)
        Bounds that are not known are NaN.
    reference : float
        Where an upright line stands.
    """
    width, height, left, right = 720, 30 * len(rows) + 34, 250, 20
    known = [value for row in rows for value in row[1:] if value == value] + [reference]
    low, high = min(known), max(known)
    low, high = low - 0.05 * (high - low or 1), high + 0.05 * (high - low or 1)

    def x(value: float) -> float:
        return left + (width - left - right) * (value - low) / (high - low)

    shapes = [f'<path class="chance" d="M{x(reference):.1f} 4V{height - 26}"/>']
    for value in ticks(low, high):
        shapes.append(_text(x(value), height - 8, f"{value:g}"))
    for number, (name, value, start, end) in enumerate(rows):
        y = 20 + 30 * number
        shapes.append(_text(left - 14, y + 4, name, anchor="end"))
        if start == start and end == end:
            shapes.append(f'<path class="interval" d="M{x(start):.1f} {y}H{x(end):.1f}"/>')
        shapes.append(f'<circle class="dot" cx="{x(value):.1f}" cy="{y}" r="4.5"/>')
    view = f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}"'
    return f"<svg {view}>{''.join(shapes)}</svg>"


def _text(x: float, y: float, words: str, *, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def ticks(low: float, high: float, at_most: int = 6) -> list[float]:
    """Round values inside a range."""
    for power in range(-6, 7):
        for step in (1, 2, 2.5, 5):
            size = step * 10.0**power
            first, last = ceil(low / size - 1e-9), floor(high / size + 1e-9)
            if 0 < last - first + 1 <= at_most:
                return [round(number * size, 9) for number in range(first, last + 1)]
    return [low, high]
