"""Batch scoring: files in, files out, with the model loaded and asked as the server does it."""
