"""The few calls of the Kubernetes API that starting a training takes."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

import urllib3
from urllib3.exceptions import HTTPError

from stanchion_retraining.logs import log
from stanchion_retraining.runs import CAUSE, PARENT, REASON, Cause, Run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_CREATED: Final = 201
_CONFLICT: Final = 409
_SECONDS: Final = 10
_TRIES: Final = 5
_MANUAL: Final = "cronjob.kubernetes.io/instantiate"


class KubernetesError(Exception):
    """The API does not answer, or refuses."""


class Training:
    """A CronJob and the Jobs that it owns.

    Args:
        url: Where the API answers.
        account: Folder with the files `token`, read anew for each call, and `ca.crt`.
        namespace: Of the CronJob and its Jobs.
        cron_job: Its name.

    Raises:
        KubernetesError: From every method, where the API does not answer or refuses.
    """

    def __init__(self, url: str, account: Path, namespace: str, cron_job: str) -> None:
        self._account = account
        self._batch = f"{url.rstrip('/')}/apis/batch/v1/namespaces/{namespace}"
        self._cron_job = cron_job
        authority = account / "ca.crt"
        self._pool = urllib3.PoolManager(
            ca_certs=str(authority) if authority.exists() else None,
            timeout=urllib3.Timeout(total=_SECONDS),
            retries=False,
        )

    def template(self) -> dict[str, Any]:
        """The CronJob."""
        return self._asked("GET", f"cronjobs/{self._cron_job}")[1]

    def runs(self, template: dict[str, Any]) -> list[Run]:
        """Every Job that the CronJob owns, by schedule, by hand or from here; the newest last."""
        uid = template["metadata"]["uid"]
        listed = self._asked("GET", "jobs")[1]["items"]
        runs = [
            Run.of(job)
            for job in listed
            if any(owner["uid"] == uid for owner in job["metadata"].get("ownerReferences") or ())
        ]
        return sorted(runs, key=lambda run: run.began)

    def start(
        self, template: dict[str, Any], runs: Sequence[Run], cause: Cause, parent: str
    ) -> str | None:
        """Start a Job as the CronJob would; None where somebody else was quicker.

        The Job is named by the run before it, so that of all who have seen the same runs, the API
        server lets one go on. The CronJob then counts it as active, so that its own schedule does
        not begin another beside it.

        Args:
            template: The CronJob.
            runs: Its Jobs, upon which this was decided.
            cause: What asks for it.
            parent: The version that is served.
        """
        owner, spec = template["metadata"], template["spec"]["jobTemplate"]
        marks = {REASON: cause.reason, CAUSE: cause.key, PARENT: parent}
        described = spec.get("metadata") or {}
        job = copy.deepcopy(spec["spec"])
        pod = job["template"].setdefault("metadata", {})
        pod["annotations"] = {**(pod.get("annotations") or {}), **marks}
        before = runs[-1].uid if runs else owner["uid"]
        name = f"{self._cron_job}-{hashlib.sha256(before.encode()).hexdigest()[:8]}"
        status, made = self._asked(
            "POST",
            "jobs",
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {
                    "name": name,
                    "labels": described.get("labels") or {},
                    "annotations": {
                        **(described.get("annotations") or {}),
                        **marks,
                        _MANUAL: "manual",
                    },
                    "ownerReferences": [
                        {
                            "apiVersion": "batch/v1",
                            "kind": "CronJob",
                            "name": owner["name"],
                            "uid": owner["uid"],
                            "controller": True,
                        }
                    ],
                },
                "spec": job,
            },
        )
        if status != _CREATED:
            return None
        try:
            self._count(made["metadata"])
        except KubernetesError as error:
            fields = {"job": name, "error": str(error)}
            log.error("the schedule does not know of it", extra={"fields": fields})
        return name

    def _count(self, made: dict[str, Any]) -> None:
        """Put a Job among those of its CronJob that are active."""
        reference = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "namespace": made["namespace"],
            "name": made["name"],
            "uid": made["uid"],
        }
        for _ in range(_TRIES):
            current = self.template()
            status, _told = self._asked(
                "PATCH",
                f"cronjobs/{self._cron_job}/status",
                {
                    "metadata": {"resourceVersion": current["metadata"]["resourceVersion"]},
                    "status": {
                        "active": [*(current.get("status", {}).get("active") or []), reference]
                    },
                },
            )
            if status != _CONFLICT:
                return
        raise KubernetesError(f"PATCH cronjobs/{self._cron_job}/status: changes all the time")

    def _asked(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """The answer to a call; 409 is one too."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        try:
            token = (self._account / "token").read_text("utf-8").strip()
            answer = self._pool.request(
                method,
                f"{self._batch}/{path}",
                body=None if body is None else json.dumps(body),
                headers={"Authorization": f"Bearer {token}", "Content-Type": kind},
            )
            told = json.loads(answer.data)
        except (HTTPError, OSError, ValueError) as error:
            raise KubernetesError(f"{method} {path}: {error}") from None
        if answer.status >= 300 and answer.status != _CONFLICT:
            raise KubernetesError(f"{method} {path}: {answer.status} {told.get('message', '')}")
        return answer.status, told
