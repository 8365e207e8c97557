#!/usr/bin/env python3
"""Writes src/account/model/lambda.json: what the embedded Lambda knows of the service's model.

The source is botocore's `service-2.json` of the installed botocore. What stands in OPERATIONS comes
along with every shape that it reaches, one operation, shape or error a line. With `--check`, nothing is
written: the exit code is 1 if the file is not what the script would write.

What recorded answers of the service show otherwise than the model is said here, in the tables below,
and nowhere else.
"""

import gzip
import json
import pathlib
import re
import sys

OPERATIONS = """
CreateFunction GetFunction GetFunctionConfiguration ListFunctions UpdateFunctionCode
UpdateFunctionConfiguration DeleteFunction PublishVersion ListVersionsByFunction
CreateAlias GetAlias UpdateAlias DeleteAlias ListAliases
PublishLayerVersion GetLayerVersion GetLayerVersionByArn ListLayerVersions ListLayers DeleteLayerVersion
AddLayerVersionPermission RemoveLayerVersionPermission GetLayerVersionPolicy
CreateFunctionUrlConfig GetFunctionUrlConfig UpdateFunctionUrlConfig DeleteFunctionUrlConfig
ListFunctionUrlConfigs
AddPermission RemovePermission GetPolicy
TagResource UntagResource ListTags
PutFunctionConcurrency GetFunctionConcurrency DeleteFunctionConcurrency
PutProvisionedConcurrencyConfig GetProvisionedConcurrencyConfig DeleteProvisionedConcurrencyConfig
ListProvisionedConcurrencyConfigs
PutFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig GetFunctionEventInvokeConfig
DeleteFunctionEventInvokeConfig ListFunctionEventInvokeConfigs
CreateEventSourceMapping GetEventSourceMapping UpdateEventSourceMapping DeleteEventSourceMapping
ListEventSourceMappings
GetAccountSettings
CreateCodeSigningConfig GetCodeSigningConfig UpdateCodeSigningConfig DeleteCodeSigningConfig
ListCodeSigningConfigs ListFunctionsByCodeSigningConfig
PutFunctionCodeSigningConfig GetFunctionCodeSigningConfig DeleteFunctionCodeSigningConfig
PutFunctionRecursionConfig GetFunctionRecursionConfig
PutRuntimeManagementConfig GetRuntimeManagementConfig
Invoke InvokeAsync InvokeWithResponseStream
""".split()

# Enums that the service does not enforce: any runtime is accepted.
OPEN = {"Runtime"}

# The order in which the service's own messages name the values of an enum (recorded answers).
ORDER = {
    "EventSourcePosition": ["LATEST", "AT_TIMESTAMP", "TRIM_HORIZON"],
    "InvokeMode": ["RESPONSE_STREAM", "BUFFERED"],
    "RecursiveLoop": ["Terminate", "Allow"],
}

# Lists whose messages do not say that an item must not be null (recorded answers).
NULLABLE = {"SubnetIds", "SecurityGroupIds"}

# Shapes of which every text of letters, digits, hyphens and underscores is one: no regular expression
# is needed for those.
PLAIN = {
    "FunctionName",
    "LayerName",
    "NamespacedFunctionName",
    "NamespacedStatementId",
    "NumericLatestPublishedOrAliasQualifier",
    "Qualifier",
    "StatementId",
    "UnqualifiedFunctionName",
}

# Letters, digits, hyphens and underscores, not all of them digits.
NOT_A_NUMBER = "[0-9]*[a-zA-Z-_][a-zA-Z0-9-_]*"


# The same patterns without look-around, for an engine that has none. The messages keep the model's.
MATCHES = {
    "Alias": NOT_A_NUMBER,
    "FunctionUrlQualifier": NOT_A_NUMBER,
    "S3Bucket": r"([0-9A-Za-z\.\-_]*[0-9A-Za-z\-_])?",
    # First characters without the `s` of `system.`, then what cannot be `system.`.
    "CollectionName": r"[_a-rt-zA-Z0-9][^$]*|s([^y$][^$]*)?|sy([^s$][^$]*)?|sys([^t$][^$]*)?"
    r"|syst([^e$][^$]*)?|syste([^m$][^$]*)?|system([^.$][^$]*)?",
}
LOOK_AHEAD = r"((?!\d+$)[0-9a-zA-Z-_]+)"


