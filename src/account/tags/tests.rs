use serde_json::{Value, json};

use super::super::testing::*;

const PATTERN: &str = "' at 'resource' failed to satisfy constraint: Member must satisfy regular \
                       expression pattern: arn:(aws[a-zA-Z-]*):lambda:";

fn arn() -> String {
    format!("{ARN}:function:fn")
}

/// A mapping for `fn`, and its ARN.
fn mapping(bench: &mut Bench) -> String {
    let queue = "arn:aws:sqs:us-east-1:111111111111:queue";
    let request = json!({ "FunctionName": "fn", "EventSourceArn": queue });
    let answer = bench.ok("CreateEventSourceMapping", request);
    answer["EventSourceMappingArn"].as_str().unwrap().to_owned()
}

/// A code signing configuration, and its ARN.
fn signing(bench: &mut Bench) -> String {
    let profile = "arn:aws:signer:us-east-1:111111111111:/signing-profiles/test";
    let request = json!({ "AllowedPublishers": { "SigningProfileVersionArns": [profile] } });
    let answer = bench.ok("CreateCodeSigningConfig", request);
    answer["CodeSigningConfig"]["CodeSigningConfigArn"].as_str().unwrap().to_owned()
}

fn tags(bench: &mut Bench, arn: &str) -> Value {
    bench.ok("ListTags", json!({ "Resource": arn }))["Tags"].clone()
}

fn many(count: usize) -> Value {
    (0..count).map(|at| (format!("{at}_key"), format!("{at}_value"))).collect()
}

#[test]
fn tags_of_every_kind_from_the_first_to_none() {
    let mut bench = Bench::with_function();
    for arn in [arn(), mapping(&mut bench), signing(&mut bench)] {
        assert_eq!(tags(&mut bench, &arn), json!({}), "{arn}");
        let mut tag = |sent: Value, all: Value| {
            let answer = bench.ok("TagResource", json!({ "Resource": arn, "Tags": sent }));
            assert_eq!(answer, json!({}));
            assert_eq!(tags(&mut bench, &arn), all);
        };
        tag(json!({ "A": "tag-a" }), json!({ "A": "tag-a" }));
        tag(
            json!({ "B": "tag-b", "C": "tag-c" }),
            json!({ "A": "tag-a", "B": "tag-b", "C": "tag-c" }),
        );
        tag(
            json!({ "C": "tag-c-new", "D": "tag-d" }),
            json!({ "A": "tag-a", "B": "tag-b", "C": "tag-c-new", "D": "tag-d" }),
        );
        let mut untag = |keys: Value, all: Value| {
            let answer = bench.ok("UntagResource", json!({ "Resource": arn, "TagKeys": keys }));
            assert_eq!(answer, json!({}));
            assert_eq!(tags(&mut bench, &arn), all);
        };
        untag(json!(["A"]), json!({ "B": "tag-b", "C": "tag-c-new", "D": "tag-d" }));
        untag(json!(["B", "C"]), json!({ "D": "tag-d" }));
        untag(json!(["F"]), json!({ "D": "tag-d" }));
        untag(json!(["D", "F"]), json!({}));
    }
}

#[test]
fn tags_given_at_creation() {
    let mut bench = Bench::with_function();
    let queue = "arn:aws:sqs:us-east-1:111111111111:queue";
    let request = json!({ "FunctionName": "fn", "EventSourceArn": queue, "Tags": { "a": "b" } });
    let answer = bench.ok("CreateEventSourceMapping", request);
    assert!(answer.get("Tags").is_none());
    let arn = answer["EventSourceMappingArn"].as_str().unwrap().to_owned();
    assert_eq!(tags(&mut bench, &arn), json!({ "a": "b" }));
}

#[test]
fn each_change_of_tags_changes_the_revision_of_the_function() {
    let mut bench = Bench::with_function();
    let mut seen = vec![bench.revision("fn", "$LATEST")];
    bench.ok("TagResource", json!({ "Resource": arn(), "Tags": { "a": "1", "b": "1" } }));
    seen.push(bench.revision("fn", "$LATEST"));
    bench.ok("TagResource", json!({ "Resource": arn(), "Tags": { "a": "2" } }));
    seen.push(bench.revision("fn", "$LATEST"));
    bench.ok("UntagResource", json!({ "Resource": arn(), "TagKeys": ["a"] }));
    seen.push(bench.revision("fn", "$LATEST"));
    for (at, revision) in seen.iter().enumerate() {
        assert!(!seen[at + 1..].contains(revision));
    }
    let shown = bench.ok("GetFunction", json!({ "FunctionName": "fn" }));
    assert_eq!(shown["Tags"], json!({ "b": "1" }));
    bench.ok("UntagResource", json!({ "Resource": arn(), "TagKeys": ["b"] }));
    assert!(bench.ok("GetFunction", json!({ "FunctionName": "fn" })).get("Tags").is_none());
}

