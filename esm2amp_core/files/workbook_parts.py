"""Readers of the small parts of a workbook: its sheets, relationships and styles."""

from __future__ import annotations

from esm2amp_core.files.cell_values import NumberFormat, format_code


class Elements:
    """Collects the attributes of the elements with some names; a `Handler`."""

    def __init__(self, *tags: str) -> None:
        self.found: list[tuple[str, dict[str, str]]] = []
        self._tags = frozenset(tags)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """See `Handler`."""
        if tag in self._tags:
            self.found.append((tag, {key.rpartition(":")[2]: value for key, value in attributes.items()}))

    def end(self, tag: str) -> None:
        """See `Handler`."""

    def text(self, text: str) -> None:
        """See `Handler`."""


class Styles:
    """Number format of each cell style; a `Handler` of ``styles.xml``."""

    def __init__(self, *, from_1904: bool) -> None:
        self._from_1904 = from_1904
        self._own: dict[int, str] = {}
        self._inside = False
        self.formats: list[NumberFormat] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """See `Handler`."""
        if tag == "numFmt":
            self._own[int(attributes["numFmtId"])] = attributes["formatCode"]
        elif tag == "cellXfs":
            self._inside = True
        elif tag == "xf" and self._inside:
            code = format_code(int(attributes.get("numFmtId", 0)), self._own)
            self.formats.append(NumberFormat(code, from_1904=self._from_1904))

    def end(self, tag: str) -> None:
        """See `Handler`."""
        if tag == "cellXfs":
            self._inside = False

    def text(self, text: str) -> None:
        """See `Handler`."""
