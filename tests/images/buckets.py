"""Object storage of both clouds on loopback: as much of each protocol as MLflow's server speaks.

It also plays where pods fetch their credentials, and takes only what is signed with them.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import google_crc32c

MODIFIED = datetime(2026, 3, 29, 1, 30, 15, tzinfo=UTC)
POD_TOKEN = "the-pods-own-token"
ACCESS_TOKEN = "the-nodes-answer"
_XML = "http://s3.amazonaws.com/doc/2006-03-01/"


@dataclass
class Store:
    """What a bucket holds, and who asked for credentials."""

    objects: dict[str, bytes] = field(default_factory=dict)
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    credentials: list[str] = field(default_factory=list)
    lifetimes: list[timedelta] = field(default_factory=lambda: [timedelta(hours=6)])
    address: str = ""
    largest_copy: int = 5 << 30
    """Bytes that one request copies; S3's own limit."""

    def under(self, prefix: str, delimiter: str) -> tuple[list[str], list[str]]:
        """Names right below `prefix`, and the folders there."""
        names, folders = [], set()
        for name in sorted(self.objects):
            head, mark, _ = name.removeprefix(prefix).partition(delimiter or "\0")
            if not name.startswith(prefix):
                continue
            if mark:
                folders.add(f"{prefix}{head}{mark}")
            else:
                names.append(name)
        return names, sorted(folders)


