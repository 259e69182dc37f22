"""One registration on its way from the request to a `Resource`: inheritance and transforms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from google.protobuf.struct_pb2 import Struct

from stanchion_cli.preview import urn as urns
from stanchion_cli.preview import wire
from stanchion_cli.preview.model import Resource, ResourceOptions
from stanchion_cli.preview.protos import alias_pb2, callback_pb2, resource_pb2

_HOOKS = (
    "before_create",
    "after_create",
    "before_update",
    "after_update",
    "before_delete",
    "after_delete",
    "on_error",
)


@dataclass(slots=True)
class Registration:
    """A resource while it is registered; `resource()` is what becomes of it.

    `wire_options` are the options in the form that transforms read and write. `provider` is the
    URN the resource's own operations would use; `providers` are what a component hands down.
    """

    urn: str
    type: str
    name: str
    custom: bool
    parent: str
    inputs: Struct
    wire_options: resource_pb2.TransformResourceOptions
    dependencies: set[str]
    property_dependencies: dict[str, set[str]]
    external: bool = False
    inherited_provider: str = ""
    provider: str = ""
    transforms: tuple[callback_pb2.Callback, ...] = ()
    outputs: Struct = field(default_factory=Struct)

    @classmethod
    def of(
        cls,
        request: resource_pb2.RegisterResourceRequest,
        urn: str,
        parent: Registration | None,
    ) -> Registration:
        """A registration as requested, with what the engine lets children inherit."""
        options = _options(request)
        inherited = request.provider
        if parent is not None:
            mine, theirs = options, parent.wire_options
            if not mine.deleted_with:
                mine.deleted_with = theirs.deleted_with
            if not mine.HasField("protect") and theirs.HasField("protect"):
                mine.protect = theirs.protect
            if not mine.HasField("retain_on_delete") and theirs.HasField("retain_on_delete"):
                mine.retain_on_delete = theirs.retain_on_delete
            if not inherited and _serves(parent.inherited_provider, request):
                inherited = parent.inherited_provider
        if request.custom:
            package = urns.package_of(request.type)
            handed_down = (
                dict(parent.wire_options.providers) if parent and not parent.custom else {}
            )
            inherited = inherited or request.providers.get(package) or handed_down.get(package, "")
        options.provider = inherited
        property_dependencies = {
            key: set(value.urns) for key, value in request.propertyDependencies.items()
        }
        if not property_dependencies:
            everything = set(request.dependencies)
            property_dependencies = {key: set(everything) for key in request.object.fields}
        inputs = Struct()
        inputs.CopyFrom(request.object)
        return cls(
            urn=urn,
            type=request.type,
            name=request.name,
            custom=request.custom,
            parent=request.parent,
            inputs=inputs,
            wire_options=options,
            dependencies=set(request.dependencies),
            property_dependencies=property_dependencies,
            inherited_provider=inherited,
            transforms=tuple(request.transforms),
        )

    @classmethod
    def of_read(cls, request: resource_pb2.ReadResourceRequest, urn: str) -> Registration:
        """A resource that the program reads and does not manage."""
        inputs = Struct()
        inputs.CopyFrom(request.properties)
        return cls(
            urn=urn,
            type=request.type,
            name=request.name,
            custom=True,
            parent=request.parent,
            inputs=inputs,
            wire_options=resource_pb2.TransformResourceOptions(version=request.version),
            dependencies=set(request.dependencies),
            property_dependencies={},
            external=True,
            provider=_provider_urn(request.provider),
        )

    def settle(
        self,
        parent: Registration | None,
        package: resource_pb2.RegisterPackageRequest | None,
        stack: tuple[str, str],
    ) -> None:
        """Finish after the transforms: dependencies, handed-down providers, the provider used."""
        options = self.wire_options
        if self.transforms:
            self.dependencies = set(options.depends_on)
            self.property_dependencies = {}
        for key, value in self.inputs.fields.items():
            found = wire.dependencies_of(value)
            self.property_dependencies.setdefault(key, set()).update(found)
            if self.transforms:
                self.dependencies |= found
        self.inputs = wire.without_output_values(self.inputs)
        if not self.custom and parent is not None and not parent.custom:
            for name, reference in parent.wire_options.providers.items():
                if name not in options.providers:
                    options.providers[name] = reference
        if self.custom and not self.type.startswith("pulumi:"):
            self.provider = _provider_urn(options.provider) or self._default_provider(
                package, stack
            )

    def _default_provider(
        self, package: resource_pb2.RegisterPackageRequest | None, stack: tuple[str, str]
    ) -> str:
        name = package.parameterization.name if package else ""
        name = name or (package.name if package else urns.package_of(self.type))
        version = (package.version if package else self.wire_options.version).replace(".", "_")
        label = f"default_{version}" if version else "default"
        return urns.create(stack[0], stack[1], "", f"pulumi:providers:{name}", label)

    @property
    def options(self) -> ResourceOptions:
        """The options as a preview shows them."""
        wired = self.wire_options
        timeouts = wired.custom_timeouts
        return ResourceOptions(
            protect=wired.protect,
            retain_on_delete=wired.retain_on_delete,
            ignore_changes=tuple(wired.ignore_changes),
            replace_on_changes=tuple(wired.replace_on_changes),
            delete_before_replace=(
                wired.delete_before_replace if wired.HasField("delete_before_replace") else None
            ),
            additional_secret_outputs=tuple(wired.additional_secret_outputs),
            aliases=tuple(_alias(alias) for alias in wired.aliases),
            custom_timeouts={
                name: value
                for name in ("create", "update", "delete", "read")
                if (value := getattr(timeouts, name))
            },
            deleted_with=wired.deleted_with or None,
            replace_with=tuple(wired.replace_with),
            hide_diffs=tuple(wired.hide_diff),
            version=wired.version or None,
            plugin_download_url=wired.plugin_download_url or None,
            import_id=getattr(wired, "import") or None,
            hooks={name: hooks for name in _HOOKS if (hooks := tuple(getattr(wired.hooks, name)))},
        )

    def resource(self) -> Resource:
        """The registration as the preview's plain model."""
        return Resource(
            urn=self.urn,
            type=self.type,
            name=self.name,
            custom=self.custom,
            inputs=wire.to_python(self.inputs),
            parent=self.parent or None,
            dependencies=tuple(sorted(self.dependencies)),
            property_dependencies={
                key: tuple(sorted(found))
                for key, found in sorted(self.property_dependencies.items())
                if found
            },
            provider=self.provider or None,
            options=self.options,
            outputs=wire.to_python(self.outputs),
            external=self.external,
        )


