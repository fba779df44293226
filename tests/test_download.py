"""Downloads, tried on a local server that speaks figshare's and the hub's APIs."""

import hashlib
import io
import json
import re
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from esm2amp_core.errors import BundleError, EncoderError
from esm2amp_core.models import ARCHITECTURES
from esm2amp_core.models.download import fetch_checkpoint, fetch_encoder, unpack_checkpoint
from esm2amp_core.models.published import choose_file
from esm2amp_core.models.transfer import safe_name
from esm2amp_core.progress import Cancelled

ARTICLE = 28378157
WEIGHTS = bytes(range(256)) * 12_000  # 3 MB: several chunks
COMMIT = "a" * 40
HUB_FILES = {
    "config.json": b'{"model_type": "esm"}',
    "vocab.txt": b"<cls>\n<pad>\n",
    "model.safetensors": b"weights" * 1000,
    "pytorch_model.bin": b"a pickle",
    "modeling.py": b"raise SystemExit",
}


class Server(ThreadingHTTPServer):
    """figshare and the hub on one port; tests change its attributes to make it misbehave."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        """Clients that hang up are part of the tests."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.contents = {"2.ESM2_AMPS.pth": WEIGHTS, "3.ESM2_AMP_CSE.pth": b"other", "1.features.zip": b"zip"}
        self.article = {
            "title": "ESM2_AMP",
            "doi": "10.6084/m9.figshare.28378157.v6",
            "license": {"value": 1, "name": "CC BY 4.0", "url": "https://creativecommons.org/licenses/by/4.0/"},
            "citation": "Sun, Yawen (2025): ESM2_AMP. figshare. Dataset.",
        }
        self.changed_entry = {}
        self.page_limit = 1000
        self.status = 200
        self.ranges = True
        self.break_after = []
        self.hub_files = dict(HUB_FILES)
        self.requests = []

    def entries(self):
        return [
            {
                "id": number,
                "name": name,
                "size": len(content),
                "is_link_only": False,
                "download_url": f"{self.url}/files/{number}",
                "supplied_md5": hashlib.md5(content).hexdigest(),
                "computed_md5": hashlib.md5(content).hexdigest(),
            }
            | self.changed_entry.get(name, {})
            for number, (name, content) in enumerate(self.contents.items(), start=100)
        ]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        server, address = self.server, urlsplit(self.path)
        server.requests.append((self.path, self.headers.get("Range")))
        path, query = address.path, parse_qs(address.query)
        if server.status != 200:
            self.answer(b"no", status=server.status)
        elif path == f"/v2/articles/{ARTICLE}":
            self.answer(server.article)
        elif path == f"/v2/articles/{ARTICLE}/files":
            size = min(int(query.get("page_size", ["10"])[0]), server.page_limit)
            start = (int(query.get("page", ["1"])[0]) - 1) * size
            self.answer(server.entries()[start : start + size])
        elif path == "/loop":
            self.answer(b"", status=302, headers={"Location": "/loop"})
        elif found := re.fullmatch(r"/files/(\d+)", path):  # as figshare: storage lies elsewhere
            self.answer(b"", status=302, headers={"Location": f"/storage/{found.group(1)}"})
        elif found := re.fullmatch(r"/storage/(\d+)", path):
            self.send_file(list(server.contents.values())[int(found.group(1)) - 100])
        elif path in {"/api/models/lab/esm2", "/api/models/lab/esm2/revision/main"}:
            self.answer({"id": "lab/esm2", "sha": COMMIT, "siblings": []})
        elif path == f"/api/models/lab/esm2/tree/{COMMIT}":
            self.answer([
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in server.hub_files.items()
            ])  # fmt: skip
        elif path.startswith(f"/lab/esm2/resolve/{COMMIT}/"):
            content = server.hub_files[path.rsplit("/", 1)[1]]
            etag = {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
            self.answer(content, headers=etag)
        else:
            self.answer(b'{"error": "not found"}', status=404, headers={"X-Error-Code": "RepoNotFound"})

    def send_file(self, content):
        server, asked = self.server, self.headers.get("Range")
        start = int(re.fullmatch(r"bytes=(\d+)-", asked).group(1)) if asked and server.ranges else 0
        if start and start >= len(content):
            return self.answer(b"", status=416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if server.break_after:
            self.wfile.write(content[start : start + server.break_after.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(content[start:])

    def answer(self, body, *, status=200, headers=None):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield running
        running.shutdown()


@pytest.fixture
def fetch(server, tmp_path):
    def fetch(architecture="amps", *, confirm=lambda terms: None, **options):
        options.setdefault("figshare_url", server.url)
        return fetch_checkpoint(architecture, tmp_path / "downloads", confirm=confirm, **options)

    return fetch


def fetched_from_storage(server):
    return [asked for path, asked in server.requests if path.startswith("/storage/")]


def zip_of(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/") + ".pth", content)
    return buffer.getvalue()


def test_the_checkpoint_arrives_whole_and_brings_its_terms_along(fetch):
    found = fetch()
    assert found.path.read_bytes() == WEIGHTS
    assert found.licence == "CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/)"
    assert found.citation.startswith("Sun, Yawen")
    assert "figshare.28378157" in found.source and "2.ESM2_AMPS.pth" in found.source
    assert hashlib.md5(WEIGHTS).hexdigest() in found.source


def test_terms_are_shown_before_a_byte_is_fetched_and_can_be_declined(fetch, server, tmp_path):
    def decline(terms):
        assert "CC BY 4.0" in terms and "Sun, Yawen" in terms and "2.ESM2_AMPS.pth" in terms
        raise Cancelled

    with pytest.raises(Cancelled):
        fetch(confirm=decline)
    assert fetched_from_storage(server) == []
    assert not list(tmp_path.rglob("*.pth*"))


def test_progress_is_told_in_bytes_and_ends_at_the_total(fetch):
    told = []
    fetch(report=lambda *state: told.append(state))
    assert [done for _, done, _ in told] == sorted({done for _, done, _ in told})
    assert told[-1] == ("Fetching 2.ESM2_AMPS.pth", len(WEIGHTS), len(WEIGHTS))


def test_a_broken_connection_is_taken_up_where_it_broke(fetch, server):
    server.break_after = [1_500_000, 700_000]
    assert fetch().path.read_bytes() == WEIGHTS
    first, second, third = fetched_from_storage(server)
    assert first is None
    assert 0 < int(second[6:-1]) <= 1_500_000 < int(third[6:-1]) <= 2_200_000


def test_a_cancelled_download_goes_on_the_next_time(fetch, server):
    def cancel(stage, done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        fetch(report=cancel)
    assert fetch().path.read_bytes() == WEIGHTS
    assert int(fetched_from_storage(server)[-1][6:-1]) > 0


def test_a_server_without_ranges_sends_the_file_again(fetch, server):
    server.ranges = False
    server.break_after = [1_500_000]
    assert fetch().path.read_bytes() == WEIGHTS


def test_a_connection_that_gains_nothing_gives_up_and_says_how_to_go_on(fetch, server):
    server.break_after = [1_500_000] + [0] * 10
    with pytest.raises(BundleError, match=r"broke after 1,\d{3},\d{3} of 3,072,000 bytes.* again"):
        fetch()
    server.break_after = []
    assert fetch().path.read_bytes() == WEIGHTS


def test_a_whole_file_is_not_fetched_again(fetch, server):
    fetch()
    server.requests.clear()
    fetch()
    assert fetched_from_storage(server) == []


def test_a_spoilt_file_is_fetched_again(fetch):
    path = fetch().path
    path.write_bytes(b"x" * len(WEIGHTS))
    assert fetch().path.read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    "change", [{"computed_md5": "0" * 32}, {"size": len(WEIGHTS) - 1}, {"size": len(WEIGHTS) // 2}]
)
def test_a_file_that_is_not_the_announced_one_is_refused_and_removed(fetch, server, tmp_path, change):
    server.changed_entry = {"2.ESM2_AMPS.pth": change}
    with pytest.raises(BundleError, match="arrived damaged"):
        fetch()
    assert not list(tmp_path.rglob("*.pth*"))


def test_a_file_shorter_than_announced_is_never_taken_for_whole(fetch, server, tmp_path):
    server.changed_entry = {"2.ESM2_AMPS.pth": {"size": len(WEIGHTS) + 1}}
    with pytest.raises(BundleError):
        fetch()
    assert not list(tmp_path.rglob("*.pth"))


def test_files_on_later_pages_are_found(fetch, server):
    server.page_limit = 100
    server.contents = {f"{n}.table.csv": b"" for n in range(250)} | server.contents
    assert fetch().path.read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("status", "message"), [(404, "nothing at"), (403, "answered 403"), (500, "answered 500.*later")]
)
def test_a_refusing_server_is_quoted(fetch, server, status, message):
    server.status = status
    with pytest.raises(BundleError, match=message):
        fetch()


@pytest.mark.parametrize(
    "change",
    [
        {"size": "large"},
        {"size": -1},
        {"computed_md5": "", "supplied_md5": None},
        {"download_url": "file:///etc/passwd"},
        {"download_url": None},
        {"name": 3},
    ],
)
def test_an_answer_that_is_not_figshares_is_refused(fetch, server, change):
    server.changed_entry = {"2.ESM2_AMPS.pth": change}
    with pytest.raises(BundleError, match="did not answer as figshare does"):
        fetch()


def test_a_login_page_in_place_of_the_api_is_recognised(fetch, server, monkeypatch):
    monkeypatch.setattr(server, "article", b"<html>Please log in</html>")
    with pytest.raises(BundleError, match="login page"):
        fetch()


def test_without_internet_one_line_says_what_to_do_instead(fetch):
    with pytest.raises(BundleError, match="No internet connection to http://127.0.0.1:9/") as caught:
        fetch(figshare_url="http://127.0.0.1:9")
    assert "esm2amp models import" in caught.value.hint
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["nonsense", "http://[", "ftp://figshare.com"])
def test_an_address_that_is_none_is_quoted(fetch, address):
    with pytest.raises(BundleError, match="No internet connection to "):
        fetch(figshare_url=address)


def test_redirects_without_end_are_given_up(fetch, server):
    server.changed_entry = {"2.ESM2_AMPS.pth": {"download_url": f"{server.url}/loop"}}
    with pytest.raises(BundleError, match="TooManyRedirects"):
        fetch()


def test_an_unknown_architecture_is_refused_before_asking_anyone(fetch, server):
    with pytest.raises(BundleError, match="Known: amps, amp_cse"):
        fetch("resnet")
    assert server.requests == []


# Names the article has carried, as the authors' repository gives them.
PUBLISHED = [
    "1.Datasets_features.zip",
    "2.ESM2_AMPS.pth",
    "3.ESM2_AMP_CSE.pth",
    "4.ESM2_DPM.pth",
    "5.Bernett_datatset_training_model.zip",
    "6.ablation_experiment_model.pth",
    "7.AE_RF_model.zip",
]


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("amps", "2.ESM2_AMPS.pth"),
        ("amp_cse", "3.ESM2_AMP_CSE.pth"),
        ("dpm", "4.ESM2_DPM.pth"),
        ("mean", "6.ablation_experiment_model.pth"),
        ("gru", "5.Bernett_datatset_training_model.zip"),
    ],
)
def test_the_published_names_lead_to_one_file_each(architecture, expected):
    assert choose_file(PUBLISHED, architecture) == expected


def test_an_architecture_without_a_published_file_asks(fetch, monkeypatch):
    monkeypatch.setitem(ARCHITECTURES, "newcomer", "somewhere:Newcomer")
    with pytest.raises(BundleError, match="one file for newcomer could not be found.*2.ESM2_AMPS.pth"):
        fetch("newcomer")


@pytest.mark.parametrize(
    ("names", "architecture"),
    [
        (["ESM2_AMPS_Pan.pth", "ESM2_AMPS_Bernett.pth"], "amps"),
        (["ESM2_AMP_CSE.pth"], "amps"),
        (["AE_RF_AMPS.pth"], "amps"),
        (["5.models.zip", "6.weights.zip"], "gru"),
        ([], "amps"),
    ],
)
def test_an_unclear_choice_lists_the_names_and_asks(names, architecture):
    with pytest.raises(BundleError) as caught:
        choose_file(names, architecture)
    assert list(caught.value.details) == names
    assert all(name in str(caught.value) for name in names)
    assert ("--file" in str(caught.value)) == bool(names)


def test_a_person_can_choose_the_file(fetch, server):
    server.contents["ESM2_AMPS_second_run.pth"] = b"second"
    with pytest.raises(BundleError, match="--file"):
        fetch()
    assert fetch(file_name="ESM2_AMPS_second_run.pth").path.read_bytes() == b"second"


def test_a_checkpoint_inside_an_archive_is_unpacked(fetch, server):
    server.contents["5.Bernett_training_model.zip"] = zip_of(m__ESM2_AMPS_B=b"amps", m__ESM2_GRU_B=b"gru")
    found = fetch("gru")
    assert (found.path.name, found.path.read_bytes()) == ("ESM2_GRU_B.pth", b"gru")
    assert "ESM2_GRU_B.pth in 5.Bernett_training_model.zip" in found.source


def test_a_person_can_choose_inside_an_archive(fetch, server):
    server.contents["5.training_model.zip"] = zip_of(GRU_1=b"one", GRU_2=b"two")
    with pytest.raises(BundleError, match=r"GRU_1.pth, GRU_2.pth.*--file"):
        fetch("gru")
    assert fetch("gru", file_name="GRU_2.pth").path.read_bytes() == b"two"


def test_an_archive_cannot_write_outside_its_folder(tmp_path):
    archive = tmp_path / "inner" / "models.zip"
    archive.parent.mkdir()
    archive.write_bytes(zip_of(**{"..__..__gru": b"x"}))
    assert unpack_checkpoint(archive, "gru") == archive.with_name("gru.pth")


def test_an_archive_that_expands_without_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("esm2amp_core.models.download.MAX_CHECKPOINT_BYTES", 1_000_000)
    archive = tmp_path / "models.zip"
    archive.write_bytes(zip_of(gru=bytes(1_000_001)))
    with pytest.raises(BundleError, match="too large"):
        unpack_checkpoint(archive, "gru")


def test_a_damaged_archive_is_refused(tmp_path):
    archive = tmp_path / "models.zip"
    archive.write_bytes(zip_of(gru=b"x" * 1000)[:-40])
    with pytest.raises(BundleError, match="cannot be unpacked"):
        unpack_checkpoint(archive, "gru")


@pytest.mark.parametrize("name", ["../../evil.pth", "/etc/evil.pth", "..", "C:\\evil", ".hidden", "a\0b"])
def test_names_from_a_server_stay_in_the_folder(tmp_path, name):
    path = tmp_path / safe_name(name)
    assert path.parent == tmp_path and path.name not in {"", ".", ".."}


def test_the_encoder_comes_without_pickles_and_programs(server, tmp_path):
    told = []
    folder = fetch_encoder(
        "lab/esm2", hub_url=server.url, cache_folder=tmp_path, report=lambda *state: told.append(state)
    )
    assert {path.name for path in folder.iterdir()} == {"config.json", "vocab.txt", "model.safetensors"}
    assert (folder / "model.safetensors").read_bytes() == HUB_FILES["model.safetensors"]
    assert folder.name == COMMIT
    total = sum(len(HUB_FILES[path.name]) for path in folder.iterdir())
    assert told[-1] == ("Fetching lab/esm2", total, total)


def test_an_encoder_that_is_here_already_needs_no_internet(server, tmp_path):
    folder = fetch_encoder("lab/esm2", hub_url=server.url, cache_folder=tmp_path)
    assert fetch_encoder("lab/esm2", hub_url="http://127.0.0.1:9", cache_folder=tmp_path) == folder


def test_without_internet_the_encoder_says_what_to_do_instead(tmp_path):
    with pytest.raises(EncoderError, match="No internet connection.*Copy the model's folder") as caught:
        fetch_encoder("lab/esm2", hub_url="http://127.0.0.1:9", cache_folder=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("encoder_id", "message"), [("lab/other", "no model 'lab/other'"), ("a/b/c d", "not the name of a model")]
)
def test_an_unknown_encoder_is_named(server, tmp_path, encoder_id, message):
    with pytest.raises(EncoderError, match=message):
        fetch_encoder(encoder_id, hub_url=server.url, cache_folder=tmp_path)


def test_an_encoder_without_safetensors_is_refused(server, tmp_path):
    del server.hub_files["model.safetensors"]
    with pytest.raises(EncoderError, match="safetensors"):
        fetch_encoder("lab/esm2", hub_url=server.url, cache_folder=tmp_path)


def test_downloading_needs_no_torch():
    code = "import sys, esm2amp_core.models.download; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
