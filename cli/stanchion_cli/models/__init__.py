"""A model's way from the registry into an environment: gates, pin, rollout, alias."""
