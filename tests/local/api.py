"""boto3 drives every operation of the embedded Lambda: `api.py ENDPOINT`.

botocore validates what is sent, and `model.py` holds every answer and error against its model.
"""

import base64
import hashlib
import json
import sys
import time
import urllib.request

from common import ROLE, client, create, equal, payload, quick, refused, says, zipped
from model import Model

DEAD = "arn:aws:sqs:us-east-1:123456789012:dead"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:queue"
PROFILE = "arn:aws:signer:us-east-1:123456789012:/signing-profiles/own/ab12CD34ef"


def functions(lam):
    first = says("one")
    made = create(
        lam,
        "orders",
        first,
        Description="takes orders",
        Environment={"Variables": {"TABLE": "orders"}},
        Tags={"team": "shop"},
        MemorySize=256,
        Architectures=["x86_64"],
    )
    equal(made["State"], "Pending", "a new function")
    equal(made["CodeSha256"], base64.b64encode(hashlib.sha256(first).digest()).decode(), "sha256")
    lam.get_waiter("function_exists").wait(FunctionName="orders")
    got = lam.get_function(FunctionName="orders")
    equal(got["Configuration"]["State"], "Active", "the waiter came back")
    equal(got["Tags"], {"team": "shop"}, "tags")
    equal(urllib.request.urlopen(got["Code"]["Location"]).read(), first, "the code comes back")
    arn = made["FunctionArn"]
    for name in (arn, "123456789012:function:orders", "orders:$LATEST"):
        got = lam.get_function_configuration(FunctionName=name)
        equal(got["CodeSha256"], made["CodeSha256"], name)
    refused("ResourceConflictException", lambda: create(lam, "orders"), 409, "already exist")
    missing = {"FunctionName": "nobody"}
    refused("ResourceNotFoundException", lam.get_function, 404, **missing)
    refused("ResourceNotFoundException", lam.get_function_configuration, 404, **missing)
    refused("ResourceNotFoundException", lam.delete_function, 404, **missing)

    second = says("two")
    update = {"FunctionName": "orders", "ZipFile": second}
    refused("PreconditionFailedException", lam.update_function_code, 412, RevisionId="stale", **update)
    dry = lam.update_function_code(DryRun=True, **update)
    equal(lam.get_function(FunctionName="orders")["Configuration"]["CodeSha256"], made["CodeSha256"])
    assert dry["CodeSha256"] != made["CodeSha256"], "a dry run says what would be"
    updated = lam.update_function_code(**update)
    equal((updated["State"], updated["LastUpdateStatus"]), ("Active", "InProgress"), "an update")
    quick(lam, "function_updated_v2").wait(FunctionName="orders")
    quick(lam, "function_updated").wait(FunctionName="orders")
    quick(lam, "function_active").wait(FunctionName="orders")
    set_to = lam.update_function_configuration(
        FunctionName="orders",
        Timeout=7,
        Description="",
        Environment={"Variables": {}},
        DeadLetterConfig={"TargetArn": DEAD},
        EphemeralStorage={"Size": 1024},
        TracingConfig={"Mode": "Active"},
        LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"},
    )
    equal((set_to["Timeout"], set_to["Description"]), (7, ""), "the configuration")
    equal(set_to["LoggingConfig"]["SystemLogLevel"], "INFO", "the default")
    quick(lam, "function_updated_v2").wait(FunctionName="orders")
    refused(
        "ValidationException", lam.update_function_configuration, 400, "equal to 900",
        FunctionName="orders", Timeout=901,
    )  # fmt: skip


def versions(lam):
    latest = lam.get_function_configuration(FunctionName="orders")
    refused(
        "InvalidParameterValueException", lam.publish_version, 400, "CodeSHA256",
        FunctionName="orders", CodeSha256="wrong",
    )  # fmt: skip
    refused(
        "PreconditionFailedException", lam.publish_version, 412,
        FunctionName="orders", RevisionId="00000000-0000-4000-8000-000000000000",
    )  # fmt: skip
    one = lam.publish_version(
        FunctionName="orders", CodeSha256=latest["CodeSha256"], RevisionId=latest["RevisionId"],
        Description="first",
    )  # fmt: skip
    equal((one["Version"], one["State"]), ("1", "Active"), "a published version (recorded)")
    quick(lam, "published_version_active").wait(FunctionName="orders", Qualifier="1")
    equal(lam.publish_version(FunctionName="orders")["Version"], "1", "nothing has changed")
    for number in ("2", "3"):
        made = lam.update_function_code(FunctionName="orders", ZipFile=says(number), Publish=True)
        equal(made["Version"], number, "update with Publish")
        quick(lam, "function_updated_v2").wait(FunctionName="orders")
    paged(lam, "list_versions_by_function", "Versions", 4, FunctionName="orders")
    refused("ResourceNotFoundException", lam.publish_version, 404, FunctionName="nobody")
    refused("ResourceNotFoundException", lam.list_versions_by_function, 404, FunctionName="nobody")


