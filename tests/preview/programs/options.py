"""Every resource option, inheritance, providers and transforms, with resources of no SDK."""

import pulumi


class Thing(pulumi.CustomResource):
    size: pulumi.Output[int]
    computed: pulumi.Output[str]

    def __init__(
        self, name: str, opts: pulumi.ResourceOptions | None = None, **props: object
    ) -> None:
        super().__init__("test:index:Thing", name, {**props, "computed": None}, opts)


class Provider(pulumi.ProviderResource):
    def __init__(self, name: str) -> None:
        super().__init__("test", name, {})


class Group(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("small:index:Group", name, None, opts)


def label(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    if args.type_ != "test:index:Thing":
        return None
    return pulumi.ResourceTransformResult({**args.props, "stack": "labelled"}, args.opts)


def enlarge(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult:
    return pulumi.ResourceTransformResult(
        {**args.props, "size": 99},
        pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(protect=True)),
    )


pulumi.runtime.register_resource_transform(label)
provider = Provider("account")
outer = Group(
    "outer",
    opts=pulumi.ResourceOptions(providers=[provider], protect=True, retain_on_delete=True),
)
inner = Group("inner", opts=pulumi.ResourceOptions(parent=outer))
first = Thing("first", size=1, opts=pulumi.ResourceOptions(parent=inner))
second = Thing(
    "second",
    size=first.size.apply(lambda size: size + 1),
    late=first.computed,
    opts=pulumi.ResourceOptions(parent=inner, protect=False, depends_on=[provider]),
)
Thing("transformed", size=first.size, opts=pulumi.ResourceOptions(transforms=[enlarge]))
Thing("default")
Thing(
    "everything",
    opts=pulumi.ResourceOptions(
        ignore_changes=["size"],
        replace_on_changes=["computed"],
        delete_before_replace=True,
        additional_secret_outputs=["computed"],
        aliases=[pulumi.Alias(name="formerly"), "urn:pulumi:dev::small::test:index:Thing::once"],
        custom_timeouts=pulumi.CustomTimeouts(create="10m", delete="1h30m"),
        deleted_with=first,
        version="1.2.3",
        import_="thing-id",
    ),
)
Thing("existing", opts=pulumi.ResourceOptions(id="existing-id"))
reference = pulumi.StackReference("organization/platform/dev")
pulumi.export("later", reference.get_output("endpoint"))
pulumi.export("computed", first.computed)
