"""`promote --propose`: a pin as one commit on a branch, which nobody's checkout notices."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from stanchion_cli.commands.releasing import Place
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.models import lockfile, promotion
from stanchion_cli.models.candidate import Candidate, candidate_of
from stanchion_cli.models.lockfile import Pin
from stanchion_cli.models.proposal import Proposal
from stanchion_models import CANDIDATE

from .conftest import ENVIRONMENT, FAILS, MODEL, SERVICE, World

GH = """#!/bin/sh
printf '%s\\n' "$*" >> "$GH_SAID"
case "$2" in
list) cat "$GH_OPEN" 2>/dev/null || true ;;
create) test -z "$GH_FAILS" || { echo "not signed in" >&2; exit 1; }
    echo https://github.com/acme/platform/pull/7 | tee "$GH_OPEN" ;;
esac
"""
LOCK = f"stacks/services/{ENVIRONMENT}.lock.yaml"


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=root, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def checkout(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The world's checkout in a repository, with nothing pinned and no remote."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Ann")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "ann@example.org")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    (world.root / "stacks" / "services" / "wine.yaml").write_text("kind: ModelService\n")
    (world.root / ".gitignore").write_text("*.db\nmounted/\nstacks/services/private.lock.yaml\n")
    git(world.root, "init", "--quiet", "--initial-branch", "main")
    commit(world, "base")
    return world


@pytest.fixture
def remote(checkout: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the checkout's `main` was pushed to."""
    bare = tmp_path_factory.mktemp("remote")
    git(bare, "init", "--quiet", "--bare", "--initial-branch", "main")
    git(checkout.root, "remote", "add", "origin", str(bare))
    git(checkout.root, "push", "--quiet", "origin", "main")
    return bare


