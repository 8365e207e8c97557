"""Drives the services beside Lambda with boto3: STS, CloudWatch Logs, CloudWatch in its three protocols.

The server is the one that AWS_ENDPOINT_URL_LAMBDA, _STS, _CLOUDWATCH and _CLOUDWATCH_LOGS name, with the
credentials and the Region that it prints. Prints `ok` at the end.
"""

import copy
import datetime
import json
import uuid

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from functions import bundle

NAME = f"watched-{uuid.uuid4().hex[:8]}"
ROLE = "arn:aws:iam::123456789012:role/any"
ONCE = Config(retries={"total_max_attempts": 1})


def cloudwatch(protocol):
    """A client that speaks this protocol only."""
    core = botocore.session.get_session()
    loader = core.get_component("data_loader")
    load = loader.load_service_model

    def only(service, kind, *args, **kwargs):
        model = load(service, kind, *args, **kwargs)
        if service == "cloudwatch" and kind == "service-2":
            model = copy.deepcopy(model)
            model["metadata"].update(protocol=protocol, protocols=[protocol])
            if protocol == "query":
                del model["metadata"]["awsQueryCompatible"]
        return model

    loader.load_service_model = only
    return boto3.Session(botocore_session=core).client("cloudwatch", config=ONCE)


def code_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError(f"{call.__name__} was not refused")


def prepare(client):
    """Two versions behind an alias, each for half of the calls."""
    client.create_function(
        FunctionName=NAME, Runtime="provided.al2023", Handler="bootstrap", Role=ROLE, Timeout=5,
        Code={"ZipFile": bundle("1")},
    )
    client.get_waiter("function_active_v2").wait(FunctionName=NAME, WaiterConfig={"Delay": 1})
    client.publish_version(FunctionName=NAME)
    client.update_function_code(FunctionName=NAME, ZipFile=bundle("2"))
    client.get_waiter("function_updated_v2").wait(FunctionName=NAME, WaiterConfig={"Delay": 1})
    client.publish_version(FunctionName=NAME)
    client.create_alias(
        FunctionName=NAME, Name="live", FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}},
    )


def invoke(client, event=None, **more):
    answer = client.invoke(FunctionName=NAME, Payload=json.dumps(event or {}), **more)
    return answer["ExecutedVersion"], answer.get("FunctionError"), json.load(answer["Payload"])


def use(client):
    """How often each version ran through the alias, and how often it failed."""
    ran, failed = {"1": 0, "2": 0}, {"1": 0, "2": 0}
    for number in range(24):
        event = {"fail": number % 3 == 0, "log": [f"call {number}"]}
        version, error, payload = invoke(client, event, Qualifier="live")
        ran[version] += 1
        failed[version] += error is not None
        assert error or payload == {"version": version}, payload
    assert min(ran.values()) > 0 and sum(failed.values()) == 8, (ran, failed)
    for event in [{"sleep": 0.2}, {}, {"exit": True}]:
        invoke(client, event)
    client.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=0)
    for _ in range(2):
        assert code_of(invoke, client=client) == ("TooManyRequestsException", 429)
    client.delete_function_concurrency(FunctionName=NAME)
    return ran, failed