def aliases(lam):
    live = lam.create_alias(FunctionName="orders", Name="live", FunctionVersion="1", Description="l")
    for name in ("blue", "green"):
        lam.create_alias(FunctionName="orders", Name=name, FunctionVersion="2")
    refused(
        "ResourceConflictException", lam.create_alias, 409, "Alias already exists",
        FunctionName="orders", Name="live", FunctionVersion="2",
    )  # fmt: skip
    got = lam.get_alias(FunctionName="orders", Name="live")
    equal(got["RevisionId"], live["RevisionId"], "an alias")
    moved = lam.update_alias(
        FunctionName="orders", Name="live", FunctionVersion="1", RevisionId=live["RevisionId"],
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}},
    )  # fmt: skip
    equal(moved["RoutingConfig"], {"AdditionalVersionWeights": {"2": 0.1}}, "weights")
    refused(
        "PreconditionFailedException", lam.update_alias, 412, "GetAlias",
        FunctionName="orders", Name="live", FunctionVersion="2", RevisionId=live["RevisionId"],
    )  # fmt: skip
    clear = {"AdditionalVersionWeights": {}}
    cleared = lam.update_alias(FunctionName="orders", Name="live", RoutingConfig=clear)
    assert "RoutingConfig" not in cleared, cleared
    refused(
        "InvalidParameterValueException", lam.update_alias, 400, "greater than 1",
        FunctionName="orders", Name="live",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.1, "3": 0.1}},
    )  # fmt: skip
    refused("ResourceNotFoundException", lam.get_alias, 404, FunctionName="orders", Name="none")
    refused("ResourceNotFoundException", lam.update_alias, 404, FunctionName="orders", Name="none")
    refused(
        "ResourceConflictException", lam.delete_function, 409, FunctionName="orders", Qualifier="1"
    )
    paged(lam, "list_aliases", "Aliases", 3, FunctionName="orders")
    equal(len(lam.list_aliases(FunctionName="orders", FunctionVersion="2")["Aliases"]), 2, "of one")
    lam.delete_alias(FunctionName="orders", Name="green")
    lam.delete_alias(FunctionName="orders", Name="green")


def invocations(lam):
    for qualifier, word, version in (("1", "two", "1"), ("blue", "2", "2"), ("$LATEST", "3", "$LATEST")):
        got = lam.invoke(FunctionName="orders", Qualifier=qualifier, Payload=b"{}", LogType="Tail")
        equal((got["StatusCode"], payload(got), got["ExecutedVersion"]), (200, word, version))
        log = base64.b64decode(got["LogResult"]).decode()
        id = got["ResponseMetadata"]["RequestId"]
        assert log.startswith(f"START RequestId: {id} Version: {version}\ngot {{}}\n"), log
        assert f"\nEND RequestId: {id}\nREPORT RequestId: {id}\tDuration: " in log, log
    failed = lam.invoke(FunctionName="orders", Payload=b'{"fail": 1}')
    equal(failed["FunctionError"], "Unhandled", "a function's error")
    equal(payload(failed)["errorType"], "Mine", "a function's error")
    equal(lam.invoke(FunctionName="orders", InvocationType="DryRun")["StatusCode"], 204, "DryRun")
    equal(lam.invoke(FunctionName="orders", InvocationType="Event")["StatusCode"], 202, "Event")
    equal(lam.invoke_async(FunctionName="orders", InvokeArgs=b"{}")["Status"], 202, "InvokeAsync")
    refused("ResourceNotFoundException", lam.invoke, 404, FunctionName="nobody")
    refused("ResourceNotFoundException", lam.invoke, 404, FunctionName="orders", Qualifier="99")
    refused("InvalidRequestContentException", lam.invoke, 400, FunctionName="orders", Payload=b"{")
    refused(
        "RequestTooLargeException", lam.invoke, 413, FunctionName="orders",
        Payload=b'"' + b"x" * 6 * 1024 * 1024 + b'"',
    )  # fmt: skip
    got = lam.invoke_with_response_stream(FunctionName="orders", Payload=b"{}", LogType="Tail")
    events = list(got["EventStream"])
    equal(b"".join(e["PayloadChunk"]["Payload"] for e in events[:-1]), b'"3"', "the stream")
    assert "REPORT" in base64.b64decode(events[-1]["InvokeComplete"]["LogResult"]).decode(), events
    got = lam.invoke_with_response_stream(FunctionName="orders", Payload=b'{"fail": 1}')
    end = list(got["EventStream"])[-1]["InvokeComplete"]
    equal(end["ErrorCode"], "Mine", "the stream's error")
    refused("ResourceNotFoundException", lam.invoke_with_response_stream, 404, FunctionName="nobody")


