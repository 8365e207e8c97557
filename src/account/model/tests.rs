use std::time::Instant;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The name of the operation and the members of the path.
fn routed(method: &str, path: &str, query: &str) -> Option<(&'static str, Vec<(String, String)>)> {
    let (operation, members) = route(method, path, &pairs(query))?;
    Some((&operation.name, members))
}

fn asked(
    method: &str,
    path: &str,
    query: &str,
    body: Value,
) -> Result<crate::account::Input, crate::account::ApiError> {
    let query = pairs(query);
    let (operation, members) = route(method, path, &query).unwrap();
    input(operation, &members, &query, &|_| None, Some(body))
}

/// The text of a `ValidationException`.
fn refused(method: &str, path: &str, query: &str, body: Value) -> String {
    let error = asked(method, path, query, body).unwrap_err();
    assert_eq!((error.code, error.status), ("ValidationException", 400), "{}", error.message);
    assert_eq!(Value::from(error.body()), json!({ "message": error.message }));
    error.message
}

fn one(why: &str) -> String {
    format!("1 validation error detected: {why}")
}

const FUNCTIONS: &str = "/2015-03-31/functions";
const ROLE: &str = "arn:aws:iam::111111111111:role/r1";
/// What a function may be called by (recorded answers).
const CREATED: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?";
const NAMED: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";
const QUALIFIER: &str = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+";

#[test]
fn the_file_is_read_and_hangs_together() {
    let text = include_str!("lambda.json");
    let model = Model::parse(text).unwrap();
    assert_eq!(model.operations.len(), 68);
    let file: Value = serde_json::from_str(text).unwrap();
    let shapes = file["shapes"].as_object().unwrap();
    for shape in &model.shapes {
        for member in &shape.members {
            assert!(shapes.contains_key(&member.shape), "{}", member.shape);
        }
        for part in [&shape.item, &shape.key, &shape.value].into_iter().flatten() {
            assert!(shapes.contains_key(part), "{part}");
        }
    }
    for (name, operation) in file["operations"].as_object().unwrap() {
        for error in operation["errors"].as_array().unwrap() {
            assert!(model.errors.contains_key(error.as_str().unwrap()), "{name}: {error}");
        }
    }
}

#[test]
fn every_pattern_can_be_judged() {
    for shape in &MODEL.shapes {
        assert!(shape.pattern.as_ref().is_none_or(Pattern::is_sound), "{:?}", shape.pattern);
    }
}

#[test]
fn every_operation_is_found_by_its_own_request() {
    for operation in &MODEL.operations {
        let part = |segment: &Segment| match segment {
            Segment::Fixed(text) => text.clone(),
            Segment::Member(name) => format!("a-{name}"),
        };
        let path: Vec<_> = operation.path.iter().map(part).collect();
        for end in ["", "/"] {
            let path = format!("/{}{end}", path.join("/"));
            let (found, _) = route(&operation.method, &path, &operation.query).unwrap();
            assert_eq!(found.name, operation.name, "{path}");
        }
    }
}

#[test]
fn members_of_the_path_are_percent_decoded() {
    let function = |name: &str| vec![("FunctionName".to_owned(), name.to_owned())];
    let arn = "arn%3Aaws%3Alambda%3Aus-east-1%3A111111111111%3Afunction%3Afn%3A%24LATEST";
    assert_eq!(
        routed("GET", &format!("{FUNCTIONS}/{arn}"), ""),
        Some((
            "GetFunction",
            function("arn:aws:lambda:us-east-1:111111111111:function:fn:$LATEST")
        ))
    );
    assert_eq!(
        routed("GET", &format!("{FUNCTIONS}/fn:1/"), ""),
        Some(("GetFunction", function("fn:1")))
    );
    for broken in ["%", "%4", "%4x", "%+1", "a%é"] {
        assert_eq!(percent::decoded(broken), broken);
    }
    assert_eq!(percent::decoded("%41%c3%a9%ff"), "Aé\u{fffd}");
}

