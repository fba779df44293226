"""Starting the app: what is started in the foreground does not outlive the command."""

import os
import signal
import subprocess
import sys

import pytest

from esm2amp_core.launching import run_server
from esm2amp_core.store.worker_seat import process_is_gone

STARTER = """
import sys
from pathlib import Path
from esm2amp_core import launching
launching.PATIENCE_SECONDS = 1.0
launching.run_server([sys.executable, "-c", sys.argv[2]], Path(sys.argv[1]))
"""
SLEEPING = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPING


@pytest.mark.skipif(os.name != "posix", reason="SIGTERM is sent")
@pytest.mark.parametrize("code", [SLEEPING, STUBBORN])
def test_a_server_ends_with_the_command_that_started_it(tmp_path, code):
    command = subprocess.Popen([sys.executable, "-c", STARTER, str(tmp_path), code], stdout=subprocess.PIPE)
    try:
        server = int(command.stdout.readline())
        command.terminate()
        assert command.wait(60) == 128 + signal.SIGTERM
        assert process_is_gone(server)
    finally:
        command.kill()
        command.stdout.close()


def test_the_status_of_a_server_that_ends_by_itself_is_told_and_signals_are_as_before(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    assert run_server([sys.executable, "-c", "raise SystemExit(3)"], tmp_path) == 3
    assert signal.getsignal(signal.SIGTERM) is before
