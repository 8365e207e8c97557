use serde_json::{Value, json};

use super::super::testing::*;

const PUT: &str = "PutFunctionEventInvokeConfig";
const UPDATE: &str = "UpdateFunctionEventInvokeConfig";
const GET: &str = "GetFunctionEventInvokeConfig";
const DELETE: &str = "DeleteFunctionEventInvokeConfig";
const LIST: &str = "ListFunctionEventInvokeConfigs";

/// The request with these members.
fn request(members: Value) -> Value {
    with(json!({ "FunctionName": "fn" }), members)
}

/// The answer with these members.
fn shown(qualifier: &str, members: Value) -> Value {
    let answer = json!({
        "DestinationConfig": { "OnFailure": {}, "OnSuccess": {} },
        "FunctionArn": format!("{ARN}:function:fn:{qualifier}"),
        "LastModified": 1_795_196_322.25,
    });
    with(answer, members)
}

fn none(bench: &mut Bench, operation: &str, members: Value, arn: &str) {
    let error = bench.refused(operation, request(members));
    let text = format!("The function {ARN}:function:{arn} doesn't have an EventInvokeConfig");
    assert_not_found(&error, &text);
}

#[test]
fn an_event_invoke_configuration_from_putting_to_deleting() {
    let mut bench = Bench::with_function();
    let retries = json!({ "MaximumRetryAttempts": 0 });
    assert_eq!(bench.ok(PUT, request(retries.clone())), shown("$LATEST", retries));
    let age = json!({ "MaximumEventAgeInSeconds": 60 });
    assert_eq!(bench.ok(PUT, request(age.clone())), shown("$LATEST", age.clone()));
    assert_eq!(bench.ok(UPDATE, request(age.clone())), shown("$LATEST", age));
    let both = json!({ "MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 1 });
    let both = shown("$LATEST", both);
    assert_eq!(bench.ok(UPDATE, request(json!({ "MaximumRetryAttempts": 1 }))), both);
    assert_eq!(bench.ok(GET, request(json!({}))), both);
    assert_eq!(bench.ok(GET, request(json!({ "Qualifier": "$LATEST" }))), both);
    assert_eq!(bench.ok(LIST, request(json!({}))), json!({ "FunctionEventInvokeConfigs": [both] }));

    none(&mut bench, GET, json!({ "Qualifier": "1" }), "fn:1");
    let of_version = json!({ "Qualifier": "1", "MaximumEventAgeInSeconds": 120 });
    let version = shown("1", json!({ "MaximumEventAgeInSeconds": 120 }));
    assert_eq!(bench.ok(PUT, request(of_version)), version);
    assert_eq!(bench.ok(GET, request(json!({ "Qualifier": "1" }))), version);

    let first = bench.ok(LIST, request(json!({ "MaxItems": 1 })));
    assert_eq!(first["FunctionEventInvokeConfigs"], json!([both]));
    let next = json!({ "MaxItems": 1, "Marker": first["NextMarker"] });
    let second = bench.ok(LIST, request(next));
    assert_eq!(second, json!({ "FunctionEventInvokeConfigs": [version] }));

    assert_eq!(bench.ok(DELETE, request(json!({}))), json!({}));
    assert_eq!(
        bench.ok(LIST, request(json!({}))),
        json!({ "FunctionEventInvokeConfigs": [version] })
    );
}

#[test]
fn put_overwrites_and_update_adds() {
    let mut bench = Bench::with_function();
    let both = json!({ "MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 21_600 });
    assert_eq!(bench.ok(PUT, request(both.clone())), shown("$LATEST", both.clone()));
    let retries = json!({ "MaximumRetryAttempts": 0 });
    assert_eq!(bench.ok(PUT, request(retries.clone())), shown("$LATEST", retries.clone()));
    bench.ok(PUT, request(both));
    let expected = json!({ "MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 21_600 });
    assert_eq!(bench.ok(UPDATE, request(retries)), shown("$LATEST", expected));
}

#[test]
fn event_invoke_configurations_by_every_form_of_name() {
    let mut bench = Bench::with_function();
    let arn = format!("{ARN}:function:fn:live");
    for (name, qualifier, hangs_on) in [
        ("fn", None, "$LATEST"),
        ("fn", Some("$LATEST"), "$LATEST"),
        ("fn:$LATEST", Some("$LATEST"), "$LATEST"),
        ("fn", Some("1"), "1"),
        ("fn:1", None, "1"),
        ("fn", Some("live"), "live"),
        (arn.as_str(), None, "live"),
        (arn.as_str(), Some("live"), "live"),
        ("fn:live", None, "live"),
        ("fn:live", Some("live"), "live"),
    ] {
        let mut request = json!({ "FunctionName": name, "MaximumRetryAttempts": 1 });
        if let Some(qualifier) = qualifier {
            request["Qualifier"] = qualifier.into();
        }
        let expected = shown(hangs_on, json!({ "MaximumRetryAttempts": 1 }));
        assert_eq!(bench.ok(PUT, request), expected, "{name} {qualifier:?}");
    }
    let text =
        "The derived qualifier from the function name does not match the specified qualifier.";
    for (name, qualifier) in
        [(arn.as_str(), "other"), ("fn:live", "other"), ("fn:1", "$LATEST"), ("fn:$LATEST", "1")]
    {
        let request =
            json!({ "FunctionName": name, "Qualifier": qualifier, "MaximumRetryAttempts": 1 });
        assert_invalid(&bench.refused(PUT, request), text);
    }
    let all = bench.ok(LIST, request(json!({})));
    assert_eq!(all["FunctionEventInvokeConfigs"].as_array().unwrap().len(), 3);
    let some = bench.ok(LIST, request(json!({ "MaxItems": 2 })));
    assert_eq!(some["FunctionEventInvokeConfigs"].as_array().unwrap().len(), 2);
    assert!(some["NextMarker"].is_string());
    for qualifier in ["$LATEST", "1", "live"] {
        bench.ok(DELETE, request(json!({ "Qualifier": qualifier })));
    }
    let none = json!({ "FunctionEventInvokeConfigs": [] });
    assert_eq!(bench.ok(LIST, request(json!({}))), none);
}

#[test]
fn an_event_invoke_configuration_of_a_function_that_is_not_there() {
    let mut bench = Bench::with_function();
    let arn = format!("{ARN}:function:nosuch");
    for name in ["nosuch", arn.as_str()] {
        let request = json!({ "FunctionName": name, "MaximumRetryAttempts": 1 });
        for operation in [PUT, UPDATE, LIST] {
            let error = bench.refused(operation, request.clone());
            assert_not_found(&error, "The function doesn't exist.");
        }
    }
    let alias = request(json!({ "Qualifier": "nosuch", "MaximumRetryAttempts": 1 }));
    assert_not_found(&bench.refused(PUT, alias), "The function doesn't exist.");
}

#[test]
fn an_event_invoke_configuration_that_is_not_there() {
    let mut bench = Bench::with_function();
    let retries = json!({ "MaximumRetryAttempts": 0 });
    none(&mut bench, GET, json!({}), "fn:$LATEST");
    none(&mut bench, DELETE, json!({}), "fn:$LATEST");
    none(&mut bench, UPDATE, retries, "fn:$LATEST");
    none(&mut bench, GET, json!({ "Qualifier": "nosuch" }), "fn:nosuch");
    none(&mut bench, GET, json!({ "Qualifier": "1221" }), "fn:1221");
    none(&mut bench, GET, json!({ "FunctionName": "nosuch" }), "nosuch:$LATEST");
    none(&mut bench, DELETE, json!({ "FunctionName": "nosuch" }), "nosuch:$LATEST");
    let alias = json!({ "FunctionName": format!("{ARN}:function:fn:live") });
    none(&mut bench, GET, alias.clone(), "fn:live");
    let mut update = alias;
    update["MaximumRetryAttempts"] = 0.into();
    none(&mut bench, UPDATE, update, "fn:live");
}

#[test]
fn a_request_that_sets_nothing() {
    // Even for a function that is not there.
    assert_invalid(
        &Bench::new().refused(PUT, json!({ "FunctionName": "nosuch" })),
        "You must specify at least one of error handling or destination setting.",
    );
}

fn destination(member: &str, arn: &str) -> Value {
    request(json!({ "DestinationConfig": { member: { "Destination": arn } } }))
}

#[test]
fn another_function_as_destination() {
    let mut bench = Bench::with_function();
    bench.add_function("other");
    let arn = format!("{ARN}:function:other");
    let expected = json!({
        "DestinationConfig": { "OnFailure": {}, "OnSuccess": { "Destination": arn } },
    });
    let answer = bench.ok(PUT, destination("OnSuccess", &arn));
    assert_eq!(answer, shown("$LATEST", expected));
    let settings = bench.account.event_invoke("fn", None).unwrap();
    assert_eq!(settings.on_success.as_deref(), Some(arn.as_str()));
    assert!(bench.account.event_invoke("fn", Some("live")).is_none());
}

#[test]
fn a_queue_as_destination_of_what_failed() {
    let mut bench = Bench::with_function();
    let queue = "arn:aws:sqs:us-east-1:111111111111:queue";
    let answer = bench.ok(PUT, destination("OnFailure", queue));
    let expected = json!({ "OnFailure": { "Destination": queue }, "OnSuccess": {} });
    assert_eq!(answer["DestinationConfig"], expected);
}

#[test]
fn destinations_may_be_empty() {
    let mut bench = Bench::with_function();
    for member in ["OnSuccess", "OnFailure"] {
        let empty = json!({ "DestinationConfig": { member: {} } });
        assert_eq!(bench.ok(PUT, request(empty)), shown("$LATEST", json!({})));
        assert_eq!(bench.ok(PUT, destination(member, "")), shown("$LATEST", json!({})));
    }
}

#[test]
fn a_function_that_is_not_there_as_destination() {
    let arn = format!("{ARN}:function:nosuch");
    assert_invalid(
        &Bench::with_function().refused(PUT, destination("OnSuccess", &arn)),
        &format!("The destination ARN {arn} is invalid."),
    );
}

#[test]
fn a_function_as_destination_of_itself() {
    assert_invalid(
        &Bench::with_function()
            .refused(PUT, destination("OnSuccess", &format!("{ARN}:function:fn"))),
        "You can't specify the function as a destination for itself.",
    );
}

#[test]
fn a_service_that_is_no_destination() {
    let mut bench = Bench::with_function();
    let arn = "arn:aws:iam:us-east-1:111111111111:function:fn";
    assert_invalid(
        &bench.refused(PUT, destination("OnSuccess", arn)),
        &format!(
            "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination={arn}), \
             onFailure=null) is invalid."
        ),
    );
    // S3 takes what failed only ("Capturing records of Lambda asynchronous invocations").
    bench.ok(PUT, destination("OnFailure", "arn:aws:s3:::bucket"));
    bench.refused(PUT, destination("OnSuccess", "arn:aws:s3:::bucket"));
}

#[test]
fn a_destination_that_is_no_arn() {
    let arn = "arn:aws:_-/!lambda:us-east-1:111111111111:function:fn";
    let body = json!({ "DestinationConfig": { "OnFailure": { "Destination": arn } } });
    assert_eq!(
        model_refuses("PUT", "/2019-09-25/functions/fn/event-invoke-config", "", body),
        format!(
            "1 validation error detected: Value '{arn}' at \
             'destinationConfig.onFailure.destination' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: $|kafka://([^.]([a-zA-Z0-9\\-_.]{{0,248}}))|\
             arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:((eusc-)?[a-z]{{2}}((-gov)|(-iso([a-z]?)))?-\
             [a-z]+-\\d{{1}})?:(\\d{{12}})?:(.*)"
        )
    );
}