def layers(lam):
    content = {"ZipFile": zipped("a library")}
    for number in (1, 2, 3):
        layer = lam.publish_layer_version(
            LayerName="shared", Content=content, Description=f"number {number}", LicenseInfo="MIT",
            CompatibleRuntimes=["provided.al2023"], CompatibleArchitectures=["x86_64", "arm64"],
        )  # fmt: skip
        equal(layer["Version"], number, "identical bytes are a new version all the same")
    for name in ("second", "third"):
        lam.publish_layer_version(LayerName=name, Content=content)
    arn = layer["LayerVersionArn"]
    got = lam.get_layer_version(LayerName="shared", VersionNumber=3)
    equal(got["LayerVersionArn"], arn, "by number")
    equal(lam.get_layer_version_by_arn(Arn=arn)["Description"], "number 3", "by ARN")
    equal(urllib.request.urlopen(got["Content"]["Location"]).read(), content["ZipFile"], "the layer")
    paged(lam, "list_layers", "Layers", 3)
    paged(lam, "list_layer_versions", "LayerVersions", 3, LayerName="shared")
    equal(lam.list_layers(CompatibleArchitecture="arm64")["Layers"][0]["LayerName"], "shared")
    permission = {
        "LayerName": "shared", "VersionNumber": 3, "StatementId": "all", "Principal": "*",
        "Action": "lambda:GetLayerVersion",
    }  # fmt: skip
    added = lam.add_layer_version_permission(**permission)
    equal(json.loads(added["Statement"])["Sid"], "all", "a statement")
    refused("ResourceConflictException", lam.add_layer_version_permission, 409, **permission)
    policy = lam.get_layer_version_policy(LayerName="shared", VersionNumber=3)
    equal(len(json.loads(policy["Policy"])["Statement"]), 1, "the policy")
    gone = {"LayerName": "shared", "VersionNumber": 3}
    lam.remove_layer_version_permission(StatementId="all", **gone)
    refused("ResourceNotFoundException", lam.get_layer_version_policy, 404, **gone)
    lam.update_function_configuration(FunctionName="orders", Layers=[arn])
    quick(lam, "function_updated_v2").wait(FunctionName="orders")
    got = lam.get_function_configuration(FunctionName="orders")
    equal(got["Layers"], [{"Arn": arn, "CodeSize": len(content["ZipFile"])}], "layers")
    refused(
        "InvalidParameterValueException", lam.update_function_configuration, 400,
        FunctionName="orders", Layers=[arn, arn],
    )  # fmt: skip
    lam.delete_layer_version(**gone)
    refused("ResourceNotFoundException", lam.get_layer_version, 404, **gone)
    lam.update_function_configuration(FunctionName="orders", Layers=[])
    quick(lam, "function_updated_v2").wait(FunctionName="orders")
    assert "Layers" not in lam.get_function_configuration(FunctionName="orders")
    refused(
        "InvalidParameterValueException", lam.publish_layer_version, 400, LayerName="bad",
        Content={"ZipFile": b"no zip"},
    )  # fmt: skip