#[test]
fn what_the_query_decides() {
    let layers = "/2018-10-31/layers";
    assert_eq!(routed("GET", layers, "").unwrap().0, "ListLayers");
    assert_eq!(routed("GET", layers, "find=LayerVersion&Arn=x").unwrap().0, "GetLayerVersionByArn");
    let provisioned = "/2019-09-30/functions/fn/provisioned-concurrency";
    assert_eq!(
        routed("GET", provisioned, "Qualifier=1").unwrap().0,
        "GetProvisionedConcurrencyConfig"
    );
    assert_eq!(
        routed("GET", provisioned, "List=ALL").unwrap().0,
        "ListProvisionedConcurrencyConfigs"
    );
}

#[test]
fn unknown_paths_and_methods_are_no_operation() {
    for (method, path) in [
        ("GET", "/"),
        ("GET", ""),
        ("PATCH", "/2015-03-31/functions/fn"),
        ("GET", "/2015-03-31/function/fn"),
        ("GET", "/2015-03-31/functions/fn/nothing"),
        ("POST", "/2015-03-31/functions/fn/invocations/more"),
    ] {
        assert_eq!(routed(method, path, ""), None, "{method} {path}");
    }
}

#[test]
fn a_name_is_refused_with_the_pattern_of_its_operation() {
    let path = |name: &str| format!("{FUNCTIONS}/{name}");
    for name in [
        "*",
        "my-function!",
        "invalid-account:function:my-function",
        "arn:aws:lambda:invalid-region:111111111111:function:my-function",
        "arn:aws:ec2:us-east-1:111111111111:instance:i-1234567890abcdef0",
        "arn:aws:lambda:us-east-1:111111111111:function:my-function:1:2",
        "arn:aws:lambda::111111111111:function:my-function",
        "arn:aws:lambda:us-east-1::function:my-function",
        "arn:aws:lambda:us-east-1:111111111111:function:my-function:$LATES",
        "function:my-function:$LATEST:extra",
        "arn:aws:lambda:us-east-1:123400000000@function:myfn",
    ] {
        let why = |pattern: &str| {
            one(&format!(
                "Value '{name}' at 'functionName' failed to satisfy constraint: Member must satisfy \
                 regular expression pattern: {pattern}"
            ))
        };
        assert_eq!(refused("GET", &path(name), "", json!(null)), why(NAMED));
        assert_eq!(refused("DELETE", &path(name), "", json!(null)), why(NAMED));
        assert_eq!(
            refused("POST", &format!("{}/invocations", path(name)), "", json!(null)),
            why(NAMED)
        );
        let body = json!({ "FunctionName": name, "Role": ROLE, "Code": {} });
        assert_eq!(refused("POST", FUNCTIONS, "", body), why(CREATED));
    }
}

#[test]
fn names_of_every_form_are_taken() {
    for name in [
        "my-function",
        "a",
        "my-function:1",
        "my-function:$LATEST",
        "function:my-function",
        "111111111111:function:my-function",
        "us-east-1:111111111111:my-function:live",
        "arn:aws:lambda:us-east-1:111111111111:function:my-function",
        "arn:aws-us-gov:lambda:us-gov-west-1:111111111111:function:my-function:prod_1",
        "arn:aws:lambda:us-east-1:111111111111:function",
    ] {
        let read = asked("GET", &format!("{FUNCTIONS}/{name}"), "", json!(null)).unwrap();
        assert_eq!(read.text("FunctionName"), Some(name));
    }
}

#[test]
fn a_name_that_is_too_long_is_refused_as_recorded() {
    let name = format!("my-function:{}", "a".repeat(129));
    let body = json!({ "FunctionName": name, "Role": ROLE, "Code": {} });
    assert_eq!(
        refused("POST", FUNCTIONS, "", body),
        one(&format!(
            "Value '{name}' at 'functionName' failed to satisfy constraint: Member must have length \
             less than or equal to 140"
        ))
    );
    // Too long and of the wrong form: two errors.
    let name = format!("arn:aws:lambda:invalid-region:111111111111:function:{}", "a".repeat(170));
    let body = json!({ "FunctionName": name, "Role": ROLE, "Code": {} });
    let at = format!("Value '{name}' at 'functionName' failed to satisfy constraint:");
    assert_eq!(
        refused("POST", FUNCTIONS, "", body),
        format!(
            "2 validation errors detected: {at} Member must have length less than or equal to 140; \
             {at} Member must satisfy regular expression pattern: {CREATED}"
        )
    );
}

