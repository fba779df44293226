"""Is a bundle's folder what its manifest says? Asked before anything in it is used."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from esm2amp_core.bundles import ENCODER, SELFCHECK, WEIGHTS, Manifest, file_digest
from esm2amp_core.errors import BundleError

ENCODER_SUFFIXES = (".json", ".txt", ".safetensors")
"""Configuration, vocabulary, weights. Nothing that Python could run or unpickle."""


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Check that the files are those the manifest lists, byte for byte.

    Raises
    ------
    BundleError
        If a file is missing, changed, outside the folder, or used without being listed.
    """
    for name, digest in manifest.checksums.items():
        path = file_inside(folder, name)
        if not path.is_file():
            raise BundleError(f"{manifest.name} is incomplete: {name} is missing.", hint="Install it again.")
        if file_digest(path) != digest:
            raise BundleError(
                f"{manifest.name} is damaged: {name} is not the file it was saved with.",
                hint="Install it again.",
            )
    for name in (WEIGHTS, SELFCHECK, *encoder_files(folder, manifest)):
        if name not in manifest.checksums:
            raise BundleError(
                f"{manifest.name}: {name} is not among the files listed in its manifest.",
                hint="Install it again, or save it with this program.",
            )


def encoder_files(folder: Path, manifest: Manifest) -> list[str]:
    """Relative paths of the encoder's files, where the bundle brings its encoder along.

    Raises
    ------
    BundleError
        If the encoder is absent, or a file of a kind that could be executed lies there.
    """
    if manifest.encoder.folder != ENCODER:
        return []
    inside = file_inside(folder, ENCODER)
    if not inside.is_dir():
        raise BundleError(f"{manifest.name} is incomplete: its encoder is missing.", hint="Install it again.")
    found = [path for path in sorted(inside.rglob("*")) if not path.is_dir()]
    for path in found:
        if path.suffix not in ENCODER_SUFFIXES:
            raise BundleError(
                f"{manifest.name}: its encoder has a file {path.name!r}; only "
                f"{', '.join(ENCODER_SUFFIXES)} files are read.",
                hint="Remove that file if the rest is complete.",
            )
    return [path.relative_to(folder).as_posix() for path in found]


def file_inside(folder: Path, name: str) -> Path:
    """The place of a bundle's file, given by its relative path.

    Raises
    ------
    BundleError
        If the path is not relative with forward slashes, or leads out of the folder, also by a link.
    """
    plain = (
        name
        and "\0" not in name
        and "\\" not in name
        and not PurePosixPath(name).is_absolute()
        and not PureWindowsPath(name).drive
        and ".." not in PurePosixPath(name).parts
    )
    if not plain or not (folder / name).resolve().is_relative_to(folder.resolve()):
        raise BundleError(
            f"The manifest names a file {name!r} outside the bundle {folder.name}.",
            hint="Use bundles from a source you trust.",
        )
    return folder / name