def urls(lam):
    made = lam.create_function_url_config(
        FunctionName="orders", Qualifier="live", AuthType="AWS_IAM", InvokeMode="RESPONSE_STREAM",
        Cors={"AllowOrigins": ["*"], "AllowMethods": ["GET"], "MaxAge": 10, "AllowCredentials": False},
    )  # fmt: skip
    lam.create_function_url_config(FunctionName="orders", AuthType="NONE")
    refused(
        "ResourceConflictException", lam.create_function_url_config, 409,
        FunctionName="orders", AuthType="NONE",
    )  # fmt: skip
    got = lam.get_function_url_config(FunctionName="orders", Qualifier="live")
    equal(got["FunctionUrl"], made["FunctionUrl"], "the URL")
    got = lam.update_function_url_config(FunctionName="orders", Qualifier="live", AuthType="NONE")
    equal(got["AuthType"], "NONE", "the update")
    lam.create_function_url_config(FunctionName="orders", Qualifier="blue", AuthType="NONE")
    paged(lam, "list_function_url_configs", "FunctionUrlConfigs", 3, FunctionName="orders")
    lam.delete_function_url_config(FunctionName="orders", Qualifier="live")
    live = {"FunctionName": "orders", "Qualifier": "live"}
    for call in (lam.get_function_url_config, lam.update_function_url_config, lam.delete_function_url_config):
        refused("ResourceNotFoundException", call, 404, **live)


def policies(lam):
    statement = {
        "FunctionName": "orders", "StatementId": "s3", "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::in", "SourceAccount": "123456789012",
    }  # fmt: skip
    refused("ResourceNotFoundException", lam.get_policy, 404, FunctionName="orders")
    added = json.loads(lam.add_permission(**statement)["Statement"])
    equal(added["Principal"], {"Service": "s3.amazonaws.com"}, "the principal")
    refused("ResourceConflictException", lam.add_permission, 409, **statement)
    policy = lam.get_policy(FunctionName="orders")
    refused(
        "PreconditionFailedException", lam.add_permission, 412,
        **statement | {"StatementId": "other", "RevisionId": "00000000-0000-4000-8000-000000000000"},
    )  # fmt: skip
    lam.add_permission(**statement | {"StatementId": "other", "RevisionId": policy["RevisionId"]})
    lam.remove_permission(FunctionName="orders", StatementId="s3")
    refused(
        "ResourceNotFoundException", lam.remove_permission, 404, FunctionName="orders", StatementId="s3"
    )


def tags(lam):
    arn = lam.get_function(FunctionName="orders")["Configuration"]["FunctionArn"]
    lam.tag_resource(Resource=arn, Tags={"stage": "test"})
    equal(lam.list_tags(Resource=arn)["Tags"], {"team": "shop", "stage": "test"}, "tags")
    lam.untag_resource(Resource=arn, TagKeys=["team"])
    equal(lam.list_tags(Resource=arn)["Tags"], {"stage": "test"}, "tags")
    nobody = arn.replace(":orders", ":nobody")
    refused("ResourceNotFoundException", lam.list_tags, 404, Resource=nobody)
    refused("ResourceNotFoundException", lam.tag_resource, 404, Resource=nobody, Tags={"a": "b"})
    refused("InvalidParameterValueException", lam.tag_resource, 400, Resource=arn, Tags={})


def concurrency(lam):
    lam.put_function_concurrency(FunctionName="orders", ReservedConcurrentExecutions=5)
    got = lam.get_function_concurrency(FunctionName="orders")
    equal(got["ReservedConcurrentExecutions"], 5, "reserved")
    equal(lam.get_function(FunctionName="orders")["Concurrency"], {"ReservedConcurrentExecutions": 5})
    refused(
        "InvalidParameterValueException", lam.put_function_concurrency, 400,
        FunctionName="orders", ReservedConcurrentExecutions=950,
    )  # fmt: skip
    two = {"FunctionName": "orders", "Qualifier": "live"}
    made = lam.put_provisioned_concurrency_config(ProvisionedConcurrentExecutions=2, **two)
    equal(made["RequestedProvisionedConcurrentExecutions"], 2, "provisioned")
    equal(lam.get_provisioned_concurrency_config(**two)["Status"], "READY", "provisioned")
    for qualifier in ("2", "3"):
        if qualifier == "3":
            lam.put_provisioned_concurrency_config(
                FunctionName="orders", Qualifier=qualifier, ProvisionedConcurrentExecutions=1
            )
    paged(
        lam, "list_provisioned_concurrency_configs", "ProvisionedConcurrencyConfigs", 2,
        FunctionName="orders",
    )  # fmt: skip
    lam.delete_provisioned_concurrency_config(**two)
    refused("ProvisionedConcurrencyConfigNotFoundException", lam.get_provisioned_concurrency_config, 404, **two)
    lam.delete_provisioned_concurrency_config(FunctionName="orders", Qualifier="3")
    lam.delete_function_concurrency(FunctionName="orders")
    assert "ReservedConcurrentExecutions" not in lam.get_function_concurrency(FunctionName="orders")
    settings = lam.get_account_settings()
    equal(settings["AccountLimit"]["ConcurrentExecutions"], 1000, "the account")
    equal(settings["AccountUsage"]["FunctionCount"], 1, "the account")


