"""The zip archive around a workbook, read without trusting it."""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from collections.abc import Callable
from typing import Protocol
from xml.parsers import expat

from esm2amp_core.errors import PairError
from esm2amp_core.files.text import MEGABYTE

_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAX_MEMBERS = 5_000
_CHUNK = 1 << 18
SAVE_AS = "Open it in a spreadsheet program and save it as .xlsx or .csv."


class Handler(Protocol):
    """Receives the elements of an XML part in their order, names without prefix."""

    def start(self, tag: str, attributes: dict[str, str]) -> None: ...  # noqa: D102

    def end(self, tag: str) -> None: ...  # noqa: D102

    def text(self, text: str) -> None: ...  # noqa: D102


def is_workbook(data: bytes, name: str) -> bool:
    """Whether the bytes are an XLSX workbook.

    Raises
    ------
    PairError
        If they are a spreadsheet of another kind, or a damaged one.
    """
    if data.startswith(_OLD_OFFICE):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise PairError(f"{name} is protected with a password.", hint="Save it without one.")
        raise PairError(f"{name} is in an old Office format (.xls).", hint=SAVE_AS)
    if not data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return False
    members = Package(data, name, max_mb=0).members
    if "xl/workbook.xml" in members:
        return True
    kinds = {"xl/workbook.bin": "an .xlsb workbook", "word/document.xml": "a Word document",
             "content.xml": "an OpenDocument file (.ods)", "Index/Document.iwa": "a Numbers or Pages file"}
    kind = next((kind for member, kind in kinds.items() if member in members), "a zip archive")
    raise PairError(f"{name} is {kind}, not an .xlsx workbook.", hint=SAVE_AS)


class Package:
    """Parts of a workbook, with a limit on what they unpack to.

    Parameters
    ----------
    data : bytes
    name : str
        For messages.
    max_mb : float
        Megabytes that all parts read may hold together.

    Raises
    ------
    PairError
        If the archive is damaged or holds too many files.
    """

    def __init__(self, data: bytes, name: str, *, max_mb: float) -> None:
        self._name, self._left = name, max_mb * MEGABYTE
        # Before zipfile makes an object of each entry.
        if data.count(b"PK\x01\x02") > _MAX_MEMBERS:
            raise PairError(f"{name} holds more than {_MAX_MEMBERS:,} files.", hint=SAVE_AS)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
            raise self.damaged() from None
        self.members = {info.filename: info for info in self._zip.infolist()}

    def damaged(self) -> PairError:
        """The error for a workbook that cannot be understood."""
        return PairError(f"{self._name} is damaged: it cannot be read as a workbook.", hint=SAVE_AS)

    def parse(self, part: str, handler: Handler) -> None:
        """Read an XML part; a part that does not exist has no elements.

        Raises
        ------
        PairError
            If the part is damaged, defines entities, or unpacks to too much.
        """
        part = posixpath.normpath(part).lstrip("/")
        info = self.members.get(part)
        if info is None:
            return
        if info.flag_bits & 1:
            raise PairError(f"{self._name} is protected with a password.", hint="Save it without one.")
        if info.file_size > self._left:
            raise self._too_much()
        parser = self._parser(handler)
        try:
            with self._zip.open(info) as file:
                while chunk := file.read(_CHUNK):
                    # What the directory promised is not what counts.
                    self._left -= len(chunk)
                    if self._left < 0:
                        raise self._too_much()
                    parser.Parse(chunk, False)
                parser.Parse(b"", True)
        except (expat.ExpatError, zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError,
                RuntimeError, ValueError, IndexError, LookupError, OverflowError):
            raise self.damaged() from None

    def _parser(self, handler: Handler) -> expat.XMLParserType:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.buffer_size = 1 << 16

        def begin(tag: str, attributes: dict[str, str]) -> None:
            """Decide by the root whether names have a prefix, which few programs write."""
            prefixed = ":" in tag
            start, end = (_without_prefix(handler) if prefixed else (handler.start, handler.end))
            parser.StartElementHandler, parser.EndElementHandler = start, end
            start(tag, attributes)

        parser.StartElementHandler = begin
        parser.CharacterDataHandler = handler.text
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        return parser

    def _refuse_doctype(self, *_: object) -> None:
        """A workbook never has a document type; with one come entities that grow or reach out."""
        raise PairError(f"{self._name} contains XML definitions (DOCTYPE), which a workbook never does.",
                        hint=SAVE_AS)

    def _too_much(self) -> PairError:
        return PairError(f"{self._name} unpacks to more than is accepted.",
                         hint="Remove sheets and columns that are not needed, or save it as CSV.")


def _without_prefix(handler: Handler) -> tuple[Callable[..., None], Callable[..., None]]:
    """The handler's methods for elements such as ``x:row``."""
    return (lambda tag, attributes: handler.start(tag.rpartition(":")[2], attributes),
            lambda tag: handler.end(tag.rpartition(":")[2]))
