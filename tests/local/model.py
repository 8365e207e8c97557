"""Holds every answer and every error of a server against botocore's model of the service."""

import base64
import binascii
import json
import re
from datetime import datetime

# Answered by the gateway before the operation: no shapes of the model.
COMMON = {
    "ValidationException": 400,
    "AccessDeniedException": 403,
    "SerializationException": 400,
    "RequestEntityTooLargeException": 413,
    "UnknownOperationException": 404,
}
# Where the service itself does not keep to its model, by recorded answers: an update says that it is
# being created, and signing configurations that are missing have no type.
RECORDED = (
    (re.compile(r"\.LastUpdateStatusReasonCode: 'Creating' is none of"), None),
    (re.compile(r": InvalidParameterValueException (without `Type`|of type None)"), "PutFunctionConcurrency"),
    (re.compile(r": ResourceNotFoundException (without `Type`|of type None)"), "CodeSigningConfig"),
)
# Java's classes of characters, about.
CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": r"\s"}
BODY = None


class Model:
    """Listens to a client. `wrong` is what does not fit; `driven` counts answers by operation."""

    def __init__(self):
        self.wrong, self.driven, self.errors = [], {}, {}

    def listen(self, lam):
        lam.meta.events.register("before-parse.lambda.*", self.answer)

    def answer(self, operation_model, response_dict, **_):
        name, status = operation_model.name, response_dict["status_code"]
        if status >= 300:
            self.errors[name] = self.errors.get(name, 0) + 1
            self.error(operation_model, status, response_dict)
            return
        self.driven[name] = self.driven.get(name, 0) + 1
        expected = operation_model.http.get("responseCode", 200)
        shape = operation_model.output_shape
        members = shape.members if shape else {}
        given_by_answer = any(
            member.serialization.get("location") == "statusCode" for member in members.values()
        )
        if status != expected and not given_by_answer:
            self.say(name, f"status {status} instead of {expected}")
        if operation_model.has_event_stream_output or (shape and "payload" in shape.serialization):
            return
        body = response_dict["body"]
        if not members:
            if body not in (b"", b"{}"):
                self.say(name, f"a body where there is none: {body!r}")
            return
        value = self.parsed(name, body)
        elsewhere = ("header", "uri", "statusCode")
        inside = {
            member: sub
            for member, sub in members.items()
            if sub.serialization.get("location") not in elsewhere
        }
        if value is not BODY:
            self.structure(name, value, inside, set(shape.required_members) & set(inside))

    def parsed(self, name, body):
        if not body:
            return {}
        try:
            return json.loads(body)
        except ValueError as error:
            self.say(name, f"no JSON: {error} in {body[:200]!r}")
            return BODY

    def error(self, operation, status, answer):
        name = operation.name
        code = answer["headers"].get("x-amzn-errortype", "")
        value = self.parsed(name, answer["body"])
        if not code or not isinstance(value, dict):
            self.say(name, f"an error without a code: {status} {answer}")
            return
        if code in COMMON:
            if status != COMMON[code]:
                self.say(name, f"{code} has status {COMMON[code]}, not {status}")
            if not (value.get("message") or value.get("Message")):
                self.say(name, f"{code} without a message: {value}")
            return
        shapes = {shape.name: shape for shape in operation.error_shapes}
        shape = shapes.get(code)
        if shape is None:
            self.say(name, f"{code} is no error of this operation")
            shape = operation.service_model.shape_for_error_code(code)
        if shape is None:
            return
        if shape.metadata.get("error", {}).get("httpStatusCode") != status:
            self.say(name, f"{code} with status {status}: {shape.metadata}")
        inside = {
            member: sub
            for member, sub in shape.members.items()
            if sub.serialization.get("location") != "header"
        }
        self.structure(f"{name} {code}", value, inside, set())
        for member in inside:
            if member.lower() in ("message", "type") and not value.get(member):
                self.say(name, f"{code} without `{member}`: {value}")
        if "Type" in inside and value.get("Type") not in ("User", "Service"):
            self.say(name, f"{code} of type {value.get('Type')!r}")

    def say(self, where, what):
        text = f"{where}: {what}"
        if any(how.search(text) and (of or "") in where for how, of in RECORDED):
            return
        if text not in self.wrong:
            self.wrong.append(text)

    def structure(self, where, value, members, required):
        if not isinstance(value, dict):
            self.say(where, f"an object was expected: {value!r}")
            return
        by_wire = {sub.serialization.get("name", member): sub for member, sub in members.items()}
        for member in required:
            if members[member].serialization.get("name", member) not in value:
                self.say(where, f"`{member}` is missing in {value}")
        for member, item in value.items():
            shape = by_wire.get(member)
            if shape is None:
                self.say(where, f"`{member}` is not in the model: {item!r}")
            elif item is None:
                self.say(where, f"`{member}` is null")
            else:
                self.value(f"{where}.{member}", item, shape)

    def value(self, where, value, shape):
        kinds = {
            "structure": dict, "map": dict, "list": list, "string": str, "blob": str, "boolean": bool,
            "integer": int, "long": int, "double": (int, float), "float": (int, float),
            "timestamp": (int, float, str),
        }  # fmt: skip
        kind = shape.type_name
        wrong_kind = not isinstance(value, kinds[kind])
        if wrong_kind or (isinstance(value, bool) and kind != "boolean"):
            self.say(where, f"{kind} was expected: {value!r}")
            return
        limits = shape.metadata
        size = value if kind in ("integer", "long", "double", "float") else None
        if kind in ("string", "list", "map"):
            size = len(value)
        if size is not None and not limits.get("min", size) <= size <= limits.get("max", size):
            self.say(where, f"{size} is not in {limits.get('min')}..{limits.get('max')}: {value!r}")
        if kind == "string":
            self.text(where, value, shape)
        elif kind == "structure":
            self.structure(where, value, shape.members, set(shape.required_members))
        elif kind == "list":
            for item in value:
                self.value(f"{where}[]", item, shape.member)
        elif kind == "map":
            for key, item in value.items():
                self.value(f"{where} key", key, shape.key)
                self.value(f"{where}[{key}]", item, shape.value)
        elif kind == "blob":
            try:
                base64.b64decode(value, validate=True)
            except binascii.Error as error:
                self.say(where, f"{error}: {value!r}")
        elif kind == "timestamp" and isinstance(value, str):
            self.say(where, f"a number of seconds was expected: {value!r}")

    def text(self, where, value, shape):
        if shape.enum and value not in shape.enum:
            self.say(where, f"{value!r} is none of {shape.enum}")
        pattern = shape.metadata.get("pattern")
        for java, python in CLASSES.items():
            pattern = pattern and pattern.replace(java, python)
        if pattern and not re.fullmatch(pattern, value):
            self.say(where, f"{value!r} does not fit {pattern}")
        if where.endswith("LastModified"):
            try:
                # Provisioned concurrency has whole seconds (AWS API reference, its example).
                fraction = "" if "Provisioned" in where else ".%f"
                datetime.strptime(value, f"%Y-%m-%dT%H:%M:%S{fraction}%z")
            except ValueError as error:
                self.say(where, str(error))
