"""``esm2amp jobs``, ``esm2amp worker`` and ``esm2amp app``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.table import Table

from esm2amp_core.cli.console import NOTES, OUTPUT
from esm2amp_core.errors import UserError
from esm2amp_core.jobs import Job
from esm2amp_core.launching import run_server
from esm2amp_core.settings import REPOSITORY, Settings
from esm2amp_core.workspace import Workspace

app = typer.Typer(no_args_is_help=True)
JobId = Annotated[str, typer.Argument(help="Id, as `esm2amp jobs list` shows it.")]


@app.command("list")
def list_jobs(
    search: Annotated[str, typer.Option(help="Words of a title, an id, or a protein.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Newest first, at most so many.")] = 50,
) -> None:
    """List jobs, newest first."""
    workspace = Workspace.open()
    table = Table("id", "state", "rows", "errors", "created (UTC)", "title", box=None)
    for job in workspace.jobs.list(search=search, limit=limit):
        n_done, n_rows = workspace.scored(job)
        rows = f"{n_done:,}/{n_rows:,}"
        created = f"{job.created:%Y-%m-%d %H:%M}"
        table.add_row(job.id, job.state.value, rows, f"{job.n_errors:,}", created, job.title)
    OUTPUT.print(table)


@app.command()
def show(job_id: JobId) -> None:
    """Show everything known of a job."""
    workspace = Workspace.open()
    job = workspace.jobs.get(job_id)
    for name, value in _facts(job, *workspace.scored(job)).items():
        OUTPUT.print(f"{name:14} {value}")


@app.command()
def cancel(job_id: JobId) -> None:
    """Stop a job that is queued or running; rows scored so far are kept."""
    job = Workspace.open().jobs.cancel(job_id)
    NOTES.print(f"{job.id} is {job.state.value}.")


def worker(
    exit_when_idle: Annotated[
        int, typer.Option(min=0, help="Leave after so many seconds without a job; 0 stays for ever.")
    ] = 0,
) -> None:
    """Do queued jobs until stopped (the app starts a worker by itself)."""
    from esm2amp_core.tasks.worker import run_worker

    settings = Settings.from_environment()
    NOTES.print(f"Working on jobs of {settings.workspace}. Ctrl+C stops.")
    if not run_worker(settings, exit_when_idle=exit_when_idle):
        raise UserError("Another worker is already at work here.", hint="One is enough.")


def run_app(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port on this machine.")] = 8501,
    address: Annotated[str, typer.Option(help="127.0.0.1 lets in only this machine.")] = "127.0.0.1",
) -> None:
    """Start the web app."""
    script = REPOSITORY / "app.py"
    if not script.is_file():
        raise UserError("The web pages are not installed here.", hint="Start the app from the repository.")
    options = ["--server.port", str(port), "--server.address", address]
    # The app's own configuration lies beside app.py and is found from there only.
    raise typer.Exit(
        run_server([sys.executable, "-m", "streamlit", "run", str(script), *options], REPOSITORY)
    )


def _facts(job: Job, n_done: int, n_rows: int) -> dict[str, object]:
    """What `show` prints, in order."""
    facts = {
        "id": job.id, "title": job.title, "kind": job.kind, "state": job.state.value, "owner": job.owner,
        "rows": f"{n_done:,} of {n_rows:,} done, {job.n_errors:,} with errors",
        "stage": f"{job.stage} {job.stage_done:,}/{job.stage_total:,}" if job.stage else "",
        "created": job.created, "started": job.started, "finished": job.finished,
        "attempts": job.attempts, "input": job.input_digest, **job.params,
        "message": job.message, "error": job.error,
    }  # fmt: skip
    return {name: value for name, value in facts.items() if value not in ("", None)}
