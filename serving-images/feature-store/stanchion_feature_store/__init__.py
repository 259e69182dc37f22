"""Feast as the platform runs it: definitions, materialisation, serving, and the check of both."""

# Before Feast, which asks it for metrics in files, as several server processes would need.
import prometheus_client  # noqa: F401
