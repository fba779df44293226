"""The app as a person waits for it: Chromium on pages with few and with many past jobs.

Builds a workspace of its own (a job of 100,000 scored rows, one explained pair, past jobs), starts the app on
it twice, with 10 and with 10,000 past jobs, and measures in a browser with an empty profile:

    .venv/bin/python benchmarks/app.py [--past 10,10000] [--rows 100000] [--visits 3] [--json FILE]

Seconds are from what the person does until the page is complete: nothing runs, tables and charts are drawn.
"first" is the first visit after the server started, "later" the median of the visits after it, each with an
empty browser profile, but for "again": the same address a third time in the same browser, and "from the
list": by a link on the page of jobs, after that was looked at for a while; as is the page before a paste.
"server" is processor time of the web process, where the system tells (Linux). "Streamlit alone" is a page
with nothing of ours (empty_page.py): no page that has as much on it can be faster.
Needs Chromium and the packages of ``pip install -e '.[test]'``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from textwrap import wrap
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Locator, Page
from streamlit import __version__ as streamlit_version

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "scripts")]
from job import peak_memory_mb, random_table  # noqa: E402
from past_jobs import (  # noqa: E402
    BUNDLE,
    MODELS,
    add_explained_pair,
    add_large_job,
    add_past_jobs,
    open_workspace,
)
from running_app import chromium, free_port, running_app  # noqa: E402

from esm2amp_core.workspace import Workspace  # noqa: E402

WIDTH, HEIGHT = 1280, 900
LIMIT_SECONDS = 2.0
TIMEOUT = 120_000
READING_MS = 2_500
"""A person looks at a page for so long before choosing something on it."""
EMPTY_PAGES = {"/?with=": "a word", "/?with=table": "a table", "/?with=table&with=chart": "table and chart"}
NAME = 42
COMPLETE = """() => {
    const all = (name) => [...document.querySelectorAll(`[data-testid=${name}]`)]
        .filter(element => element.checkVisibility());
    const app = document.querySelector('[data-testid=stApp]');
    return app?.dataset.testScriptState === 'notRunning'
        && !all('stSkeleton').length && !document.querySelector('[data-stale=true]')
        && all('stPlotlyChart').every(chart => chart.querySelector('.main-svg'))
        && all('stDataFrame').every(table => table.querySelector('canvas'));
}"""
PUT = """(box, text) => {  // as a paste does; Playwright's own way takes minutes for a million letters
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set.call(box, text);
    box.dispatchEvent(new Event('input', {bubbles: true}));
}"""
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"


@dataclass
class Waits:
    """Seconds a person waited for one thing, and processor seconds of the server meanwhile, by visit."""

    seconds: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)

    @property
    def first(self) -> float:
        """The first visit after the server started."""
        return self.seconds[0]

    @property
    def later(self) -> float:
        """Median of the visits after it."""
        return statistics.median(self.seconds[1:] or self.seconds)


class Person:
    """Who looks at the app, with a watch in the hand.

    Parameters
    ----------
    browser : Browser
    address : str
        Of the app.
    """

    def __init__(self, browser: Browser, address: str) -> None:
        self.browser, self.address = browser, address
        self.server = server_pid(urlsplit(address).port)
        self.waits: dict[str, Waits] = defaultdict(Waits)

    def new_tab(self) -> Page:
        """A tab of a browser that was never here."""
        page = self.browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}).new_page()
        page.set_default_timeout(TIMEOUT)
        return page

    def wait(self, name: str, page: Page, deed: Callable[[], object], sign: str | Locator) -> None:
        """Note how long it takes from a deed until its sign is seen and the page is complete.

        Parameters
        ----------
        sign : str or Locator
            A text, or a part of the page.
        """
        processor, begun = cpu_seconds(self.server), time.perf_counter()
        deed()
        (page.get_by_text(sign) if isinstance(sign, str) else sign).first.wait_for()
        page.wait_for_function(COMPLETE)
        self.waits[name].seconds.append(time.perf_counter() - begun)
        self.waits[name].server.append(cpu_seconds(self.server) - processor)

    def open(self, name: str, path: str, sign: str) -> Page:
        """Open an address in a new tab; then again, when its browser has kept the app's scripts compiled."""
        page = self.new_tab()
        self.wait(name, page, lambda: page.goto(self.address + path, wait_until="commit"), sign)
        if path == "/":
            self.waits["first page, first paint"].seconds.append(page.evaluate(FIRST_PAINT))
        page.reload()  # Chromium keeps a script compiled from the second time it runs
        page.get_by_text(sign).first.wait_for()
        page.wait_for_function(COMPLETE)
        self.wait(f"{name}, again", page, lambda: page.reload(wait_until="commit"), sign)
        return page


