"""AlphaFold DB's models and the viewer's script, from a local server: fetched once, when asked for."""

import hashlib
import io
import json
import tarfile
import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from structure_samples import SEQUENCE, chain_lines

from esm2amp_core.downloads import viewer_script
from esm2amp_core.downloads.alphafold import fetch_model
from esm2amp_core.errors import UserError
from esm2amp_core.settings import Settings
from esm2amp_core.structures.structure import StructureError
from esm2amp_core.workspace import Workspace

MODEL = "\n".join([*chain_lines(SEQUENCE, b=[90.0 - i for i in range(40)]), "END", ""]).encode()


class Server(ThreadingHTTPServer):
    """Answers by path; tests change them to make it misbehave."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked, self.answers = [], {}


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.asked.append(self.path)
        status, body = self.server.answers.get(self.path, (404, b"not found"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server():
    with Server() as running:
        entry = entry_of(running, "P04637", "/files/AF-P04637-F1-model_v9.cif")
        running.answers = {"/api/prediction/P04637": answer(entry),
                           "/files/AF-P04637-F1-model_v9.cif": (200, MODEL)}
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield running
        running.shutdown()


def entry_of(server, accession, path, part=1):
    return {"entryId": f"AF-{accession}-F{part}", "uniprotAccession": accession, "latestVersion": 9,
            "cifUrl": f"{server.url}{path}"}


def answer(*entries):
    return 200, json.dumps(entries).encode()


@pytest.fixture
def fetch(server, tmp_path):
    return lambda protein="P04637": fetch_model(protein, tmp_path / "alphafold", alphafold_url=server.url)


def test_the_api_tells_where_the_model_lies(fetch, server):
    structure, source = fetch("sp|P04637|P53_HUMAN")
    assert structure.name == source.name == "AF-P04637-F1-model_v9.cif" and structure.is_predicted
    assert structure.chains[0].sequence == SEQUENCE
    assert (source.accession, source.url) == ("P04637", f"{server.url}/files/AF-P04637-F1-model_v9.cif")
    assert server.asked == ["/api/prediction/P04637", "/files/AF-P04637-F1-model_v9.cif"]


def test_what_was_fetched_is_there_offline(fetch, server):
    first, source = fetch()
    server.shutdown()
    server.server_close()
    again, same = fetch()
    assert again.chains[0].residues == first.chains[0].residues and same == source


@pytest.mark.parametrize("ending", ["json", "model"])
def test_a_damaged_copy_is_fetched_again(fetch, server, tmp_path, ending):
    fetch()
    (tmp_path / "alphafold" / f"P04637.{ending}").write_bytes(b"{}")
    assert fetch()[0].chains and len(server.asked) == 4


def test_of_several_parts_the_first_is_fetched_and_of_isoforms_none(fetch, server):
    parts = [entry_of(server, "P04637", f"/part{i}", i) for i in (10, 2, 1)]
    server.answers["/api/prediction/P04637"] = answer(entry_of(server, "P04637-2", "/isoform"), *parts)
    server.answers["/part1"] = (200, MODEL)
    assert fetch()[1].n_parts == 3 and server.asked[-1] == "/part1"


def test_other_makers_models_complexes_and_renamed_fields_do_not_lead_astray(fetch, server):
    own = entry_of(server, "P04637", "/files/AF-P04637-F1-model_v9.cif")
    own["modelEntityId"] = own.pop("entryId")  # as the API calls it since 2025
    others = [{"modelEntityId": "AF-0000000066503175", "uniprotAccession": "P04637", "cifUrl": "http://x/a"},
              {"modelEntityId": "AF-0000000066503176", "uniprotAccession": ["P04637", "Q00987"],
               "isComplex": True, "cifUrl": "http://x/b"},
              {"modelEntityId": "AF-0000000066503177", "cifUrl": "http://x/c"}]
    server.answers["/api/prediction/P04637"] = answer(*others, own)
    assert fetch()[1].url == own["cifUrl"]


@pytest.mark.parametrize("protein", ["TP53", "../../etc/passwd", "P04637-2", "", "P04637/../x"])
def test_what_is_no_accession_asks_nobody(fetch, server, protein):
    with pytest.raises(StructureError, match="no UniProt accession"):
        fetch(protein)
    assert server.asked == []


def test_offline_is_one_line_with_a_way_on(tmp_path):
    with pytest.raises(StructureError, match="No internet connection to http://127.0.0.1:9") as told:
        fetch_model("P04637", tmp_path, alphafold_url="http://127.0.0.1:9")
    assert "\n" not in str(told.value) and "give the file" in told.value.hint


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((404, b""), "has no model of P04637"), ((200, b"[]"), "has no model"), ((500, b""), "answered 500"),
        ((200, b"<html>login</html>"), "did not answer as"), ((200, b'{"a": 1}'), "did not answer as"),
        ((200, b'[{"uniprotAccession": "P04637"}]'), "did not answer as"),
        ((200, b'[{"uniprotAccession": "P04637", "cifUrl": "file:///etc/passwd"}]'), "did not answer as"),
        ((200, b"[" * 100_000), "did not answer as"),
    ],
)
def test_other_answers_are_told_in_words_and_not_kept(fetch, server, tmp_path, given, words):
    server.answers["/api/prediction/P04637"] = given
    with pytest.raises(StructureError, match=words):
        fetch()
    assert not list(tmp_path.glob("alphafold/*"))


def test_a_file_that_is_no_structure_is_not_kept(fetch, server, tmp_path):
    server.answers["/files/AF-P04637-F1-model_v9.cif"] = (200, b"<html>")
    with pytest.raises(StructureError, match="is a page"):
        fetch()
    assert not list(tmp_path.glob("alphafold/*"))


def test_a_workspace_keeps_models_in_a_folder_of_its_own(server, tmp_path):
    workspace = Workspace.open(Settings(workspace=tmp_path / "w", alphafold_url=server.url))
    assert workspace.alphafold_model("P04637")[0].chains
    kept = (tmp_path / "w" / "alphafold").iterdir()
    assert sorted(path.name for path in kept) == ["P04637.json", "P04637.model"]


def package(**changed):
    """An npm package with the viewer's files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in viewer_script.MEMBERS:
            info = tarfile.TarInfo(name)
            info.size = len(data := changed.get(name, f"/* {name} */").encode())
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def registry(server, monkeypatch):
    data = package()
    monkeypatch.setattr(viewer_script, "INTEGRITY", b64encode(hashlib.sha512(data).digest()).decode())
    server.path = f"/3dmol/-/3dmol-{viewer_script.VERSION}.tgz"
    server.answers[server.path] = (200, data)
    return server


