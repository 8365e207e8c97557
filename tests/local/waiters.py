"""boto3's waiters against a server whose changes take a while: `waiters.py ENDPOINT`."""

import sys

from common import ROLE, client, equal, quick, refused, says


def main(lam):
    made = lam.create_function(
        FunctionName="slow", Role=ROLE, Runtime="provided.al2023", Handler="bootstrap",
        Code={"ZipFile": says("one")},
    )  # fmt: skip
    equal((made["State"], made.get("LastUpdateStatus")), ("Pending", None), "a new function")
    busy = "ResourceConflictException"
    refused(busy, lam.invoke, 409, "state: Pending", FunctionName="slow")
    refused(busy, lam.publish_version, 409, FunctionName="slow")
    lam.get_waiter("function_exists").wait(FunctionName="slow")
    quick(lam, "function_active_v2").wait(FunctionName="slow")
    before = lam.get_function_configuration(FunctionName="slow")
    equal((before["State"], before["LastUpdateStatus"]), ("Active", "Successful"), "then")
    assert before["RevisionId"] != made["RevisionId"], "the end of it is a revision"

    changed = lam.update_function_code(FunctionName="slow", ZipFile=says("two"))
    equal(changed["LastUpdateStatus"], "InProgress", "an update")
    equal(lam.invoke(FunctionName="slow")["Payload"].read(), b'"one"', "what was before serves on")
    progress = "An update is in progress for resource: "
    refused(busy, lam.update_function_code, 409, progress, FunctionName="slow", ZipFile=says("3"))
    refused(busy, lam.update_function_configuration, 409, progress, FunctionName="slow", Timeout=9)
    refused(busy, lam.publish_version, 409, progress, FunctionName="slow")
    quick(lam, "function_updated_v2").wait(FunctionName="slow")
    equal(lam.invoke(FunctionName="slow")["Payload"].read(), b'"two"', "then the new one")
    after = lam.get_function_configuration(FunctionName="slow")
    assert after["RevisionId"] != changed["RevisionId"], "the end of it is a revision"

    one = lam.publish_version(FunctionName="slow")
    equal(one["Version"], "1", "published")
    quick(lam, "published_version_active").wait(FunctionName="slow", Qualifier="1")
    equal(lam.invoke(FunctionName="slow", Qualifier="1")["Payload"].read(), b'"two"', "version 1")
    quick(lam, "function_active").wait(FunctionName="slow")
    quick(lam, "function_updated").wait(FunctionName="slow")


if __name__ == "__main__":
    main(client(sys.argv[1]))
