"""``esm2amp``: the commands, and the one place where their errors become exit codes."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import traceback

import typer
from typer.exceptions import Abort, TyperException

from esm2amp_core import __version__
from esm2amp_core.cli import (
    evaluating,
    explaining,
    jobs,
    models,
    predicting,
    regions,
    screening,
    splitting,
    training,
)
from esm2amp_core.cli.console import NOTES, OUTPUT
from esm2amp_core.errors import UserError

BAD_INPUT, UNEXPECTED, INTERRUPTED = 2, 1, 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Predict protein-protein interactions from sequence (ESM2_AMP). Nothing leaves this machine.",
)
app.command()(predicting.predict)
app.command()(predicting.embed)
app.command()(screening.screen)
app.command()(explaining.explain)
app.command()(regions.regions)
app.command()(evaluating.evaluate)
app.command()(training.train)
app.command()(training.tune)
app.command()(training.compare)
app.command()(splitting.split)
app.add_typer(models.app, name="models", help="Installed models: list, show, check, import, download.")
app.add_typer(jobs.app, name="jobs", help="The job history of the app.")
app.command()(jobs.worker)
app.command(name="app")(jobs.run_app)


@app.command()
def version() -> None:
    """Print the version."""
    OUTPUT.print(f"esm2amp {__version__}")


def main() -> None:
    """Run a command; exit 0 if all is well, 3 if some rows have errors, 2 for bad usage or input."""
    # The libraries' chatter about kernels and tokenizers says nothing to the person at the terminal.
    logging.getLogger("transformers").setLevel(logging.ERROR)
    try:
        # Not standalone: errors of usage, too, become one line here.
        code = app(standalone_mode=False)
        if code == INTERRUPTED:
            NOTES.print("esm2amp: stopped.")
        sys.exit(code)
    except TyperException as error:
        message = error.format_message().rstrip(".")
        NOTES.print(message if message.startswith("Usage") else f"esm2amp: {message}. See `esm2amp --help`.")
        sys.exit(BAD_INPUT)
    except Abort:
        NOTES.print("esm2amp: stopped.")
        sys.exit(INTERRUPTED)
    except UserError as error:
        NOTES.print(f"esm2amp: {error}")
        for detail in error.details[:20]:
            NOTES.print(f"  {detail}")
        if len(error.details) > 20:
            NOTES.print(f"  ... and {len(error.details) - 20:,} more.")
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        NOTES.print("esm2amp: stopped.")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.exit(UNEXPECTED)
    except Exception:  # the boundary: nobody at a terminal is helped by a traceback
        described = _incident(traceback.format_exc())
        NOTES.print(f"esm2amp: something went wrong that should not have. {described}")
        sys.exit(UNEXPECTED)


def _incident(report: str) -> str:
    """Write down what happened in a file that is nobody else's; the sentence that names it."""
    try:
        file, name = tempfile.mkstemp(prefix="esm2amp-", suffix=".log")
        with os.fdopen(file, "w", encoding="utf-8") as log:
            log.write(report)
    except OSError:
        return f"The last line of the report: {report.strip().splitlines()[-1]}"
    return f"{name} describes it."
