"""Every way to ask for a job, and the place where it is queued."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from esm2amp_core.jobs import Job, JobState
from esm2amp_core.kinds import REGIONS, SCREEN
from esm2amp_core.pairs import PairTable
from esm2amp_core.settings import Settings
from esm2amp_core.store.job_folders import JobFolders
from esm2amp_core.store.job_store import JobStore
from esm2amp_core.submissions import scoring
from esm2amp_core.submissions.download import download
from esm2amp_core.submissions.explanation import by_residue, explanation
from esm2amp_core.submissions.regions import regions, regions_again
from esm2amp_core.submissions.screening import screen, screen_again
from esm2amp_core.submissions.submission import Submission


@dataclass(frozen=True)
class Submitting:
    """What a `Workspace` is asked to do; callers hold that.

    Attributes
    ----------
    settings : Settings
    jobs : JobStore
    """

    settings: Settings
    jobs: JobStore

    @property
    def folders(self) -> JobFolders:
        """Where the files of each job lie."""
        return JobFolders(self.jobs)

    def submit_prediction(
        self, pairs: PairTable, *, bundle: str = "", title: str = "", device: str = "", precision: str = "",
        screen: str = "",
    ) -> Job:  # fmt: skip
        """Queue pairs to be scored.

        Parameters
        ----------
        bundle : str
            Name of an installed bundle, or its folder; empty for the one in the settings.
        title : str
            Empty for one made from the pairs.
        device, precision : str
            Empty for those in the settings.
        screen : str
            Job of the screen whose best pairs these are, if of one.

        Raises
        ------
        BundleError
            If there is no such bundle.
        JobError
            If there are no pairs, too many, or they cannot be kept.
        """
        return self._submit(scoring.prediction(
            self.settings, pairs, bundle=bundle, title=title, device=device, precision=precision,
            screen=screen,
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
            self.settings, self.jobs, job_id, self.folders.finished_explanation(job_id), method=method,
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
        job, folders = self.jobs.get(job_id), self.folders
        if job.kind == REGIONS:
            folders.explanation_of(job)
            return self._submit(regions_again(self.jobs, job, folders.annotations_file(job_id)))
        if job.kind == SCREEN:
            return self._submit(screen_again(self.settings, self.jobs, job, *folders.screened_files(job_id)))
        return self._submit(scoring.once_more(self.settings, self.jobs, job_id))

    def _submit(self, asked: Submission) -> Job:
        """Queue what is asked for, or give the job that did or does the same."""
        return self.jobs.submit(
            asked.kind, asked.params.to_json(), asked.pairs, title=asked.title, owner=self.settings.owner,
            files=asked.files, same_in=asked.same_in,
        )  # fmt: skip
