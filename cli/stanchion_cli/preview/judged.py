"""What the policies say of the program's resources, and what they change in them before."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

from stanchion_cli.errors import StanchionError
from stanchion_cli.preview.model import Remedied
from stanchion_cli.preview.urn import name_of, type_of

if TYPE_CHECKING:
    from stanchion_cli.policies import AnalyzedResource, Finding, PolicyPack
    from stanchion_cli.preview.registration import Registration


class Judged:
    """What the policies say: of each resource while the program still runs, of all at its end.

    Args:
        pack: The policies, or None where none are to be asked.

    Attributes:
        registrations: All registrations by URN, among them the providers of others.
    """

    def __init__(self, pack: PolicyPack | None) -> None:
        self._pack = pack
        self._asked: dict[str, Future[list[Finding]]] = {}
        self._remedied: dict[str, list[Remedied]] = {}
        self.registrations: Mapping[str, Registration] = {}

    def submit(self, registration: Registration) -> None:
        """Let policies mend one resource, and ask about it in the background.

        Where no policy is to mend, the program goes on at once, also before the pack is up.
        """
        if self._pack is None:
            return
        try:
            if self._pack.may_remediate:
                self._remedied[registration.urn] = self._mend(self._pack, registration)
        except StanchionError as error:
            self._asked[registration.urn] = Future()
            self._asked[registration.urn].set_exception(error)  # the program has no part in it
        else:
            analyzed = _analyzed(registration, self.registrations, final=False)
            self._asked[registration.urn] = self._pack.submit(analyzed)

    def findings(self, registered: Sequence[Registration]) -> tuple[Finding, ...]:
        """Every finding, in the order of the resources, those about the stack last."""
        if self._pack is None:
            return ()
        managed = [each for each in registered if not each.external]
        everything = [_analyzed(each, self.registrations, final=True) for each in managed]
        about_all = self._pack.analyze_stack(everything)
        about_each = [self._asked[each.urn].result() for each in managed]
        return tuple(finding for found in (*about_each, about_all) for finding in found)

    def remedied(self, registered: Sequence[Registration]) -> tuple[Remedied, ...]:
        """What was changed, in the order of the resources."""
        return tuple(each for item in registered for each in self._remedied.get(item.urn, ()))

    def _mend(self, pack: PolicyPack, registration: Registration) -> list[Remedied]:
        """Change the inputs as policies want them; what policies are not shown stays."""
        from stanchion_cli.policies.wire import properties_for_policies
        from stanchion_cli.preview import wire

        asked = _analyzed(registration, self.registrations, final=False)
        shown, changed = properties_for_policies(asked.properties), []
        for remediation in pack.remediate(asked):
            before = wire.to_python(registration.inputs)
            for key, value in remediation.properties.fields.items():
                if key not in shown.fields or shown.fields[key] != value:
                    registration.inputs.fields[key].CopyFrom(value)
            for key in shown.fields.keys() - remediation.properties.fields.keys():
                registration.inputs.fields.pop(key)
            shown = remediation.properties
            after = wire.to_python(registration.inputs)
            changed.append(Remedied(remediation.policy, registration.urn, before, after))
        return changed


def _analyzed(
    registration: Registration, by_urn: Mapping[str, Registration], *, final: bool
) -> AnalyzedResource:
    """What a policy sees: inputs before an operation, outputs when the whole stack is judged."""
    from google.protobuf.struct_pb2 import Struct

    from stanchion_cli.policies import AnalyzedResource

    options = registration.options
    provider = None
    if registration.provider:
        explicit = by_urn.get(registration.provider)
        provider = (
            registration.provider,
            type_of(registration.provider),
            name_of(registration.provider),
            explicit.inputs if explicit else Struct(),
        )
    return AnalyzedResource(
        urn=registration.urn,
        type=registration.type,
        name=registration.name,
        properties=registration.outputs if final else registration.inputs,
        parent=registration.parent,
        provider=provider,
        dependencies=tuple(sorted(registration.dependencies)),
        property_dependencies={
            key: tuple(sorted(urns)) for key, urns in registration.property_dependencies.items()
        },
        protect=options.protect,
        ignore_changes=options.ignore_changes,
        delete_before_replace=options.delete_before_replace,
        aliases=tuple(alias for alias in options.aliases if alias.startswith("urn:")),
        custom_timeouts={
            name: _seconds(text, registration.urn)
            for name, text in options.custom_timeouts.items()
            if name != "read"
        },
        additional_secret_outputs=options.additional_secret_outputs,
    )


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def _seconds(duration: str, urn: str) -> float:
    """A timeout such as `1h30m`, in the engine's notation."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)", duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise StanchionError(
            f"the timeout {duration!r} is no duration", where=urn, fix="write it as 10m or 1h30m"
        )
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
