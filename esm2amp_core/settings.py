"""Choices of the person who installs esm2amp. The only reader of the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path

from esm2amp_core.errors import UserError

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Defaults, overridden by ``ESM2AMP_<NAME>`` environment variables.

    Attributes
    ----------
    workspace : Path
        Folder of the database, job inputs, features and imported models.
    database_url : str
        Any SQLAlchemy URL; empty means ``app.sqlite`` in the workspace.
    models : Path
        Folder of the bundles that come with the program.
    bundle : str
        The bundle used when none is named.
    device, precision : str
        ``auto``, or what `Esm2Embedder` accepts.
    owner : str
        Name written on new jobs.
    max_residues : int
        Longest chain that is scored; longer ones are refused, never cut.
    max_pairs : int
        Rows accepted in one table.
    max_file_mb, max_feature_mb, max_job_mb : int
        Largest uploaded file; disk for the feature cache; disk for inputs and results of jobs.
    worker_idle_seconds : int
        A worker started by the app leaves after this long without a job.
    ray_address : str
        Of the Ray cluster that commands with `--engine ray` work on; empty for a new one on this machine.
    ray_cpus : int
        Processors of one actor there, each of which holds the model.
    figshare_url, hub_url : str
        Where `esm2amp models download` asks.
    uniprot_url : str
        Where regions are looked up, by `esm2amp regions --lookup` or a button.
    alphafold_url, npm_url : str
        Where a button asks for a protein's model, and the set-up for the 3D viewer's script. Nothing else
        uses the network.
    """

    workspace: Path = REPOSITORY / "data" / "workspace"
    database_url: str = ""
    models: Path = REPOSITORY / "data" / "models"
    bundle: str = "starter"
    device: str = "auto"
    precision: str = "auto"
    owner: str = "local"
    max_residues: int = 2_700
    max_pairs: int = 200_000
    max_file_mb: int = 100
    max_feature_mb: int = 4_000
    max_job_mb: int = 4_000
    worker_idle_seconds: int = 600
    ray_address: str = ""
    ray_cpus: int = 1
    figshare_url: str = "https://api.figshare.com"
    hub_url: str = "https://huggingface.co"
    uniprot_url: str = "https://rest.uniprot.org"
    alphafold_url: str = "https://alphafold.ebi.ac.uk"
    npm_url: str = "https://registry.npmjs.org"

    @classmethod
    def from_environment(cls) -> Settings:
        """Read ``ESM2AMP_*`` once.

        Raises
        ------
        UserError
            If a value cannot be read as the type of its setting, or a number is below 1.
        """
        chosen: dict[str, object] = {}
        for field in fields(cls):
            variable = f"ESM2AMP_{field.name.upper()}"
            text = os.environ.get(variable)
            if not text:
                continue
            try:
                chosen[field.name] = value = type(field.default)(text)
            except ValueError:
                raise UserError(f"{variable} is {text!r}.", hint="Give a whole number.") from None
            if isinstance(value, Path):
                chosen[field.name] = value.expanduser()
            elif isinstance(value, int) and value < 1:
                raise UserError(f"{variable} is {text!r}.", hint="Give a whole number above 0.")
        return cls(**chosen)  # type: ignore[arg-type]

    def to_environment(self) -> dict[str, str]:
        """Variables from which another process reads these settings; paths are absolute."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            f"ESM2AMP_{name.upper()}": str(value.absolute() if isinstance(value, Path) else value)
            for name, value in values.items()
        }

    @property
    def feature_cache(self) -> Path:
        """File of the feature cache."""
        return self.workspace / "features.sqlite"

    @property
    def uniprot_cache(self) -> Path:
        """Folder of the UniProtKB entries that were looked up."""
        return self.workspace / "uniprot"

    @property
    def alphafold_cache(self) -> Path:
        """Folder of the AlphaFold DB models that were fetched."""
        return self.workspace / "alphafold"

    @property
    def static(self) -> Path:
        """Folder that the app serves as it is: Streamlit wants it beside app.py."""
        return REPOSITORY / "static"

    @property
    def bundle_folders(self) -> tuple[Path, Path]:
        """Folders that hold bundles: a person's own first."""
        return self.workspace / "models", self.models
