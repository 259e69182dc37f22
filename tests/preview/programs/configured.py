"""Exports what the program sees of its configuration and surroundings."""

import os
import sys
from pathlib import Path

import pulumi

config = pulumi.Config()
pulumi.export("text", config.get("text"))
pulumi.export("object", config.get_object("object"))
pulumi.export("token", config.get_secret("token"))
token = config.get_secret("token")
pulumi.export("token_length", token.apply(len) if token is not None else None)
pulumi.export("nested", config.get_secret_object("nested"))
pulumi.export("limit", config.get_secret_int("limit"))
pulumi.export("names", sorted(os.environ))
pulumi.export("home", str(Path.home()))
pulumi.export("directory", str(Path.cwd()))
pulumi.export("arguments", sys.argv)
pulumi.export("stack", [pulumi.get_project(), pulumi.get_stack(), pulumi.get_organization()])
pulumi.export("dry_run", pulumi.runtime.is_dry_run())
print("printed by the program")
pulumi.log.warn("warned by the program")
