"""Dated data with their sources: machines, prices, quotas, language models, exported metrics."""
