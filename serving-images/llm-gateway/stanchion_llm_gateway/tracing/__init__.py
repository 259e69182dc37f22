"""Traces of sampled requests, sent to MLflow's tracking server beside the requests."""
