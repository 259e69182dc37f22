"""Cases of the image and credential policies."""

from __future__ import annotations

from typing import Any

from policies.cases.case import Case, fails, passes, undecided
from policies.manifests import DROP, UNKNOWN, Manifest, manifest, workload

SHORT = "sha256:abc"
KEY = "AKIA" + "IOSFODNN7EXAMPLE"
TOKEN = "ghp_" + "x1" * 18
PRIVATE = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE"


def env(name: str, value: Any, kind: str = "Deployment") -> Manifest:
    """A workload with one environment variable."""
    return workload(kind, server={"env": [{"name": name, "value": value}]})


def source(**reference: Any) -> Manifest:
    """A workload whose environment variable comes from somewhere else."""
    return workload(server={"env": [{"name": "DB_PASSWORD", "valueFrom": reference}]})


IMAGES: list[Case] = [
    passes("image-pinned", "tag and digest", workload()),
    passes("image-pinned", "tag", workload(server={"image": "localhost:5000/churn:1.4"})),
    passes("image-pinned", "no image yet", workload(server={"image": DROP})),
    undecided("image-pinned", "unknown", workload(server={"image": UNKNOWN})),
    fails("image-pinned", "no tag, a port", workload(server={"image": "localhost:5000/churn"})),
    fails("image-pinned", "latest", workload(server={"image": "churn:latest"})),
    fails("image-pinned", "init container", workload(init={"image": "busybox"})),
    passes("image-digest-valid", "well-formed", workload(init={})),
    passes("image-digest-valid", "longer", workload(server={"image": "a@sha512:" + "a1" * 64})),
    passes("image-digest-valid", "none", workload(server={"image": "churn:1"})),
    passes("image-digest-valid", "no image", workload("Job", server={"image": DROP})),
    fails("image-digest-valid", "short", workload(server={"image": f"churn@{SHORT}"})),
    fails("image-digest-valid", "no algorithm", workload(server={"image": "churn@" + "a1" * 32})),
    fails("image-digest-valid", "init container", workload("Job", init={"image": "a:1@sha256:z"})),
    passes("image-digest", "digest", workload()),
    passes("image-digest", "no image yet", workload(server={"image": DROP})),
    passes(
        "image-digest",
        "a registry that moves no tag",
        workload(server={"image": "1.dkr.ecr.us-east-1.amazonaws.com/prod-aws/churn:1"}),
        immutable=["*.dkr.ecr.*.amazonaws.com/prod-*/*"],
    ),
    fails("image-digest", "tag alone", workload(server={"image": "churn:1"})),
    fails(
        "image-digest",
        "no tag in a registry that moves none",
        workload(server={"image": "r.example/churn"}),
        immutable=["r.example/*"],
    ),
    fails(
        "image-digest",
        "another registry",
        workload(init={"image": "r.example/churn:1"}),
        immutable=["s.example/*"],
    ),
    passes("image-registry", "any", workload()),
    passes(
        "image-registry", "allowed", workload(), registries=["docker.io/team", "registry.example/"]
    ),
    passes(
        "image-registry",
        "Docker Hub written short",
        workload(server={"image": "team/churn:1"}),
        registries=["docker.io/team", "registry.example/"],
    ),
    fails(
        "image-registry",
        "another",
        workload(server={"image": "quay.io/churn:1"}),
        registries=["docker.io/team", "registry.example/"],
    ),
    fails(
        "image-registry",
        "a name that begins alike",
        workload(server={"image": "registry.example.evil/churn:1"}),
        registries=["docker.io/team", "registry.example/"],
    ),
    fails(
        "image-registry",
        "init container",
        workload(init={"image": "docker.io/teams/churn:1"}),
        registries=["docker.io/team", "registry.example/"],
    ),
    passes("image-pull-policy", "if not present", workload()),
    passes(
        "image-pull-policy",
        "moving, the default",
        workload(server={"image": "a", "imagePullPolicy": DROP}),
    ),
    passes(
        "image-pull-policy",
        "always",
        workload(server={"imagePullPolicy": "Always"}),
        demand="always",
    ),
    fails("image-pull-policy", "never", workload(server={"imagePullPolicy": "Never"})),
    fails("image-pull-policy", "moving and kept", workload(server={"image": "a:latest"})),
    fails("image-pull-policy", "always asked for", workload(), demand="always"),
]

