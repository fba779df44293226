"""A local server that speaks figshare's and the Hugging Face hub's APIs, well or badly as a test asks."""

import hashlib
import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

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


class DownloadServer(ThreadingHTTPServer):
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
        self.hub_id = "lab/esm2"
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
        elif path in {f"/api/models/{server.hub_id}", f"/api/models/{server.hub_id}/revision/main"}:
            self.answer({"id": server.hub_id, "sha": COMMIT, "siblings": []})
        elif path == f"/api/models/{server.hub_id}/tree/{COMMIT}":
            self.answer([
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in server.hub_files.items()
            ])  # fmt: skip
        elif path.startswith(f"/{server.hub_id}/resolve/{COMMIT}/"):
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
