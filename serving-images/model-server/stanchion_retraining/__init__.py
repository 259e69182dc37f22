"""Starts a training when a model's traffic drifts or its data change, and holds it to limits."""
