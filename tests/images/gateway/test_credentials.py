"""Keys and tokens: found to their end, also in an answer that comes in pieces."""

from __future__ import annotations

import base64
import random
import time

import pytest
from stanchion_llm_gateway.guardrails.hits import REDACT, redacted
from stanchion_llm_gateway.guardrails.pii import PiiFinder
from stanchion_llm_gateway.guardrails.window import Window

_CHOSEN = random.Random(20)


def _base64(size: int) -> str:
    return base64.b64encode(_CHOSEN.randbytes(size)).decode()


def _token(size: int) -> str:
    return base64.urlsafe_b64encode(_CHOSEN.randbytes(size)).decode().rstrip("=")


BODY = _base64(1190)
LINES = [BODY[at : at + 64] for at in range(0, len(BODY), 64)]
KEY = "\n".join(["-----BEGIN RSA PRIVATE KEY-----", *LINES, "-----END RSA PRIVATE KEY-----"])
ENCRYPTED = KEY.replace(
    "KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,6C1F\n\n", 1
)
PGP = KEY.replace("RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK")
WEB_TOKEN = f"eyJ{_token(60)}.eyJ{_token(300)}.{_token(64)}"
PROJECT_KEY = f"sk-proj-{_token(117)}"
SECRETS = {
    "key": KEY,
    "key in one line": KEY.replace("\n", " "),
    "key in JSON": KEY.replace("\n", "\\n"),
    "encrypted key": ENCRYPTED,
    "PGP": PGP,
    "web token": WEB_TOKEN,
    "project key": PROJECT_KEY,
}


@pytest.fixture(scope="module")
def pii() -> PiiFinder:
    return PiiFinder()


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_nothing_of_a_credential_is_left(pii: PiiFinder, secret: str) -> None:
    text = f"Here it is: {secret} . Use it well."
    assert redacted(text, pii.find(text, REDACT)) == "Here it is: <CREDENTIAL> . Use it well."


@pytest.mark.parametrize("lines", [1, 3, 20])
def test_of_a_key_without_an_end_nothing_is_left_either(pii: PiiFinder, lines: int) -> None:
    cut = "\n".join(KEY.split("\n")[: 1 + lines])
    for text in (cut, f"{cut}\n\nThat was all that I have."):
        left = redacted(text, pii.find(text, REDACT))
        assert left.startswith("<CREDENTIAL>")
        assert not any(line in left for line in LINES)
        assert left.endswith("all that I have.") == text.endswith("all that I have.")


def test_who_explains_the_form_of_a_key_is_understood(pii: PiiFinder) -> None:
    text = "A file begins with `-----BEGIN PRIVATE KEY-----`. Its lines have 64 letters each."
    left = redacted(text, pii.find(text, REDACT))
    assert left == "A file begins with `<CREDENTIAL>`. Its lines have 64 letters each."


def _streamed(pii: PiiFinder, text: str, size: int) -> str:
    window = Window(lambda held: pii.find(held, REDACT), pii.unfinished, 128)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    return "".join(window.push(piece) for piece in pieces) + window.flush()


@pytest.mark.parametrize("size", [1, 4, 50, 700])
@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_in_pieces_nothing_of_a_credential_is_left(pii: PiiFinder, secret: str, size: int) -> None:
    before, after = "Some words first. " * 20, " . And words after it." * 20
    out = _streamed(pii, f"{before}{secret}{after}", size)
    assert out == f"{before}<CREDENTIAL>{after}"


@pytest.mark.parametrize("size", [1, 4, 50])
def test_what_only_begins_like_a_credential_goes_out_whole(pii: PiiFinder, size: int) -> None:
    text = f"{'Words. ' * 30}eyJhbGciOiJub25lIn0 is a header, and {'more words follow. ' * 40}"
    assert _streamed(pii, text, size) == text


def test_a_stream_goes_on_while_the_form_of_a_key_is_explained(pii: PiiFinder) -> None:
    window = Window(lambda held: pii.find(held, REDACT), pii.unfinished, 128)
    text = "It begins with `-----BEGIN PRIVATE KEY-----`. " + "Then come lines, as said. " * 20
    out = "".join(window.push(character) for character in text)
    assert "Then come lines, as said. Then come" in out


@pytest.mark.parametrize("offset", range(0, 140, 3))
def test_matches_that_overlap_are_let_go_together(pii: PiiFinder, offset: int) -> None:
    """A card before an `@`: what is taken for an address begins within the card."""
    text = "w " * 100 + "u" * offset + " 4111 1111 1111 1111@example.com and so on " + "x " * 100
    whole = pii.find(text, REDACT)
    assert {hit.name for hit in whole} >= {"CREDIT_CARD", "EMAIL_ADDRESS"}
    out = _streamed(pii, text, 4)
    assert out == redacted(text, whole)


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----" * 4000,
        "-----BEGIN PRIVATE KEY-----\n" + "A" * 100_000,
        "sk-" * 30_000 + ".",
        "eyJaaaaaaaa." * 8_000,
    ],
)
def test_no_text_takes_the_credentials_long(pii: PiiFinder, text: str) -> None:
    began = time.process_time()
    pii.find(text, REDACT)
    pii.unfinished(text)
    assert time.process_time() - began < 20
