"""Dated data with their sources: machines, prices, quotas, language models, and what images export."""
