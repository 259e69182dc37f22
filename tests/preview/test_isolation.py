"""A previewed program gets no network, no other program, and none of a person's secrets."""

from __future__ import annotations

import pytest
from preview.conftest import Project
from stanchion_cli import preview
from stanchion_cli.errors import StanchionError
from stanchion_cli.preview import guard


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("connect", "may not look up hosts (tried 192.0.2.1)"),
        ("stream", "may not use the network (tried 192.0.2.1:80)"),
        ("datagram", "may not use the network (tried 192.0.2.1:53)"),
        ("resolve", "may not look up hosts (tried example.org)"),
        ("unix", "may not use the network (tried /var/run/docker.sock)"),
        ("subprocess", "may not start other programs (tried id)"),
        ("system", "may not start other programs (tried id)"),
    ],
)
def test_reaching_out_is_refused_with_what_was_tried(
    how: str, expected: str, project: Project
) -> None:
    with pytest.raises(StanchionError, match=r"OfflineError|URLError") as failed:
        preview.run("dev", root=project("reaching", f"config: {{how: {how}}}"))
    assert expected in str(failed.value)


def test_loopback_is_allowed(project: Project) -> None:
    evaluated = preview.run("dev", root=project("reaching", "config: {how: loopback}"))
    assert len(evaluated.resources) == 1


def test_a_program_sees_no_credential_home_or_proxy(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = ["AWS_SECRET_ACCESS_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "KUBECONFIG",
              "PULUMI_ACCESS_TOKEN", "HTTPS_PROXY", "SOME_TOKEN_NOBODY_KNOWS"]  # fmt: skip
    for name in hidden:
        monkeypatch.setenv(name, "must not be seen")
    evaluated = preview.run("dev", root=project("configured"))
    assert not set(hidden) & set(evaluated.outputs["names"])
    assert evaluated.outputs["home"] == "/nonexistent"


def test_a_program_looks_for_its_node_where_the_node_is_made() -> None:
    """Otherwise an environment would be brought up in another node of the same name."""
    inherited = {"STANCHION_STATE_DIR": "/srv/nodes", "AWS_PROFILE": "admin"}
    seen = guard.environment(inherited)
    assert seen["STANCHION_STATE_DIR"] == "/srv/nodes"
    assert "AWS_PROFILE" not in seen


def test_a_policy_pack_is_held_to_the_same(project: Project) -> None:
    root = project("configured")
    (root / "policies").mkdir()
    (root / "policies/PulumiPolicy.yaml").write_text("runtime: python\n")
    (root / "policies/__main__.py").write_text(
        "import socket\nsocket.socket().connect(('192.0.2.1', 80))\n"
    )
    with pytest.raises(StanchionError) as failed:
        preview.run("dev", root=root)
    assert "a preview may not use the network (tried 192.0.2.1:80)" in str(failed.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", b"localhost", ""])
def test_every_way_to_write_loopback_is_loopback(host: str | bytes) -> None:
    assert guard._is_local_host(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "10.0.0.1", "localhost.example.org", "::2", "2130706433"]
)
def test_nothing_else_is(host: str) -> None:
    assert not guard._is_local_host(host)
