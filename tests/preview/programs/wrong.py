"""Goes wrong in the way the configuration says."""

import pulumi

how = pulumi.Config().require("how")


def thing(name: str, opts: pulumi.ResourceOptions | None = None) -> pulumi.Resource:
    return pulumi.CustomResource("test:index:Thing", name, {}, opts)


def helper() -> None:
    raise KeyError("a key that is not there")


if how == "duplicate":
    thing("same")
    thing("same")
elif how == "invoke":
    pulumi.runtime.invoke("aws:index/getCallerIdentity:getCallerIdentity", {})
elif how == "remote":
    pulumi.ComponentResource("awsx:ec2:Vpc", "network", {}, remote=True)
elif how == "refused":
    raise pulumi.RunError("2 problems\nsmall:a: too big; write 1\nsmall:b: missing; add it")
elif how == "bug":
    helper()
elif how == "apply":
    pulumi.Output.from_input(1).apply(lambda _: helper())
elif how == "transform":

    def failing(args: pulumi.ResourceTransformArgs) -> None:
        raise ValueError(f"no transform for {args.name}")

    thing("transformed", opts=pulumi.ResourceOptions(transforms=[failing]))
elif how == "itself":
    group = pulumi.ComponentResource("small:index:Group", "group")
    thing("child", pulumi.ResourceOptions(parent=group, depends_on=[group]))
elif how == "circle":
    group = pulumi.ComponentResource("small:index:Group", "group")
    first = thing("first", pulumi.ResourceOptions(depends_on=[group]))
    thing("second", pulumi.ResourceOptions(parent=group, depends_on=[first]))
elif how == "exit":
    raise SystemExit(3)
elif how == "die":
    import os

    os._exit(9)
elif how == "syntax":
    compile("def", "stacks/x.py", "exec")
