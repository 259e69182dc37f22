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


def requested(resource: str, matching: str = "") -> str:
    """What each container requests of a resource, of pods that have a node or wait for one.

    A pod that is over needs nothing any more and keeps its series until it is deleted, which for
    a job's is days later.

    Args:
        resource: As kube-state-metrics writes it: cpu, memory, nvidia_com_gpu.
        matching: Matchers that both a container's and a pod's series can have, as of the namespace.
    """
    more = f",{matching}" if matching else ""
    asked = kube_state("kube_pod_container_resource_requests", f'resource="{resource}"{more}')
    there = kube_state("kube_pod_status_phase", f'phase=~"Pending|Running"{more}')
    return f"({asked} and on (namespace, pod) {there} == 1)"