def metrics(client, ran, failed):
    now = datetime.datetime.now(datetime.timezone.utc)
    function = {"FunctionName": NAME}
    alias = {**function, "Resource": f"{NAME}:live"}

    def query(identifier, metric, stat, dimensions, **more):
        dimensions = [{"Name": name, "Value": value} for name, value in dimensions.items()]
        metric = {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": dimensions}
        stat = {"Metric": metric, "Period": 3600, "Stat": stat, **more}
        return {"Id": identifier, "MetricStat": stat}

    expected = {
        "all": (query("all", "Invocations", "Sum", function), 27),
        "errors": (query("errors", "Errors", "Sum", function), 9),
        "plain": (query("plain", "Invocations", "Sum", {**function, "Resource": NAME}), 3),
        "live": (query("live", "Invocations", "Sum", alias), 24),
        "rate": (query("rate", "Errors", "Average", alias), 8 / 24),
        "count": (query("count", "Duration", "SampleCount", alias, Unit="Milliseconds"), 24),
        "throttles": (query("throttles", "Throttles", "Sum", function), 2),
        "most": (query("most", "ConcurrentExecutions", "Maximum", function), 1),
        "unit": (query("unit", "Duration", "Sum", function, Unit="Seconds"), None),
        "nothing": (query("nothing", "Sparks", "Sum", function), None),
    }
    for version in ran:
        one = {**alias, "ExecutedVersion": version}
        expected[f"ran{version}"] = (query(f"ran{version}", "Invocations", "Sum", one), ran[version])
        identifier = f"failed{version}"
        expected[identifier] = (query(identifier, "Errors", "Sum", one), failed[version])
    stats = ["Minimum", "p50", "p90", "p99", "Maximum"]
    queries = [asked for asked, _ in expected.values()]
    queries += [query(f"duration{stat}", "Duration", stat, function) for stat in stats]
    answer = client.get_metric_data(
        MetricDataQueries=queries, StartTime=now - datetime.timedelta(minutes=30),
        EndTime=now + datetime.timedelta(minutes=10), ScanBy="TimestampAscending",
    )
    results = {result["Id"]: result for result in answer["MetricDataResults"]}
    assert len(results) == len(queries)
    for identifier, (_, value) in expected.items():
        result = results[identifier]
        assert result["StatusCode"] == "Complete", result
        values = [] if value is None else [value]
        assert result["Values"] == values, (identifier, result["Values"], values)
        assert len(result["Timestamps"]) == len(values)
        assert all(isinstance(value, float) for value in result["Values"]), result
    begin = results["all"]["Timestamps"][0]
    assert abs((now - begin).total_seconds()) < 3600 and begin.second == 0, begin
    durations = [results[f"duration{stat}"]["Values"][0] for stat in stats]
    assert durations == sorted(durations) and durations[-1] >= 200 > durations[1] > 0, durations
    assert results["all"]["Label"] == "Invocations"

    span = {"StartTime": now - datetime.timedelta(minutes=30), "EndTime": now}
    pages = client.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries[:3], **{**span, "EndTime": now + datetime.timedelta(minutes=10)},
        PaginationConfig={"PageSize": 1},
    )
    seen = [result["Id"] for page in pages for result in page["MetricDataResults"] if result["Values"]]
    assert seen == ["all", "errors", "plain"], seen
    math = {"Id": "e", "Expression": "errors / all"}
    refused = code_of(client.get_metric_data, MetricDataQueries=[math], **span)
    assert refused == ("ValidationError", 400), refused
    refused = code_of(client.get_metric_data, MetricDataQueries=queries, **span, NextToken="x")
    assert refused == ("InvalidNextToken", 400), refused


def alarms(client):
    names = [f"{NAME}-errors", f"{NAME}-slow"]
    common = dict(
        Namespace="AWS/Lambda", Period=60, EvaluationPeriods=5, DatapointsToAlarm=1,
        Dimensions=[{"Name": "FunctionName", "Value": NAME}],
    )
    errors = dict(
        AlarmName=names[0], MetricName="Errors", Statistic="Sum", Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold", AlarmDescription="fails <&> more",
        AlarmActions=["arn:aws:sns:us-east-1:123456789012:ops"], **common,
    )
    client.put_metric_alarm(**errors)
    client.put_metric_alarm(
        AlarmName=names[1], MetricName="Duration", ExtendedStatistic="p99", Threshold=60_000.5,
        ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching",
        ActionsEnabled=False, **common,
    )
    client.get_waiter("alarm_exists").wait(AlarmNames=names, WaiterConfig={"MaxAttempts": 1})
    answer = client.describe_alarms(AlarmNamePrefix=NAME)
    first, second = answer["MetricAlarms"]
    for name, value in errors.items():
        assert first[name] == value, (name, first[name])
    assert first["AlarmArn"].endswith(f":123456789012:alarm:{names[0]}"), first["AlarmArn"]
    assert first["ActionsEnabled"] is True and first["OKActions"] == []
    assert isinstance(first["StateUpdatedTimestamp"], datetime.datetime)
    assert (first["StateValue"], second["StateValue"]) == ("ALARM", "OK"), (first, second)
    assert (second["Threshold"], second["ActionsEnabled"]) == (60_000.5, False)

    client.set_alarm_state(AlarmName=names[1], StateValue="ALARM", StateReason="a rehearsal")
    ringing = client.describe_alarms(AlarmNames=names, StateValue="ALARM")["MetricAlarms"]
    assert [alarm["AlarmName"] for alarm in ringing] == names, ringing
    assert ringing[1]["StateReason"] == "a rehearsal"
    pages = client.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=NAME, PaginationConfig={"PageSize": 1}
    )
    assert [[alarm["AlarmName"] for alarm in page["MetricAlarms"]] for page in pages] == [
        [names[0]], [names[1]],
    ]
    missing = dict(AlarmName="none", StateValue="OK", StateReason="")
    assert code_of(client.set_alarm_state, **missing) == ("ResourceNotFound", 404)
    unfit = {**errors, "Period": 61}
    assert code_of(client.put_metric_alarm, **unfit) == ("ValidationError", 400)
    assert code_of(client.list_dashboards)[1] == 400
    client.delete_alarms(AlarmNames=names)
    assert client.describe_alarms(AlarmNamePrefix=NAME)["MetricAlarms"] == []


