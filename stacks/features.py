"""The feature store, where an environment has one: beside MLflow, on the same database server."""

from __future__ import annotations

import ast
from pathlib import Path

import pulumi
from environment import NAMESPACE, Environment, Profile
from explain import problems_in_files
from foundation import Foundation, Site
from images import image
from service_folders import Folder, folder_grants, folder_problems
from stanchion import (
    Cloud,
    FeatureStore,
    FeatureStoreArgs,
    Grant,
    GrantKind,
    MlflowDatabase,
    WorkloadIdentity,
)
from stanchion.features.arguments import checked
from validation import InvalidFileError

FEATURES = "features"
"""Name of its Service and prefix of its other objects."""
_JOBS = f"{FEATURES}-jobs"
"""Service account that `FeatureStore` makes for what reads the sources."""
_ROOT = Path(__file__).parent


def check_features(environment: Environment, name: str) -> None:
    """Hold the feature store of the environment `name` to its folders and to where it runs.

    Raises:
        InvalidFileError: with every problem found.
    """
    config = environment.feature_store
    if not config.enabled:
        return
    cloud = Cloud(environment.provider.cloud)
    problems = folder_problems([_sources(environment)], cloud, name)
    unreadable = _definition_problems(config.definitions)
    problems += [f"definitions: {each}" for each in unreadable]
    if not unreadable:
        placeholder: MlflowDatabase = {"host": "database", "port": 5432, "admin_secret_name": "a"}
        problems += problems_in_files(
            lambda: checked(FEATURES, _args(environment, name, placeholder, "tracking"))
        )
    if problems:
        raise InvalidFileError([f"{NAMESPACE}:featureStore.{each}" for each in problems])


def _files(definitions: str) -> list[Path]:
    return sorted((_ROOT / definitions).glob("*.py"))


def _definition_problems(definitions: str) -> list[str]:
    """What of the feature repository's files would fail only in the job that applies them."""
    files = _files(definitions)
    if not files:
        return [
            f"stacks/{definitions} holds no Python file; put the feature repository there, or name "
            "its folder"
        ]
    problems = []
    for file in files:
        where = f"stacks/{definitions}/{file.name}"
        try:
            ast.parse(file.read_text("utf-8"))
        except OSError as error:
            problems.append(f"{where} cannot be read: {error.strerror}; replace it")
        except SyntaxError as error:
            problems.append(f"{where}:{error.lineno} is no Python: {error.msg}; correct that line")
        except ValueError:
            problems.append(f"{where} is no text of Python; replace it")
    return problems


def build_features(
    environment: Environment,
    foundation: Foundation,
    database: MlflowDatabase,
    namespace: pulumi.Output[str],
) -> None:
    """The feature store, where there is one.

    Args:
        environment: The environment.
        foundation: What it is built upon.
        database: The database server that MLflow has.
        namespace: MLflow's namespace, which has the Secret of the server's administrator.
    """
    if not environment.feature_store.enabled:
        return
    args = _args(environment, foundation.environment, database, namespace)
    grants = [*folder_grants([_sources(environment)])]
    if foundation.site is not None and grants:
        args["service_account_annotations"] = _identity(
            environment, foundation.site, grants, foundation.opts
        ).annotations
    FeatureStore(FEATURES, args, foundation.workloads)


def _sources(environment: Environment) -> Folder:
    config = environment.feature_store
    return Folder("sources", GrantKind.BUCKET_READ, config.sources or "", config.sources_key)


def _args(
    environment: Environment, name: str, database: MlflowDatabase, namespace: pulumi.Input[str]
) -> FeatureStoreArgs:
    config = environment.feature_store
    files = _files(config.definitions)
    args: FeatureStoreArgs = {
        "namespace": namespace,
        "owner": environment.owner,
        "cost_center": environment.cost_center,
        "image": image(environment, name, "feature-store"),
        "database": database,
        "definitions": {file.name: file.read_text("utf-8") for file in files},
        "sources": (config.sources or "").rstrip("/"),
        "clients": [{"namespace": tenant.name} for tenant in environment.tenants],
        "replicas": config.replicas or (1 if environment.profile is Profile.DEV else 2),
        "job_resources": {"cpu": "250m", "cpu_limit": "2", "memory": config.job_memory},
        "materialize_schedule": config.materialize_schedule,
        "check_schedule": config.check_schedule,
        "overlap_minutes": config.overlap_minutes,
        "stale_minutes": config.stale_minutes,
        "monitoring": environment.monitored,
        "runbooks": environment.monitoring.links["runbooks"],
    }
    if config.claim is not None:
        args["volume_claim_name"] = config.claim
    return args


def _identity(
    environment: Environment, site: Site, grants: list[Grant], opts: pulumi.ResourceOptions
) -> WorkloadIdentity:
    """Who the scheduled jobs are to the cloud: readers of the sources alone."""
    return WorkloadIdentity(
        f"{_JOBS}-identity",
        {
            "location": site.location,
            "environment": site.environment,
            "owner": environment.owner,
            "cost_center": environment.cost_center,
            "cluster": site.cluster,
            "namespace": "tracking",
            "service_account": _JOBS,
            "grants": grants,
        },
        opts,
    )
