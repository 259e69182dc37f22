"""URNs, built the way the engine builds them."""

from __future__ import annotations

ROOT_STACK_TYPE = "pulumi:pulumi:Stack"


def create(stack: str, project: str, parent: str, resource_type: str, name: str) -> str:
    """The URN of a resource; `parent` is its parent's URN or empty.

    The types of all ancestors but the root stack are kept, joined by `$`.
    """
    parent_type = qualified_type(parent) if parent else ""
    if parent_type and parent_type != ROOT_STACK_TYPE:
        resource_type = f"{parent_type}${resource_type}"
    return f"urn:pulumi:{stack}::{project}::{resource_type}::{name}"


def qualified_type(urn: str) -> str:
    """The type part of a URN, ancestors' types included."""
    return urn.split("::", 3)[2]


def type_of(urn: str) -> str:
    """The resource's own type token."""
    return qualified_type(urn).rsplit("$", 1)[-1]


def name_of(urn: str) -> str:
    """The resource's name, which may itself hold `::`."""
    return urn.split("::", 3)[3]


def package_of(resource_type: str) -> str:
    """The provider package of a type token (`kubernetes` of `kubernetes:core/v1:Secret`)."""
    if resource_type.startswith("pulumi:providers:"):
        return resource_type.removeprefix("pulumi:providers:")
    return resource_type.split(":", 1)[0]
