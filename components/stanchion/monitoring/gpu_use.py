"""What dashboards and alerts ask of DCGM's exporter about the use of GPUs."""

GPU_USE = "DCGM_FI_DEV_GPU_UTIL"
HELD = 'exported_pod=~".+"'
"""Matches series of GPUs that a pod holds; whose GPU it is comes with a prefix."""


def mean_use(matching: str, window: str) -> str:
    """Percent of a window in which each GPU computed, of pods that are there now.

    One that is gone holds no GPU any more, and its series are in the window still.

    Args:
        matching: Matchers, separated by commas.
        window: As Prometheus writes it: 1h.
    """
    use = f"{GPU_USE}{{{matching}}}"
    return f"(avg_over_time({use}[{window}]) and {use})"
