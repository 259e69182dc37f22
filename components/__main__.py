"""Serves the components to Pulumi programs in other languages."""

from importlib.metadata import version

from pulumi.provider.experimental import component_provider_host
from stanchion import COMPONENTS

if __name__ == "__main__":
    component_provider_host(list(COMPONENTS), "stanchion", version=version("stanchion"))