def event_invoke(lam):
    made = lam.put_function_event_invoke_config(
        FunctionName="orders", MaximumRetryAttempts=1, MaximumEventAgeInSeconds=60,
        DestinationConfig={"OnFailure": {"Destination": DEAD}},
    )  # fmt: skip
    equal(made["MaximumRetryAttempts"], 1, "event invoke")
    got = lam.update_function_event_invoke_config(FunctionName="orders", MaximumRetryAttempts=0)
    equal((got["MaximumRetryAttempts"], got["MaximumEventAgeInSeconds"]), (0, 60), "event invoke")
    for qualifier in ("live", "blue"):
        lam.put_function_event_invoke_config(
            FunctionName="orders", Qualifier=qualifier, MaximumRetryAttempts=2
        )
    equal(lam.get_function_event_invoke_config(FunctionName="orders", Qualifier="live")
          ["MaximumRetryAttempts"], 2, "of an alias")  # fmt: skip
    paged(
        lam, "list_function_event_invoke_configs", "FunctionEventInvokeConfigs", 3,
        FunctionName="orders",
    )  # fmt: skip
    lam.delete_function_event_invoke_config(FunctionName="orders", Qualifier="live")
    live = {"FunctionName": "orders", "Qualifier": "live"}
    refused("ResourceNotFoundException", lam.get_function_event_invoke_config, 404, **live)
    refused("ResourceNotFoundException", lam.delete_function_event_invoke_config, 404, **live)


def mappings(lam):
    made = [
        lam.create_event_source_mapping(
            FunctionName="orders", EventSourceArn=f"{QUEUE}{n}", BatchSize=1 + n,
            FunctionResponseTypes=["ReportBatchItemFailures"], ScalingConfig={"MaximumConcurrency": 2},
        )
        for n in range(3)
    ]  # fmt: skip
    uuid = made[0]["UUID"]
    refused(
        "ResourceConflictException", lam.create_event_source_mapping, 409,
        FunctionName="orders", EventSourceArn=f"{QUEUE}0",
    )  # fmt: skip
    until(lambda: lam.get_event_source_mapping(UUID=uuid)["State"], "Enabled")
    updated = lam.update_event_source_mapping(UUID=uuid, Enabled=False, BatchSize=1)
    equal(updated["BatchSize"], 1, "the batch size")
    until(lambda: lam.get_event_source_mapping(UUID=uuid)["State"], "Disabled")
    paged(lam, "list_event_source_mappings", "EventSourceMappings", 3, FunctionName="orders")
    equal(len(lam.list_event_source_mappings(EventSourceArn=f"{QUEUE}1")["EventSourceMappings"]), 1)
    equal(lam.delete_event_source_mapping(UUID=uuid)["State"], "Deleting", "deleted")
    nobody = "00000000-0000-4000-8000-000000000000"
    for call in (lam.get_event_source_mapping, lam.update_event_source_mapping, lam.delete_event_source_mapping):
        refused("ResourceNotFoundException", call, 404, UUID=nobody)


def signing(lam):
    configs = [
        lam.create_code_signing_config(
            Description=f"number {n}", AllowedPublishers={"SigningProfileVersionArns": [PROFILE]},
            CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Warn"},
        )["CodeSigningConfig"]
        for n in range(3)
    ]  # fmt: skip
    arn = configs[0]["CodeSigningConfigArn"]
    changed = lam.update_code_signing_config(CodeSigningConfigArn=arn, Description="other")
    equal(changed["CodeSigningConfig"]["Description"], "other", "signing")
    got = lam.get_code_signing_config(CodeSigningConfigArn=arn)["CodeSigningConfig"]
    equal(got["Description"], "other", "signing")
    paged(lam, "list_code_signing_configs", "CodeSigningConfigs", 3)
    lam.put_function_code_signing_config(FunctionName="orders", CodeSigningConfigArn=arn)
    equal(lam.get_function_code_signing_config(FunctionName="orders")["CodeSigningConfigArn"], arn)
    by = {"CodeSigningConfigArn": arn}
    paged(lam, "list_functions_by_code_signing_config", "FunctionArns", 1, **by)
    refused("ResourceConflictException", lam.delete_code_signing_config, 409, **by)
    lam.delete_function_code_signing_config(FunctionName="orders")
    lam.delete_code_signing_config(**by)
    refused("ResourceNotFoundException", lam.get_code_signing_config, 404, **by)