def test_the_viewer_is_fetched_once_with_its_licence(registry, tmp_path):
    folder = tmp_path / "static"
    assert not viewer_script.is_there(folder)
    for _ in range(2):
        script = viewer_script.get_viewer_script(folder, npm_url=registry.url)
    assert script.read_text() == "/* package/build/3Dmol-min.js */"
    names = {"3Dmol-min.js", "3Dmol-LICENSE.txt", "3Dmol-version.txt"}
    assert {path.name for path in folder.iterdir()} == names
    assert viewer_script.is_there(folder) and registry.asked == [registry.path]


def test_a_package_that_was_changed_is_refused_and_leaves_nothing(registry, tmp_path):
    registry.answers[registry.path] = (200, package(**{"package/LICENSE": "changed"}))
    with pytest.raises(UserError, match="checksum differs"):
        viewer_script.get_viewer_script(tmp_path / "static", npm_url=registry.url)
    assert not (tmp_path / "static").exists()


def test_another_version_is_replaced(registry, tmp_path):
    (tmp_path / "3Dmol-version.txt").write_text("1.0.0")
    (tmp_path / "3Dmol-min.js").write_text("old")
    viewer_script.get_viewer_script(tmp_path, npm_url=registry.url)
    assert (tmp_path / "3Dmol-min.js").read_text() != "old"


def test_set_up_goes_on_without_the_viewer_and_says_so_in_a_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("ESM2AMP_NPM_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(viewer_script, "is_there", lambda folder: False)
    assert viewer_script.main() == 1
    told = capsys.readouterr().err
    assert told.startswith("The 3D viewer is not set up: No internet connection") and told.count("\n") == 1
