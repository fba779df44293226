"""Equal questions are one job, however many ask them at once."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from job_samples import SAMPLE, pairs_of

from esm2amp_core.jobs import UNDER_WAY, JobState
from esm2amp_core.settings import Settings
from esm2amp_core.workspace import Workspace

AGAIN = (*UNDER_WAY, JobState.DONE)


def test_equal_questions_asked_at_once_by_threads_are_one_job(jobs, tmp_path):
    pairs = pairs_of(30)
    start = threading.Barrier(8)

    def ask(_):
        start.wait()
        return jobs.submit(SAMPLE, {"pause": 1}, pairs, same_in=AGAIN).id

    with ThreadPoolExecutor(8) as pool:
        given = set(pool.map(ask, range(8)))
    assert given == {jobs.list()[0].id} and jobs.count() == 1
    assert {path.name for path in (tmp_path / "jobs").iterdir()} == given


def test_equal_questions_asked_at_once_by_processes_are_one_job(jobs, tmp_path):
    code = (
        "import sys; from job_samples import pairs_of, SAMPLE; from esm2amp_core.jobs import UNDER_WAY\n"
        "from esm2amp_core.settings import Settings; from esm2amp_core.workspace import Workspace\n"
        "from pathlib import Path; jobs = Workspace.open(Settings(workspace=Path(sys.argv[1]))).jobs\n"
        "pairs = pairs_of(30); print('ready', flush=True); sys.stdin.readline()\n"
        "print(*(jobs.submit(SAMPLE, {'pause': n}, pairs, same_in=UNDER_WAY).id for n in range(20)))"
    )
    asking = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parent, text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]  # fmt: skip
    for process in asking:
        assert process.stdout.readline() == "ready\n"
    for process in asking:
        process.stdin.write("go\n")
        process.stdin.flush()
    first, second = (process.communicate(timeout=60)[0].split() for process in asking)
    assert first == second and len(set(first)) == 20 == jobs.count()


def test_another_question_and_a_lost_job_are_asked_anew(jobs):
    pairs = pairs_of(3)
    job = jobs.submit(SAMPLE, {"pause": 1}, pairs, same_in=AGAIN)
    assert jobs.submit(SAMPLE, {"pause": 1}, pairs, same_in=AGAIN).id == job.id
    assert jobs.submit(SAMPLE, {"pause": 2}, pairs, same_in=AGAIN).id != job.id
    assert jobs.submit(SAMPLE, {"pause": 1}, pairs_of(4), same_in=AGAIN).id != job.id
    assert jobs.submit(SAMPLE, {"pause": 1}, pairs, owner="ben", same_in=AGAIN).id != job.id
    assert jobs.submit(SAMPLE, {"pause": 1}, pairs).id != job.id  # only who asks for it gets an old one
    jobs.cancel(job.id)
    newest = jobs.list(owner="local")[0].id
    assert jobs.submit(SAMPLE, {"pause": 1}, pairs, same_in=AGAIN).id == newest != job.id


def test_files_alone_make_no_two_equal_jobs(jobs, tmp_path):
    given = [jobs.submit(SAMPLE, {"pause": 1}, title="Files", files={"given/a.txt": b"A"}, same_in=AGAIN)
             for _ in range(2)]  # fmt: skip
    assert given[0] == given[1] and given[0].n_rows == 0
    assert (tmp_path / "jobs" / given[0].id / "given" / "a.txt").read_bytes() == b"A"
    jobs.cancel(given[0].id)
    assert jobs.submit(SAMPLE, {"pause": 1}, title="Files", same_in=AGAIN).id != given[0].id


def test_a_download_that_is_done_is_asked_for_again(tmp_path):
    workspace = Workspace.open(Settings(workspace=tmp_path))
    first = workspace.submit_download("amps")
    assert workspace.submit_download("amps") == first
    assert workspace.submit_download("dpm").id != first.id
    workspace.jobs.claim("w")
    workspace.jobs.finish(first.id, worker="w")
    assert workspace.submit_download("amps").id != first.id
