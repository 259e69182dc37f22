"""Thousands of simulated GPU nodes, and pods of our components that a real scheduler places."""