#[test]
fn qualifiers_are_refused_as_recorded() {
    let get = |query: &str| refused("GET", &format!("{FUNCTIONS}/my-function"), query, json!(null));
    assert_eq!(
        get("Qualifier=invalid!"),
        one(&format!(
            "Value 'invalid!' at 'qualifier' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: {QUALIFIER}"
        ))
    );
    let long = "a".repeat(129);
    assert_eq!(
        get(&format!("Qualifier={long}")),
        one(&format!(
            "Value '{long}' at 'qualifier' failed to satisfy constraint: Member must have length \
             less than or equal to 128"
        ))
    );
    for fine in ["$LATEST", "$latest", "$LATEST.PUBLISHED", "1", "live", "2024-01-02"] {
        let query = format!("Qualifier={fine}");
        let read = asked("GET", &format!("{FUNCTIONS}/my-function"), &query, json!(null)).unwrap();
        assert_eq!(read.text("Qualifier"), Some(fine));
    }
}

#[test]
fn a_role_is_refused_as_recorded() {
    let body = json!({ "FunctionName": "fn", "Role": "r1", "Code": {} });
    assert_eq!(
        refused("POST", FUNCTIONS, "", body),
        one(
            r"Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"
        )
    );
}

#[test]
fn architectures_are_refused_as_recorded() {
    let create = |architectures: Value| {
        let body = json!({
            "FunctionName": "fn", "Role": ROLE, "Code": {}, "Architectures": architectures,
        });
        refused("POST", FUNCTIONS, "", body)
    };
    assert_eq!(
        create(json!(["x86_64", "arm64"])),
        one(
            "Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must \
             have length less than or equal to 1"
        )
    );
    assert_eq!(
        create(json!(["X86_64"])),
        one(
            "Value '[X86_64]' at 'architectures' failed to satisfy constraint: Member must satisfy \
             constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be \
             null]"
        )
    );
    assert_eq!(
        create(json!([])),
        one("Value '[]' at 'architectures' failed to satisfy constraint: Member must have length \
             greater than or equal to 1")
    );
}

#[test]
fn items_of_lists_are_refused_as_recorded() {
    let update = |body: Value| refused("PUT", "/2015-03-31/functions/fn/configuration", "", body);
    let arn = "arn:aws:lambda:us-east-1:111111111111:layer:layer";
    let text = update(json!({ "Layers": [arn] }));
    let begin = one(&format!(
        "Value '[{arn}]' at 'layers' failed to satisfy constraint: Member must satisfy constraint: \
         [Member must have length less than or equal to 2048, Member must have length greater than \
         or equal to 1, Member must satisfy regular expression pattern: "
    ));
    assert!(text.starts_with(&begin), "{text}");
    assert!(text.ends_with(", Member must not be null]"), "{text}");
    assert_eq!(
        update(json!({ "VpcConfig": { "SubnetIds": ["bad"] } })),
        one(
            "Value '[bad]' at 'vpcConfig.subnetIds' failed to satisfy constraint: Member must satisfy \
             constraint: [Member must have length less than or equal to 1024, Member must have length \
             greater than or equal to 0, Member must satisfy regular expression pattern: \
             subnet-[0-9a-z]*]"
        )
    );
    let text = update(json!({ "VpcConfig": { "SecurityGroupIds": ["bad"] } }));
    assert!(text.ends_with("pattern: sg-[0-9a-zA-Z]*]"), "{text}");
}