def logs(client):
    group = f"/aws/lambda/{NAME}"
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=group, filterPattern="call", PaginationConfig={"PageSize": 5}
    )
    events = [event for page in pages for event in page["events"]]
    messages = [event["message"] for event in events]
    assert messages == [f"call {number}\n" for number in range(24)], messages
    assert len({event["eventId"] for event in events}) == 24
    everything = client.filter_log_events(logGroupName=group, filterPattern="")["events"]
    text = "".join(event["message"] for event in everything)
    assert text.count("START RequestId: ") == 27 and text.count("REPORT RequestId: ") == 27, text

    middle = events[10]["timestamp"]
    later = client.filter_log_events(logGroupName=group, startTime=middle, filterPattern="call")
    assert later["events"][0]["timestamp"] >= middle
    assert later["events"][-1]["message"] == "call 23\n"
    earlier = client.filter_log_events(logGroupName=group, endTime=middle, filterPattern="call")
    assert {event["eventId"] for event in earlier["events"] + later["events"]} == {
        event["eventId"] for event in events
    }
    today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y/%m/%d/[")
    streams = client.describe_log_streams(
        logGroupName=group, orderBy="LastEventTime", descending=True
    )["logStreams"]
    assert len(streams) >= 3, streams
    assert all(stream["logStreamName"].startswith(today) for stream in streams), streams
    stream = events[0]["logStreamName"]
    lines = client.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
    assert lines["events"][0]["message"].startswith("START RequestId: ")
    rest = client.get_log_events(
        logGroupName=group, logStreamName=stream, nextToken=lines["nextForwardToken"]
    )
    assert rest["events"] == [] and rest["nextForwardToken"] == lines["nextForwardToken"]
    groups = client.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert [one["logGroupName"] for one in groups] == [group]

    missing = code_of(client.filter_log_events, logGroupName="/aws/lambda/none")
    assert missing == ("ResourceNotFoundException", 400), missing
    wrong = code_of(client.filter_log_events, logGroupName=group, filterPattern="a:b")
    assert wrong == ("InvalidParameterException", 400), wrong
    assert code_of(client.list_anomalies)[1] == 400


def main():
    assert boto3.client("sts").get_caller_identity()["Account"] == "123456789012"
    assert code_of(boto3.client("sts").get_session_token) == ("InvalidAction", 400)
    function = boto3.client("lambda", config=ONCE)
    prepare(function)
    ran, failed = use(function)
    logs(boto3.client("logs", config=ONCE))
    for protocol in ["smithy-rpc-v2-cbor", "json", "query"]:
        client = cloudwatch(protocol)
        assert client.meta.service_model.resolved_protocol == protocol
        metrics(client, ran, failed)
        alarms(client)
    function.delete_function(FunctionName=NAME)
    print("ok")


main()
