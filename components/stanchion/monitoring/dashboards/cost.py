"""What the running platform costs, by tenant and service, and what is paid for and unused."""

from stanchion.catalog.machines import IDLE_PERCENT
from stanchion.catalog.prices import HOURS_PER_MONTH
from stanchion.monitoring.dashboards.model import (
    Dashboard,
    Limits,
    Panel,
    Query,
    Section,
    Unit,
    Variable,
    lines,
    stat,
    table,
)
from stanchion.monitoring.gpu_use import HELD, mean_use
from stanchion.monitoring.kube_state import requested

_GIB = 1024**3
_OF = 'namespace=~"$tenant"'
_NODES = "node_total_hourly_cost"


def _parts(matching: str) -> dict[str, str]:
    """$ an hour of what each container is given, by resource, at its node's price."""
    allocated = {
        "CPU": (f"container_cpu_allocation{{{matching}}}", "node_cpu_hourly_cost"),
        "memory": (
            f"container_memory_allocation_bytes{{{matching}}} / {_GIB}",
            "node_ram_hourly_cost",
        ),
        "GPU": (f"container_gpu_allocation{{{matching}}}", "node_gpu_hourly_cost"),
    }
    return {
        resource: f"{given} * on (node) group_left () avg by (node) ({price})"
        for resource, (given, price) in allocated.items()
    }


def _allocated(matching: str) -> str:
    """$ an hour of each container; one without a GPU may have no series of GPUs."""
    together = " or ".join(
        f'label_replace({part}, "resource", "{resource}", "", "")'
        for resource, part in _parts(matching).items()
    )
    return f"sum by (namespace, pod, container) ({together})"


_EACH = _allocated(_OF)
_ASKED = requested("cpu", _OF)
_SERVERS = _allocated(f'{_OF},container=~"model-server|activator"')
# The pod's name without the two parts that its workload adds, and what an activator's begins with.
_BY_SERVICE = (
    f'sum by (namespace, service) (label_replace({_SERVERS}, "service", "$1", "pod", '
    '"(.+?)(-activator)?-[a-z0-9]+-[a-z0-9]+"))'
)
_PREDICTED = f"sum by (namespace, service) (rate(model_server_batch_size_sum{{{_OF}}}[1h]))"

COST = Dashboard(
    "cost",
    "Cost",
    "What the nodes cost, whose pods they carry, and what nobody uses. By OpenCost: list prices of "
    "the cloud, without discounts, traffic and storage.",
    variables=(Variable("tenant", "Tenant", "container_cpu_allocation", "namespace"),),
    sections=(
        Section(
            "Now",
            (
                stat(
                    "Nodes",
                    f"Dollars a month of {HOURS_PER_MONTH} hours, were all nodes of now to stay.",
                    f"sum({_NODES}) * {HOURS_PER_MONTH}",
                    Unit.DOLLARS,
                ),
                stat(
                    "Not allocated",
                    "Share of the nodes' cost that no pod asks for or uses: empty nodes, and the "
                    "rest of others.",
                    f"1 - sum({_allocated('')}) / sum({_NODES})",
                    Unit.RATIO,
                    Limits(0.6, 0.4),
                ),
                stat(
                    "GPUs",
                    "Dollars a month of all GPUs, used or not.",
                    f"sum(node_gpu_hourly_cost * on (node) group_left () node_gpu_count) * "
                    f"{HOURS_PER_MONTH}",
                    Unit.DOLLARS,
                ),
                stat(
                    "GPUs that idle",
                    "Dollars a month of GPUs that a pod holds and that computed less than "
                    f"{IDLE_PERCENT} percent of the last hour.",
                    "sum(avg by (Hostname) (label_replace(node_gpu_hourly_cost, "
                    '"Hostname", "$1", "node", "(.+)")) * on (Hostname) '
                    f"count by (Hostname) ({mean_use(HELD, '1h')} < {IDLE_PERCENT})) * "
                    f"{HOURS_PER_MONTH} or vector(0)",
                    Unit.DOLLARS,
                    Limits(1000, 1),
                ),
            ),
        ),
        Section(
            "Whose",
            (
                lines(
                    "By tenant",
                    "Dollars an hour of what pods are given: the larger of what they ask for and "
                    "use.",
                    f"sum by (namespace) ({_EACH})",
                    "{{namespace}}",
                    Unit.DOLLARS,
                ),
                table(
                    "By model service",
                    "Dollars a month of each service's replicas and activators of now.",
                    f"{_BY_SERVICE} * {HOURS_PER_MONTH}",
                    Unit.DOLLARS,
                ),
                table(
                    "Of 1,000 predictions",
                    "Dollars of each service's replicas and activators by the rows that its model "
                    "was given, of the last hour.",
                    f"1000 * {_BY_SERVICE} / ({_PREDICTED} * 3600 > 0)",
                    Unit.DOLLARS,
                ),
            ),
        ),
        Section(
            "What for",
            (
                Panel(
                    "By resource",
                    "Dollars an hour of what pods are given.",
                    tuple(
                        Query(f"sum({part})", resource) for resource, part in _parts(_OF).items()
                    ),
                    Unit.DOLLARS,
                ),
                lines(
                    "Asked for and unused CPU",
                    "Cores that pods ask for beyond what they used in the last day, by tenant.",
                    "sum by (namespace) (clamp_min("
                    f"sum by (namespace, pod, container) {_ASKED} "
                    "- on (namespace, pod, container) "
                    "sum by (namespace, pod, container) "
                    f'(rate(container_cpu_usage_seconds_total{{{_OF},container=~".+"}}[1d])), 0))',
                    "{{namespace}}",
                ),
                lines(
                    "Language models of others",
                    "Dollars an hour that the gateway's targets cost, by consumer.",
                    "sum by (namespace, consumer) "
                    f"(rate(llm_gateway_cost_dollars_total{{{_OF}}}[1h])) * 3600",
                    "{{namespace}}/{{consumer}}",
                    Unit.DOLLARS,
                ),
            ),
        ),
    ),
)