#[test]
fn enums_are_refused_as_recorded() {
    assert_eq!(
        refused("GET", FUNCTIONS, "FunctionVersion=invalid", json!(null)),
        one(
            "Value 'invalid' at 'functionVersion' failed to satisfy constraint: Member must satisfy \
             enum value set: [ALL]"
        )
    );
    let snap = json!({ "SnapStart": { "ApplyOn": "invalidOption" } });
    assert_eq!(
        refused("PUT", "/2015-03-31/functions/fn/configuration", "", snap),
        one(
            "Value 'invalidOption' at 'snapStart.applyOn' failed to satisfy constraint: Member must \
             satisfy enum value set: [PublishedVersions, None]"
        )
    );
    let recursion = json!({ "RecursiveLoop": "InvalidValue" });
    assert_eq!(
        refused("PUT", "/2024-08-31/functions/fn/recursion-config", "", recursion),
        one("Value 'InvalidValue' at 'recursiveLoop' failed to satisfy constraint: Member must \
             satisfy enum value set: [Terminate, Allow]")
    );
    let url = json!({ "AuthType": "NONE", "InvokeMode": "UNKNOWN" });
    assert_eq!(
        refused("POST", "/2021-10-31/functions/fn/url", "", url),
        one(
            "Value 'UNKNOWN' at 'invokeMode' failed to satisfy constraint: Member must satisfy enum \
             value set: [RESPONSE_STREAM, BUFFERED]"
        )
    );
}

#[test]
fn any_runtime_is_taken() {
    let body = json!({ "FunctionName": "fn", "Role": ROLE, "Code": {}, "Runtime": "rust2027" });
    assert_eq!(asked("POST", FUNCTIONS, "", body).unwrap().text("Runtime"), Some("rust2027"));
}

#[test]
fn weights_of_an_alias_are_refused_as_recorded() {
    let create = |weights: Value| {
        let body = json!({
            "Name": "custom",
            "FunctionVersion": "1",
            "RoutingConfig": { "AdditionalVersionWeights": weights },
        });
        refused("POST", "/2015-03-31/functions/fn/aliases", "", body)
    };
    let of_value = "at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value \
                    must satisfy constraint: [Member must have value less than or equal to 1.0, Member \
                    must have value greater than or equal to 0.0, Member must not be null]";
    assert_eq!(create(json!({ "2": 2 })), one(&format!("Value '{{2=2.0}}' {of_value}")));
    assert_eq!(create(json!({ "2": -1 })), one(&format!("Value '{{2=-1.0}}' {of_value}")));
    assert_eq!(
        create(json!({ "$LATEST": 0.5 })),
        one("Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy \
             constraint: Map keys must satisfy constraint: [Member must have length less than or equal \
             to 1024, Member must have length greater than or equal to 1, Member must satisfy regular \
             expression pattern: [0-9]+]")
    );
}

#[test]
fn an_alias_is_no_number_though_it_may_begin_with_one() {
    let create = |name: &str| {
        let body = json!({ "Name": name, "FunctionVersion": "1" });
        asked("POST", "/2015-03-31/functions/fn/aliases", "", body)
    };
    assert_eq!(
        create("2024").unwrap_err().message,
        one("Value '2024' at 'name' failed to satisfy constraint: Member must satisfy regular \
             expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)")
    );
    for name in ["2024-01-02", "2024a", "a", "-", "_1"] {
        assert!(create(name).is_ok(), "{name}");
    }
}

#[test]
fn a_url_hangs_on_no_version() {
    let get = |query: &str| refused("GET", "/2021-10-31/functions/fn/url", query, json!(null));
    for qualifier in ["1", "2", "$LATEST"] {
        assert_eq!(
            get(&format!("Qualifier={qualifier}")),
            one(&format!(
                r"Value '{qualifier}' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)"
            ))
        );
    }
    for (name, fine) in [("fn:live", true), ("fn:1", false), ("fn", true), ("function:1", true)] {
        let path = format!("/2021-10-31/functions/{name}/url");
        assert_eq!(asked("GET", &path, "", json!(null)).is_ok(), fine, "{name}");
    }
}

