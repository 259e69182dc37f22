"""Names and values that try to break out of a report."""

import pulumi

NASTY = "<script>alert(1)</script>|`@team`[x](javascript:1)${{7*7}}\"'\x1b]0;title\x07\x1b[2J"


class Part(pulumi.ComponentResource):
    def __init__(self, name: str) -> None:
        super().__init__("small:index:<b>Part</b>", name)


part = Part(NASTY)
pulumi.CustomResource(
    "test:index:Thing",
    f"{NASTY}-thing",
    {"value": f"{NASTY}\n```\n</pre><img src=x onerror=alert(1)>", NASTY: "key"},
    pulumi.ResourceOptions(parent=part),
)
pulumi.export(NASTY, NASTY)
pulumi.log.warn(NASTY)
