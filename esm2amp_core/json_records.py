"""Records that others wrote as JSON: what is wrong with them, in words, before they are believed."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from typing import Any

from esm2amp_core.errors import BundleError

KINDS = {
    "str": (str, "a text"),
    "int": (int, "a whole number"),
    "float": ((int, float), "a number"),
    "tuple": ((tuple, list), "a list"),
    "list": (list, "a list"),
    "dict": (dict, "a set of fields"),
}  # fmt: skip
"""What a field's annotation asks for: types, and words for people."""

REMEDY = "Restore the file, or install the model again."


def json_object(text: str, what: str) -> dict[str, Any]:
    """The fields of a JSON object.

    Raises
    ------
    BundleError
        If the text is not JSON, or something else than an object.
    """
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"the trouble begins in line {error.lineno}, column {error.colno}"
        raise BundleError(f"{what} is not JSON; {where}.", hint=REMEDY) from None
    except (RecursionError, ValueError):  # nested too deeply; a number of very many digits
        raise BundleError(f"{what} is no JSON that a program would write.", hint=REMEDY) from None
    return _object(values, what)


def check_names(record: type, values: Any, what: str) -> None:
    """Refuse values that are not the fields of a record: unknown ones, or some left out.

    Raises
    ------
    BundleError
    """
    known = {field.name: field for field in fields(record)}
    values = _object(values, what)
    if unknown := sorted(set(values) - set(known)):
        raise BundleError(f"{what} has unknown fields: {', '.join(unknown)}.",
                          hint=f"Known are {', '.join(known)}. A newer program may have written it.")
    missing = [name for name, field in known.items()
               if name not in values and field.default is MISSING and field.default_factory is MISSING]
    if missing:
        raise BundleError(f"{what} lacks {', '.join(missing)}.", hint=REMEDY)


def check_kinds(record: type, values: dict[str, Any], what: str) -> None:
    """Refuse values of another kind than their field's.

    Raises
    ------
    BundleError
    """
    for field in fields(record):
        types, words = KINDS.get(str(field.type).partition("[")[0], (object, ""))
        value = values.get(field.name, field.default)
        if value is not MISSING and (not isinstance(value, types) or (words and isinstance(value, bool))):
            raise BundleError(f"{what}: {field.name} is {shown(value)}, not {words}.")


def shown(value: Any) -> str:
    """A value as it stands in the file, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _object(values: Any, what: str) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise BundleError(f"{what} is {shown(values)}, not a set of fields in braces.")
    return values
