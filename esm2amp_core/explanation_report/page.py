"""The page itself: no script, nothing loaded from elsewhere, light and dark, fit to print."""

from __future__ import annotations

from jinja2 import Environment, StrictUndefined

STYLE = """
:root{color-scheme:light dark;--ground:#fff;--text:#1c2733;--soft:#5a6875;--edge:#d6dde4;--panel:#f5f7f9;
--mark:#1f6fa8;--warn:#d55e00}
@media (prefers-color-scheme:dark){:root{--ground:#12171d;--text:#e4eaf0;--soft:#9dabb8;--edge:#33404c;
--panel:#1a222a;--mark:#6db7ea;--warn:#f0a35e}}
@media print{:root{color-scheme:light;--ground:#fff;--text:#000;--soft:#444;--edge:#bbb;--panel:#fff}
figure,tr,.panel{break-inside:avoid}h2,h3{break-after:avoid}details>summary{list-style:none}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:900px;padding:2rem 1.25rem 4rem;background:var(--ground);color:var(--text);
font:15px/1.5 system-ui,sans-serif;overflow-wrap:break-word}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .25rem}
h2{font-size:1.2rem;margin:2.4rem 0 .3rem;padding-top:.6rem;border-top:1px solid var(--edge)}
h3{font-size:1rem;margin:1.2rem 0 .2rem}p{margin:.4rem 0}.soft,figcaption{color:var(--soft)}
.panel{background:var(--panel);border:1px solid var(--edge);border-radius:8px;padding:.7rem 1rem;
margin:1rem 0}
.score{font-size:1.3rem;font-weight:600}
.not{border-left:3px solid var(--warn);padding:.1rem 0 .1rem .8rem;margin:.6rem 0}
.cards{display:flex;flex-wrap:wrap;gap:1rem;margin:.8rem 0}
figure{margin:0;max-width:100%}figcaption{font-size:.87em;margin-top:.3rem;max-width:60em}
.card{background:#fff;border:1px solid var(--edge);border-radius:6px;padding:8px;width:max-content;
max-width:100%}
.card svg{display:block;max-width:100%;height:auto}.card svg *{stroke-linejoin:round;stroke-linecap:butt}
.narrow{width:min(100%,345px)}.wide{width:min(100%,695px)}.narrow .card,.wide .card{width:100%}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.93em}
th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--edge);vertical-align:top}
th{font-weight:600}.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
code,h1,td:not(.number):not(.nowrap){overflow-wrap:anywhere}
td:first-child{min-width:8.5em}code,pre{font:.85em/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.nowrap{white-space:nowrap}
pre{background:var(--panel);border:1px solid var(--edge);border-radius:6px;padding:.6rem .8rem;
white-space:pre-wrap;max-height:22rem;overflow:auto}
@media print{pre{max-height:none}}
a{color:var(--mark)}summary{cursor:pointer}
"""

