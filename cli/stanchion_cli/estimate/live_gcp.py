"""What Google Cloud grants: by region from Compute Engine, by family of GPU from Cloud Quotas.

Newer GPUs are counted by one quota with a dimension for the family, which Compute Engine's region
does not list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stanchion_cli.errors import StanchionError
from stanchion_cli.estimate._catalogue import QuotaNeed
from stanchion_cli.estimate.live import Granted

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_INFO = (
    "https://cloudquotas.googleapis.com/v1/projects/{project}/locations/global/services/"
    "compute.googleapis.com/quotaInfos/{code}"
)
_UNLIMITED = -1


def ask(account: str, region: str, needs: Sequence[QuotaNeed]) -> Mapping[QuotaNeed, Granted]:
    """The limit, and where it is told the use, of each quota in a region.

    Args:
        account: The project whose quotas are meant.
        region: As us-central1.
        needs: Quotas with a code.

    Raises:
        StanchionError: A package, the project or credentials are missing, Google Cloud is out of
            reach or refuses.
    """
    try:
        import google.auth
        from google.auth.exceptions import GoogleAuthError
        from google_auth_httplib2 import AuthorizedHttp  # type: ignore[import-untyped]
        from googleapiclient.errors import HttpError
    except ImportError:
        raise StanchionError(
            "asking Google Cloud needs the package google-api-python-client",
            fix="run `uv pip install google-api-python-client`",
        ) from None
    if not account:
        raise StanchionError(
            "the environment names no project", fix="export its `account` in the output `capacity`"
        )
    where = f"quota in {account} {region}"
    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
        return limits(AuthorizedHttp(credentials), account, region, needs)
    except GoogleAuthError as error:
        raise StanchionError(
            str(error).partition("\n")[0].rstrip("."),
            where=where,
            fix="run `gcloud auth application-default login`, and this again",
        ) from None
    except HttpError as error:
        raise StanchionError(
            f"Google Cloud answered {error.status_code}: {error.reason}".rstrip("."),
            where=where,
            fix="enable compute.googleapis.com and cloudquotas.googleapis.com, and grant "
            "roles/compute.viewer and roles/cloudquotas.viewer",
        ) from None
    except OSError as error:
        raise StanchionError(f"Google Cloud is out of reach: {error}", where=where) from None


def limits(
    http: Any, project: str, region: str, needs: Sequence[QuotaNeed]
) -> Mapping[QuotaNeed, Granted]:
    """What is granted of each need, asked through an authorised `httplib2.Http`."""
    from googleapiclient.discovery import build

    found: dict[QuotaNeed, Granted] = {}
    regional = [need for need in needs if need.gpu_family is None]
    if regional:
        compute = build("compute", "v1", http=http, cache_discovery=False)
        answer = compute.regions().get(project=project, region=region).execute(http=http)
        by_metric = {quota["metric"]: quota for quota in answer.get("quotas", ())}
        found |= {need: _regional(by_metric.get(str(need.code))) for need in regional}
    for need in needs:
        if need.gpu_family is not None:
            found[need] = of_family(_info(http, project, str(need.code)), region, need.gpu_family)
    return found


def of_family(info: Mapping[str, Any], region: str, family: str) -> Granted:
    """The limit for a family of GPUs in a region, from a quota's QuotaInfo.

    The entry that names most of the two counts; region alone comes before family alone.
    """
    wanted = {"region": region, "gpu_family": family}
    ranked = []
    for entry in info.get("dimensionsInfos", ()):
        dimensions = entry.get("dimensions", {})
        applies = region in entry.get("applicableLocations", [region])
        if applies and all(wanted.get(key) == value for key, value in dimensions.items()):
            rank = ("region" in dimensions and "gpu_family" in dimensions, "region" in dimensions,
                    "gpu_family" in dimensions)  # fmt: skip
            ranked.append((rank, int(entry.get("details", {}).get("value", 0))))
    if not ranked:
        return Granted(None, note=f"Cloud Quotas lists no value for {family} in {region}")
    _, limit = max(ranked)
    return Granted(float("inf") if limit == _UNLIMITED else float(limit))


def _regional(quota: Mapping[str, Any] | None) -> Granted:
    if quota is None:
        return Granted(None, note="Compute Engine lists no such quota in the region")
    return Granted(float(quota["limit"]), float(quota.get("usage", 0)))


def _info(http: Any, project: str, code: str) -> Mapping[str, Any]:
    from googleapiclient.http import HttpRequest
    from googleapiclient.model import JsonModel

    uri = _INFO.format(project=project, code=code)
    headers = {"accept": "application/json", "x-goog-user-project": project}
    request = HttpRequest(http, JsonModel().response, uri, headers=headers)
    info: Mapping[str, Any] = request.execute()
    return info
