"""The resource monitor: the engine's side of a program's registrations, in a dry run.

It registers and remembers; it creates nothing and calls no provider. What a provider would
compute is left unanswered, which the SDK takes as unknown, as in a real preview.
"""

# Method names and parameters are the protocol's.
# ruff: noqa: ARG002, N802

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct

from stanchion_cli.preview import answers, wire
from stanchion_cli.preview import urn as urns
from stanchion_cli.preview.config import Configuration, Project
from stanchion_cli.preview.protos import callback_pb2, resource_pb2, resource_pb2_grpc
from stanchion_cli.preview.registration import Registration
from stanchion_cli.preview.transforms import TransformError, Transforms

_FEATURES = {
    "secrets": "SECRETS",
    "resourceReferences": "RESOURCE_REFERENCES",
    "outputValues": "OUTPUT_VALUES",
    "aliasSpecs": "ALIAS_SPECS",
    "replacementTrigger": "REPLACEMENT_TRIGGER",
    "deletedWith": "DELETED_WITH",
    "replaceWith": "REPLACE_WITH",
    "transforms": "TRANSFORMS",
    "invokeTransforms": "INVOKE_TRANSFORMS",
    "parameterization": "PARAMETERIZATION",
    "resourceHooks": "RESOURCE_HOOKS",
    "errorHooks": "ERROR_HOOKS",
    "stateMigrations": "STATE_MIGRATIONS",
}
"""What this monitor honours. Hooks are accepted and listed, not run: they act on real resources."""


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """One program's registrations.

    Args:
        project: The project the program belongs to.
        environment: The stack's name.
        configuration: What the program was given.
        outputs: Known outputs by URN: those resources answer them (`id` among them) instead of
            leaving them unknown. A resource's name does as well, where it is unique.
        registered: Told of each managed resource as soon as its inputs are final.
        trace: Whether to answer generated secrets with marks that name them: see `trace`.
    """

    def __init__(
        self,
        project: Project,
        environment: str,
        configuration: Configuration,
        outputs: Mapping[str, Mapping[str, Any]],
        *,
        trace: bool = False,
        registered: Callable[[Registration], None] = lambda _: None,
    ) -> None:
        self._project, self._environment = project, environment
        self._configuration, self._outputs, self._trace = configuration, outputs, trace
        self._registered = registered
        self._lock = threading.RLock()
        self._transforms = Transforms()
        self._packages: dict[str, resource_pb2.RegisterPackageRequest] = {}
        self.registrations: dict[str, Registration] = {}
        self.refusal: tuple[str, str, str] | None = None
        """The first refused request: where, reason, fix."""
        self.hooks: list[str] = []

    # What the program asks about -------------------------------------------------------------

    def GetDeploymentInfo(
        self, request: Empty, context: grpc.ServicerContext
    ) -> resource_pb2.DeploymentInfo:
        """Say which deployment this is and what the monitor supports."""
        return resource_pb2.DeploymentInfo(
            project=self._project.name,
            stack=self._environment,
            organization="organization",
            config=self._configuration.values,
            configSecretKeys=self._configuration.secret_keys,
            dryRun=True,
            parallel=1,
            supportedFeatures=[
                resource_pb2.ResourceMonitorFeature.Value(f"RESOURCE_MONITOR_FEATURE_{name}")
                for name in _FEATURES.values()
            ],
        )

    def SupportsFeature(
        self, request: resource_pb2.SupportsFeatureRequest, context: grpc.ServicerContext
    ) -> resource_pb2.SupportsFeatureResponse:
        """Answer an SDK that asks about features one by one."""
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in _FEATURES)

    # Registrations ---------------------------------------------------------------------------

    def RegisterResource(
        self, request: resource_pb2.RegisterResourceRequest, context: grpc.ServicerContext
    ) -> resource_pb2.RegisterResourceResponse:
        """Register a resource and answer what is known of it before it exists."""
        urn = urns.create(
            self._environment, self._project.name, request.parent, request.type, request.name
        )
        if request.remote:
            self._refuse(
                context,
                urn,
                f"{request.type} is a component that its provider plugin builds, so its insides"
                " cannot be previewed without the plugin",
                "compose it from the provider's own resources",
            )
        if request.custom and request.type.count(":") != 2:
            self._refuse(context, urn, f"{request.type!r} is no type token", "package:module:Type")
        with self._lock:
            parent = self.registrations.get(request.parent)
        registration = Registration.of(request, urn, parent)
        try:
            self._transforms.apply(
                registration, self._ancestors(request.parent), request.transforms
            )
        except TransformError as error:
            self._refuse(context, urn, f"a transform failed: {error}", "")
        registration.settle(parent, self._packages.get(request.packageRef), self._stack())
        answers.complete_inputs(registration)
        with self._lock:
            if urn in self.registrations:
                # The engine's own words, which people search for.
                self._refuse(
                    context, urn, f"Duplicate resource URN '{urn}'", "try giving it a unique name"
                )
            self.registrations[urn] = registration
        self._registered(registration)
        known = self._known(urn)
        answered = answers.outputs(registration, known, trace=self._trace)
        registration.outputs.CopyFrom(answered)
        return resource_pb2.RegisterResourceResponse(
            urn=urn,
            id=str(known.get("id", "")) if request.custom else "",
            object=registration.outputs if request.custom else None,
        )

    def RegisterResourceOutputs(
        self, request: resource_pb2.RegisterResourceOutputsRequest, context: grpc.ServicerContext
    ) -> Empty:
        """Keep a component's outputs, and the stack's."""
        with self._lock:
            registration = self.registrations.get(request.urn)
            if registration is None:
                self._refuse(context, request.urn, "outputs of a resource never registered", "")
            registration.outputs.CopyFrom(wire.without_output_values(request.outputs))
        return Empty()

    def ReadResource(
        self, request: resource_pb2.ReadResourceRequest, context: grpc.ServicerContext
    ) -> resource_pb2.ReadResourceResponse:
        """Answer that an existing resource's state is unknown here, its inputs aside."""
        urn = urns.create(
            self._environment, self._project.name, request.parent, request.type, request.name
        )
        registration = Registration.of_read(request, urn)
        with self._lock:
            self.registrations[urn] = registration
        properties = Struct()
        for name, value in self._known(urn).items():
            properties.fields[name].CopyFrom(wire.to_value(value))
        registration.outputs.CopyFrom(properties)
        return resource_pb2.ReadResourceResponse(urn=urn, properties=properties, id=request.id)

    def RegisterPackage(
        self, request: resource_pb2.RegisterPackageRequest, context: grpc.ServicerContext
    ) -> resource_pb2.RegisterPackageResponse:
        """Name a (parameterized) provider package for later registrations."""
        with self._lock:
            reference = f"{request.name}@{request.version}#{len(self._packages)}"
            self._packages[reference] = request
        return resource_pb2.RegisterPackageResponse(ref=reference)

    # Transforms, hooks and the end -----------------------------------------------------------

    def RegisterStackTransform(
        self, request: callback_pb2.Callback, context: grpc.ServicerContext
    ) -> Empty:
        """Run this transform on every resource registered from now on."""
        self._transforms.add_to_stack(request)
        return Empty()

    def RegisterStackInvokeTransform(
        self, request: callback_pb2.Callback, context: grpc.ServicerContext
    ) -> Empty:
        """Accept a transform of provider function calls, which this monitor refuses anyway."""
        return Empty()

    def RegisterResourceHook(
        self, request: resource_pb2.RegisterResourceHookRequest, context: grpc.ServicerContext
    ) -> Empty:
        """List a hook that a real deployment would run."""
        self.hooks.append(request.name)
        return Empty()

    def RegisterErrorHook(
        self, request: resource_pb2.RegisterErrorHookRequest, context: grpc.ServicerContext
    ) -> Empty:
        """List an error hook that a real deployment would run."""
        self.hooks.append(request.name)
        return Empty()

    def SignalAndWaitForShutdown(self, request: Empty, context: grpc.ServicerContext) -> Empty:
        """Let the program end: nothing is pending in a dry run."""
        return Empty()

    # What an offline preview refuses ---------------------------------------------------------

    def Invoke(
        self, request: resource_pb2.ResourceInvokeRequest, context: grpc.ServicerContext
    ) -> resource_pb2.ResourceInvokeResponse:
        """Look up a resource of this program; refuse every provider function."""
        if request.tok != "pulumi:pulumi:getResource":
            self._refuse(
                context,
                request.tok,
                "the program calls a provider function, which needs the provider and a cloud",
                "take the value from the environment file",
            )
        return self._get_resource(wire.to_python(request.args).get("urn"), context)

    def Call(
        self, request: resource_pb2.ResourceCallRequest, context: grpc.ServicerContext
    ) -> NoReturn:
        """Refuse a method of a provider's component."""
        self._refuse(
            context,
            request.tok,
            "the program calls a method of a provider's component, which needs the provider",
            "take the value from the environment file",
        )

    def ExistsResource(
        self, request: resource_pb2.ExistsResourceRequest, context: grpc.ServicerContext
    ) -> resource_pb2.ExistsResourceResponse:
        """Answer that whether something exists is unknown here."""
        return resource_pb2.ExistsResourceResponse(unknown=True)

    def _get_resource(
        self, urn: Any, context: grpc.ServicerContext
    ) -> resource_pb2.ResourceInvokeResponse:
        with self._lock:
            registration = self.registrations.get(urn)
        if registration is None:
            self._refuse(context, str(urn), "a reference to a resource never registered", "")
        answer = Struct()
        answer.fields["urn"].string_value = urn
        answer.fields["id"].string_value = str(self._known(urn).get("id", wire.UNKNOWN_MARKER))
        answer.fields["state"].struct_value.CopyFrom(registration.outputs)
        response = resource_pb2.ResourceInvokeResponse()
        getattr(response, "return").CopyFrom(answer)  # a keyword here, a field name there
        return response

    def _refuse(self, context: grpc.ServicerContext, where: str, reason: str, fix: str) -> NoReturn:
        with self._lock:
            self.refusal = self.refusal or (where, reason, fix)
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{reason}; {fix}" if fix else reason)
        raise AssertionError("abort raises")  # pragma: no cover

    def _ancestors(self, parent: str) -> list[Registration]:
        chain: list[Registration] = []
        with self._lock:
            while parent in self.registrations:
                chain.append(self.registrations[parent])
                parent = self.registrations[parent].parent
        return chain

    def _known(self, urn: str) -> Mapping[str, Any]:
        return self._outputs.get(urn) or self._outputs.get(urns.name_of(urn)) or {}

    def _stack(self) -> tuple[str, str]:
        return self._environment, self._project.name