CREDENTIALS: list[Case] = [
    passes("no-credentials-in-clear", "plain", workload()),
    passes("no-credentials-in-clear", "a path", env("DB_PASSWORD", "/run/secrets/db/password")),
    passes("no-credentials-in-clear", "a path's name", env("PASSWORD_FILE", "hunter2-file")),
    passes("no-credentials-in-clear", "a tokenizer's word", env("PAD_TOKEN", "<pad>")),
    passes("no-credentials-in-clear", "a switch", env("ALLOW_EMPTY_PASSWORD", "true")),
    passes("no-credentials-in-clear", "a reference", source(secretKeyRef={"name": "db"})),
    passes(
        "no-credentials-in-clear",
        "a URL without password",
        env("DATABASE_URL", "postgresql://mlflow@db:5432/mlflow"),
    ),
    passes(
        "no-credentials-in-clear",
        "a config map about passwords",
        manifest("ConfigMap", data={"app.yaml": "password_file: /run/secrets/password\n"}),
    ),
    passes("no-credentials-in-clear", "an address to come", env("DB_HOST", UNKNOWN)),
    undecided("no-credentials-in-clear", "unknown", env("DB_PASSWORD", UNKNOWN)),
    fails("no-credentials-in-clear", "by name", env("DB_PASSWORD", "hunter2")),
    passes("no-credentials-in-clear", "the name of one", env("SECRET_NAME", "churn-db")),
    fails("no-credentials-in-clear", "what a secret is for", env("SECRET_KEY_BASE", "hunter2")),
    fails("no-credentials-in-clear", "a key of an account", env("AZURE_BATCH_KEY", "hunter2")),
    fails("no-credentials-in-clear", "by name in camel case", env("dbPassword", "hunter2")),
    fails("no-credentials-in-clear", "a header", env("AUTH_HEADER", "bearer x1" + "y2" * 8)),
    fails("no-credentials-in-clear", "by value", env("COMMENT", f"use {KEY}", "Job")),
    fails("no-credentials-in-clear", "a URL", env("DB", "postgresql://a:hunter2@db/x")),
    fails(
        "no-credentials-in-clear",
        "the first of two of a name",
        workload(
            server={
                "env": [
                    {"name": "API_KEY", "value": "hunter2"},
                    {"name": "API_KEY", "value": "/run/key"},
                ]
            }
        ),
    ),
    fails(
        "no-credentials-in-clear", "option", workload(server={"args": ["--db-password=hunter2"]})
    ),
    fails(
        "no-credentials-in-clear",
        "option and value",
        workload("CronJob", server={"args": ["--password", "hunter2"]}),
    ),
    fails(
        "no-credentials-in-clear",
        "script of an init container",
        workload(init={"command": ["sh", "-c", "export PGPASSWORD_X=1 PASSWORD=hunter2; run"]}),
    ),
    fails(
        "no-credentials-in-clear", "config map key", manifest("ConfigMap", data={"token": TOKEN})
    ),
    fails("no-credentials-in-clear", "config map file", manifest("ConfigMap", data={"a": PRIVATE})),
    fails(
        "no-credentials-in-clear",
        "config map line",
        manifest("ConfigMap", data={"app.ini": "[db]\nuser = a\npassword = hunter2\n"}),
    ),
    passes("secrets-as-files", "plain", workload()),
    passes("secrets-as-files", "config map", source(configMapKeyRef={"name": "a", "key": "b"})),
    passes(
        "secrets-as-files",
        "mounted",
        workload(pod={"volumes": [{"name": "s", "secret": {"secretName": "churn"}}]}),
    ),
    fails("secrets-as-files", "variable", source(secretKeyRef={"name": "a", "key": "b"})),
    fails(
        "secrets-as-files",
        "all of it",
        workload(server={"envFrom": [{"secretRef": {"name": "a"}}]}),
    ),
    fails(
        "secrets-as-files",
        "init container",
        workload(init={"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": UNKNOWN}}}]}),
    ),
]

CASES = [*IMAGES, *CREDENTIALS]
