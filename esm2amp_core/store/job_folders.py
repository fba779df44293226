"""Where the files of jobs lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from esm2amp_core.errors import JobError
from esm2amp_core.jobs import Job, JobState
from esm2amp_core.kinds import EXPLAIN
from esm2amp_core.store.job_store import JobStore

GIVEN = "given"
"""Where a file lies that came with a job, whatever its name."""
LIBRARY, BAITS = f"{GIVEN}/library", f"{GIVEN}/bait"
"""The same for the two files of a screen, which may have one name."""


@dataclass(frozen=True)
class JobFolders:
    """The folder of each job's results, and the files that came with it; whether they are there is not asked.

    Attributes
    ----------
    jobs : JobStore
    """

    jobs: JobStore

    def report(self, job_id: str) -> Path:
        """The report of an evaluation."""
        return self._of(job_id) / "report"

    def explanation(self, job_id: str) -> Path:
        """An explanation, which `ExplanationFolder` reads."""
        return self._of(job_id) / "explanation"

    def regions(self, job_id: str) -> Path:
        """A comparison with regions, which `RegionFolder` reads."""
        return self._of(job_id) / "regions"

    def screen(self, job_id: str) -> Path:
        """A screen, which `ScreenFolder` reads."""
        return self._of(job_id) / "screen"

    def screened_files(self, job_id: str) -> tuple[Path, Path | None]:
        """The files of proteins that came with a screen: the library, and the baits where there are any."""
        folder, params = self._of(job_id), self.jobs.get(job_id).params
        bait = folder / BAITS / str(params["bait"]) if params.get("bait") else None
        return folder / LIBRARY / str(params["library"]), bait

    def annotations_file(self, job_id: str) -> Path:
        """The annotations that came with a comparison with regions."""
        return self._of(job_id) / GIVEN / str(self.jobs.get(job_id).params["annotations"])

    def finished_explanation(self, job_id: str) -> Path:
        """Folder of an explanation that is there to be read.

        Raises
        ------
        JobError
            If there is no such job, it is none, is not done, or its results were removed.
        """
        job = self.jobs.get(job_id)
        if job.kind != EXPLAIN or job.state != JobState.DONE:
            raise JobError(f"Job {job.title!r} is no finished explanation.", hint="Explain its pairs first.")
        self.jobs.check_kept(job_id)
        return self.explanation(job_id)

    def explanation_of(self, comparison: Job) -> Path:
        """Folder of the explanation that regions were compared with.

        Raises
        ------
        JobError
            If it was deleted, or its results were removed.
        """
        source = str(comparison.params["source"])
        if not self.jobs.exists(source):
            raise JobError("The explanation was deleted.", hint="Explain the pairs again, and compare anew.")
        return self.finished_explanation(source)

    def _of(self, job_id: str) -> Path:
        return self.jobs.artifacts.folder / job_id
