"""`promote --propose`: a pin as one commit on a branch, which nobody's checkout notices."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from stanchion_cli.commands.releasing import Place
from stanchion_cli.errors import InputError, StanchionError
from stanchion_cli.models import lockfile, promotion, rollback
from stanchion_cli.models.candidate import Candidate, candidate_of
from stanchion_cli.models.lockfile import Pin
from stanchion_cli.models.proposal import Proposal
from stanchion_models import CANDIDATE

from .conftest import ENVIRONMENT, FAILS, MODEL, SERVICE, World

GH = """#!/bin/sh
printf '%s\\n' "$*" >> "$GH_SAID"
case "$2" in
list) cat "$GH_LISTED" 2>/dev/null || echo '[]' ;;
create) test -z "$GH_FAILS" || { echo "not signed in" >&2; exit 1; }
    echo https://github.com/acme/platform/pull/7 ;;
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
    """Where the checkout's `main` was pushed to, and is followed."""
    bare = tmp_path_factory.mktemp("remote")
    git(bare, "init", "--quiet", "--bare", "--initial-branch", "main")
    git(checkout.root, "remote", "add", "origin", f"file://{bare}")
    git(checkout.root, "push", "--quiet", "--set-upstream", "origin", "main")
    return bare


@pytest.fixture
def gh(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `gh`, which is a script here, keeps what it is told, and finds what it lists."""
    folder = tmp_path_factory.mktemp("gh")
    (folder / "gh").write_text(GH)
    (folder / "gh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("GH_LISTED", str(folder / "listed"))
    monkeypatch.setenv("GH_SAID", str(folder / "said"))
    monkeypatch.setenv("GH_FAILS", "")
    return folder


def opened(gh: Path) -> int:
    """How many pull requests `gh` was asked to open."""
    return (gh / "said").read_text().count("pr create ")


def commit(world: World, message: str) -> None:
    git(world.root, "add", "--all")
    git(world.root, "commit", "--quiet", "--message", message)


def pushed(world: World, file: str, message: str) -> None:
    """A change that somebody else brings to main."""
    (world.root / file).write_text(message)
    commit(world, message)
    git(world.root, "push", "--quiet", "origin", "main")


def place(world: World, environment: str = ENVIRONMENT) -> Place:
    return Place(world.root, environment, world.preview, world.target, wait=False, propose=True)


def propose(world: World, version: str) -> str:
    """Propose a version; the name of its branch."""
    destination = place(world).destination("models", MODEL, version)
    assert isinstance(destination, Proposal)
    request = promotion.Request(world.root, ENVIRONMENT, MODEL, version)
    promotion.promote_version(
        request, world.preview, world.target, roll_out=None, destination=destination
    )
    return destination.branch


def promote(world: World, version: str) -> None:
    """Promote it as the command does without --propose."""
    here = replace(place(world), propose=False)
    request = promotion.Request(world.root, ENVIRONMENT, MODEL, version)
    promotion.promote_version(
        request,
        world.preview,
        world.target,
        roll_out=world.roll_out,
        destination=here.destination("models", MODEL, version),
    )


def clone(world: World, remote: Path, name: str) -> World:
    """The world as it is seen from a new clone, as shallow as a workflow's."""
    root = world.root / ".." / f"{world.root.name}-{name}"
    subprocess.run(
        ["git", "clone", "--quiet", "--depth", "1", f"file://{remote}", str(root)], check=True
    )
    return replace(world, root=root)


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
    assert branch == f"promote/{ENVIRONMENT}/models/{MODEL}/{version}"
    assert pin_on(checkout, branch).version == version
    assert git(checkout.root, "rev-parse", f"{branch}~1") == before
    assert git(checkout.root, "diff", "--name-only", f"{branch}~1", branch) == LOCK
    assert git(checkout.root, "rev-parse", "HEAD") == before
    assert git(checkout.root, "status", "--porcelain") == ""
    assert len(git(checkout.root, "worktree", "list").splitlines()) == 1
    assert (checkout.pinned(), checkout.rolled_out) == (None, [])
    assert checkout.alias("champion") is None
    assert "proposed" in checkout.tags(version)["stanchion.promotion"]


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


def test_no_two_names_have_one_branch() -> None:
    names = ("wine-cultivar", "wine.cultivar", "wine cultivar", "wine/cultivar", "模型", "酒", "-a")
    branches = {
        Proposal(Path(), "prod", kind, name, "3", "").branch
        for name in names
        for kind in ("models", "prompts")
    }
    assert len(branches) == 2 * len(names)
    for branch in branches:
        subprocess.run(["git", "check-ref-format", "--branch", branch], check=True)


def test_once_it_is_merged_the_promotion_goes_on_and_moves_the_alias(checkout: World) -> None:
    version = checkout.register()
    merge(checkout, propose(checkout, version))
    measured = list(checkout.measured)
    promote(checkout, version)
    assert checkout.alias("champion") == version
    assert checkout.measured == measured
    assert checkout.rolled_out[-1] == Pin(
        MODEL, version, checkout.tags(version)["stanchion.digest"]
    )


def test_one_that_is_merged_and_fails_is_taken_back_to_what_served_before(
    checkout: World,
) -> None:
    checkout.promote(checkout.register())
    commit(checkout, "the first")
    first, second = checkout.pinned(), checkout.register()
    merge(checkout, propose(checkout, second))
    with pytest.raises(StanchionError, match=FAILS.reason):
        checkout.promote(second, roll_out=checkout.fails_once())
    assert checkout.pinned() == first


def test_one_that_waits_to_be_merged_or_pulled_is_not_promoted_beside(
    checkout: World, remote: Path, gh: Path
) -> None:
    version = checkout.register()
    branch = propose(checkout, version)
    with pytest.raises(StanchionError, match=f"waits on branch {branch}; merge it and pull"):
        promote(checkout, version)
    other = clone(checkout, remote, "reviewer")
    git(other.root, "fetch", "--quiet", "origin", branch)
    merge(other, "FETCH_HEAD")
    git(other.root, "push", "--quiet", "origin", "main", f":{branch}")
    with pytest.raises(StanchionError, match=r"origin/main has changes .*; pull them first"):
        promote(checkout, version)
    assert (checkout.pinned(), checkout.rolled_out) == (None, [])
    git(checkout.root, "pull", "--quiet")
    promote(checkout, version)
    assert checkout.alias("champion") == version


def test_one_whose_branch_is_gone_unmerged_can_be_promoted(
    checkout: World, remote: Path, gh: Path
) -> None:
    version = checkout.register()
    git(checkout.root, "push", "--quiet", "origin", f":{propose(checkout, version)}")
    promote(checkout, version)
    assert checkout.alias("champion") == version


def test_the_same_proposal_from_a_new_clone_changes_nothing(
    checkout: World, remote: Path, gh: Path
) -> None:
    version = checkout.register()
    branch = propose(checkout, version)
    before = git(remote, "rev-parse", branch)
    other = Pin("other", "1", f"sha256:{'a' * 64}")
    lockfile.write(checkout.root, ENVIRONMENT, {"other": other})
    commit(checkout, "another service")
    pushed(checkout, "README.md", "another change")
    assert propose(clone(checkout, remote, "nightly"), version) == branch
    assert git(remote, "rev-parse", branch) == before


def test_a_branch_that_somebody_updated_stands(checkout: World, remote: Path, gh: Path) -> None:
    version = checkout.register()
    branch = propose(checkout, version)
    pushed(checkout, "README.md", "another change")
    other = clone(checkout, remote, "reviewer")
    git(other.root, "fetch", "--quiet", "--unshallow", "origin", branch)
    git(other.root, "checkout", "--quiet", "FETCH_HEAD")
    git(other.root, "merge", "--quiet", "--no-edit", "origin/main")
    git(other.root, "push", "--quiet", "origin", f"HEAD:{branch}")
    updated = git(remote, "rev-parse", branch)
    propose(checkout, version)
    assert git(remote, "rev-parse", branch) == updated


def test_a_branch_with_another_change_is_left_to_its_author(
    checkout: World, remote: Path, gh: Path
) -> None:
    version = checkout.register()
    branch = propose(checkout, version)
    other = clone(checkout, remote, "reviewer")
    git(other.root, "fetch", "--quiet", "origin", branch)
    git(other.root, "checkout", "--quiet", "FETCH_HEAD")
    lockfile.write(other.root, ENVIRONMENT, {"wine-too": Pin(MODEL, "1", f"sha256:{'b' * 64}")})
    commit(other, "one more")
    git(other.root, "push", "--quiet", "origin", f"HEAD:{branch}")
    theirs = git(remote, "rev-parse", branch)
    with pytest.raises(StanchionError, match=f"is not what branch {branch} proposes"):
        propose(checkout, version)
    assert git(remote, "rev-parse", branch) == theirs


@pytest.mark.parametrize("kept", [True, False])
def test_one_that_was_merged_and_taken_out_again_is_another_attempt(
    checkout: World, remote: Path, gh: Path, *, kept: bool
) -> None:
    version = checkout.register()
    branch = propose(checkout, version)
    git(checkout.root, "fetch", "--quiet", "origin", branch)
    merge(checkout, "FETCH_HEAD")
    git(checkout.root, "revert", "--no-edit", "HEAD")
    git(checkout.root, "push", "--quiet", "origin", "main")
    if kept:
        with pytest.raises(StanchionError, match=r"or main has changed since it did; .*delete it"):
            propose(checkout, version)
    git(checkout.root, "push", "--quiet", "origin", f":{branch}")
    propose(checkout, version)
    assert pin_on(checkout, f"origin/{branch}").attempt == 2


def test_it_is_pushed_and_asked_for_where_there_is_a_remote(
    checkout: World, remote: Path, gh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    branch = propose(checkout, checkout.register())
    assert pin_on(replace(checkout, root=remote), branch).version == "1"
    said = (gh / "said").read_text()
    assert f"pr create --head {branch} --title Promote {MODEL} version 1" in said
    assert "https://github.com/acme/platform/pull/7" in capsys.readouterr().err


def test_a_pull_request_of_a_fork_is_not_taken_for_ours(
    checkout: World, remote: Path, gh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (gh / "listed").write_text(
        '[{"url": "https://x/8", "state": "OPEN", "headRefOid": "", "isCrossRepository": true}]'
    )
    propose(checkout, checkout.register())
    assert opened(gh) == 1
    assert "https://x/8" not in capsys.readouterr().err


def test_one_that_is_open_or_was_declined_is_not_opened_again(
    checkout: World, remote: Path, gh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    version = checkout.register()
    commit_id = git(remote, "rev-parse", propose(checkout, version))
    for state in ("OPEN", "CLOSED"):
        (gh / "listed").write_text(
            f'[{{"url": "https://x/7", "state": "{state}", "headRefOid": "{commit_id}", '
            '"isCrossRepository": false}]'
        )
        propose(checkout, version)
    assert opened(gh) == 1
    assert "https://x/7 was closed: delete the branch" in capsys.readouterr().err


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


def test_what_could_not_be_pushed_was_not_proposed_and_is_no_attempt(
    checkout: World, remote: Path, gh: Path
) -> None:
    version = checkout.register()
    with pytest.raises(StanchionError, match=FAILS.reason):
        checkout.promote(version, roll_out=checkout.fails_once())
    commit(checkout, "taken back")
    hook = remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho main is frozen >&2; exit 1\n")
    hook.chmod(0o755)
    with pytest.raises(StanchionError, match=r"(?s)could not be pushed: .*main is frozen.*again"):
        propose(checkout, version)
    assert checkout.tags(version)["stanchion.promotion"] == f"aborted: {FAILS.reason}"
    hook.unlink()
    assert pin_on(replace(checkout, root=remote), propose(checkout, version)).attempt == 2


def test_a_rollback_forgets_what_a_withdrawn_proposal_was_to_replace(checkout: World) -> None:
    first, second = checkout.register(), checkout.register()
    promote(checkout, first)
    promote(checkout, second)
    commit(checkout, "the second")
    git(checkout.root, "branch", "--delete", "--force", propose(checkout, first))
    asked = rollback.Request(checkout.root, ENVIRONMENT, SERVICE, None, "bad")
    rollback.roll_back(asked, checkout.preview, checkout.target, roll_out=checkout.roll_out)
    assert checkout.served == first
    with pytest.raises(StanchionError, match=FAILS.reason):
        checkout.promote(first, roll_out=checkout.fails_once())
    assert checkout.served == first


def test_what_is_pinned_already_is_not_proposed(checkout: World) -> None:
    version = checkout.register()
    checkout.promote(version)
    commit(checkout, "pinned")
    with pytest.raises(StanchionError, match=r"is pinned already in the commit .* run `stanchion"):
        propose(checkout, version)


def test_a_candidate_that_was_proposed_is_one_while_its_branch_is_there(checkout: World) -> None:
    version = checkout.register()
    checkout.client.set_registered_model_alias(MODEL, CANDIDATE, version)
    branch = propose(checkout, version)

    def found() -> Candidate:
        return candidate_of(
            checkout.registry,
            MODEL,
            {SERVICE: checkout.pinned()},
            ENVIRONMENT,
            stands=lambda each: place(checkout).stands("models", MODEL, each),
        )

    assert found() == Candidate(version, serves=False)
    git(checkout.root, "branch", "--delete", "--force", branch)
    with pytest.raises(StanchionError, match="was tried before: proposed"):
        found()
    propose(checkout, version)
    merge(checkout, branch)
    assert found() == Candidate(version, serves=False, pinned=True)


def test_no_gate_is_run_where_nothing_could_be_proposed(
    checkout: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = checkout.register()
    with pytest.raises(InputError, match=r"private.lock.yaml: is left out of git"):
        place(checkout, "private").destination("models", MODEL, version)
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
