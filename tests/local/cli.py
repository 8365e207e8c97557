"""The main flows through the AWS command line: `cli.py ENDPOINT`."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from common import ROLE, equal, says

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_PAGER": "",
}
# The first version's exit code; the second has 254.
REFUSED = 255


def main(endpoint, folder):
    # Nothing but the variables that `local` prints makes the command line use it.
    environment = os.environ | ENVIRONMENT
    for service in ("LAMBDA", "STS", "CLOUDWATCH", "CLOUDWATCH_LOGS"):
        environment[f"AWS_ENDPOINT_URL_{service}"] = endpoint

    def aws(*words, code=0):
        command = [sys.executable, "-m", "awscli", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder)
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout or "null") if code == 0 else done.stderr

    for number in ("1", "2"):
        Path(folder, f"{number}.zip").write_bytes(says(number))
    made = aws(
        "lambda", "create-function", "--function-name", "orders", "--role", ROLE,
        "--runtime", "provided.al2023", "--handler", "bootstrap", "--zip-file", "fileb://1.zip",
        "--environment", "Variables={TABLE=orders}", "--publish",
    )  # fmt: skip
    equal(made["Version"], "1", "created and published")
    aws("lambda", "wait", "function-active-v2", "--function-name", "orders")
    aws("lambda", "create-alias", "--function-name", "orders", "--name", "live", "--function-version", "1")

    def invoke(name, payload='{"a": 1}'):
        got = aws("lambda", "invoke", "--function-name", name, "--payload", payload, "out.json")
        return got["ExecutedVersion"], Path(folder, "out.json").read_text()

    equal(invoke("orders:live"), ("1", '"1"'), "the first")
    aws(
        "lambda", "update-function-code", "--function-name", "orders", "--zip-file", "fileb://2.zip",
    )  # fmt: skip
    aws("lambda", "wait", "function-updated-v2", "--function-name", "orders")
    equal(aws("lambda", "publish-version", "--function-name", "orders")["Version"], "2", "published")
    weights = "AdditionalVersionWeights={2=0.5}"
    aws(
        "lambda", "update-alias", "--function-name", "orders", "--name", "live",
        "--routing-config", weights,
    )  # fmt: skip
    answers = {invoke("orders:live") for _ in range(2)}
    assert answers <= {("1", '"1"'), ("2", '"2"')}, answers
    moved = aws(
        "lambda", "update-alias", "--function-name", "orders", "--name", "live",
        "--function-version", "2", "--routing-config", "AdditionalVersionWeights={}",
    )  # fmt: skip
    equal((moved["FunctionVersion"], "RoutingConfig" in moved), ("2", False), "moved")
    equal(invoke("orders:live"), ("2", '"2"'), "the second")
    listed = aws("lambda", "list-versions-by-function", "--function-name", "orders", "--page-size", "1")
    equal([one["Version"] for one in listed["Versions"]], ["$LATEST", "1", "2"], "versions")
    said = aws("lambda", "get-function", "--function-name", "nobody", code=REFUSED)
    assert "(ResourceNotFoundException)" in said, said
    said = aws(
        "lambda", "delete-function", "--function-name", "orders", "--qualifier", "2", code=REFUSED
    )
    assert "(ResourceConflictException)" in said, said
    equal(aws("sts", "get-caller-identity")["Account"], "123456789012", "who is calling")
    aws("lambda", "delete-function", "--function-name", "orders")
    equal(aws("lambda", "list-functions")["Functions"], [], "nothing is left")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(sys.argv[1], folder)
