"""Bytes of a file a person gave, and the text in them, whatever its encoding."""

from __future__ import annotations

import codecs
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from esm2amp_core.errors import PairError, UserError
from esm2amp_core.settings import Settings

MEGABYTE = 1_000_000

# Longest first: the mark of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FORMATS = (
    (b"\x1f\x8b", "a compressed file (gzip)", "Unpack it first."),
    (b"PK\x03\x04", "a zip archive", "Unpack it first."),
    (b"BZh", "a compressed file (bzip2)", "Unpack it first."),
    (b"\xfd7zXZ", "a compressed file (xz)", "Unpack it first."),
    (b"7z\xbc\xaf", "a compressed file (7z)", "Unpack it first."),
    (b"%PDF", "a PDF document", "Copy the table out of it, or export it as CSV or XLSX."),
    (b"PAR1", "a Parquet file", "Save it as CSV or XLSX."),
    (b"\x89PNG", "a picture", "Give a table as text or XLSX."),
    (b"\xff\xd8\xff", "a picture", "Give a table as text or XLSX."),
    (b"\x89HDF", "an HDF5 file", "Save it as CSV or XLSX."),
    (b"SQLite format 3", "a database", "Export the table as CSV."),
    (b"{\\rtf", "a text-processor document (RTF)", "Save it as plain text."),
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def read_file(
    path: str | Path, *, max_file_mb: float = Settings.max_file_mb, error: type[UserError] = PairError
) -> bytes:
    """Contents of a file.

    Raises
    ------
    UserError (of type `error`)
        If it is missing, a folder, not readable, or larger than `max_file_mb`.
    """
    path = Path(path)
    try:
        facts = path.stat()
        if stat.S_ISDIR(facts.st_mode):
            raise error(f"{path} is a folder.", hint="Name a file in it.")
        # A device or a pipe may never end.
        if not stat.S_ISREG(facts.st_mode):
            raise error(f"{path} is not an ordinary file.", hint="Save the data in a file.")
        check_size(facts.st_size, path.name, max_file_mb=max_file_mb, error=error)
        return path.read_bytes()
    except FileNotFoundError:
        raise error(f"{path} does not exist.", hint="Check its name and folder.") from None
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise error(f"{path} cannot be read: {reason}.", hint="Check its name and permissions.") from None


def check_size(
    n_bytes: int, name: str, *, max_file_mb: float = Settings.max_file_mb, error: type[UserError] = PairError
) -> None:
    """Refuse a file larger than `max_file_mb` megabytes.

    Raises
    ------
    UserError (of type `error`)
    """
    if n_bytes > max_file_mb * MEGABYTE:
        found, most = f"{n_bytes / MEGABYTE:,.0f}", f"{max_file_mb:,.0f}"
        raise error(
            f"{name} has {'more than ' if found == most else ''}{found} MB; at most {most} MB are read.",
            hint="Split it into several files, or raise the limit (ESM2AMP_MAX_FILE_MB).",
        )


def decode(
    data: bytes | str, name: str = "The text", *, error: type[UserError] = PairError,
    formats: str = "FASTA, CSV, TSV or XLSX",
) -> str:  # fmt: skip
    """Text of a file: UTF-8, UTF-16 or UTF-32 with or without mark, else Windows-1252.

    Line ends stay as they are. `formats` is what to give instead of a file that is no text.

    Raises
    ------
    UserError (of type `error`)
        If it is not text; the message says what it looks like.
    """
    text = data if isinstance(data, str) else _decode(data, name, error)
    text = text.removeprefix("\ufeff")
    sample = text[:100_000]
    if len(_CONTROL.findall(sample)) > max(8, len(sample) / 50):
        raise error(f"{name} is not a text file.", hint=f"Give {formats}.")
    return whole_characters(text)


def whole_characters(text: str) -> str:
    """Text without half characters (lone surrogates), which cannot be stored: they become U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def _decode(data: bytes, name: str, error: type[UserError]) -> str:
    for magic, kind, remedy in _FORMATS:
        if data.startswith(magic):
            raise error(f"{name} is {kind}, which is not read here.", hint=remedy)
    for mark, encoding in (*_MARKS, (b"", _unmarked_encoding(data))):
        if data.startswith(mark):
            try:
                return data[len(mark):].decode(encoding)
            except UnicodeDecodeError as problem:
                raise error(
                    f"{name} is damaged or no text: byte {problem.start:,} is not {encoding.upper()}.",
                    hint="Save it again as UTF-8 text.",
                ) from None
    raise AssertionError("the empty mark fits everything")


def _unmarked_encoding(data: bytes) -> str:
    """Most likely encoding of text without a byte order mark."""
    sample = data[:4096]
    zeros = sample[0::2].count(0), sample[1::2].count(0)
    # Latin letters in UTF-16 have a zero in every second byte, always on the same side.
    if max(zeros) > len(sample) / 4 and min(zeros) <= len(sample) / 100:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        # Latin-1 accepts every byte; of its two readings, Windows' is the one that people's files have.
        return "cp1252" if not set(data) & set(b"\x81\x8d\x8f\x90\x9d") else "latin-1"
    return "utf-8"


def lines(text: str) -> Iterator[str]:
    """Lines with their ends (LF, CR LF or CR), one after the other without a copy of the whole."""
    return (match.group() for match in _LINE.finditer(text))


def plain_line_ends(text: str) -> str:
    """Line ends (CR LF, CR) as LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
