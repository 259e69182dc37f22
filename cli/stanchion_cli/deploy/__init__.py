"""Bring an environment up without the Pulumi engine: the rendered objects, as one ApplySet."""
