"""Serves one pinned MLflow model over Open Inference Protocol V2 and MLflow's `/invocations`."""