#[test]
fn fifty_tags_at_most() {
    let mut bench = Bench::with_function();
    let text = "Number of tags exceeds resource tag limit.";
    let request = |tags: Value| json!({ "Resource": arn(), "Tags": tags });
    assert_invalid(&bench.refused("TagResource", request(many(51))), text);
    bench.ok("TagResource", request(many(50)));
    assert_eq!(tags(&mut bench, &arn()), many(50));
    assert_invalid(&bench.refused("TagResource", request(json!({ "a": "b" }))), text);
    // One that is there may get another value.
    bench.ok("TagResource", request(json!({ "0_key": "b" })));

    bench.code = Some(zip(1000));
    let create = json!({
        "FunctionName": "other", "Runtime": "provided.al2023", "Handler": "bootstrap", "Code": {},
        "Role": "arn:aws:iam::111111111111:role/role", "Tags": many(51),
    });
    assert_invalid(&bench.refused("CreateFunction", create), text);
}

#[test]
fn an_empty_map_of_tags() {
    assert_invalid(
        &Bench::with_function().refused("TagResource", json!({ "Resource": arn(), "Tags": {} })),
        "An error occurred and the request cannot be processed.",
    );
}

#[test]
fn no_keys_to_untag() {
    let path = format!("/2017-03-31/tags/{}", arn());
    let text = "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: \
                Member must not be null";
    assert_eq!(model_refuses("DELETE", &path, "", json!({})), text);
    let request = json!({ "Resource": arn(), "TagKeys": [] });
    let error = Bench::with_function().refused("UntagResource", request);
    assert_error(&error, "ValidationException", 400, json!({ "message": text }));
}

#[test]
fn no_tags_on_versions_and_aliases() {
    let mut bench = Bench::with_function();
    for qualifier in ["1", "live", "$LATEST", "nosuch"] {
        let request = json!({
            "Resource": format!("{}:{qualifier}", arn()), "Tags": { "a": "b" }, "TagKeys": ["a"],
        });
        for operation in ["TagResource", "UntagResource", "ListTags"] {
            assert_invalid(
                &bench.refused(operation, request.clone()),
                "Tags on function aliases and versions are not supported. Please specify a \
                 function ARN.",
            );
        }
    }
}

#[test]
fn tags_of_what_is_not_there() {
    let mut bench = Bench::with_function();
    let uuid = "2b9c2a3e-0000-4000-8000-000000000000";
    for (resource, what) in [
        ("function:nosuch".to_owned(), "Function"),
        (format!("event-source-mapping:{uuid}"), "Event source mapping"),
        ("capacity-provider:nosuch".to_owned(), "Capacity provider"),
    ] {
        let arn = format!("{ARN}:{resource}");
        let request = json!({ "Resource": arn, "Tags": { "A": "B" }, "TagKeys": ["A"] });
        for operation in ["TagResource", "UntagResource", "ListTags"] {
            let error = bench.refused(operation, request.clone());
            assert_not_found(&error, &format!("{what} not found: {arn}"));
        }
    }
}

#[test]
fn tags_go_with_the_function() {
    let mut bench = Bench::with_function();
    bench.ok("TagResource", json!({ "Resource": arn(), "Tags": { "a": "b" } }));
    bench.ok("DeleteFunction", json!({ "FunctionName": "fn" }));
    let error = bench.refused("ListTags", json!({ "Resource": arn() }));
    assert_not_found(&error, &format!("Function not found: {}", arn()));
    bench.add_function("fn");
    assert_eq!(tags(&mut bench, &arn()), json!({}));
}

#[test]
fn an_arn_of_something_without_tags() {
    let uuid = "2b9c2a3e-0000-4000-8000-000000000000";
    for arn in [
        "arn:aws:something".to_owned(),
        format!("{ARN}:foobar:name"),
        format!("{ARN}:event-source-mapping:{uuid}:alias"),
        format!("{ARN}:capacity-provider:name:alias"),
    ] {
        let text = model_refuses("GET", &format!("/2017-03-31/tags/{arn}"), "", json!({}));
        let expected = format!("1 validation error detected: Value '{arn}{PATTERN}");
        assert!(text.starts_with(&expected), "{text}");
    }
}

#[test]
fn tags_of_aws_are_its_own() {
    let mut bench = Bench::with_function();
    for key in ["aws:cloudformation:stack-name", "AWS:x", "aws:"] {
        let tags = json!({ key: "v" });
        let request = json!({ "Resource": arn(), "Tags": tags });
        let error = bench.refused("TagResource", request);
        let text = format!("Tag keys that begin with aws: are reserved for system use: {key}");
        assert_invalid(&error, &text);
        bench.code = Some(zip(1));
        let create = json!({
            "FunctionName": "other", "Role": "arn:aws:iam::111111111111:role/role",
            "Runtime": "provided.al2023", "Handler": "x", "Code": {}, "Tags": tags,
        });
        assert_invalid(&bench.refused("CreateFunction", create), &text);
    }
    bench.ok("TagResource", json!({ "Resource": arn(), "Tags": { "my:aws:x": "", "aws": "" } }));
}
