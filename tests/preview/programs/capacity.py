"""Exports what it costs, as its configuration says."""

import json

import pulumi

given = pulumi.Config().get("capacity")
pulumi.export("capacity", json.loads(given) if given else None)
