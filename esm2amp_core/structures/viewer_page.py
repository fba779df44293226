"""The 3D view as one file to keep or to send: all that it needs is inside, and it contacts nobody."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from esm2amp_core import __version__
from esm2amp_core.structures.colours import Legend
from esm2amp_core.structures.structure import StructureError

SCRIPT, LICENCE = "3Dmol-min.js", "3Dmol-LICENSE.txt"
"""3Dmol.js in the app's folder of static files."""
FAILED = "This browser cannot draw in 3D: WebGL is switched off."
_HERE = Path(__file__).resolve().parent
VIEWER_JS = "".join((_HERE / name).read_text(encoding="utf-8") for name in ("viewer.js", "viewer_png.js"))
"""A module whose `show` draws a scene into `VIEWER_HTML`; the app's component and a saved page run it."""
VIEWER_CSS = (_HERE / "viewer.css").read_text(encoding="utf-8")
VIEWER_HTML = """<div class="structure">
<div class="frame"><p class="pointed" aria-live="polite"></p>
<div class="canvas" tabindex="0" role="img"></div></div>
<div class="below"><div class="legend"></div>
<button type="button" class="reset">Reset the view</button>
<button type="button" class="png">Save as PNG</button></div>
</div>"""
_STYLE = """
:root { color-scheme: light dark; --st-font: system-ui, sans-serif; --st-background-color: #fff;
  --st-text-color: #1c2733; --st-border-color: #d6dde4; --st-primary-color: #1f6fa8; }
@media (prefers-color-scheme: dark) { :root { --st-background-color: #12171d; --st-text-color: #e4eaf0;
  --st-border-color: #33404c; --st-primary-color: #6db7ea; } }
body { margin: 0 auto; max-width: 1100px; padding: 1.5rem; font: 15px/1.5 var(--st-font);
  background: var(--st-background-color); color: var(--st-text-color); }
h1 { font-size: 1.4rem; line-height: 1.25; margin: 0 0 1rem; overflow-wrap: anywhere; }
.structure .canvas { height: 65vh; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1.2rem; }
dd { margin: 0; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; font-size: 0.8rem; }
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:">
<title>{title}</title>
<style>{style}</style></head>
<body><h1>{title}</h1>
{viewer}
<p>Drag to turn, point at a residue for its name. Click into the picture, then use the wheel to zoom.</p>
<dl>{facts}</dl>
<details><summary>Drawn by 3Dmol.js (Rego and Koes, Bioinformatics 2015;31:1322); its licence</summary>
<pre>{licence}</pre></details>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
<script type="module">{module}
show({{ data: JSON.parse(document.getElementById("data").textContent), parentElement: document.body }});
</script></body></html>
"""


def viewer_data(
    scene: Mapping[str, Any], legend: Legend, *, title: str, alt: str, name: str = "structure"
) -> dict[str, Any]:
    """What `VIEWER_JS` draws, as plain values; `name` is that of a saved picture, without its ending."""
    return {"scene": scene, "legend": asdict(legend), "title": title, "alt": alt, "name": name,
            "failed": FAILED}


def viewer_page(data: Mapping[str, Any], facts: Mapping[str, str], *, static: Path) -> str:
    """An HTML page that shows a scene without a network.

    Parameters
    ----------
    data : mapping
        As `viewer_data` gives it.
    facts : mapping of str to str
        What is shown and where it comes from, told below the picture.
    static : Path
        Folder with `SCRIPT` and `LICENCE`.

    Raises
    ------
    StructureError
        If the viewer's script is not there.
    """
    try:
        script, licence = ((static / name).read_text(encoding="utf-8") for name in (SCRIPT, LICENCE))
    except OSError as problem:
        raise StructureError("The 3D viewer's script is missing.",
                             hint="Fetch it: python -m esm2amp_core.downloads.viewer_script") from problem
    told = "\n".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
                     for name, value in {**facts, "Made by": f"esm2amp {__version__}"}.items())
    # In a script, only "<" can begin anything that ends it.
    values = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c")
    return _PAGE.format(title=escape(data["title"]), style=VIEWER_CSS + _STYLE, viewer=VIEWER_HTML,
                        facts=told, licence=escape(licence), data=values, script=_inline(script),
                        module=_inline(VIEWER_JS))


def _inline(script: str) -> str:
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
