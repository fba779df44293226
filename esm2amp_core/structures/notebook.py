"""A structure in a Jupyter notebook, in the colours of the app."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from esm2amp_core.settings import Settings
from esm2amp_core.structures.painting import Colouring, paint
from esm2amp_core.structures.placing import Placement
from esm2amp_core.structures.scene import scene
from esm2amp_core.structures.viewer_page import SCRIPT

if TYPE_CHECKING:
    import py3Dmol


def notebook_view(
    placement: Placement, colouring: Colouring, *, chosen: Sequence[str] = (), mark_interface: bool = False,
    width: int = 700, height: int = 460, static: Path | None = None,
) -> py3Dmol.view:
    """Draw the proteins of a pair with py3Dmol.

    Parameters
    ----------
    placement : Placement
        The proteins in a structure, as `place` finds them.
    colouring : Importance, RegionLayer or str
        A method's importance, annotated regions, `PLDDT` or `CHAINS`.
    chosen : sequence of str
        Tokens such as ``A.segment3`` whose residues are outlined.
    mark_interface : bool
        Mark residues within 5 Å of the other protein, where both are in the structure.
    width, height : int
        In pixels.
    static : Path, optional
        Folder with 3Dmol.js. Where it holds the script, the notebook carries it and shows without a network;
        elsewhere py3Dmol loads it from the internet.

    Returns
    -------
    py3Dmol.view
        Shown by a cell that ends with it; all methods of 3Dmol's viewer can be called on it.

    Examples
    --------
    >>> structure = read_structure("2oob.pdb")                                        # doctest: +SKIP
    >>> placement = place(structure, [Protein("CBL-B", cblb), Protein("UBB", ubiquitin)])  # doctest: +SKIP
    >>> notebook_view(placement, importance, chosen=["A.segment3"])                   # doctest: +SKIP
    """
    import py3Dmol  # the rest of the package works without it

    touching = placement.contacts() if mark_interface and placement.is_complex else None
    drawn, _ = paint(placement, colouring, chosen=chosen, touching=touching)
    made = scene(drawn)
    script = (static or Settings.from_environment().static) / SCRIPT
    source = {"js": _data_address(script)} if script.is_file() else {}
    view = py3Dmol.view(width=width, height=height, **source)
    view.addModel(made["pdb"], "pdb")
    for method, *values in made["calls"]:
        getattr(view, method)(*values)
    view.zoomTo()
    return view


def _data_address(script: Path) -> str:
    return "data:text/javascript;base64," + base64.b64encode(script.read_bytes()).decode()
