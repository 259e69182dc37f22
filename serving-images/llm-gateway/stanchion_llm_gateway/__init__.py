"""An OpenAI-compatible gateway: guardrails, limits, budgets, fallback and an audit log."""