def look_at_nothing(person: Person, visits: int) -> None:
    """Pages that only Streamlit has a part in."""
    for _ in range(visits + 1):
        for address, name in EMPTY_PAGES.items():
            person.open(f"Streamlit alone, {name}", address, "Nothing else").context.close()


def look_at_first_page(person: Person, visits: int) -> None:
    """The bare address."""
    for _ in range(visits + 1):
        person.open("first page, usable", "/", "Check these pairs").context.close()


def look_at_results(person: Person, job_id: str, n_rows: int, visits: int) -> None:
    """A large result from its address, then its filter."""
    name, rows = f"results of {n_rows:,} rows", f"of {n_rows:,}"
    for _ in range(visits + 1):
        page = person.open(name, f"/results?job={job_id}", f"{rows} matching rows")
        box = page.get_by_role("textbox", name="Find a protein")
        box.fill("P0001")
        person.wait(f"{name}, find a protein", page, lambda box=box: box.press("Enter"), f"{rows} rows match")
        page.context.close()


def look_at_explanation(person: Person, job_id: str, visits: int) -> None:
    """An explained pair from its address, then another segment."""
    for visit in range(visits + 1):
        page = person.open("explained pair", f"/explain?job={job_id}", "Chosen segment")
        segment = f"A.segment{visit % 10}"
        box = page.get_by_role("combobox", name="Chosen segment")
        box.fill(segment)
        page.get_by_role("option", name=segment).first.wait_for()
        person.wait("explained pair, choose a segment", page, lambda field=box: field.press("Enter"),
                    f"{segment}: residues")  # fmt: skip
        page.context.close()


def come_from_the_list(person: Person, jobs: dict[str, str], n_rows: int, visits: int) -> None:
    """Open jobs from the list of them, a while after the app was opened: no page is loaded anew."""
    signs = {"large": (f"results of {n_rows:,} rows", f"of {n_rows:,} matching rows"),
             "explained": ("explained pair", "Chosen segment")}  # fmt: skip
    for _ in range(visits + 1):
        for job, (name, sign) in signs.items():
            page = person.new_tab()
            page.goto(f"{person.address}/jobs")
            box = page.get_by_role("textbox", name="Find a job")
            box.fill(jobs[job])
            box.press("Enter")
            page.get_by_text("1 job", exact=True).wait_for()
            page.wait_for_timeout(READING_MS)
            link = page.locator(f"a[href*='{jobs[job]}']").first
            person.wait(f"{name}, from the list", page, link.click, sign)
            page.context.close()


def look_at_jobs(person: Person, visits: int) -> None:
    """The history, and a search in it."""
    for _ in range(visits + 1):
        page = person.open("history of jobs", "/jobs", "Submitted")
        box = page.get_by_role("textbox", name="Find a job")
        box.fill("0007")
        person.wait("history, find a job", page, lambda field=box: field.press("Enter"), "Bait 0007 against")
        page.context.close()


def paste_pairs(person: Person, workspace: Workspace, n_pairs: int, n_proteins: int, visits: int) -> None:
    """Pairs and their sequences from the clipboard to a queued job, twice in each browser."""
    table, name = random_table(n_pairs, n_proteins, seed=7), f"paste of {n_pairs:,} pairs"
    pairs = "\n".join(map("\t".join, zip(table.frame["protein_a"], table.frame["protein_b"], strict=True)))
    records = ([f">{id}", *wrap(protein.sequence, 60)] for id, protein in table.proteins.items())
    fasta = "\n".join(map("\n".join, records))
    for _ in range(visits + 1):
        page = person.new_tab()
        for title in (name, f"{name}, again"):
            page.goto(person.address)
            page.wait_for_timeout(READING_MS)
            for label, text in (("Sequences (FASTA)", fasta), ("Pairs", pairs)):
                box = page.get_by_role("textbox", name=label, exact=True)
                box.focus()
                box.evaluate(PUT, text)
            page.wait_for_function(COMPLETE)
            predict = page.get_by_role("button", name=f"Predict {n_pairs:,} pairs")
            check = page.get_by_role("button", name="Check these pairs")
            person.wait(f"{title}: checked", page, check.click, predict)
            cancel = page.get_by_role("button", name="Cancel this job")
            person.wait(f"{title}: queued", page, predict.click, cancel)
            steps = [person.waits[f"{title}: {step}"].seconds[-1] for step in ("checked", "queued")]
            person.waits[f"{title}: both"].seconds.append(sum(steps))
            workspace.jobs.delete(page.url.partition("job=")[2])
        page.context.close()