def the_rest(lam):
    lam.put_function_recursion_config(FunctionName="orders", RecursiveLoop="Allow")
    equal(lam.get_function_recursion_config(FunctionName="orders")["RecursiveLoop"], "Allow")
    lam.put_runtime_management_config(FunctionName="orders", UpdateRuntimeOn="FunctionUpdate")
    got = lam.get_runtime_management_config(FunctionName="orders")
    equal(got["UpdateRuntimeOn"], "FunctionUpdate", "runtime management")
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/own:1"
    lam.create_function(
        FunctionName="image", Role=ROLE, PackageType="Image", Code={"ImageUri": image},
        ImageConfig={"Command": ["serve"], "WorkingDirectory": "/var/task"},
    )  # fmt: skip
    got = lam.get_function(FunctionName="image")
    equal(got["Code"]["ImageUri"], image, "the image")
    assert got["Code"]["ResolvedImageUri"].startswith(image.split(":")[0] + "@sha256:"), got
    refused(
        "InvalidParameterValueException", lam.update_function_code, 400,
        FunctionName="image", ZipFile=zipped(),
    )  # fmt: skip
    create(lam, "third")
    paged(lam, "list_functions", "Functions", 3)
    equal(len(lam.list_functions(FunctionVersion="ALL")["Functions"]), 3 + 3, "with versions")
    time.sleep(1.2)
    for name in ("image", "third"):
        lam.delete_function(FunctionName=name)
    lam.delete_alias(FunctionName="orders", Name="blue")
    lam.delete_function(FunctionName="orders", Qualifier="2")
    refused("ResourceNotFoundException", lam.get_function, 404, FunctionName="orders", Qualifier="2")
    lam.delete_function(FunctionName="orders")
    refused("ResourceNotFoundException", lam.get_function, 404, FunctionName="orders")


def paged(lam, operation, member, count, **arguments):
    """botocore's own paginator with one item a page, and without a limit: the same items."""
    paginator = lam.get_paginator(operation)
    pages = list(paginator.paginate(PaginationConfig={"PageSize": 1}, **arguments))
    equal([len(page[member]) for page in pages], [1] * count, f"{operation} by pages")
    assert all("NextMarker" in page for page in pages[:-1]) and "NextMarker" not in pages[-1]
    whole = getattr(lam, operation)(**arguments)[member]
    equal([page[member][0] for page in pages], whole, operation)


def until(look, expected, limit=5):
    end = time.monotonic() + limit
    while (got := look()) != expected:
        assert time.monotonic() < end, f"{got!r} is not {expected!r} after {limit} s"
        time.sleep(0.02)


def main(endpoint):
    model, lam = Model(), client(endpoint)
    model.listen(lam)
    subjects = (
        functions, versions, aliases, invocations, layers, urls, policies, tags, concurrency,
        event_invoke, mappings, signing, the_rest,
    )  # fmt: skip
    failed = []
    for subject in subjects:
        try:
            subject(lam)
        except Exception as error:  # noqa: BLE001: all that is wrong is told at once
            place = error.__traceback__
            while place.tb_next and place.tb_next.tb_frame.f_code.co_filename == __file__:
                place = place.tb_next
            failed.append(f"{subject.__name__}, line {place.tb_lineno}: {type(error).__name__}: {error}")
    served = {name for name in lam.meta.service_model.operation_names if not NOT_OURS(name)}
    never = sorted(served - set(model.driven))
    for text in failed + model.wrong + [f"{name} was never answered" for name in never]:
        print("WRONG", text)
    print(len(served), "operations,", sum(model.driven.values()), "answers,",
          sum(model.errors.values()), "errors")  # fmt: skip
    sys.exit(bool(failed or model.wrong or never))


def NOT_OURS(name):
    """Managed instances, durable functions and resource policies of another kind."""
    words = ("CapacityProvider", "Durable", "ResourcePolicy", "ScalingConfig")
    return any(word in name for word in words)


if __name__ == "__main__":
    main(sys.argv[1])
