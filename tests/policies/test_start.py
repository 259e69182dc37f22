"""The pack starts at once: the engine waits for it in every preview and every deployment."""

from __future__ import annotations

import resource
import subprocess
import sys

from policies.conftest import PACK

SECONDS = 1.0
"""Of the processor, which do not depend on what else the machine does."""

START = "import stanchion_policies.sharing; from stanchion_policies import RULES, pack; "
POLICIES = "assert len(pack.policies(RULES)) > 100"


def test_the_pack_s_policies_are_made_in_less_than_a_second() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", START + POLICIES], cwd=PACK, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < SECONDS