#[test]
fn what_is_required_must_be_there() {
    assert_eq!(
        refused(
            "DELETE",
            "/2017-03-31/tags/arn:aws:lambda:us-east-1:111111111111:function:fn",
            "",
            json!(null)
        ),
        one("Value null at 'tagKeys' failed to satisfy constraint: Member must not be null")
    );
    let text = refused("POST", FUNCTIONS, "", json!({}));
    assert_eq!(
        text,
        "3 validation errors detected: Value null at 'functionName' failed to satisfy constraint: \
         Member must not be null; Value null at 'role' failed to satisfy constraint: Member must not \
         be null; Value null at 'code' failed to satisfy constraint: Member must not be null"
    );
}

#[test]
fn numbers_are_refused_as_recorded() {
    assert_eq!(
        refused(
            "PUT",
            "/2019-09-30/functions/fn/provisioned-concurrency",
            "Qualifier=1",
            json!({ "ProvisionedConcurrentExecutions": 0 })
        ),
        one(
            "Value '0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: Member must \
             have value greater than or equal to 1"
        )
    );
}

#[test]
fn the_names_of_variables_are_refused_without_their_values() {
    let body = json!({ "Environment": { "Variables": { "1ST": "secret" } } });
    let text = refused("PUT", "/2015-03-31/functions/fn/configuration", "", body);
    assert_eq!(
        text,
        one(
            "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy \
             constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]"
        )
    );
}

#[test]
fn structures_in_lists_are_named_by_their_place() {
    let body = json!({ "FileSystemConfigs": [{ "Arn": "x", "LocalMountPath": "/mnt/a" }] });
    let text = refused("PUT", "/2015-03-31/functions/fn/configuration", "", body);
    assert!(text.contains("Value 'x' at 'fileSystemConfigs.1.member.arn' failed"), "{text}");
}

#[test]
fn members_come_from_wherever_they_stand() {
    let query = pairs("Qualifier=live");
    let (operation, members) =
        route("POST", "/2015-03-31/functions/fn/invocations", &query).unwrap();
    let header = |name: &str| (name == "X-Amz-Invocation-Type").then(|| "Event".to_owned());
    let read = input(operation, &members, &query, &header, None).unwrap();
    let expected = json!({ "FunctionName": "fn", "InvocationType": "Event", "Qualifier": "live" });
    assert_eq!(Value::from(read.members().clone()), expected);
    let path = "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A111111111111%3Afunction%3Afn";
    let read = asked("DELETE", path, "tagKeys=a&tagKeys=b", json!(null)).unwrap();
    assert_eq!(read.texts("TagKeys"), Some(vec!["a", "b"]));
    let read = asked("GET", FUNCTIONS, "MaxItems=7", json!(null)).unwrap();
    assert_eq!(read.number("MaxItems"), Some(7));
}

#[test]
fn what_is_null_was_not_sent() {
    let body = json!({
        "Environment": null, "VpcConfig": { "SubnetIds": null }, "Description": "", "Nonsense": 1,
    });
    let read = asked("PUT", "/2015-03-31/functions/fn/configuration", "", body).unwrap();
    let expected = json!({ "FunctionName": "fn", "VpcConfig": {}, "Description": "" });
    assert_eq!(Value::from(read.members().clone()), expected);
}

#[test]
fn values_of_another_type_are_refused() {
    let update = |body: Value| {
        let error = asked("PUT", "/2015-03-31/functions/fn/configuration", "", body).unwrap_err();
        assert_eq!((error.code, error.status), ("SerializationException", 400));
        error.message
    };
    assert_eq!(
        update(json!({ "Timeout": "3" })),
        "STRING_VALUE can not be converted to an Integer"
    );
    assert_eq!(
        update(json!({ "Timeout": 3.5 })),
        "DECIMAL_VALUE can not be converted to an Integer"
    );
    let whole = json!({ "Timeout": 3.0 });
    let read = asked("PUT", "/2015-03-31/functions/fn/configuration", "", whole).unwrap();
    assert_eq!(read.number("Timeout"), Some(3));
    assert_eq!(update(json!({ "Role": 3 })), "NUMBER_VALUE can not be converted to a String");
    assert_eq!(
        update(json!({ "Role": {} })),
        "Start of structure or map found where not expected."
    );
    assert_eq!(update(json!({ "Layers": "x" })), "Expected list or null");
    assert_eq!(update(json!({ "Environment": true })), "Expected map or null");
    assert_eq!(update(json!([1])), "Start of list found where not expected");
    let error = asked("GET", FUNCTIONS, "MaxItems=x", json!(null)).unwrap_err();
    assert_eq!(error.code, "SerializationException");
}

