"""Dated data with their sources: machines, prices, quotas, and what our images export."""
