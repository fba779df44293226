"""The shape of the package, as a test: imports point one way, heavy libraries stay where they belong."""

import ast
import os
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "esm2amp_core"

NOUNS = {"errors", "settings", "progress", "files", "sequences", "tables", "columns", "features", "pairs",
         "predictions", "jobs", "kinds", "bundles", "protein_files", "labelled", "calibration", "operating",
         "reference", "trust", "reports", "report_words", "json_records", "background", "explanations",
         "same_pairs", "explanation_files", "explanation_tests", "region_files", "screen_files",
         "screen_options", "screen_plan", "screen_proteins", "number_text"}  # fmt: skip
MAY_IMPORT = {
    "errors": set(),
    "number_text": set(),
    "progress": set(),
    "settings": {"errors"},
    "files": {"errors", "settings"},
    "sequences": {"errors", "settings", "files"},
    "tables": {"errors", "settings", "files"},
    "columns": {"errors", "tables"},
    "checks": {"errors", "sequences", "tables", "columns"},
    "features": {"errors"},
    "pairs": {"errors", "settings", "predictions", "sequences", "tables", "columns", "checks",
              "protein_files"},
    "same_pairs": {"errors", "pairs"},
    "protein_files": {"errors", "settings", "files", "sequences", "tables"},
    "labelled": {"errors", "settings", "files", "sequences", "tables", "columns", "checks", "pairs",
                 "protein_files"},
    "predictions": {"errors"},
    "jobs": {"errors"},
    "kinds": {"errors"},
    "calibration": {"errors"},
    "operating": {"errors"},
    "reference": {"errors", "files", "sequences"},
    "trust": {"predictions", "progress", "reference", "sequences"},
    "json_records": {"errors"},
    "bundles": {"errors", "features", "calibration", "operating", "json_records"},
    "background": {"errors", "files"},
    "explanations": set(),
    "explanation_tests": set(),
    "explanation_files": {"errors", "features", "sequences", "explanations", "files"},
    "report_checks": {"json_records"},
    "reports": {"errors", "report_checks"},
    "report_words": {"number_text", "predictions", "reports"},
    "region_files": {"errors", "files", "annotations"},
    "screen_files": {"errors", "files"},
    "screen_options": {"errors", "background", "bundles", "screen_plan"},
    "screen_plan": set(),
    "screen_proteins": {"errors", "settings", "files", "sequences", "protein_files", "screen_files",
                        "screen_plan"},
    "annotations": {"errors", "settings", "files", "sequences", "tables", "protein_files"},
    "exports": NOUNS,
    "feature_files": NOUNS,
    "figures": NOUNS,
    "plots": NOUNS | {"figures"},
    "explanation_report": NOUNS | {"exports", "figures", "plots"},
    "bfloat16": set(),
    "embed": NOUNS | {"bfloat16"},
    "models": NOUNS | {"bfloat16"},
    "structures": {"errors", "settings", "files", "sequences", "features", "number_text"},
    "downloads": NOUNS | {"annotations", "models", "structures"},
    "selfcheck": NOUNS,
    "predictor": NOUNS | {"embed", "models", "selfcheck"},
    "cluster": NOUNS | {"embed"},
    "screening": NOUNS | {"exports", "cluster", "embed", "models", "predictor"},
    "splitting": NOUNS | {"exports"},
    "evaluation": NOUNS | {"exports", "predictor"},
    "regions": NOUNS | {"exports", "annotations", "evaluation"},
    "surrogates": NOUNS | {"models"},
    "explain": NOUNS | {"exports", "plots", "explanation_report", "embed", "models", "predictor",
                        "surrogates", "evaluation"},
    "installing": NOUNS | {"embed", "models", "downloads", "predictor", "selfcheck"},
    "store": NOUNS,
    "launching": {"errors", "settings", "store"},
    "submissions": NOUNS | {"store"},
    "workspace": NOUNS | {"store", "submissions", "launching", "downloads", "structures"},
    "tasks": NOUNS | {"store", "workspace", "predictor", "embed", "installing", "evaluation", "explain",
              "annotations", "downloads", "regions", "screening"},
    "training": NOUNS | {"bfloat16", "embed", "models", "predictor", "selfcheck", "installing",
                         "evaluation", "explain", "surrogates"},
    "cli": NOUNS | {"exports", "feature_files", "workspace", "tasks", "installing", "downloads", "predictor",
                    "selfcheck", "models", "cluster", "embed", "training", "evaluation", "splitting",
                    "explain", "surrogates", "annotations", "regions", "screening", "explanation_report",
                    "launching"},
    "__main__": {"cli"},
    "__init__": set(),
}
PAGES_MAY_IMPORT = NOUNS | {"exports", "figures", "plots", "explanation_report", "structures", "workspace"}


def imported_modules(path: Path) -> set[str]:
    """Names of esm2amp_core's modules that a file imports, without the package's name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "esm2amp_core":
                names |= {f"esm2amp_core.{alias.name}" for alias in node.names}
            names.add(node.module)
    return {name.removeprefix("esm2amp_core.") for name in names if name.startswith("esm2amp_core.")}


def part_of(path: Path) -> str:
    """First folder or file below the package."""
    return path.relative_to(CORE).parts[0].removesuffix(".py")


def test_imports_only_point_down():
    offences = []
    for path in CORE.rglob("*.py"):
        part = part_of(path)
        allowed = MAY_IMPORT[part] | {part}
        offences += [
            f"{path.relative_to(ROOT)} imports {name}"
            for name in sorted(imported_modules(path))
            if name.split(".")[0] not in allowed and not name.startswith("__version__")
        ]
    assert offences == []


def test_no_part_needs_itself_through_others():
    TopologicalSorter(MAY_IMPORT).prepare()  # raises where imports run in a circle


def test_pages_see_nouns_workspace_and_figures_only():
    offences = []
    for path in [ROOT / "app.py", *(ROOT / "pages").rglob("*.py")]:
        offences += [
            f"{path.relative_to(ROOT)} imports {name}"
            for name in sorted(imported_modules(path))
            if name not in PAGES_MAY_IMPORT and name.split(".")[0] not in PAGES_MAY_IMPORT
        ]
    assert offences == []


def test_the_core_knows_nothing_of_streamlit():
    files = [path for path in CORE.rglob("*.py") if "streamlit" in _top_level_imports(path)]
    assert files == []


def test_package_inits_import_nothing_of_ours():
    for path in CORE.rglob("__init__.py"):
        assert not imported_modules(path), path


def test_importing_the_package_tells_mkl_to_sum_alike_unless_it_was_told_otherwise():
    code = "import os, esm2amp_core; print(os.environ['MKL_CBWR'])"
    clean = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"}
    for told, kept in (({}, "AUTO"), ({"MKL_CBWR": "COMPATIBLE"}, "COMPATIBLE")):
        run = subprocess.run([sys.executable, "-c", code], env=clean | told, capture_output=True, text=True)
        assert run.stdout.strip() == kept


def test_pages_are_short():
    assert {path.name: n for path in (ROOT / "pages").glob("*.py") if (n := _n_lines(path)) > 80} == {}


@pytest.mark.parametrize("module", ["workspace", "exports", "pairs", "kinds", "bundles", "region_files",
                                    "screen_files", "screen_proteins", "cli.main"])
def test_light_modules_load_without_torch(module):
    code = (
        f"import sys, esm2amp_core.{module}; heavy = {{'torch', 'transformers', 'sklearn', 'streamlit'}}; "
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stderr) == (0, "")


def _top_level_imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def _n_lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())