#[test]
fn what_an_answer_says_in_its_head() {
    let members = json!({
        "StatusCode": 202, "ExecutedVersion": "1", "FunctionError": "Unhandled", "Other": 1,
    });
    let Value::Object(members) = members else { panic!() };
    let (status, headers, body) = output(operation("Invoke").unwrap(), members);
    assert_eq!(status, 202);
    let expected = [
        ("X-Amz-Function-Error", "Unhandled".to_owned()),
        ("X-Amz-Executed-Version", "1".to_owned()),
    ];
    assert_eq!(headers, expected);
    assert_eq!(Value::from(body), json!({ "Other": 1 }));
    assert_eq!(output(operation("CreateFunction").unwrap(), Object::new()).0, 201);
}

#[test]
fn every_error_says_its_text_as_the_model_does() {
    for (code, error) in &MODEL.errors {
        assert!(error.says("Message") != error.says("message"), "{code}");
    }
    assert!(error("ResourceNotFoundException").unwrap().says("Message"));
    assert!(error("InvalidParameterValueException").unwrap().says("message"));
}

#[test]
fn tags_may_be_of_any_language() {
    let pattern = MODEL.shapes.iter().filter_map(|shape| shape.pattern.as_ref());
    let pattern = pattern.into_iter().find(|pattern| pattern.text.contains(r"\p{L}")).unwrap();
    for fine in ["", "größe", "名前", "a b", "x:y/z=+-@_.", "٣"] {
        assert!(pattern.fits(fine), "{fine}");
    }
    for bad in ["a!", "a\n", "a,b", "{}"] {
        assert!(!pattern.fits(bad), "{bad}");
    }
}

proptest! {
    #[test]
    fn a_plain_name_matches_what_it_need_not_be_matched_with(text in "[a-zA-Z0-9_-]{1,140}") {
        for shape in &MODEL.shapes {
            let Some(pattern) = shape.pattern.as_ref().filter(|pattern| pattern.is_plain()) else {
                continue;
            };
            prop_assert!(pattern.matched(&text), "{}", pattern.text);
        }
    }

    #[test]
    fn hostile_names_and_bodies_are_judged_without_panic(
        path in "(/[ -~é]{0,12}){0,5}",
        query in "[a-zA-Z=&%]{0,30}",
        name in ".{0,40}",
    ) {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            let query = pairs(&query);
            if let Some((operation, members)) = route(method, &path, &query) {
                let _ = input(operation, &members, &query, &|_| Some(name.clone()), None);
            }
            let body = json!({ "FunctionName": name, "Code": name, "Layers": [null, name], "Tags": { &name: null } });
            if let Some((operation, members)) = route(method, FUNCTIONS, &query) {
                let _ = input(operation, &members, &query, &|_| None, Some(body));
            }
        }
    }
}

/// Not a limit, but a look: `cargo test --release --lib account::model -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn an_invocation_is_routed_and_checked_in_microseconds() {
    let query = pairs("Qualifier=live");
    let header = |name: &str| (name == "X-Amz-Log-Type").then(|| "Tail".to_owned());
    let once = || {
        let path = "/2015-03-31/functions/my-function/invocations";
        let (operation, members) = route("POST", path, &query).unwrap();
        input(operation, &members, &query, &header, None).unwrap()
    };
    let start = Instant::now();
    once();
    println!("first {:?}", start.elapsed());
    let start = Instant::now();
    for _ in 0..100_000 {
        std::hint::black_box(once());
    }
    println!("each {:?}", start.elapsed() / 100_000);
}
