"""A local server that answers as UniProt's REST API does, well or badly as a test asks."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


def make_entry(accession, length=100, features=(("Domain", 11, 30),), secondary=()):
    """An entry of UniProtKB with what the program reads of it."""
    return {
        "entryType": "UniProtKB reviewed (Swiss-Prot)", "primaryAccession": accession,
        "secondaryAccessions": list(secondary), "sequence": {"length": length, "value": "M" * length},
        "features": [{"type": kind, "description": "", "location": {
            "start": {"value": start, "modifier": "EXACT"}, "end": {"value": end, "modifier": "EXACT"}}}
            for kind, start, end in features],
    }  # fmt: skip


class UniprotServer(ThreadingHTTPServer):
    """Entries by accession; tests change its attributes to make it misbehave."""

    daemon_threads = True

    def __init__(self, *entries):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.entries = list(entries)
        self.page, self.release, self.status, self.body, self.next_url = 1000, "2026_02", 200, None, ""
        self.asked = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        server, address = self.server, urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        if address.path != "/uniprotkb/accessions" or query.get("format") != "json":
            return self.answer(b"{}", 404, {})
        wanted, begin = query["accessions"].split(","), int(query.get("cursor", "0"))
        server.asked.append(wanted)
        found = [entry for entry in server.entries
                 if {entry["primaryAccession"], *entry.get("secondaryAccessions", ())} & set(wanted)]
        headers = {"X-UniProt-Release": server.release} if server.release else {}
        if begin + server.page < len(found):
            same = self.path.split("&cursor")[0]
            following = f"{server.url}{same}&cursor={begin + server.page}"
            headers["Link"] = f'<{server.next_url or following}>; rel="next"'
        body = json.dumps({"results": found[begin : begin + server.page]}).encode()
        return self.answer(body if server.body is None else server.body, server.status, headers)

    def answer(self, body, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def running(*entries):
    """A server that answers while the block runs."""
    with UniprotServer(*entries) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()