def _options(
    request: resource_pb2.RegisterResourceRequest,
) -> resource_pb2.TransformResourceOptions:
    options = resource_pb2.TransformResourceOptions(
        depends_on=sorted(request.dependencies),
        ignore_changes=request.ignoreChanges,
        replace_on_changes=request.replaceOnChanges,
        version=request.version,
        aliases=[*(alias_pb2.Alias(urn=urn) for urn in request.aliasURNs), *request.aliases],
        providers=request.providers,
        hide_diff=request.hideDiffs,
        custom_timeouts=request.customTimeouts if request.HasField("customTimeouts") else None,
        plugin_download_url=request.pluginDownloadURL,
        deleted_with=request.deletedWith,
        replace_with=request.replace_with,
        additional_secret_outputs=request.additionalSecretOutputs,
        hooks=request.hooks if request.HasField("hooks") else None,
    )
    setattr(options, "import", request.importId)
    if request.HasField("protect"):
        options.protect = request.protect
    if request.HasField("retainOnDelete"):
        options.retain_on_delete = request.retainOnDelete
    if request.deleteBeforeReplaceDefined or request.deleteBeforeReplace:
        options.delete_before_replace = request.deleteBeforeReplace
    if request.HasField("replacement_trigger"):
        options.replacement_trigger.CopyFrom(request.replacement_trigger)
    return options


def _serves(reference: str, request: resource_pb2.RegisterResourceRequest) -> bool:
    """Whether a parent's provider is for this child: a component, or the same package."""
    if not reference:
        return False
    return not request.custom or urns.package_of(
        urns.type_of(_provider_urn(reference))
    ) == urns.package_of(request.type)


def _provider_urn(reference: str) -> str:
    return reference.rsplit("::", 1)[0]


def _alias(alias: alias_pb2.Alias) -> str:
    if alias.WhichOneof("alias") == "urn":
        return alias.urn
    spec = alias.spec
    parts = {
        "name": spec.name,
        "type": spec.type,
        "stack": spec.stack,
        "project": spec.project,
        "parent": "none" if spec.noParent else spec.parentUrn,
    }
    return ", ".join(f"{name}={value}" for name, value in parts.items() if value)


def provider_urns(registrations: Iterable[Registration]) -> set[str]:
    """Every provider in use, explicit or default."""
    return {registration.provider for registration in registrations if registration.provider}
