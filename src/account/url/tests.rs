use serde_json::{Value, json};

use super::super::testing::*;

const URL: &str = "/2021-10-31/functions/fn/url";

fn named(name: &str) -> Value {
    json!({ "FunctionName": name })
}

fn qualified(qualifier: &str) -> Value {
    json!({ "FunctionName": "fn", "Qualifier": qualifier })
}

/// The request with what create or update need besides.
fn with_auth(mut request: Value, auth: &str) -> Value {
    request["AuthType"] = auth.into();
    request
}

#[test]
fn a_url_from_creating_to_deleting() {
    let mut bench = Bench::with_function();
    let created = bench.ok("CreateFunctionUrlConfig", with_auth(named("fn"), "NONE"));
    let url = created["FunctionUrl"].as_str().unwrap();
    let id = url
        .strip_prefix("https://")
        .and_then(|url| url.strip_suffix(".lambda-url.us-east-1.on.aws/"))
        .unwrap_or_else(|| panic!("{url}"))
        .to_owned();
    assert_eq!(id.len(), 32);
    assert!(id.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()), "{id}");
    let mut expected = json!({
        "AuthType": "NONE",
        "CreationTime": "2026-11-20T17:38:42.250000Z",
        "FunctionArn": format!("{ARN}:function:fn"),
        "FunctionUrl": url,
    });
    assert_eq!(created, expected);
    let (function, qualifier, _) = bench.account.url(&id).unwrap();
    assert_eq!((function.name.as_str(), qualifier), ("fn", "$LATEST"));

    expected["LastModifiedTime"] = "2026-11-20T17:38:42.250000Z".into();
    expected["InvokeMode"] = "BUFFERED".into();
    assert_eq!(bench.ok("GetFunctionUrlConfig", named("fn")), expected);

    bench.now += 1000;
    let updated = bench.ok("UpdateFunctionUrlConfig", with_auth(named("fn"), "AWS_IAM"));
    expected["AuthType"] = "AWS_IAM".into();
    expected["LastModifiedTime"] = "2026-11-20T17:38:43.250000Z".into();
    expected.as_object_mut().unwrap().remove("InvokeMode");
    assert_eq!(updated, expected);

    assert_eq!(bench.ok("DeleteFunctionUrlConfig", named("fn")), json!({}));
    let error = bench.refused("GetFunctionUrlConfig", named("fn"));
    assert_not_found(&error, "The resource you requested does not exist.");
    assert!(bench.account.url(&id).is_none());
}

#[test]
fn a_url_that_exists_is_not_made_again() {
    let mut bench = Bench::with_function();
    for (request, named) in [(named("fn"), "fn"), (qualified("live"), "fn:live")] {
        let request = with_auth(request, "NONE");
        bench.ok("CreateFunctionUrlConfig", request.clone());
        assert_conflict(
            &bench.refused("CreateFunctionUrlConfig", request),
            &format!(
                "Failed to create function url config for [functionArn = {ARN}:function:{named}]. \
                 Error message:  FunctionUrlConfig exists for this Lambda function"
            ),
        );
    }
}

#[test]
fn the_invoke_mode_is_shown_once_it_was_set() {
    let mut bench = Bench::with_function();
    let mut request = with_auth(named("fn"), "NONE");
    request["InvokeMode"] = "BUFFERED".into();
    assert_eq!(bench.ok("CreateFunctionUrlConfig", request)["InvokeMode"], "BUFFERED");
    let request = json!({ "FunctionName": "fn", "InvokeMode": "RESPONSE_STREAM" });
    let updated = bench.ok("UpdateFunctionUrlConfig", request);
    assert_eq!(updated["InvokeMode"], "RESPONSE_STREAM");
    // It does not go away when it is not sent.
    let updated = bench.ok("UpdateFunctionUrlConfig", named("fn"));
    assert_eq!(updated["InvokeMode"], "RESPONSE_STREAM");
    let read = bench.ok("GetFunctionUrlConfig", named("fn"));
    assert_eq!(
        (&read["InvokeMode"], &read["AuthType"]),
        (&json!("RESPONSE_STREAM"), &json!("NONE"))
    );
}

#[test]
fn an_empty_cors_takes_away_what_was_set() {
    let mut bench = Bench::with_function();
    let cors = json!({ "AllowOrigins": ["https://example.com"], "MaxAge": 60 });
    let mut request = with_auth(named("fn"), "NONE");
    request["Cors"] = cors.clone();
    assert_eq!(bench.ok("CreateFunctionUrlConfig", request)["Cors"], cors);
    let updated = bench.ok("UpdateFunctionUrlConfig", with_auth(named("fn"), "AWS_IAM"));
    assert_eq!(updated["Cors"], cors);
    let updated = bench.ok("UpdateFunctionUrlConfig", json!({ "FunctionName": "fn", "Cors": {} }));
    assert!(updated.get("Cors").is_none());
}

