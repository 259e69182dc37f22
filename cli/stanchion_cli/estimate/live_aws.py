"""What AWS grants, from the Service Quotas API, with the account it was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stanchion_cli.errors import StanchionError
from stanchion_cli.estimate._catalogue import QuotaNeed
from stanchion_cli.estimate.live import Granted

_SERVICE = "ec2"
_FIX = "set AWS_PROFILE or log in with `aws sso login`, and run this again"


def ask(account: str, region: str, needs: Sequence[QuotaNeed]) -> Mapping[QuotaNeed, Granted]:
    """The limit of each quota in a region.

    Args:
        account: Whose quotas are meant; empty where that is not known. Credentials for another
            account are refused.
        region: As us-east-1.
        needs: Quotas with a code.

    Raises:
        StanchionError: botocore or credentials are missing, AWS is out of reach or refuses.
    """
    try:
        import botocore.session
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise StanchionError(
            "asking AWS needs the package botocore", fix="run `uv pip install botocore`"
        ) from None
    session = botocore.session.get_session()
    try:
        identity = session.create_client("sts", region_name=region).get_caller_identity()
        _same_account(account, str(identity["Account"]))
        quotas = session.create_client("service-quotas", region_name=region)
        return {need: granted(quotas, str(need.code)) for need in needs}
    except ClientError as error:
        said = error.response.get("Error", {})
        raise StanchionError(
            f"AWS refused {error.operation_name}: {said.get('Code', 'unknown error')}",
            where=f"quota in {region}",
            fix=_FIX
            if "Token" in said.get("Code", "")
            else "allow servicequotas:GetServiceQuota, servicequotas:GetAWSDefaultServiceQuota",
        ) from None
    except BotoCoreError as error:
        raise StanchionError(str(error), where=f"quota in {region}", fix=_FIX) from None


def granted(quotas: Any, code: str) -> Granted:
    """One quota's applied value, or AWS's default where none was ever applied.

    Args:
        quotas: A client of `service-quotas`.
        code: As L-DB2E81BA.
    """
    asked = {"ServiceCode": _SERVICE, "QuotaCode": code}
    try:
        return Granted(float(quotas.get_service_quota(**asked)["Quota"]["Value"]))
    except quotas.exceptions.NoSuchResourceException:
        default = quotas.get_aws_default_service_quota(**asked)
        return Granted(float(default["Quota"]["Value"]), note="AWS's default")


def _same_account(wanted: str, found: str) -> None:
    if wanted and wanted != found:
        raise StanchionError(
            f"the credentials are of account {found}, the environment is in {wanted}",
            fix="set AWS_PROFILE to one of that account",
        )
