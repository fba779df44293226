"""Looking proteins up in UniProt: on a local server that speaks its API; each entry is asked for once."""

import json

import pytest
from uniprot_server import make_entry, running

from esm2amp_core.annotations.region import AnnotationError
from esm2amp_core.downloads.uniprot import accession_of, look_up


@pytest.fixture
def server():
    with running(make_entry("P12345"), make_entry("Q67890", secondary=["P99999"]),
                 make_entry("A0A024R1R8", features=[])) as server:
        yield server


@pytest.fixture
def ask(server, tmp_path):
    return lambda *proteins: look_up(proteins, tmp_path / "uniprot", uniprot_url=server.url)


def test_regions_come_with_their_release(ask):
    found = ask("P12345", "A0A024R1R8")
    assert [(region.type, region.start, region.end) for region in found.of("P12345")] == [("Domain", 11, 30)]
    assert list(found.lengths_of("A0A024R1R8")) == [100] and found.of("A0A024R1R8") == ()
    assert found.releases == ("2026_02",)


def test_what_was_answered_is_not_asked_for_again_even_offline(ask, server, tmp_path):
    ask("P12345", "O00000")  # UniProt does not know the second
    assert server.asked == [["P12345", "O00000"]]
    server.shutdown()
    server.server_close()
    assert ask("P12345", "O00000").of("P12345")
    assert json.loads((tmp_path / "uniprot" / "O00000.json").read_text())["entry"] is None


def test_only_the_missing_ones_are_asked_for(ask, server):
    ask("P12345")
    server.release = "2026_03"
    found = ask("P12345", "Q67890")
    assert server.asked == [["P12345"], ["Q67890"]]
    assert found.releases == ("2026_02", "2026_03")


def test_a_damaged_copy_is_asked_for_again(ask, server, tmp_path):
    ask("P12345")
    (tmp_path / "uniprot" / "P12345.json").write_text("{")
    assert ask("P12345").of("P12345") and len(server.asked) == 2


def test_an_old_accession_leads_to_its_entry(ask):
    assert ask("P99999").of("P99999")[0].protein == "Q67890"


def test_answers_in_pages_and_asking_in_batches(ask, server, monkeypatch):
    server.entries = [make_entry(f"P{i:05}") for i in range(10, 35)]
    server.page = 4
    monkeypatch.setattr("esm2amp_core.downloads.uniprot.BATCH", 10)
    found = ask(*(f"P{i:05}" for i in range(10, 35)))
    assert len(found.lengths) == 25
    assert {len(asked) for asked in server.asked} == {10, 5}


def test_names_that_are_no_accessions_are_not_sent(ask, server):
    ask("P12345", "sp|Q67890|X_HUMAN", "my protein", "P12345-2", "../../etc", "TP53")
    assert server.asked == [["P12345", "Q67890"]]
    assert accession_of("P12345-2") == "" and accession_of("A0A024R1R8") == "A0A024R1R8"
    with pytest.raises(AnnotationError, match="None of the proteins"):
        ask("TP53")


def test_without_connection_one_clear_line_says_what_to_do(ask, server):
    server.shutdown()
    server.server_close()
    with pytest.raises(AnnotationError, match="No internet connection") as error:
        ask("P12345")
    assert "--annotations" in error.value.hint and "\n" not in str(error.value)


@pytest.mark.parametrize("change, message", [
    ({"status": 503}, "answered 503"), ({"body": b"<html>"}, "did not answer as UniProt"),
    ({"body": b"[]"}, "did not answer as UniProt"),
    ({"body": b'{"results": [7]}'}, "did not answer as UniProt"),
    ({"page": 1, "next_url": "http://elsewhere.invalid/x"}, "did not answer as UniProt"),
    ({"body": b'{"results": []}'}, "knows none"),
])  # fmt: skip
def test_odd_answers_are_refused_and_not_kept(ask, server, tmp_path, change, message):
    for name, value in change.items():
        setattr(server, name, value)
    with pytest.raises(AnnotationError, match=message):
        ask("P12345", "Q67890")
    if message != "knows none":
        assert not list(tmp_path.rglob("*.json"))
