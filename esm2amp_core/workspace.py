"""The workspace: one folder with the jobs, their inputs, features and a person's own models.

>>> workspace = Workspace.open()                                            # doctest: +SKIP
>>> job = workspace.submit_prediction(pairs, bundle="starter")              # doctest: +SKIP
>>> workspace.ensure_worker()                                               # doctest: +SKIP
>>> workspace.results(job.id).frame                                         # doctest: +SKIP
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
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
from esm2amp_core.kinds import EXPLAIN, REGIONS, SCREEN
from esm2amp_core.pairs import PairTable, carried_names
from esm2amp_core.predictions import NEAREST_COLUMNS, RESULT_COLUMNS, PredictionTable
from esm2amp_core.reports import find_reports
from esm2amp_core.screen_files import ScreenFolder
from esm2amp_core.settings import Settings
from esm2amp_core.store import disk
from esm2amp_core.store.artifacts import GIVEN, Artifacts
from esm2amp_core.store.database import Database
from esm2amp_core.store.disk import MB, DiskUse
from esm2amp_core.store.job_store import JobStore
from esm2amp_core.store.migrations import migrate
from esm2amp_core.store.worker_seat import WorkerSeat
from esm2amp_core.structures.structure import Structure
from esm2amp_core.submissions import scoring
from esm2amp_core.submissions.download import download
from esm2amp_core.submissions.explanation import by_residue, explanation
from esm2amp_core.submissions.regions import regions, regions_again
from esm2amp_core.submissions.screening import screen, screen_again
from esm2amp_core.submissions.submission import Submission
from esm2amp_core.trust import with_notes


@dataclass(frozen=True)
class Workspace:
    """What pages, command line and notebooks work with; any thread may use it.

    Attributes
    ----------
    settings : Settings
    jobs : JobStore
    seat : WorkerSeat
        Who works here.
    """

    settings: Settings
    jobs: JobStore
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

    def submit_prediction(
        self, pairs: PairTable, *, bundle: str = "", title: str = "", device: str = "", precision: str = ""
    ) -> Job:
        """Queue pairs to be scored.

        Parameters
        ----------
        bundle : str
            Name of an installed bundle, or its folder; empty for the one in the settings.
        title : str
            Empty for one made from the pairs.
        device, precision : str
            Empty for those in the settings.

        Raises
        ------
        BundleError
            If there is no such bundle.
        JobError
            If there are no pairs, too many, or they cannot be kept.
        """
        return self._submit(scoring.prediction(
            self.settings, pairs, bundle=bundle, title=title, device=device, precision=precision
        ))  # fmt: skip

    def submit_evaluation(
        self,
        pairs: PairTable,
        *,
        label: str,
        bundle: str = "",
        title: str = "",
        device: str = "",
        precision: str = "",
    ) -> Job:
        """Queue pairs to be scored and measured against their labels.

        Parameters
        ----------
        label : str
            Column of the pairs that says 1 or 0, as `parse_labels` reads them.
        bundle, title, device, precision : str
            As for `submit_prediction`.

        Raises
        ------
        PairError
            If there is no such column, or a label is missing or not understood.
        BundleError, JobError
            As for `submit_prediction`.
        """
        return self._submit(scoring.evaluation(
            self.settings, pairs, label=label, bundle=bundle, title=title, device=device, precision=precision
        ))  # fmt: skip

    def explain(
        self, job_id: str, rows: Collection[int] = (), *, methods: Collection[str] = (), bundle: str = ""
    ) -> Job:
        """The job that explains rows of a scored job: queued now, or the one that did or does the same.

        Parameters
        ----------
        job_id : str
            A prediction or an evaluation, or an explanation.
        rows : collection of int
            Row numbers; empty for all.
        methods : collection of str
            Keys of `explanations.METHODS`; empty for those that suit so many pairs.
        bundle : str
            Another installed model; empty for the one of the job.

        Raises
        ------
        JobError
            If there is no such job or row, or its input was removed.
        BundleError
            If its model is no longer installed.
        """
        return self._submit(
            explanation(self.settings, self.jobs, job_id, rows, methods=methods, bundle=bundle)
        )

    def explain_by_residue(self, job_id: str, row: int) -> Job:
        """The job that follows an explained pair down to its residues: queued now, or the one that does so.

        Parameters
        ----------
        job_id : str
            An explanation; the model and its settings are the same.
        row : int
            Of the pair.

        Raises
        ------
        JobError
            If there is no such explanation, or its input was removed.
        PairError
            If it has no such row.
        """
        return self._submit(self.by_residue(job_id, row))

    def by_residue(self, job_id: str, row: int) -> Submission:
        """What `explain_by_residue` asks for; `find` tells whether it was asked before."""
        return by_residue(self.jobs, job_id, row)

    def find(self, asked: Submission) -> Job | None:
        """The newest job that asked for the same, whatever became of it; None if there is none."""
        return self.jobs.find_equal(asked.kind, asked.params.to_json(), asked.pairs,
                                    owner=self.settings.owner, states=tuple(JobState))

    def compare_regions(
        self, job_id: str, *, method: str, annotations: bytes = b"", filename: str = "", lookup: bool = False,
        label: str = "", types: Collection[str] = (), k: int = 3,
    ) -> Job:  # fmt: skip
        """The job that lays regions over an explanation: queued now, or the one that did or does the same.

        Parameters
        ----------
        job_id : str
            A finished explanation.
        method : str
            One of its methods.
        annotations : bytes
            Contents of a file that `read_annotations` reads, called `filename`.
        lookup : bool
            Instead of a file: the worker sends the accessions to UniProt.
        label : str
            Column of the explained pairs that says 1 or 0; empty for none.
        types : collection of str
            Types of regions; empty for the usual ones.
        k : int
            Top and low segments of each pair, 1 to 10.

        Raises
        ------
        JobError
            If the explanation is not there, has no such method or column, or annotations are missing.
        """
        return self._submit(regions(
            self.settings, self.jobs, job_id, self.finished_explanation(job_id), method=method,
            annotations=annotations, filename=filename, lookup=lookup, label=label, types=types, k=k,
        ))  # fmt: skip

    def submit_screen(
        self, library: bytes, bait: bytes = b"", *, library_name: str = "library.fasta",
        bait_name: str = "bait.fasta", with_self: bool = False, top: int = 2_000, top_partners: int = 20,
        bundle: str = "", title: str = "", device: str = "", precision: str = "",
    ) -> Job:  # fmt: skip
        """The job that scores baits with a library: queued now, or the one that did or does the same.

        Parameters
        ----------
        library, bait : bytes
            Contents of files of proteins; without a bait, all of the library with each other.
        library_name, bait_name : str
            Names of the files.
        with_self : bool
            Also score a protein with itself, where it is bait and library.
        top, top_partners : int
            Best pairs, and best partners of each bait, in the tables.
        bundle, title, device, precision : str
            As for `submit_prediction`.

        Raises
        ------
        SequenceError
            If a file cannot be read or holds no usable protein.
        BundleError, JobError
            If there is no such bundle; if there are no pairs, or the files cannot be kept.
        """
        return self._submit(screen(
            self.settings, library, bait, library_name=library_name, bait_name=bait_name,
            with_self=with_self, top=top, top_partners=top_partners, bundle=bundle, title=title,
            device=device, precision=precision,
        ))  # fmt: skip

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
        return self.explanation_folder(job_id)

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

    def submit_download(self, architecture: str) -> Job:
        """Queue the installation of a published model, or give the job that is already at it.

        The person has seen its `published_terms` and accepted them.
        """
        return self._submit(download(architecture))

    def rerun(self, job_id: str) -> Job:
        """Queue a job anew: the same input and parameters, the model or the explanation as it is now.

        A screen that was stopped goes on from the pairs that it has scored; see `kept_pairs`.

        Raises
        ------
        JobError
            If there is no such job, it is a download, or what it needs was removed.
        BundleError
            If its model is no longer installed.
        """
        job = self.jobs.get(job_id)
        if job.kind == REGIONS:
            self.explanation_of(job)
            return self._submit(regions_again(self.jobs, job, self.annotations_file(job_id)))
        if job.kind == SCREEN:
            return self._submit(screen_again(self.settings, self.jobs, job, *self.screened_files(job_id)))
        return self._submit(scoring.once_more(self.settings, self.jobs, job_id))

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
            return ScreenFolder(self.screen_folder(job_id)).n_scored
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
            return ScreenFolder(self.screen_folder(job.id)).n_scored, n_pairs
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

    def report_folder(self, job_id: str) -> Path:
        """Where the report of a job lies once it is evaluated."""
        return self.jobs.artifacts.folder / job_id / "report"

    def explanation_folder(self, job_id: str) -> Path:
        """Where the explanation of a job lies once it is there."""
        return self.jobs.artifacts.folder / job_id / "explanation"

    def regions_folder(self, job_id: str) -> Path:
        """Where the comparison of a job with regions lies once it is there."""
        return self.jobs.artifacts.folder / job_id / "regions"

    def screen_folder(self, job_id: str) -> Path:
        """Where the screen of a job lies; `ScreenFolder` reads it once it is done."""
        return self.jobs.artifacts.folder / job_id / "screen"

    def screened_files(self, job_id: str) -> tuple[Path, Path | None]:
        """The files of proteins that lie with a screen: the library, and the baits where there are any."""
        params = self.jobs.get(job_id).params
        given = self.jobs.artifacts.folder / job_id / GIVEN
        bait = given / "bait" / str(params["bait"]) if params.get("bait") else None
        return given / "library" / str(params["library"]), bait

    def annotations_file(self, job_id: str) -> Path:
        """The annotations that lie with a job of the kind "regions"."""
        return self.jobs.artifacts.folder / job_id / GIVEN / str(self.jobs.get(job_id).params["annotations"])

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

    def _submit(self, asked: Submission) -> Job:
        """Queue what is asked for, or give the job that did or does the same."""
        return self.jobs.submit(
            asked.kind, asked.params.to_json(), asked.pairs, title=asked.title, owner=self.settings.owner,
            files=asked.files, same_in=asked.same_in,
        )  # fmt: skip

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
