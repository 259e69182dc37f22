"""The `stanchion` command: what the Pulumi engine hasn't, and never required by it."""
