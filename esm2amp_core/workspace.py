"""The workspace: one folder with the jobs, their inputs, features and a person's own models.

>>> workspace = Workspace.open()                                            # doctest: +SKIP
>>> job = workspace.submit_prediction(pairs, bundle="starter")              # doctest: +SKIP
>>> workspace.ensure_worker()                                               # doctest: +SKIP
>>> workspace.results(job.id).frame                                         # doctest: +SKIP
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from esm2amp_core import launching
from esm2amp_core.bundles import (
    REPORTS,
    Manifest,
    bundle_digest,
    find_bundles,
    locate_bundle,
    read_manifest,
)
from esm2amp_core.downloads import viewer_script
from esm2amp_core.downloads.alphafold import ModelSource, fetch_model
from esm2amp_core.downloads.checkpoint import published_terms
from esm2amp_core.errors import JobError, UserError
from esm2amp_core.jobs import Job, JobState
from esm2amp_core.kinds import SCREEN
from esm2amp_core.pairs import PairTable, carried_names
from esm2amp_core.predictions import NEAREST_COLUMNS, RESULT_COLUMNS, PredictionTable
from esm2amp_core.reports import find_reports
from esm2amp_core.screen_files import ScreenFolder
from esm2amp_core.settings import Settings
from esm2amp_core.store import disk
from esm2amp_core.store.artifacts import Artifacts
from esm2amp_core.store.database import Database
from esm2amp_core.store.disk import MB, DiskUse
from esm2amp_core.store.job_store import JobStore
from esm2amp_core.store.migrations import migrate
from esm2amp_core.store.worker_seat import WorkerSeat
from esm2amp_core.structures.structure import Structure
from esm2amp_core.submissions.submitting import Submitting
from esm2amp_core.trust import with_notes


@dataclass(frozen=True)
class Workspace(Submitting):
    """What pages, command line and notebooks work with; any thread may use it.

    How work is asked for is in `Submitting`; here is what there is: results, models, a worker, disk.

    Attributes
    ----------
    settings : Settings
    jobs : JobStore
    seat : WorkerSeat
        Who works here.
    """

    seat: WorkerSeat

    @classmethod
    def open(cls, settings: Settings | None = None, *, lock_seconds: float | None = None) -> Workspace:
        """Open a workspace, made when absent, brought to the newest version when old.

        Parameters
        ----------
        settings : Settings, optional
            Read from the environment when absent.
        lock_seconds : float, optional
            How long to wait for another program that writes to the database, before saying so.

        Raises
        ------
        JobError
            If the folder or its database cannot be used; the message says what to do.
        """
        settings = settings or Settings.from_environment()
        folder = settings.workspace
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JobError(f"The workspace {folder} cannot be made: {error.strerror or error}.",
                           hint="Choose another folder with ESM2AMP_WORKSPACE.") from error
        url = settings.database_url
        if url:
            database = Database(url, lock_seconds=lock_seconds)
        else:
            database = Database.of_file(folder / "app.sqlite", lock_seconds=lock_seconds)
        migrate(database)
        return cls(settings, JobStore(database, Artifacts(folder / "jobs")), WorkerSeat(database))

    @property
    def log_file(self) -> Path:
        """What the worker writes down."""
        return self.settings.workspace / "worker.log"

    def published_terms(self, architecture: str) -> str:
        """Licence and citation of a published model, asked from where it lies: this uses the network.

        Raises
        ------
        BundleError
            If there is no connection.
        """
        return published_terms(architecture, figshare_url=self.settings.figshare_url)

    def alphafold_model(self, protein: str) -> tuple[Structure, ModelSource]:
        """AlphaFold DB's model of a protein, by UniProt accession: unless it is kept, this uses the network.

        Raises
        ------
        StructureError
            If there is no model or no connection.
        """
        return fetch_model(protein, self.settings.alphafold_cache, alphafold_url=self.settings.alphafold_url)

    @property
    def has_viewer_script(self) -> bool:
        """True if the 3D viewer can be shown offline."""
        return viewer_script.is_there(self.settings.static)

    def get_viewer_script(self) -> None:
        """Fetch the 3D viewer's script: this uses the network.

        Raises
        ------
        UserError
            If there is no connection.
        """
        viewer_script.get_viewer_script(self.settings.static, npm_url=self.settings.npm_url)

    def kept_pairs(self, job_id: str) -> int:
        """How many pairs a stopped screen has scored that `rerun` does not score again.

        Raises
        ------
        JobError
            If there is no such job.
        """
        params = self.jobs.get(job_id).params
        try:
            if bundle_digest(self.bundle_folder(str(params["bundle"]))) != params["bundle_digest"]:
                return 0
            return ScreenFolder(self.folders.screen(job_id)).n_scored
        except UserError:  # no model, or nothing there that can be read
            return 0

    def scored(self, job: Job) -> tuple[int, int]:
        """How many of a job's pairs have a score or are known to have none, and how many it has."""
        if job.kind != SCREEN:
            return job.n_done, job.n_rows
        n_pairs = int(job.params.get("n_pairs", 0))
        if job.state == JobState.DONE:
            return n_pairs, n_pairs
        try:
            return ScreenFolder(self.folders.screen(job.id)).n_scored, n_pairs
        except JobError:  # it has not begun, or another job took its scores over
            return 0, n_pairs

    def went_on(self, job: Job) -> Job | None:
        """The newest job that took over what a stopped screen had scored, or went on from there."""
        equal = self.jobs.equal_to(job, tuple(JobState))
        return next((other for other in equal if other.created > job.created
                     and other.params.get("n_kept_pairs")), None)

    def inputs(self, job_id: str) -> PairTable:
        """Input of a job, as submitted.

        Raises
        ------
        JobError
            If there is no such job, or its input was removed.
        """
        return self.jobs.inputs(job_id)

    def results(self, job_id: str) -> PredictionTable:
        """Rows scored so far, in input order, with the carried columns and, where known, `TRUST_COLUMNS`.

        Raises
        ------
        JobError
            If there is no such job, or its results were removed.
        """
        self.jobs.check_kept(job_id)
        scored = self.jobs.predictions(job_id)
        rows = self.jobs.artifacts.read_frame(job_id)
        carried = rows.drop(columns=["row", "protein_a", "protein_b"])
        position = pd.Index(rows["row"]).get_indexer(scored["row"])
        # Kept apart once more: a later program may have columns that the one of the input did not know.
        carried = carried.set_axis(carried_names(list(carried.columns)), axis=1)
        carried = carried.take(position).reset_index(drop=True)
        # Input order, also where rows are not numbered in it.
        order = position.argsort(kind="stable")
        parts = [scored[list(RESULT_COLUMNS)], carried]
        if scored["seen_a"].notna().any():
            parts.append(with_notes(scored[list(NEAREST_COLUMNS)]))
        joined = pd.concat(parts, axis=1).take(order).reset_index(drop=True)
        return PredictionTable(joined)

    def bundles(self) -> dict[str, Manifest]:
        """Cards of the installed models that can be read, by the name that `submit_prediction` takes."""
        return self._cards()[0]

    def broken_bundles(self) -> dict[str, str]:
        """Why the other models cannot be read, by name."""
        return self._cards()[1]

    def reports(self, bundle: str) -> dict[str, Path]:
        """Folders of the evaluation reports of an installed model, by name: its own, and this workspace's."""
        own = self.bundle_folder(bundle) / REPORTS
        return find_reports([own, self.settings.workspace / REPORTS / Path(bundle).name])

    def bundle_folder(self, name: str) -> Path:
        """Folder of an installed model.

        Raises
        ------
        BundleError
            If there is none of this name.
        """
        return locate_bundle(name, self.settings.bundle_folders)

    def ensure_worker(self) -> None:
        """Start the worker process unless one lives. Cheap: may be called on every page view.

        Raises
        ------
        JobError
            If it cannot be started.
        """
        if self.seat.holder() is None:
            launching.ensure_worker(self.seat, self.settings, self.log_file)

    def disk_use(self) -> DiskUse:
        """How much disk jobs and features take, and may take."""
        return DiskUse(
            jobs=disk.job_bytes(self.jobs),
            max_jobs=self.settings.max_job_mb * MB,
            features=disk.file_bytes(self.settings.feature_cache),
            max_features=self.settings.max_feature_mb * MB,
            free=shutil.disk_usage(self.settings.workspace).free,
        )

    def tidy(self) -> None:
        """Keep the disk within its limits and remove what was left half done; done between jobs."""
        launching.trim_log(self.log_file)
        disk.make_room(self.jobs, self.settings.max_job_mb)
        self.jobs.artifacts.remove_abandoned()

    def _cards(self) -> tuple[dict[str, Manifest], dict[str, str]]:
        """Manifests by name, and what is wrong with those that cannot be read."""
        good, broken = {}, {}
        for name, folder in find_bundles(self.settings.bundle_folders).items():
            try:
                # A copied folder is known by its own name, not by the one in its card.
                good[name] = replace(read_manifest(folder), name=name)
            except (UserError, OSError, UnicodeDecodeError) as error:
                broken[name] = str(error)
        return good, broken