#[test]
fn urls_of_a_function_and_its_alias_are_apart() {
    let mut bench = Bench::with_function();
    assert_eq!(
        bench.ok("ListFunctionUrlConfigs", named("fn")),
        json!({ "FunctionUrlConfigs": [] })
    );
    bench.ok("CreateFunctionUrlConfig", with_auth(named("fn"), "NONE"));
    let of_alias = json!({ "FunctionName": "fn:live", "Qualifier": "live", "AuthType": "NONE" });
    let of_alias = bench.ok("CreateFunctionUrlConfig", of_alias);
    assert_eq!(of_alias["FunctionArn"], format!("{ARN}:function:fn:live"));
    let all = bench.ok("ListFunctionUrlConfigs", named("fn"));
    assert_eq!(all["FunctionUrlConfigs"].as_array().unwrap().len(), 2);
    assert!(all.get("NextMarker").is_none());
    let first = bench.ok("ListFunctionUrlConfigs", json!({ "FunctionName": "fn", "MaxItems": 1 }));
    assert_eq!(first["FunctionUrlConfigs"][0], all["FunctionUrlConfigs"][0]);
    let next = json!({ "FunctionName": "fn", "MaxItems": 1, "Marker": first["NextMarker"] });
    let second = bench.ok("ListFunctionUrlConfigs", next);
    assert_eq!(second["FunctionUrlConfigs"][0], all["FunctionUrlConfigs"][1]);

    bench.ok("DeleteFunctionUrlConfig", named("fn"));
    let error = bench.refused("GetFunctionUrlConfig", named("fn"));
    assert_not_found(&error, "The resource you requested does not exist.");
    let read = bench.ok("GetFunctionUrlConfig", qualified("live"));
    assert_eq!(read["FunctionUrl"], of_alias["FunctionUrl"]);
}

#[test]
fn the_url_of_an_alias_goes_with_the_alias() {
    let mut bench = Bench::with_function();
    bench.ok("CreateFunctionUrlConfig", with_auth(qualified("live"), "NONE"));
    bench.ok("DeleteAlias", json!({ "FunctionName": "fn", "Name": "live" }));
    let error = bench.refused("GetFunctionUrlConfig", qualified("live"));
    assert_not_found(&error, "The resource you requested does not exist.");
    bench.alias("fn", "live", "1");
    bench.refused("GetFunctionUrlConfig", qualified("live"));
}

#[test]
fn a_url_of_a_function_that_is_not_there() {
    let mut bench = Bench::with_function();
    let arn = format!("{ARN}:function:nosuch");
    for request in [named("nosuch"), named(&arn), qualified("nosuch")] {
        let request = with_auth(request, "NONE");
        for (operation, text) in [
            ("CreateFunctionUrlConfig", "Function does not exist"),
            ("UpdateFunctionUrlConfig", "Function does not exist"),
            ("GetFunctionUrlConfig", "The resource you requested does not exist."),
            ("DeleteFunctionUrlConfig", "The resource you requested does not exist."),
        ] {
            assert_not_found(&bench.refused(operation, request.clone()), text);
        }
    }
    let error = bench.refused("ListFunctionUrlConfigs", named("nosuch"));
    assert_not_found(&error, "Function does not exist");
}

#[test]
fn a_url_configuration_that_is_not_there() {
    let mut bench = Bench::with_function();
    for operation in ["GetFunctionUrlConfig", "UpdateFunctionUrlConfig", "DeleteFunctionUrlConfig"]
    {
        let error = bench.refused(operation, with_auth(named("fn"), "NONE"));
        assert_not_found(&error, "The resource you requested does not exist.");
    }
}

#[test]
fn a_url_qualifier_that_is_not_that_of_the_name() {
    let mut bench = Bench::with_function();
    let request = json!({ "FunctionName": "fn:other", "Qualifier": "live", "AuthType": "NONE" });
    for operation in ["CreateFunctionUrlConfig", "GetFunctionUrlConfig", "UpdateFunctionUrlConfig"]
    {
        assert_invalid(
            &bench.refused(operation, request.clone()),
            "The derived qualifier from the function name does not match the specified qualifier.",
        );
    }
}

#[test]
fn a_url_takes_neither_a_version_nor_latest() {
    for method in ["POST", "GET", "PUT", "DELETE"] {
        for qualifier in ["1", "2", "$LATEST"] {
            let query = format!("Qualifier={qualifier}");
            assert_eq!(
                model_refuses(method, URL, &query, json!({ "AuthType": "NONE" })),
                format!(
                    "1 validation error detected: Value '{qualifier}' at 'qualifier' failed to \
                     satisfy constraint: Member must satisfy regular expression pattern: \
                     ((?!^\\d+$)^[0-9a-zA-Z-_]+$)"
                )
            );
        }
    }
}

#[test]
fn an_invoke_mode_that_does_not_exist() {
    let body = json!({ "AuthType": "NONE", "InvokeMode": "UNKNOWN" });
    let text = model_refuses("POST", URL, "", body);
    let expected = "1 validation error detected: Value 'UNKNOWN' at 'invokeMode' failed to satisfy \
                    constraint: Member must satisfy enum value set: ";
    assert!(text.starts_with(expected), "{text}");
}
