"""The same few flows against ministack and against ours: `ministack.py ENDPOINT FREE-PORT`.

What both answer must be equal, but for what each server names itself and for what ministack has
otherwise than AWS.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

from botocore.exceptions import ClientError
from common import ROLE, client, payload, quick, says

# Members whose values are each server's own.
OWN = ("RevisionId", "LastModified", "ResponseMetadata", "RuntimeVersionConfig", "Location")
# Where ministack is not as AWS is, by recorded answers: a new function has no state of an update; an
# update leaves the function Active; lists of versions have no states, and `$LATEST` in its ARN.
DIFFERENT = (
    r"create\.LastUpdateStatus.*",
    r"(update|configure)\.(State|LastUpdateStatus).*",
    r"versions\.Versions\.\d\.(State|LastUpdateStatus)",
    r"versions\.Versions\.0\.FunctionArn",
)
ACCOUNTS = ("123456789012", "000000000000")


class Ministack:
    """Runs it on a port of this machine, and ends it by its process's number."""

    def __init__(self, port, folder):
        self.endpoint = f"http://127.0.0.1:{port}"
        # It binds every interface unless it is told not to.
        ours = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": port, "TMPDIR": folder, "HOME": folder}
        command = [sys.executable, "-m", "ministack"]
        self.log = open(os.path.join(folder, "log"), "w+")
        self.process = subprocess.Popen(
            command, env=os.environ | ours, cwd=folder, stdout=self.log, stderr=self.log,
            start_new_session=True,
        )  # fmt: skip

    def __enter__(self):
        end = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(self.endpoint + "/_ministack/health", timeout=5).read()
                return self
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > end:
                    self.log.seek(0)
                    sys.exit(f"ministack does not start: {error}\n{self.log.read()}")
                time.sleep(0.1)

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def flows(lam):
    """Name and answer of each step; an error is its code."""
    steps = []

    def step(name, call, **arguments):
        try:
            answer = call(**arguments)
            if "StreamingBody" in str(type(answer.get("Payload"))):
                answer["Payload"] = payload(answer)
        except ClientError as error:
            answer = {
                "Error": error.response["Error"]["Code"],
                "Status": error.response["ResponseMetadata"]["HTTPStatusCode"],
            }
        steps.append((name, answer))
        return answer

    name = {"FunctionName": "orders"}
    step("create", lam.create_function, Role=ROLE, Runtime="provided.al2023", Handler="bootstrap",
         Code={"ZipFile": says("1")}, Timeout=9, MemorySize=256, Description="orders",
         Environment={"Variables": {"TABLE": "orders"}}, **name)  # fmt: skip
    quick(lam, "function_active_v2").wait(**name)
    step("created", lam.get_function_configuration, **name)
    step("create again", lam.create_function, Role=ROLE, Runtime="provided.al2023",
         Handler="bootstrap", Code={"ZipFile": says("1")}, **name)  # fmt: skip
    step("invoke", lam.invoke, Payload=b"{}", **name)
    step("nobody", lam.invoke, FunctionName="nobody")
    step("publish", lam.publish_version, **name)
    step("publish again", lam.publish_version, **name)
    step("alias", lam.create_alias, Name="live", FunctionVersion="1", **name)
    step("alias again", lam.create_alias, Name="live", FunctionVersion="1", **name)
    step("update", lam.update_function_code, ZipFile=says("2"), **name)
    quick(lam, "function_updated_v2").wait(**name)
    step("invoke latest", lam.invoke, Payload=b"{}", **name)
    step("invoke alias", lam.invoke, Qualifier="live", Payload=b"{}", **name)
    step("stale", lam.update_function_code, ZipFile=says("3"), RevisionId="stale", **name)
    step("configure", lam.update_function_configuration, Timeout=5, **name)
    quick(lam, "function_updated_v2").wait(**name)
    step("configured", lam.get_function_configuration, **name)
    step("second", lam.publish_version, **name)
    step("move", lam.update_alias, Name="live", FunctionVersion="2", **name)
    step("invoke moved", lam.invoke, Qualifier="live", Payload=b"{}", **name)
    step("alias of nobody", lam.get_alias, Name="none", **name)
    step("function of an error", lam.get_function, FunctionName="nobody")
    step("versions", lam.list_versions_by_function, **name)
    step("delete", lam.delete_function, **name)
    step("deleted", lam.get_function, **name)
    return steps


def main(ours, port):
    with tempfile.TemporaryDirectory() as folder, Ministack(port, folder) as ministack:
        theirs = flows(client(ministack.endpoint))
    wrong = []
    for (name, our), (_, their) in zip(flows(client(ours)), theirs):
        wrong += differences(name, our, their)
    for text in wrong:
        print("WRONG", text)
    sys.exit(bool(wrong))


def differences(where, our, their):
    if any(re.fullmatch(known, where) for known in DIFFERENT) or where.rsplit(".", 1)[-1] in OWN:
        return []
    # What has no value AWS leaves out, and ministack sends empty.
    if empty(our) and empty(their):
        return []
    if isinstance(our, dict) and isinstance(their, dict):
        names = sorted(our.keys() | their.keys())
        return [
            text
            for name in names
            for text in differences(f"{where}.{name}", our.get(name), their.get(name))
        ]
    if isinstance(our, list) and isinstance(their, list) and len(our) == len(their):
        return [
            text
            for n, (one, other) in enumerate(zip(our, their))
            for text in differences(f"{where}.{n}", one, other)
        ]
    if isinstance(their, str):
        their = their.replace(ACCOUNTS[1], ACCOUNTS[0])
    return [] if our == their else [f"{where}: we say {our!r}, ministack {their!r}"]


def empty(value):
    if isinstance(value, dict):
        return all(empty(item) for item in value.values())
    return value in (None, "", [])


if __name__ == "__main__":
    main(*sys.argv[1:])