def measure(workspace: Workspace, jobs: dict[str, str], options: argparse.Namespace) -> dict[str, object]:
    """Start the app and look at every page."""
    n_past = workspace.jobs.count() - len(jobs)
    folder, port = workspace.settings.workspace, free_port()
    waits = {}
    with (
        chromium() as browser,
        running_app(folder, models=MODELS, port=port, script=HERE / "empty_page.py") as address,
    ):
        person = Person(browser, address)
        look_at_nothing(person, options.visits)
        waits |= person.waits
    with chromium() as browser, running_app(folder, models=MODELS, port=port) as address:
        person = Person(browser, address)
        look_at_first_page(person, options.visits)
        look_at_results(person, jobs["large"], options.rows, options.visits)
        look_at_explanation(person, jobs["explained"], options.visits)
        come_from_the_list(person, jobs, options.rows, options.visits)
        look_at_jobs(person, options.visits)
        paste_pairs(person, workspace, options.pairs, options.proteins, options.visits)
        memory = peak_memory_mb(person.server)
        waits |= person.waits
    stop_worker(workspace)
    return {"past_jobs": n_past, "server_peak_mb": round(memory),
            "waits": {name: asdict(wait) for name, wait in waits.items()}}  # fmt: skip


def stop_worker(workspace: Workspace) -> None:
    """End the worker that the app has started: it must not write to a folder that goes."""
    while (holder := workspace.seat.holder()) is not None:
        if holder.pid:
            with suppress(ProcessLookupError):
                os.kill(holder.pid, signal.SIGTERM)
        time.sleep(0.2)


def server_pid(port: int) -> int:
    """The process of this one's children that serves the app on a port; 0 where that cannot be found out."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_text(errors="replace").split("\0")
        except OSError:
            continue
        if "streamlit" in words and str(port) in words:
            return int(path.parent.name)
    return 0


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far, all its threads; 0 where that cannot be found out."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def print_table(found: list[dict[str, object]]) -> None:
    """One line per thing waited for, one group of columns per number of past jobs."""
    counts = "".join(f"{part['past_jobs']:>15,} past jobs" for part in found)
    print(f"{'seconds':{NAME}}{counts}")
    print(f"{'':{NAME}}" + f"{'first':>10}{'later':>7}{'server':>8}" * len(found))
    for name in found[0]["waits"]:
        line = f"{name:{NAME}}"
        for part in found:
            waits = Waits(**part["waits"][name])
            server = f"{statistics.median(waits.server):8.2f}" if waits.server else f"{'':8}"
            mark = "*" if waits.later > LIMIT_SECONDS else " "
            line += f"{waits.first:10.2f}{waits.later:6.2f}{mark}{server}"
        print(line)
    memory = "".join(f"{part['server_peak_mb']:>25,}" for part in found)
    print(f"{'peak memory of the server, MB':{NAME}}{memory}")


def main() -> None:
    """Build the workspace, measure with each number of past jobs, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--past", default="10,10000", help="numbers of past jobs, rising")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--proteins", type=int, default=1_500)
    parser.add_argument("--visits", type=int, default=3, help="after the first one")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    counts = [int(number) for number in options.past.split(",")]
    begun, found = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder))
        jobs = {"large": add_large_job(workspace, options.rows, 5_000).id}
        jobs |= {"explained": add_explained_pair(workspace).id}
        for known, wanted in zip([0, *counts], counts, strict=False):
            add_past_jobs(workspace, known, wanted)
            found.append(measure(workspace, jobs, options))
    print_table(found)
    print(f"* more than {LIMIT_SECONDS:.0f} s. {os.cpu_count()} cores, model {BUNDLE}, Streamlit "
          f"{streamlit_version}; all of it took {time.monotonic() - begun:.0f} s.")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