_PAGE = """{% macro picture(one) %}
<figure class="{{ one.size }}"><div class="card">{{ one.svg }}</div>
<figcaption>{{ one.caption }}</figcaption></figure>
{% endmacro %}
{% macro table(header, rows, numbers=()) %}
<div class="scroll"><table><thead><tr>
{% for name in header %}<th{% if loop.index0 in numbers %} class="number"{% endif %}>{{ name }}</th>
{% endfor %}
</tr></thead><tbody>
{% for row in rows %}<tr>
{% for cell in row %}<td{% if loop.index0 in numbers %} class="number"{% endif %}>{{ cell }}</td>{% endfor %}
</tr>{% endfor %}</tbody></table></div>
{% endmacro %}
<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{{ title }}</title><style>{{ style }}</style></head><body>
<h1>{{ title }}</h1>
<p class="soft">{{ subtitle }}</p>
<div class="panel">{% for line in verdict %}<p{% if loop.first %} class="score"{% endif %}>{{ line }}</p>
{% endfor %}</div>

<h2>The model</h2>
<p><b>{{ model.title }}.</b> {{ model.words }}</p>
{% if model.limitations %}<p>Known limits:</p>
<ul>{% for line in model.limitations %}<li>{{ line }}</li>{% endfor %}</ul>{% endif %}

{% if overview %}<h2>All methods side by side</h2>
<p>{{ overview_words }}</p>
<div class="cards">{{ picture(overview) }}</div>{% endif %}

{% for section in sections %}<h2>{{ section.title }}</h2>
<p>{{ section.shows }}</p>
<p class="not">{{ section.not_shown }}</p>
{% if section.warning %}<p class="not"><b>{{ section.warning }}</b></p>{% endif %}
<div class="cards">{% for one in section.pictures %}{{ picture(one) }}{% endfor %}</div>
{% if section.segments %}<h3>The segments that matter most</h3>
{% if section.signed %}<p class="soft">In the order of their values' size.
Value: what a segment adds, with its sign. Magnitude: how much it
matters, whatever the sign; a segment can matter and add little, where what speaks for the interaction and
what speaks against it are equal.</p>{% endif %}
<div class="scroll"><table><thead><tr><th>Segment</th><th>Protein</th><th>Residues</th>
<th class="number">Value</th>{% if section.signed %}<th class="number">Magnitude</th>{% endif %}
<th>Sequence</th></tr></thead><tbody>
{% for one in section.segments %}<tr><td class="nowrap">{{ one.token }}</td><td>{{ one.protein }}</td>
<td class="nowrap">{{ one.residues }}</td><td class="number">{{ one.value }}</td>
{% if section.signed %}<td class="number">{{ one.magnitude }}</td>{% endif %}
<td><code>{{ one.sequence }}</code></td></tr>{% endfor %}
</tbody></table></div>{% endif %}
{% if section.checks %}<h3>Checked</h3>
{{ table(("Check", "Value", "Meaning"), section.checks, (1,)) }}{% endif %}
{% if section.settings %}<p class="soft">Settings: {{ section.settings }}</p>{% endif %}
{% endfor %}

{% for section in tests %}<h2>{{ section.title }}</h2>
{% for line in section.lines %}<p>{{ line }}</p>{% endfor %}
<div class="cards">{% for one in section.pictures %}{{ picture(one) }}{% endfor %}</div>
{% if section.rows %}{{ table(section.header, section.rows, section.numbers) }}{% endif %}
{% endfor %}

{% if missing %}<h2>Methods left out</h2>
<ul>{% for name, reason in missing %}<li><b>{{ name }}:</b> {{ reason }}</li>{% endfor %}</ul>{% endif %}

<h2>How these numbers were made</h2>
<div class="scroll"><table>{% for name, value in provenance.items() %}
<tr><td class="nowrap">{{ name }}</td><td><code>{{ value }}</code></td></tr>{% endfor %}</table></div>

<h2>Run it again</h2>
<p>Save the table below as <code>{{ rerun.pairs_name }}</code>
(<a download="{{ rerun.pairs_name }}" href="{{ rerun.pairs_link }}">from this page</a>) and type this in its
folder, where the model of the checksum above is installed. The same model, versions and kind of machine give
the same numbers.</p>
<pre>{{ rerun.command }}</pre>
{% if rerun.pairs_text %}<details open><summary>{{ rerun.pairs_name }}</summary>
<pre>{{ rerun.pairs_text }}</pre></details>
<details><summary>{{ rerun.fasta_name }}: the same proteins for other programs
(<a download="{{ rerun.fasta_name }}" href="{{ rerun.fasta_link }}">save</a>)</summary>
<pre>{{ rerun.fasta_text }}</pre></details>{% endif %}
</body></html>
"""
_ENVIRONMENT = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
_TEMPLATE = _ENVIRONMENT.from_string(_PAGE)


def render(**contents: object) -> bytes:
    """The page in UTF-8; every text in it is escaped, except SVG that is marked as such."""
    # Half a character can stand in a name that came from a damaged file; a page cannot hold it.
    return _TEMPLATE.render(style=STYLE, **contents).strip().encode("utf-8", errors="replace") + b"\n"
