"""Folders appear whole or not at all, also where the disk ends."""

import subprocess
import sys

CODE = """
import resource, sys
from pathlib import Path
import numpy as np
from esm2amp_core.errors import UserError
from esm2amp_core.files.whole_folder import whole_folder

resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    with whole_folder(Path(sys.argv[1])) as part:
        (part / "first.csv").write_text("a,b")
        np.savez_compressed(part / "second.npz", values=np.random.default_rng(1).normal(size=100_000))
except UserError as error:
    print(error)
"""


def test_a_full_disk_is_told_with_its_remedy_and_leaves_nothing(tmp_path):
    run = subprocess.run([sys.executable, "-c", CODE, str(tmp_path / "why")], capture_output=True, text=True,
                         timeout=60)  # fmt: skip
    assert run.stdout.startswith(f"{tmp_path / 'why'} cannot be written: ")
    assert run.stdout.endswith("Free some space there, then try again.\n")
    assert run.stderr == "" and list(tmp_path.iterdir()) == []