@pytest.fixture
def gh(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `gh` is told, a line each: GitHub itself is not asked from a test."""
    folder = tmp_path_factory.mktemp("gh")
    (folder / "gh").write_text(GH)
    (folder / "gh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("GH_OPEN", str(folder / "open"))
    monkeypatch.setenv("GH_SAID", str(folder / "said"))
    monkeypatch.setenv("GH_FAILS", "")
    return folder / "said"


def commit(world: World, message: str) -> None:
    git(world.root, "add", "--all")
    git(world.root, "commit", "--quiet", "--message", message)


def place(world: World, environment: str = ENVIRONMENT) -> Place:
    return Place(world.root, environment, world.preview, world.target, wait=False, propose=True)


def propose(world: World, version: str) -> str:
    """Propose a version; the name of its branch."""
    destination = place(world).destination(MODEL, version)
    assert isinstance(destination, Proposal)
    request = promotion.Request(world.root, ENVIRONMENT, MODEL, version)
    promotion.promote_version(
        request, world.preview, world.target, roll_out=None, destination=destination
    )
    return destination.branch


def pin_on(world: World, branch: str) -> Pin:
    folder = world.root.parent / f"read-{git(world.root, 'rev-parse', branch)}"
    file = lockfile.path(folder, ENVIRONMENT)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(git(world.root, "show", f"{branch}:{LOCK}"))
    return lockfile.read(folder, ENVIRONMENT)[SERVICE]


def merge(world: World, branch: str) -> None:
    git(world.root, "merge", "--quiet", "--squash", branch)
    git(world.root, "commit", "--quiet", "--message", f"merge {branch}")


def test_the_pin_is_one_commit_on_a_branch_and_the_checkout_stays_as_it_is(
    checkout: World,
) -> None:
    version = checkout.register()
    before = git(checkout.root, "rev-parse", "HEAD")
    branch = propose(checkout, version)
    assert branch == f"promote/{ENVIRONMENT}/{MODEL}-{version}"
    assert pin_on(checkout, branch).version == version
    assert git(checkout.root, "rev-parse", f"{branch}~1") == before
    assert git(checkout.root, "diff", "--name-only", f"{branch}~1", branch) == LOCK
    assert git(checkout.root, "rev-parse", "HEAD") == before
    assert git(checkout.root, "status", "--porcelain") == ""
    assert len(git(checkout.root, "worktree", "list").splitlines()) == 1
    assert (checkout.pinned(), checkout.rolled_out) == (None, [])
    assert checkout.alias("champion") is None


def test_the_commit_says_what_the_gates_found_and_how_it_goes_on(checkout: World) -> None:
    checkout.gates = {"evaluation": checkout.evaluation(thresholds={"accuracy": {"min": 0.9}})}
    commit(checkout, "an evaluation")
    version = checkout.register()
    said = git(checkout.root, "log", "-1", "--format=%B", propose(checkout, version))
    assert said.startswith(f"Promote {MODEL} version {version} in {ENVIRONMENT}\n")
    assert "wine: evaluation: accuracy" in said
    assert checkout.tags(version)["stanchion.promotion.evaluation_run"] in said
    assert f"`stanchion promote {MODEL} {version} --env {ENVIRONMENT}`" in said


def test_a_version_that_does_not_pass_leaves_no_branch(checkout: World) -> None:
    checkout.gates = {"evaluation": checkout.evaluation(thresholds={"accuracy": {"min": 0.99}})}
    commit(checkout, "an evaluation")
    with pytest.raises(StanchionError, match="does not pass"):
        propose(checkout, checkout.register("wrong in the north"))
    assert git(checkout.root, "branch", "--list", "promote/*") == ""


def test_once_it_is_merged_the_promotion_goes_on_and_moves_the_alias(checkout: World) -> None:
    version = checkout.register()
    merge(checkout, propose(checkout, version))
    measured = list(checkout.measured)
    checkout.promote(version)
    assert checkout.alias("champion") == version
    assert checkout.measured == measured


def test_one_that_is_merged_and_fails_is_taken_back_to_what_served_before(
    checkout: World,
) -> None:
    checkout.promote(checkout.register())
    commit(checkout, "the first")
    first, second = checkout.pinned(), checkout.register()
    assert propose(checkout, second)
    assert "proposed" in checkout.tags(second)["stanchion.promotion"]
    merge(checkout, f"promote/{ENVIRONMENT}/{MODEL}-{second}")
    with pytest.raises(StanchionError, match=FAILS.reason):
        checkout.promote(second, roll_out=checkout.fails_once())
    assert checkout.pinned() == first


def test_the_same_proposal_again_changes_nothing(checkout: World, remote: Path, gh: Path) -> None:
    version = checkout.register()
    branch = propose(checkout, version)
    pushed = git(remote, "rev-parse", branch)
    (checkout.root / "README.md").write_text("another change")
    commit(checkout, "meanwhile")
    git(checkout.root, "branch", "--delete", "--force", branch)  # as in a new clone
    assert propose(checkout, version) == branch
    assert git(remote, "rev-parse", branch) == pushed
    asked = [line.split()[1] for line in gh.read_text().splitlines() if line.startswith("pr ")]
    assert asked == ["list", "create", "list"]


def test_one_that_was_merged_and_taken_out_again_is_another_attempt(
    checkout: World, remote: Path, gh: Path
) -> None:
    version = checkout.register()
    branch = propose(checkout, version)
    merge(checkout, branch)
    git(checkout.root, "revert", "--no-edit", "HEAD")
    propose(checkout, version)
    assert pin_on(checkout, branch).attempt == 2
    assert git(remote, "rev-parse", branch) == git(checkout.root, "rev-parse", branch)


def test_it_is_pushed_and_asked_for_where_there_is_a_remote(
    checkout: World, remote: Path, gh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    branch = propose(checkout, checkout.register())
    assert git(remote, "rev-parse", branch) == git(checkout.root, "rev-parse", branch)
    assert f"pr create --head {branch} --title Promote {MODEL} version 1" in gh.read_text()
    assert "https://github.com/acme/platform/pull/7" in capsys.readouterr().err


def test_a_pull_request_that_could_not_be_opened_leaves_the_branch_pushed(
    checkout: World,
    remote: Path,
    gh: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GH_FAILS", "yes")
    branch = propose(checkout, checkout.register())
    assert git(remote, "rev-parse", branch)
    assert "no pull request was opened: gh pr create: not signed in" in capsys.readouterr().err


def test_a_branch_that_was_not_pushed_is_told_with_the_reason(
    checkout: World, remote: Path, gh: Path
) -> None:
    hook = remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho main is frozen >&2; exit 1\n")
    hook.chmod(0o755)
    with pytest.raises(StanchionError, match=r"(?s)was not pushed: .*main is frozen.*again"):
        propose(checkout, checkout.register())
    hook.unlink()
    assert git(remote, "rev-parse", propose(checkout, "1"))


def test_a_candidate_that_was_proposed_is_a_candidate_still(checkout: World) -> None:
    version = checkout.register()
    checkout.client.set_registered_model_alias(MODEL, CANDIDATE, version)
    propose(checkout, version)
    found = candidate_of(checkout.registry, MODEL, {SERVICE: None}, ENVIRONMENT)
    assert found == Candidate(version, serves=False)


def test_what_is_pinned_already_is_not_proposed(checkout: World) -> None:
    version = checkout.register()
    checkout.promote(version)
    commit(checkout, "pinned")
    with pytest.raises(StanchionError, match=r"is pinned already in the commit .* run `stanchion"):
        propose(checkout, version)


def test_no_gate_is_run_where_nothing_could_be_proposed(
    checkout: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = checkout.register()
    with pytest.raises(InputError, match=r"private.lock.yaml: is left out of git"):
        place(checkout, "private").destination(MODEL, version)
    (checkout.root / "stacks" / "services" / "wine.yaml").write_text("kind: Other\n")
    with pytest.raises(InputError, match=r"wine.yaml: is not committed"):
        propose(checkout, version)
    git(checkout.root, "checkout", "--quiet", "stacks")
    with monkeypatch.context() as nobody:
        nobody.setenv("GIT_COMMITTER_EMAIL", "")
        nobody.setenv("GIT_COMMITTER_NAME", "")
        with pytest.raises(InputError, match="has nobody to commit as"):
            propose(checkout, version)
    monkeypatch.setenv("GIT_DIR", os.devnull)
    with pytest.raises(InputError, match="is not in a git repository"):
        propose(checkout, version)
    assert checkout.measured == []
