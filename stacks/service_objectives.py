"""`slo` of a service file: what the service promises its callers."""

from __future__ import annotations

from typing import Annotated

from explain import problems_in_files
from pydantic import Field
from stanchion import GatewayObjectives, LlmObjectives, ServiceLevelObjectives
from stanchion.checks import Checks
from stanchion.monitoring import check_objectives
from validation import Strict

_Percent = Annotated[float, Field(ge=95, le=99.999)]


class Latency(Strict):
    """How many of the answers are to be there how soon."""

    milliseconds: Annotated[float, Field(gt=0, le=30000)]
    """From a request's headers to its answer; a bound of the server's histogram: 0.5, 1, 2.5, 5,
    10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000 or 30000."""
    percent: _Percent
    """Share of the answers that are to be there by then."""


class Objectives(Strict):
    """What a service promises its callers; alerts tell when that is in danger.

    The alerts are there where the environment has the operator kube-prometheus-stack.
    """

    availability: _Percent = 99.5
    """Share in percent of the requests that the server is not to fail, time out or turn away."""
    latency: Latency | None = None
    """How soon answers are to be there; default: nothing is promised."""
    window_days: Annotated[int, Field(ge=7, le=30)] = 28
    """Days over which the promises are to be kept."""
    min_failures: Annotated[int, Field(ge=1, le=100_000)] = 10
    """Fewest failures or late answers in an alert's long window; with fewer, nobody is alarmed."""

    def arguments(self) -> ServiceLevelObjectives:
        """The same for the component."""
        args: ServiceLevelObjectives = {
            "availability": self.availability,
            "window_days": self.window_days,
            "min_failures": self.min_failures,
        }
        if self.latency is not None:
            args["latency"] = {
                "milliseconds": self.latency.milliseconds,
                "percent": self.latency.percent,
            }
        return args


class LlmLatency(Strict):
    """How many requests are to be served how soon."""

    milliseconds: Annotated[float, Field(gt=0)]
    """How soon; a bound of vLLM's histogram, as 250, 500, 1000 and 2500 of a first token, and 25,
    50, 75 and 100 of a further one."""
    percent: _Percent
    """Share of the requests that are to be served so soon."""


class LlmPromises(Strict):
    """What a language model promises its callers; alerts tell when that is in danger.

    The alerts are there where the environment has the operator kube-prometheus-stack.
    """

    availability: _Percent = 99.5
    """Share in percent of the requests that are not to fail: at `gateway` where there is one, so
    that what another target answered did not; else at the model's own server."""
    first_token: LlmLatency | None = None
    """How soon the own model's first token is to be there; default: nothing is promised."""
    token_time: LlmLatency | None = None
    """How soon each further token is to follow, as a request's mean; default: nothing is promised.
    """
    window_days: Annotated[int, Field(ge=7, le=30)] = 28
    """Days over which the promises are to be kept."""
    min_failures: Annotated[int, Field(ge=1, le=100_000)] = 10
    """Fewest failures or late answers in an alert's long window; with fewer, nobody is alarmed."""

    def at_model(self, *, guarded: bool) -> LlmObjectives:
        """What the model's own server is held to.

        Args:
            guarded: Whether a gateway is held to `availability`.
        """
        args: LlmObjectives = {
            "window_days": self.window_days,
            "min_failures": self.min_failures,
        }
        if not guarded:
            args["availability"] = self.availability
        if self.first_token is not None:
            args["first_token"] = {
                "milliseconds": self.first_token.milliseconds,
                "percent": self.first_token.percent,
            }
        if self.token_time is not None:
            args["token_time"] = {
                "milliseconds": self.token_time.milliseconds,
                "percent": self.token_time.percent,
            }
        return args

    def at_gateway(self) -> GatewayObjectives:
        """What the gateway is held to."""
        return {
            "availability": self.availability,
            "window_days": self.window_days,
            "min_failures": self.min_failures,
        }


def objectives_problems(objectives: Objectives, request_timeout_seconds: int) -> list[str]:
    """What is wrong with it beside the rest of its file.

    Args:
        objectives: What the file says.
        request_timeout_seconds: When the server gives a request up.
    """
    check = Checks("ModelService", "")
    check_objectives(check, objectives.arguments(), request_timeout_seconds=request_timeout_seconds)
    return problems_in_files(check.done)
