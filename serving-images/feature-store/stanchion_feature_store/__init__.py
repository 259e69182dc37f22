"""Feast as the platform runs it: definitions, materialisation, serving, and the check of both."""
