"""What the scripts of this folder share: clients, zips, and a way to say what is wrong."""

import io
import json
import re
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/service-role/orders"

ECHO = """#!/usr/bin/python3 -ES
import http.client, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
root = "/2018-06-01/runtime/invocation/"
while True:
    api.request("GET", root + "next")
    answer = api.getresponse()
    body = answer.read()
    print("got " + body.decode(), flush=True)
    place = root + answer.headers["Lambda-Runtime-Aws-Request-Id"]
    what = "/error" if b'"fail"' in body else "/response"
    if what == "/error":
        body = b'{"errorType": "Mine", "errorMessage": "as asked"}'
    else:
        body = body  # SAYS
    api.request("POST", place + what, body)
    api.getresponse().read()
"""


def client(endpoint, service="lambda", **settings):
    """A client with no retries, so that every answer is seen."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"max_attempts": 0}, read_timeout=120, **settings),
    )


def zipped(text=ECHO, mode=0o755):
    """A zip whose `bootstrap` is this script; equal texts give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("bootstrap", (2026, 1, 1, 0, 0, 0))
        info.external_attr = (0o100000 | mode) << 16
        info.create_system = 3
        archive.writestr(info, text)
    return buffer.getvalue()


def says(word):
    """A handler that answers this word, whatever it is asked."""
    return zipped(ECHO.replace("body  # SAYS", f"b'\"{word}\"'"))


def create(lam, name, zip_file=None, **more):
    """Creates a function and waits for it."""
    made = lam.create_function(
        **{
            "FunctionName": name,
            "Role": ROLE,
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Code": {"ZipFile": zip_file or zipped()},
            **more,
        }
    )
    quick(lam, "function_active_v2").wait(FunctionName=name)
    return made


def quick(lam, waiter):
    """A waiter that looks more often than every second."""
    waiter = lam.get_waiter(waiter)
    waiter.config.delay = 0.02
    return waiter


def payload(answer):
    return json.loads(answer["Payload"].read() or b"null")


def refused(code, call, status=None, text=None, **arguments):
    """The call must be refused with this code; gives the error's members."""
    try:
        answer = call(**arguments)
    except ClientError as error:
        got = error.response["Error"]
        assert got["Code"] == code, f"{code} was expected: {error.response}"
        said = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert status in (None, said), f"{status} was expected: {error.response}"
        assert text is None or re.search(text, got["Message"]), f"{text!r}: {error.response}"
        return error.response
    raise AssertionError(f"{code} was expected: {answer}")


def equal(got, expected, what=""):
    assert got == expected, f"{what}: {got!r} is not {expected!r}"
