"""Downloads, tried on a local server that speaks figshare's and the hub's APIs."""

import hashlib
import io
import subprocess
import sys
import threading
import zipfile

import pytest
from download_server import COMMIT, HUB_FILES, WEIGHTS, DownloadServer

from esm2amp_core.downloads.checkpoint import fetch_checkpoint, published_terms, unpack_checkpoint
from esm2amp_core.downloads.hub import fetch_encoder
from esm2amp_core.downloads.published import choose_file
from esm2amp_core.downloads.transfer import safe_name
from esm2amp_core.errors import BundleError, EncoderError
from esm2amp_core.models import ARCHITECTURES
from esm2amp_core.progress import Cancelled


@pytest.fixture
def server():
    with DownloadServer() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield running
        running.shutdown()


@pytest.fixture
def fetch(server, tmp_path):
    def fetch(architecture="amps", **options):
        options.setdefault("figshare_url", server.url)
        return fetch_checkpoint(architecture, tmp_path / "downloads", **options)

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


def test_terms_can_be_shown_before_a_byte_is_fetched(server):
    terms = published_terms("amps", figshare_url=server.url)
    assert "CC BY 4.0" in terms and "Sun, Yawen" in terms and "2.ESM2_AMPS.pth" in terms
    assert fetched_from_storage(server) == []


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
    monkeypatch.setattr("esm2amp_core.downloads.checkpoint.MAX_CHECKPOINT_BYTES", 1_000_000)
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


def test_the_embedder_finds_what_was_fetched(server, tiny_encoder, tmp_path, monkeypatch):
    from esm2amp_core.embed.esm2 import Esm2Embedder

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    server.hub_files = {path.name: path.read_bytes() for path in tiny_encoder.iterdir()}
    fetch_encoder("lab/esm2", hub_url=server.url)
    found = Esm2Embedder.load("lab/esm2", device="cpu", precision="float32")
    assert found.name == "lab/esm2"
    assert found.width == Esm2Embedder.load(tiny_encoder, device="cpu", precision="float32").width


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
    code = "import sys, esm2amp_core.downloads.checkpoint; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
