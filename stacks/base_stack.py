"""What the stack that this one is built on has exported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi


@dataclass(frozen=True)
class BaseStack:
    """A stack of this project that holds the layers below; offline, none is read."""

    name: str
    reference: pulumi.StackReference

    def output(self, key: str) -> pulumi.Output[Any]:
        """One of its outputs, unknown where no engine reads it.

        A stack that does not export it ends the program with what to do.
        """

        def there(value: Any) -> Any:
            if value is None:
                raise pulumi.RunError(
                    f"stanchion:baseStack: {self.name} has no output {key}; "
                    f"`stanchion up {self.name}` brings it up to date"
                )
            return value

        return self.reference.get_output(key).apply(there)


def base_stack(name: str | None) -> BaseStack | None:
    """The stack that this one is built on; None for one that is built on nothing."""
    if name is None:
        return None
    path = f"{pulumi.get_organization()}/{pulumi.get_project()}/{name}"
    return BaseStack(name, pulumi.StackReference("base", path))
