"""The script of the 3D viewer, 3Dmol.js: fetched once from the npm registry, checked, served by the app.

Done at set-up, and by ``python -m esm2amp_core.downloads.viewer_script``.
"""

from __future__ import annotations

import base64
import hashlib
import io
import sys
import tarfile
from pathlib import Path

import httpx

from esm2amp_core.errors import UserError
from esm2amp_core.files.whole_file import whole_file
from esm2amp_core.settings import Settings
from esm2amp_core.structures.viewer_page import LICENCE, SCRIPT

VERSION = "2.5.5"
INTEGRITY = "kqNHouGqq3YfW58174tdERvm0XYTmP0tavQKOqIw1ouc2OJ7epkXEFrtEkVXV0clBZT2Ze2xHRC/qxX0u0qCdw=="
"""SHA-512 of the package, as the registry states it."""
MEMBERS = {"package/build/3Dmol-min.js": SCRIPT, "package/LICENSE": LICENCE}
"""Files of the package, and what they are called in the app's folder of static files."""
MAX_BYTES = 50_000_000


def get_viewer_script(folder: Path, *, npm_url: str) -> Path:
    """Put the script, and its licence, into a folder; nothing is fetched if it is there.

    Parameters
    ----------
    folder : Path
        Of the app's static files; made when absent.
    npm_url : str
        Address of the npm registry.

    Raises
    ------
    UserError
        If there is no connection, what arrives is not the package, or the folder cannot be written.
    """
    script, stamp = folder / SCRIPT, folder / "3Dmol-version.txt"
    if is_there(folder):
        return script
    data = _package(f"{npm_url.rstrip('/')}/3dmol/-/3dmol-{VERSION}.tgz")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made: {error.strerror or error}.") from None
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as package:
        for member, name in MEMBERS.items():
            with whole_file(folder / name) as part:
                part.write_bytes(package.extractfile(member).read())
    with whole_file(stamp) as part:
        part.write_text(VERSION, encoding="utf-8")
    return script


def is_there(folder: Path) -> bool:
    """True if the folder holds the script of this version."""
    try:
        return (folder / "3Dmol-version.txt").read_text(encoding="utf-8") == VERSION
    except (OSError, ValueError):
        return False


def _package(address: str) -> bytes:
    parts, size = [], 0
    try:
        with httpx.stream("GET", address, timeout=60, follow_redirects=True) as response:
            if response.status_code != httpx.codes.OK:
                raise UserError(f"{address} answered {response.status_code}.", hint="Try again later.")
            for part in response.iter_bytes():
                size += len(part)
                if size > MAX_BYTES:
                    break
                parts.append(part)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UserError(f"No internet connection to {address} ({type(error).__name__}).",
                        hint="Everything else works without the 3D viewer.") from None
    data = b"".join(parts)
    if base64.b64encode(hashlib.sha512(data).digest()).decode() != INTEGRITY:
        raise UserError(f"{address} is not the package 3dmol {VERSION}: its checksum differs.",
                        hint="A network's login page may stand between. Try again later.")
    return data


def main() -> int:
    """Fetch the script; 1 if that was not possible, with the reason in one line."""
    settings = Settings.from_environment()
    try:
        get_viewer_script(settings.static, npm_url=settings.npm_url)
    except UserError as error:
        print(f"The 3D viewer is not set up: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