def matches(name, pattern):
    """The pattern to match with, if it is not the model's own."""
    if name in MATCHES:
        return MATCHES[name]
    if LOOK_AHEAD in pattern:
        pattern = pattern.replace(LOOK_AHEAD, f"({NOT_A_NUMBER})")
        assert "(?!" not in pattern, (name, pattern)
        return pattern
    assert not re.search(r"\(\?[!<=]", pattern), f"{name}: look-around without a pattern in MATCHES"
    return None


def shape(name, model):
    """One shape as we write it."""
    kind = model["type"]
    out = {"type": kind}
    if kind == "structure":
        required = model.get("required", [])
        out["members"] = [member(key, value, key in required) for key, value in model["members"].items()]
        if "payload" in model:
            out["payload"] = model["payload"]
    elif kind == "list":
        out["item"] = model["member"]["shape"]
        if name in NULLABLE:
            out["nullable"] = True
    elif kind == "map":
        out["key"] = model["key"]["shape"]
        out["value"] = model["value"]["shape"]
    for key in ("min", "max"):
        if key in model:
            out[key] = model[key]
    if "pattern" in model:
        out["pattern"] = model["pattern"]
        other = matches(name, model["pattern"])
        if other:
            out["matches"] = other
        if name in PLAIN:
            assert all(re.fullmatch(model["pattern"], text) for text in ("a", "0", "-_", "aZ-9_" * 30)), name
            out["plain"] = True
    if "enum" in model and name not in OPEN:
        order = ORDER.get(name, model["enum"])
        assert sorted(order) == sorted(model["enum"]), f"{name}: the recorded order is not the model's enum"
        out["enum"] = order
    if model.get("sensitive"):
        out["sensitive"] = True
    return out


def member(name, model, required):
    """One member of a structure."""
    out = {"name": name, "shape": model["shape"]}
    if required:
        out["required"] = True
    if "location" in model:
        out["location"] = model["location"]
    if model.get("locationName", name) != name:
        out["wire"] = model["locationName"]
    return out


def reached(model, names):
    """Every shape that these shapes are made of."""
    seen, open_ = set(), list(names)
    while open_:
        name = open_.pop()
        if name in seen:
            continue
        seen.add(name)
        value = model["shapes"][name]
        parts = list(value.get("members", {}).values())
        parts += [value[key] for key in ("member", "key", "value") if key in value]
        open_ += [part["shape"] for part in parts]
    return seen


def extract(model):
    """The text of the file."""
    operations, shapes, errors = {}, set(), {}
    for name in sorted(OPERATIONS):
        source = model["operations"][name]
        out = {"method": source["http"]["method"], "uri": source["http"]["requestUri"]}
        out["status"] = source["http"].get("responseCode", 200)
        for key in ("input", "output"):
            if key in source:
                out[key] = source[key]["shape"]
                shapes.add(source[key]["shape"])
        out["errors"] = [error["shape"] for error in source.get("errors", [])]
        operations[name] = out
    for name, value in sorted(model["shapes"].items()):
        # All errors: clients know them whichever operation they come from.
        if value.get("exception") and "error" in value:
            errors[name] = {"status": value["error"]["httpStatusCode"], "members": list(value["members"])}
    events = {name for name in reached(model, shapes) if model["shapes"][name].get("eventstream")}
    shapes = reached(model, shapes) - events
    shapes = {name: shape(name, model["shapes"][name]) for name in sorted(shapes)}
    for value in shapes.values():
        # The events of a stream are not JSON; the edge writes them.
        if "members" in value:
            value["members"] = [part for part in value["members"] if part["shape"] not in events]
    parts = []
    for title, table in (("operations", operations), ("shapes", shapes), ("errors", errors)):
        lines = [f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}" for key, value in table.items()]
        parts.append(json.dumps(title) + ":{\n" + ",\n".join(lines) + "\n}")
    return "{" + ",\n".join(parts) + "}\n"


def main():
    import botocore

    source = pathlib.Path(botocore.__file__).parent / "data/lambda/2015-03-31/service-2.json.gz"
    text = extract(json.loads(gzip.decompress(source.read_bytes())))
    target = pathlib.Path(__file__).resolve().parents[2] / "src/account/model/lambda.json"
    if sys.argv[1:] == ["--check"]:
        if target.read_text() != text:
            sys.exit(f"{target} is not what botocore {botocore.__version__} says: run {sys.argv[0]}")
    else:
        target.write_text(text)


if __name__ == "__main__":
    main()
