"""A server that answers questions to Prometheus with what a test says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

Answers = Mapping[str, Mapping[str, float]]
"""By a part of the query: values by series, as `service=wine,version=3`."""


@dataclass
class StandIn:
    """What it is told and was asked."""

    answers: Answers
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def answer(self, path: str, form: Mapping[str, list[str]]) -> tuple[int, Any]:
        """Status and document for a question."""
        query = form["query"][0]
        self.asked.append(query)
        if query == "refused(":
            return 400, {"status": "error", "error": "1:9: parse error"}
        found = next((a for part, a in self.answers.items() if part in query), {})
        if path.endswith("query_range"):
            start, step = (float(form[key][0]) for key in ("start", "step"))
            times = [start + step * at for at in range(4)]
            spread: list[Any] = [
                {"metric": _labels(name), "values": [[when, str(value)] for when in times]}
                for name, value in found.items()
            ]
            return 200, _told("matrix", spread)
        result: list[Any] = [
            {"metric": _labels(name), "value": [1.0, str(value)]} for name, value in found.items()
        ]
        return 200, _told("vector", result)


def _labels(name: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in name.split(",") if part)


def _told(kind: str, result: list[Any]) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": result}}


@contextmanager
def answering(answers: Answers) -> Iterator[StandIn]:
    """A stand-in on loopback, for as long as the block runs."""
    stand_in = StandIn(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["content-length"])).decode()
            status, document = stand_in.answer(self.path, parse_qs(text))
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    stand_in.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
