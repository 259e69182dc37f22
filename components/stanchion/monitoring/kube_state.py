"""What dashboards and alerts ask of kube-state-metrics: how Kubernetes' objects are."""

_JOB = 'job="kube-state-metrics"'
"""As the chart's ServiceMonitor calls it, by the label app.kubernetes.io/name of its Service."""


def kube_state(metric: str, matching: str = "") -> str:
    """The series of a metric from kube-state-metrics alone.

    Others export some of its metrics under the same names, OpenCost unless it is told not to: a
    query without the job would count everything twice.

    Args:
        metric: Its name, kube_ included.
        matching: Further matchers, separated by commas.
    """
    return f"{metric}{{{_JOB}{',' if matching else ''}{matching}}}"
