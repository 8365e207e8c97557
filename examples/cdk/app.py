"""The functions of examples/orders in CDK, from the zips that `cargo lambda-pack package` wrote.

An asset's hash is that of its bytes, and those are the same on every machine: `cdk diff` shows a function
only where its code has changed. CDK neither compiles nor bundles anything.
"""

import json
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

BUNDLES = Path(__file__).resolve().parent.parent / "orders/target/lambda-pack"
ARCHITECTURES = {"x86_64": lambda_.Architecture.X86_64, "arm64": lambda_.Architecture.ARM_64}


class Orders(cdk.Stack):
    """A function, its version and the alias `live` for each name."""

    def __init__(self, scope: cdk.App, name: str, functions: list[str], arch: str = "x86_64") -> None:
        super().__init__(scope, name)
        for function in functions:
            folder = BUNDLES / function / arch
            record = json.loads((folder / "lambda-pack.json").read_text())
            made = lambda_.Function(
                self,
                function,
                function_name=record["function"],
                # provided.* starts the file `bootstrap`, whatever stands in `handler`.
                runtime=lambda_.Runtime(record["runtime"]),
                handler="bootstrap",
                architecture=ARCHITECTURES[record["architecture"]],
                code=lambda_.Code.from_asset(str(folder / record["zip"])),
                memory_size=256,
                timeout=cdk.Duration.seconds(10),
            )
            lambda_.Alias(self, f"{function}-live", alias_name="live", version=made.current_version)


app = cdk.App()
Orders(app, "Orders", ["orders-api", "orders-worker"])
app.synth()