class _Handler(BaseHTTPRequestHandler):
    store: Store
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests tell what went wrong."""

    def _ask(self) -> tuple[str, dict[str, str], bytes]:
        parts = urlsplit(self.path)
        query = {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return unquote(parts.path), query, body

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, value: Any, **headers: str) -> None:
        self._answer(200, json.dumps(value).encode(), Content_Type="application/json", **headers)

    def _content(self, content: bytes, **headers: str) -> None:
        """All of it or a range."""
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not wanted:
            self._answer(200, content, **headers)
            return
        first, last = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
        where = f"bytes {first}-{last}/{len(content)}"
        self._answer(206, content[first : last + 1], Content_Range=where, **headers)


class _S3(_Handler):
    """The REST API with paths for buckets, and EKS's Pod Identity agent."""

    def _handle(self) -> None:
        path, query, body = self._ask()
        if path == "/v1/credentials":
            self._credentials()
            return
        signed = self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256")
        newest = f"session-{len(self.store.credentials)}"
        if not signed or self.headers.get("X-Amz-Security-Token") != newest:
            self._answer(403, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
            return
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            self._answer(501)
            return
        key = path.removeprefix("/artifacts").removeprefix("/")
        if key:
            self._object(key, query, body)
        elif self.command == "GET":
            self._list(query.get("prefix", ""), query.get("delimiter", ""))
        else:
            for each in ElementTree.fromstring(body).iter(f"{{{_XML}}}Key"):
                self.store.objects.pop(str(each.text))
            self._xml("DeleteResult", "")

    def _object(self, key: str, query: dict[str, str], body: bytes) -> None:
        match self.command, sorted(query):
            case "POST", ["uploads"]:
                self.store.parts[key] = {}
                self._xml("InitiateMultipartUploadResult", f"<UploadId>{len(key)}</UploadId>")
            case "PUT", ["partNumber", "uploadId"]:
                self.store.parts[key][int(query["partNumber"])] = body
                self._answer(200, ETag='"part"')
            case "POST", ["uploadId"]:
                parts = self.store.parts.pop(key)
                self.store.objects[key] = b"".join(parts[at] for at in sorted(parts))
                self._xml("CompleteMultipartUploadResult", '<ETag>"whole"</ETag>')
            case "PUT", _ if copied := self.headers.get("X-Amz-Copy-Source"):
                source = unquote(copied).removeprefix("/").removeprefix("artifacts/")
                content = self.store.objects[source]
                if len(content) > self.store.largest_copy:
                    self._answer(400)
                    return
                self.store.objects[key] = content
                self._xml("CopyObjectResult", '<ETag>"whole"</ETag>')
            case "PUT", _:
                self.store.objects[key] = body
                self._answer(200, ETag='"whole"')
            case "DELETE", _:
                self.store.objects.pop(key, None)
                self._answer(204)
            case (("GET" | "HEAD"), _) if key in self.store.objects:
                modified = MODIFIED.strftime("%a, %d %b %Y %H:%M:%S GMT")
                self._content(self.store.objects[key], Last_Modified=modified, ETag='"whole"')
            case _:
                self._answer(404)

    def _xml(self, name: str, inside: str) -> None:
        self._answer(200, f'<{name} xmlns="{_XML}">{inside}</{name}>'.encode())

    def _credentials(self) -> None:
        """Fresh ones for the pod that shows its token, with the next lifetime."""
        if self.headers.get("Authorization") != POD_TOKEN:
            self._answer(401)
            return
        times = self.store.lifetimes
        lifetime = times[min(len(self.store.credentials), len(times) - 1)]
        self.store.credentials.append(f"session-{len(self.store.credentials) + 1}")
        expires = datetime.now(UTC) + lifetime
        self._json(
            {
                "AccessKeyId": "AKIDEXAMPLE",
                "SecretAccessKey": "example",
                "Token": self.store.credentials[-1],
                "AccountId": "123456789012",
                "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        )

    def _list(self, prefix: str, delimiter: str) -> None:
        names, folders = self.store.under(prefix, delimiter)
        modified = MODIFIED.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        contents = "".join(
            f"<Contents><Key>{escape(name)}</Key><LastModified>{modified}</LastModified>"
            f"<Size>{len(self.store.objects[name])}</Size></Contents>"
            for name in names
        )
        common = "".join(
            f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in folders
        )
        self._xml("ListBucketResult", f"<IsTruncated>false</IsTruncated>{contents}{common}")

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815


class _CloudStorage(_Handler):
    """The JSON API, and GKE's metadata server."""

    def _handle(self) -> None:
        path, query, body = self._ask()
        if "Metadata-Flavor" in self.headers:
            self._metadata(path)
            return
        if self.headers.get("Authorization") != f"Bearer {ACCESS_TOKEN}":
            self._answer(401)
            return
        name = path.partition("/b/artifacts/o")[2].removeprefix("/")
        match self.command, query.get("uploadType"):
            case "POST", "multipart":
                kind = self.headers["Content-Type"].encode()
                message: Any = message_from_bytes(b"Content-Type: " + kind + b"\r\n\r\n" + body)
                described, content = message.get_payload()
                about = json.loads(described.get_payload(decode=True))
                self.store.objects[about["name"]] = content.get_payload(decode=True)
                self._json(self._described(about["name"]))
            case "POST", "resumable":
                name = json.loads(body)["name"]
                back = f"{self.store.address}/upload/storage/v1/b/artifacts/o/{name}"
                self._answer(200, Location=f"{back}?uploadType=resumable&upload_id=1")
            case "PUT", "resumable":
                self.store.objects[name] = body
                self._json(self._described(name))
            case "GET", _ if not name:
                names, folders = self.store.under(
                    query.get("prefix", ""), query.get("delimiter", "")
                )
                items = [self._described(each) for each in names]
                self._json({"items": items, "prefixes": folders})
            case "GET", _ if name in self.store.objects and query.get("alt") == "media":
                checksum = f"crc32c={self._described(name)['crc32c']}"
                self._content(self.store.objects[name], X_Goog_Hash=checksum)
            case "DELETE", _ if name in self.store.objects:
                del self.store.objects[name]
                self._answer(204)
            case _:
                self._answer(404)

    def _described(self, name: str) -> dict[str, str]:
        content = self.store.objects[name]
        checksum = google_crc32c.value(content).to_bytes(4, "big")
        return {
            "name": name,
            "bucket": "artifacts",
            "size": str(len(content)),
            "updated": MODIFIED.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "crc32c": base64.b64encode(checksum).decode(),
        }

    def _metadata(self, path: str) -> None:
        account = "/computeMetadata/v1/instance/service-accounts/default"
        flavour = {"Metadata_Flavor": "Google"}
        if path == "/computeMetadata/v1/project/project-id":
            self._answer(200, b"stanchion-dev", Content_Type="text/plain", **flavour)
        elif path.startswith(f"{account}/token"):
            self.store.credentials.append(ACCESS_TOKEN)
            token = {"access_token": ACCESS_TOKEN, "expires_in": 3600, "token_type": "Bearer"}
            self._json(token, **flavour)
        elif path.startswith(account):
            self._json({"email": "default", "scopes": [], "aliases": ["default"]}, **flavour)
        else:
            self._answer(200 if path == "/" else 404, b"", **flavour)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815


@contextmanager
def bucket(cloud: str) -> Iterator[Store]:
    """A bucket called artifacts, at its store's address, until the context ends."""
    store = Store()
    kind = {"aws": _S3, "gcp": _CloudStorage}[cloud]
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (kind,), {"store": store}))
    server.daemon_threads = True
    store.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
