"""A stand-in for a language model: it does as it is told, as far as a script can."""

from __future__ import annotations

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TEXT = re.compile(r"Text: (.*?)\s+Question:", re.DOTALL)


def answered(messages: list[dict[str, Any]]) -> str:
    """The text that a question is about, said as the messages ask for it."""
    said = "\n".join(str(message["content"]) for message in messages)
    found = TEXT.search(said)
    if "Guess" in said or found is None:
        return "Nobody here can tell."
    return f"Answer: {found[1]}" if "Begin with" in said else found[1]


class Chat(BaseHTTPRequestHandler):
    """OpenAI's chat completions, whole ones."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer one chat."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = answered(body["messages"])
        used = {"prompt_tokens": 10, "completion_tokens": len(text.split())}
        message = {"role": "assistant", "content": text}
        whole = json.dumps(
            {
                "id": "scripted",
                "object": "chat.completion",
                "model": body["model"],
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                "usage": {**used, "total_tokens": sum(used.values())},
            }
        ).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(whole)))
        self.end_headers()
        self.wfile.write(whole)

    def log_message(self, *_: Any) -> None:
        """The gateway has the audit log."""


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Chat).serve_forever()
