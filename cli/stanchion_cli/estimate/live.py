"""What a cloud grants of each quota, asked with the credentials that this machine has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stanchion_cli.estimate._catalogue import QuotaNeed
from stanchion_cli.estimate.model import Estimate


@dataclass(frozen=True, slots=True)
class Granted:
    """What there is of one quota.

    `limit` is None where it could not be asked, `used` where the cloud does not say; `note` says
    why, or what the limit is.
    """

    limit: float | None
    used: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """A quota that is needed, and what there is of it; `granted` is None where nobody asked."""

    need: QuotaNeed
    granted: Granted | None

    @property
    def short(self) -> bool:
        """Whether the whole quota, used or not, is less than what is needed.

        What is used may be this environment itself, so it does not count against it.
        """
        return (
            self.granted is not None
            and self.granted.limit is not None
            and self.need.amount > self.granted.limit
        )


Ask = Callable[[str, str, Sequence[QuotaNeed]], Mapping[QuotaNeed, Granted]]
"""Account or project, region and needs to what is granted; only needs with a code are asked."""


def compared(estimate: Estimate, ask: Ask | None = None) -> tuple[Compared, ...]:
    """Each quota an environment needs beside what there is.

    Args:
        estimate: What it needs, and where.
        ask: How to ask the cloud; None asks nobody.

    Raises:
        StanchionError: The cloud cannot be asked: a package or credentials are missing, it is out
            of reach, or it refuses.
    """
    if ask is None:
        return tuple(Compared(need, None) for need in estimate.quotas)
    asked = [need for need in estimate.quotas if need.code is not None]
    granted = ask(estimate.account, estimate.region, asked) if asked else {}
    unasked = Granted(None, note="no confirmed quota code to ask for")
    return tuple(Compared(need, granted.get(need, unasked)) for need in estimate.quotas)


def asking(cloud: str) -> Ask:
    """How to ask a cloud.

    Raises:
        StanchionError: if the package for it is not installed, with how to install it.
    """
    if cloud == "aws":
        from stanchion_cli.estimate.live_aws import ask
    else:
        from stanchion_cli.estimate.live_gcp import ask
    return ask
