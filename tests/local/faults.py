"""Meets every fault of `local` with boto3. The program is the only argument. Prints `ok` at the end."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, WaiterError

from functions import bundle

ROLE = "arn:aws:iam::123456789012:role/any"
PROGRAM = sys.argv[1]


@contextlib.contextmanager
def server(*arguments, attempts=1):
    """A server with these arguments: a client of it, and what it wrote to standard error by the end."""
    command = [PROGRAM, "lambda-pack", "local", "--port", "0", "--output", "json", *arguments]
    talk = tempfile.NamedTemporaryFile("a")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=talk, text=True)
    try:
        listening = json.loads(process.stdout.readline())
        client = boto3.client(
            "lambda", endpoint_url=listening["endpoint"], region_name="us-east-1",
            aws_access_key_id="local", aws_secret_access_key="local",
            config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}, read_timeout=20),
        )
        yield client, lambda: open(talk.name).read()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def create(client, name="orders", **more):
    return client.create_function(
        FunctionName=name, Runtime="provided.al2023", Handler="bootstrap", Role=ROLE,
        Code={"ZipFile": bundle()}, **more,
    )


def wait_for(text, talk):
    """It is said beside, so that nobody has to wait for it."""
    end = time.monotonic() + 10
    while text not in talk() and time.monotonic() < end:
        time.sleep(0.02)
    assert text in talk(), (text, talk())


def outcome(call, *arguments, **named):
    """The code of the refusal; `lost` without an answer; `ok`."""
    try:
        call(*arguments, **named)
    except ClientError as error:
        return error.response["Error"]["Code"]
    except ConnectionClosedError:
        return "lost"
    return "ok"


def outcomes(client, count=40):
    return [outcome(client.list_functions) for _ in range(count)]


def seeded():
    runs = []
    for seed in ["1", "1", "2"]:
        with server("--fault", "throttle@25%", "--fault", "lost-reply@10%", "--seed", seed) as (client, _):
            runs.append(outcomes(client))
    assert runs[0] == runs[1] != runs[2], runs
    assert {"ok", "lost", "TooManyRequestsException"} == set(runs[0]), runs[0]


def refused():
    with server(
        "--fault", "throttle:ListFunctions@#1", "--fault", "error=503:ListFunctions@#2",
        "--fault", "storage@#2", "--fault", "denied:PublishVersion", "--fault", "expired:Get*@after:1",
    ) as (client, _):
        try:
            client.list_functions()
        except client.exceptions.TooManyRequestsException as error:
            assert error.response["Reason"] == "CallerRateLimitExceeded", error.response
            assert error.response["retryAfterSeconds"] == "1", error.response
        assert outcomes(client, 2) == ["ServiceUnavailableException", "ok"]
        create(client)
        arguments = dict(FunctionName="orders", ZipFile=bundle("2"))
        assert outcome(client.update_function_code, **arguments) == "CodeStorageExceededException"
        try:
            client.publish_version(FunctionName="orders")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDeniedException"
            text = error.response["Error"]["Message"]
            assert "lambda:PublishVersion on resource: arn:aws:lambda:us-east-1:123456789012:function:orders" in text
        assert client.get_function(FunctionName="orders")["Configuration"]["Version"] == "$LATEST"
        for call in [client.get_function, client.get_function_configuration]:
            assert outcome(call, FunctionName="orders") == "ExpiredTokenException"
        assert len(client.list_versions_by_function(FunctionName="orders")["Versions"]) == 1


def lost():
    with server("--fault", "lost-request:CreateFunction@#1", "--fault", "lost-reply:CreateFunction@#2") as (
        client, _,
    ):
        assert outcome(create, client) == "lost"
        assert client.list_functions()["Functions"] == []
        assert outcome(create, client) == "lost"
        assert [one["FunctionName"] for one in client.list_functions()["Functions"]] == ["orders"]
        assert outcome(create, client) == "ResourceConflictException"
    # A client that tries again gets there.
    with server("--fault", "lost-reply:Get*@#1-2", "--fault", "throttle:Get*@#3", attempts=5) as (client, _):
        create(client)
        assert client.get_function(FunctionName="orders")["Configuration"]["FunctionName"] == "orders"


def timed():
    with server("--fault", "latency=300ms:ListFunctions@#2", "--fault", "slow=1500ms:Update*") as (client, _):
        times = []
        for _ in range(3):
            begin = time.monotonic()
            client.list_functions()
            times.append(time.monotonic() - begin)
        assert times[1] >= 0.3 > max(times[0], times[2]), times
        create(client)
        assert client.get_function(FunctionName="orders")["Configuration"]["State"] == "Active"
        client.update_function_configuration(FunctionName="orders", Timeout=9)
        shown = client.get_function(FunctionName="orders")["Configuration"]
        assert shown["LastUpdateStatus"] == "InProgress", shown
        again = outcome(client.update_function_configuration, FunctionName="orders", Timeout=8)
        assert again == "ResourceConflictException"
        client.get_waiter("function_updated_v2").wait(FunctionName="orders")
    with server("--fault", "rate=5") as (client, _):
        burst = outcomes(client, 30)
        assert burst[:5] == ["ok"] * 5 and burst.count("TooManyRequestsException") > 10, burst


def failed():
    codes = boto3.client("lambda", region_name="us-east-1").meta.service_model.shape_for(
        "LastUpdateStatusReasonCode"
    ).enum
    faults = [f"fail={code}:UpdateFunctionCode@#{number}" for number, code in enumerate(codes, 1)]
    with tempfile.NamedTemporaryFile("w", suffix=".faults") as file:
        file.write("# every reason code once\n\n" + "\n".join(f"{fault} # one" for fault in faults))
        file.flush()
        with server("--fault-file", file.name) as (client, _):
            before = create(client)["CodeSha256"]
            for number, code in enumerate(codes):
                client.update_function_code(FunctionName="orders", ZipFile=bundle(number))
                try:
                    client.get_waiter("function_updated_v2").wait(FunctionName="orders")
                    raise AssertionError(f"{code} did not fail")
                except WaiterError:
                    shown = client.get_function(FunctionName="orders")["Configuration"]
                    assert shown["LastUpdateStatus"] == "Failed", shown
                    assert shown["LastUpdateStatusReasonCode"] == code, shown
                    assert shown["CodeSha256"] != before
            client.update_function_code(FunctionName="orders", ZipFile=bundle())
            client.get_waiter("function_updated_v2").wait(FunctionName="orders")


def deployed():
    with server(
        "--fault", "deployer:GetFunction@#1", "--fault", "deployer=code:GetFunction@#2",
        "--fault", "deployer=alias:GetFunction@#3", "--fault", "deployer:GetPolicy",
    ) as (client, talk):
        create(client, Publish=True)
        client.create_alias(FunctionName="orders", Name="live", FunctionVersion="1")
        client.update_function_configuration(FunctionName="orders", Timeout=9)
        client.publish_version(FunctionName="orders")
        first = client.get_function(FunctionName="orders")["Configuration"]
        stale = dict(FunctionName="orders", RevisionId=first["RevisionId"], Timeout=10)
        assert outcome(client.update_function_configuration, **stale) == "PreconditionFailedException"
        second = client.get_function(FunctionName="orders")["Configuration"]
        assert second["Description"] == "another deployer, after call 1", second
        assert second["CodeSha256"] == first["CodeSha256"]
        published = outcome(client.publish_version, FunctionName="orders", CodeSha256=second["CodeSha256"])
        assert published == "InvalidParameterValueException", published
        # It is another zip, and does the same.
        answer = client.invoke(FunctionName="orders")
        assert json.load(answer["Payload"]) == {"version": "$LATEST"}, answer
        alias = client.get_alias(FunctionName="orders", Name="live")
        assert alias["FunctionVersion"] == "1"
        client.get_function(FunctionName="orders")
        moved = client.get_alias(FunctionName="orders", Name="live")
        assert moved["FunctionVersion"] == "2" and moved["RevisionId"] != alias["RevisionId"], moved
        # Of one that is not there.
        outcome(client.get_policy, FunctionName="nobody")
        for text in ["UpdateFunctionConfiguration of orders", "UpdateAlias of orders", "could not change nobody"]:
            wait_for(text, talk)


def invoked():
    with server("--fault", "throttle:Invoke@#2", "--fault", "lost-reply:Invoke@#3", "--fault", "error:Invoke@#4") as (
        client, talk,
    ):
        create(client)
        calls = [outcome(client.invoke, FunctionName="orders", Payload=f'{{"log": ["call {n}"]}}') for n in range(5)]
        assert calls == ["ok", "TooManyRequestsException", "lost", "ServiceException", "ok"], calls
        wait_for("call 4", talk)
        ran = [number for number in range(5) if f"call {number}" in talk()]
        assert ran == [0, 2, 4], (ran, talk())


def unknown():
    for argument, said in [
        ("throtle", "did you mean `throttle`?"),
        ("throttle:UpdateFunctionCod", "did you mean `UpdateFunctionCode`?"),
        ("fail=Nothing", "`Nothing` is no reason code of an update"),
    ]:
        command = [PROGRAM, "lambda-pack", "local", "--port", "0", "--fault", argument]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20)
        assert answer.returncode == 2 and said in answer.stderr, answer
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("throttle\nlost\n")
        file.flush()
        command = [PROGRAM, "lambda-pack", "local", "--port", "0", "--fault-file", file.name]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20)
        assert answer.returncode == 2 and f"{os.path.basename(file.name)}:2: in `lost`" in answer.stderr, answer


for scene in [unknown, seeded, refused, lost, timed, failed, deployed, invoked]:
    scene()
    print(scene.__name__, file=sys.stderr)
print("ok")
