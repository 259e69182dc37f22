"""PromQL over a service's new version and the one before: what a release is judged by.

Every query but that of restarts yields a number only when both versions had enough requests.
"""

from dataclasses import dataclass

from stanchion.serving.release_analysis import (
    DEFAULT_INTERVAL_SECONDS,
    DEFAULT_MIN_REQUESTS,
    ReleaseAnalysis,
)

HASH_LABEL = "rollouts-pod-template-hash"
"""What Argo Rollouts writes on the pods of each version."""
_METRIC_LABEL = HASH_LABEL.replace("-", "_")
_FAILED = "server_error|timeout|unavailable"
_REFUSED = 'outcome="client_error"'
_QUANTILE = 0.95


class Queries:
    """PromQL over the last interval, or several, of a service's new version and the one before."""

    def __init__(
        self,
        service: str,
        namespace: str,
        analysis: ReleaseAnalysis,
        *,
        start_seconds: int,
        past_seconds: int | None = None,
        intervals: int = 1,
    ) -> None:
        """Name what the queries are about.

        Args:
            service: Name of the service.
            namespace: Where it runs.
            analysis: Length of the interval and what counts.
            start_seconds: Longest that a server takes until it counts as ready: one that went in
                an interval comes back in a later one.
            past_seconds: How far to look back for the version before, where it gets no requests
                beside the new one; by default as far as for the new one, where both do.
            intervals: How many to look back over, with as many times the requests.
        """
        self.analysis = analysis
        interval = analysis.get("interval_seconds", DEFAULT_INTERVAL_SECONDS)
        self._fewest = intervals * analysis.get("min_requests", DEFAULT_MIN_REQUESTS)
        watched = intervals * interval
        of_service = f'namespace="{namespace}",service="{service}",{_METRIC_LABEL}'
        new = f'{of_service}="{{{{args.canary-hash}}}}"'
        self._new, self._restarted = _Pods(new, watched), _Pods(new, interval + start_seconds)
        self._old = _Pods(f'{of_service}="{{{{args.stable-hash}}}}"', past_seconds or watched)

    def enough(self) -> str:
        """A number when both versions had enough requests, nothing otherwise."""
        new, old = (
            f"(sum({pods.increase('requests_total')}) >= {self._fewest})"
            for pods in (self._new, self._old)
        )
        return f"{new} and {old}"

    def known(self) -> str:
        """A number when every measure but restarts yields one.

        A shift does with enough requests, unless one version answered nothing that it is told by.
        """
        shifts = (self.class_shift(), self.mean_shift())
        return " and ".join(f"({shift}) > -Inf" for shift in shifts)

    def error_ratio(self) -> str:
        """Share of the new version's requests that failed and would not have before.

        What the server failed, and refused requests beyond the share that the version before
        refuses, less twice what chance gives: a model that raises on inputs it used to take
        refuses them.
        """
        n, m = (f"sum({pods.increase('requests_total')})" for pods in (self._new, self._old))
        failed = self._new.increase("requests_total", f'outcome=~"{_FAILED}"')
        p, q = (
            f"(sum({pods.increase('requests_total', _REFUSED)}) / {count})"
            for pods, count in ((self._new, n), (self._old, m))
        )
        chance = f"2 * sqrt({q} * (1 - {q}) * (1 / {n} + 1 / {m}))"
        share = f"sum({failed}) / {n} + clamp_min({p} - {q} - {chance}, 0)"
        return f"({share}) and ({self.enough()})"

    def latency_ratio(self) -> str:
        """95th percentile of the new version over that of the one before."""
        floor = self.analysis.get("latency_floor_ms", 25) / 1000
        new, old = (
            f"clamp_min(histogram_quantile({_QUANTILE}, sum by (le) "
            f"({pods.increase('request_duration_seconds_bucket')})), {floor:g})"
            for pods in (self._new, self._old)
        )
        return f"({new} / {old}) and ({self.enough()})"

    def class_shift(self) -> str:
        """Total variation between predicted classes, less its mean where there is none.

        With n and m predictions of shares p, chance alone gives a mean total variation of
        sum(sqrt(2 p (1 - p) (1/n + 1/m) / pi)) / 2: half the mean absolute value of a normal
        variable for each class. The largest of all outputs; 0 for a model without classes.
        """
        new, old = (
            f"sum by (output, value) ({pods.increase('predictions_total')})"
            for pods in (self._new, self._old)
        )
        all_new, all_old = (f"sum by (output) ({counts})" for counts in (new, old))
        # A class that one of them never predicts has a share of 0 there.
        p = f"(({new} or {old} * 0) / on (output) group_left {all_new})"
        q = f"(({old} or {new} * 0) / on (output) group_left {all_old})"
        distance = f"sum by (output) (abs({p} - {q})) / 2"
        chance = (
            f"0.4 * sum by (output) (sqrt({q} * (1 - {q}))) * sqrt(1 / {all_new} + 1 / {all_old})"
        )
        return self._or_zero(f"max({distance} - {chance})")

    def mean_shift(self) -> str:
        """Distance of mean predictions in standard deviations, less twice what chance gives.

        The largest of all outputs that the version before has numbers of; 0 where there is none.
        """
        n, answered = (
            f"sum by (output) ({pods.increase('prediction_values_total')})"
            for pods in (self._new, self._old)
        )
        m = f"({answered} > 0)"
        mean_new, mean_old = (
            f"({pods.signed('prediction_value_sum_total')} / {count})"
            for pods, count in ((self._new, n), (self._old, m))
        )
        squares = self._old.increase("prediction_value_squares_total")
        variance = f"sum by (output) ({squares}) / {m} - {mean_old} ^ 2"
        deviation = f"sqrt(clamp_min({variance}, 1e-12))"
        distance = f"abs({mean_new} - {mean_old}) / {deviation}"
        return self._or_zero(f"max({distance} - 2 * sqrt(1 / {n} + 1 / {m}))")

    def unusable_ratio(self) -> str:
        """Share of the new version's numbers that nobody can use, beyond what it was before.

        They are null in an answer, infinite or too large to be added up, so that no mean has them.
        Less twice what chance gives, had both versions one share: a single null among few answers
        says nothing. The largest of all outputs; 0 for a model without numbers. An output of which
        the version before answered nothing is held to the limit as it is.
        """
        (good, bad), (good_old, bad_old) = (
            [
                f"sum by (output) ({pods.increase(f'prediction_values{which}_total')})"
                for which in ("", "_unusable")
            ]
            for pods in (self._new, self._old)
        )
        n, m = f"({good} + {bad} > 0)", f"({good_old} + {bad_old} > 0)"
        chance = (
            f"2 * sqrt(({bad} + {bad_old}) * ({good} + {good_old}) / (({n} + {m}) * {n} * {m}))"
        )
        share = f"{bad} / {n}"
        return self._or_zero(f"max({share} - {bad_old} / {m} - {chance} or {share})")

    def restarts(self) -> str:
        """How often the new version's servers started anew, as one does that ran out of memory.

        A server that takes longer than the interval to come back has both of its starts within
        what is looked at.
        """
        return f"sum(changes(process_start_time_seconds{self._restarted.range()}))"

    def _or_zero(self, query: str) -> str:
        return f"(({query}) and ({self.enough()})) or 0 * ({self.enough()})"


@dataclass(frozen=True)
class _Pods:
    """The pods of one version, and how far to look back."""

    labels: str
    seconds: int

    def range(self, labels: str = "") -> str:
        """The pods' series with the labels, as far back as is looked."""
        both = ",".join(filter(None, (self.labels, labels)))
        return f"{{{both}}}[{self.seconds}s]"

    def increase(self, metric: str, labels: str = "") -> str:
        """What a counter grew by, series by series."""
        return f"increase(model_server_{metric}{self.range(labels)})"

    def signed(self, metric: str) -> str:
        """What a sum changed by that is counted by its sign, output by output."""
        up, down = (
            f"sum by (output) ({self.increase(metric, sign)})"
            for sign in ('sign="positive"', 'sign="negative"')
        )
        return f"({up} - {down})"
