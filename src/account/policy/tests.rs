use serde_json::{Value, json};

use super::super::testing::*;
use super::*;

const S3: &str = "arn:aws:s3:::test-bucket";

/// Permission for S3 to invoke `fn`.
fn permission(sid: &str) -> Value {
    json!({
        "FunctionName": "fn",
        "Action": "lambda:InvokeFunction",
        "StatementId": sid,
        "Principal": "s3.amazonaws.com",
        "SourceArn": S3,
    })
}

/// What `AddPermission` says of a permission.
fn statement(bench: &mut Bench, request: Value) -> Value {
    let answer = bench.ok("AddPermission", request);
    serde_json::from_str(answer["Statement"].as_str().unwrap()).unwrap()
}

/// The policy and its revision.
fn policy(bench: &mut Bench, request: Value) -> (Value, Value) {
    let answer = bench.ok("GetPolicy", request);
    let policy = serde_json::from_str(answer["Policy"].as_str().unwrap()).unwrap();
    (policy, answer["RevisionId"].clone())
}

fn named() -> Value {
    json!({ "FunctionName": "fn" })
}

fn expected(sid: &str, qualifier: &str) -> Value {
    json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": { "Service": "s3.amazonaws.com" },
        "Action": "lambda:InvokeFunction",
        "Resource": format!("{ARN}:function:fn{qualifier}"),
        "Condition": { "ArnLike": { "AWS:SourceArn": S3 } },
    })
}

fn document(statements: &[Value]) -> Value {
    json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements })
}

#[test]
fn permissions_from_the_first_to_none() {
    let mut bench = Bench::with_function();
    assert_eq!(statement(&mut bench, permission("s3")), expected("s3", ""));
    let sqs = set(permission("sqs"), "Principal", "sqs.amazonaws.com");
    let sqs = statement(&mut bench, sqs);
    assert_eq!(sqs["Principal"], json!({ "Service": "sqs.amazonaws.com" }));
    let (both, revision) = policy(&mut bench, named());
    assert_eq!(both, document(&[expected("s3", ""), sqs]));

    let error =
        bench.refused("RemovePermission", json!({ "FunctionName": "fn", "StatementId": "none" }));
    assert_not_found(&error, "Statement none is not found in resource policy.");
    let remove = json!({ "FunctionName": "fn", "StatementId": "sqs" });
    assert_eq!(bench.ok("RemovePermission", remove), json!({}));
    let (one, after) = policy(&mut bench, named());
    assert_eq!(one, document(&[expected("s3", "")]));
    assert_ne!(after, revision);
    assert_eq!(policy(&mut bench, named()).1, after);

    let remove = json!({ "FunctionName": "fn", "StatementId": "s3", "RevisionId": after });
    bench.ok("RemovePermission", remove);
    let error = bench.refused("GetPolicy", named());
    assert_not_found(&error, "The resource you requested does not exist.");
}

#[test]
fn a_statement_has_its_members_in_the_order_of_aws() {
    let mut bench = Bench::with_function();
    let answer = bench.ok("AddPermission", permission("s3"));
    let text = format!(
        "{{\"Sid\":\"s3\",\"Effect\":\"Allow\",\"Principal\":{{\"Service\":\"s3.amazonaws.com\"}},\
         \"Action\":\"lambda:InvokeFunction\",\"Resource\":\"{ARN}:function:fn\",\
         \"Condition\":{{\"ArnLike\":{{\"AWS:SourceArn\":\"{S3}\"}}}}}}"
    );
    assert_eq!(answer, json!({ "Statement": text }));
    let policy = bench.ok("GetPolicy", named())["Policy"].clone();
    let document =
        format!("{{\"Version\":\"2012-10-17\",\"Id\":\"default\",\"Statement\":[{text}]}}");
    assert_eq!(policy, document);
}

#[test]
fn principals_and_conditions() {
    let mut bench = Bench::with_function();
    let mut add = |sid: &str, action: &str, principal: &str, more: Value| {
        let request = json!({
            "FunctionName": "fn", "Action": action, "StatementId": sid, "Principal": principal,
        });
        let request = with(request, more);
        let statement = statement(&mut bench, request);
        (statement["Principal"].clone(), statement["Condition"].clone())
    };
    let invoke = "lambda:InvokeFunction";
    let of_account = json!({ "SourceAccount": "111111111111" });
    let equals_account = json!({ "StringEquals": { "AWS:SourceAccount": "111111111111" } });
    assert_eq!(
        add("wildcard", invoke, "*", of_account.clone()),
        (json!("*"), equals_account.clone())
    );
    assert_eq!(
        add("service", invoke, "lambda.amazonaws.com", of_account.clone()),
        (json!({ "Service": "lambda.amazonaws.com" }), equals_account.clone())
    );
    assert_eq!(
        add("account", invoke, "111111111111", json!({})),
        (json!({ "AWS": "arn:aws:iam::111111111111:root" }), Value::Null)
    );
    let user = "arn:aws:iam::111111111111:user/someone";
    assert_eq!(add("user", invoke, user, of_account), (json!({ "AWS": user }), equals_account));
    let optional = json!({
        "SourceArn": S3,
        "SourceAccount": "111111111111",
        "PrincipalOrgID": "o-1234567890",
        "FunctionUrlAuthType": "NONE",
    });
    let equals = json!({
        "AWS:SourceAccount": "111111111111",
        "lambda:FunctionUrlAuthType": "NONE",
        "aws:PrincipalOrgID": "o-1234567890",
    });
    assert_eq!(
        add("url", "lambda:InvokeFunctionUrl", "*", optional),
        (json!("*"), json!({ "StringEquals": equals, "ArnLike": { "AWS:SourceArn": S3 } }))
    );
    let token = "amzn1.ask.skill.xxxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    assert_eq!(
        add("alexa", invoke, "*", json!({ "EventSourceToken": token })),
        (json!("*"), json!({ "StringEquals": { "lambda:EventSourceToken": token } }))
    );
    assert_eq!(
        add("via", invoke, "*", json!({ "InvokedViaFunctionUrl": true })),
        (json!("*"), json!({ "Bool": { "lambda:InvokedViaFunctionUrl": "true" } }))
    );
}

#[test]
fn permissions_of_versions_and_aliases_are_apart() {
    let mut bench = Bench::with_function();
    bench.ok("AddPermission", permission("s3"));
    let (_, unqualified) = policy(&mut bench, named());
    for qualifier in ["1", "live"] {
        let of = json!({ "FunctionName": "fn", "Qualifier": qualifier });
        let error = bench.refused("GetPolicy", of.clone());
        assert_not_found(&error, "The resource you requested does not exist.");
        // The same id, and the qualifier twice.
        let request = set(permission("s3"), "Qualifier", qualifier);
        bench.ok("AddPermission", set(request, "FunctionName", format!("fn:{qualifier}")));
        let (of_qualifier, revision) = policy(&mut bench, of);
        assert_eq!(of_qualifier, document(&[expected("s3", &format!(":{qualifier}"))]));
        assert_ne!(revision, unqualified);
    }
    assert_eq!(policy(&mut bench, named()), (document(&[expected("s3", "")]), unqualified));
}

#[test]
fn publishing_leaves_the_policy_and_its_revision() {
    let mut bench = Bench::with_function();
    bench.ok("AddPermission", permission("s3"));
    let before = policy(&mut bench, named());
    bench.publish("fn");
    assert_ne!(bench.revision("fn", "$LATEST"), before.1);
    assert_eq!(policy(&mut bench, named()), before);
    // It is the policy's revision that counts from now on.
    bench.ok("AddPermission", set(permission("s3_2"), "RevisionId", before.1));
    let (both, _) = policy(&mut bench, named());
    assert_eq!(both, document(&[expected("s3", ""), expected("s3_2", "")]));
}

#[test]
fn the_first_permission_takes_the_revision_of_the_function_and_changes_it() {
    let mut bench = Bench::with_function();
    let before = bench.revision("fn", "$LATEST");
    let stale = set(permission("s3"), "RevisionId", "wrong");
    assert_stale(&bench.refused("AddPermission", stale), "GetPolicy");
    bench.ok("AddPermission", set(permission("s3"), "RevisionId", before.clone()));
    let (_, revision) = policy(&mut bench, named());
    assert_ne!(revision, before);
    assert_eq!(bench.revision("fn", "$LATEST"), revision);

    let remove = json!({ "FunctionName": "fn", "StatementId": "s3", "RevisionId": "wrong" });
    assert_stale(&bench.refused("RemovePermission", remove.clone()), "GetPolicy");
    bench.ok("RemovePermission", set(remove, "RevisionId", revision.clone()));
    assert_ne!(bench.revision("fn", "$LATEST"), revision);
}

#[test]
fn the_first_permission_of_an_alias_takes_the_revision_of_the_alias() {
    let mut bench = Bench::with_function();
    let request = set(permission("s3"), "Qualifier", "live");
    let stale = set(request.clone(), "RevisionId", "wrong");
    assert_stale(&bench.refused("AddPermission", stale), "GetPolicy");
    let alias = bench.ok("GetAlias", json!({ "FunctionName": "fn", "Name": "live" }));
    bench.ok("AddPermission", set(request, "RevisionId", alias["RevisionId"].clone()));
}

#[test]
fn a_stale_revision_of_a_policy_is_refused() {
    let mut bench = Bench::with_function();
    bench.ok("AddPermission", permission("s3"));
    let (_, first) = policy(&mut bench, named());
    bench.ok("AddPermission", set(permission("s3_2"), "RevisionId", first.clone()));
    let (both, second) = policy(&mut bench, named());
    assert_ne!(first, second);
    bench.publish("fn");
    // That of the function, which is another by now, is as wrong as that of an older policy.
    for stale in [first, bench.revision("fn", "$LATEST")] {
        let request = set(permission("s3_3"), "RevisionId", stale.clone());
        assert_stale(&bench.refused("AddPermission", request), "GetPolicy");
        let request = json!({ "FunctionName": "fn", "StatementId": "s3", "RevisionId": stale });
        assert_stale(&bench.refused("RemovePermission", request), "GetPolicy");
    }
    assert_eq!(policy(&mut bench, named()), (both, second.clone()));
    bench.ok("AddPermission", set(permission("s3_3"), "RevisionId", second));
}

#[test]
fn a_statement_id_with_a_dot() {
    let body = json!({
        "Action": "lambda:InvokeFunction",
        "StatementId": "example.com",
        "Principal": "s3.amazonaws.com",
    });
    assert_eq!(
        model_refuses("POST", "/2015-03-31/functions/fn/policy", "", body),
        "1 validation error detected: Value 'example.com' at 'statementId' failed to satisfy \
         constraint: Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)"
    );
}

#[test]
fn a_permission_qualifier_with_a_question_mark() {
    let body = json!({
        "Action": "lambda:InvokeFunction", "StatementId": "s3", "Principal": "s3.amazonaws.com",
    });
    let query = "Qualifier=invalid-qualifier-with-?-char";
    assert_eq!(
        model_refuses("POST", "/2015-03-31/functions/fn/policy", query, body),
        "1 validation error detected: Value 'invalid-qualifier-with-?-char' at 'qualifier' failed \
         to satisfy constraint: Member must satisfy regular expression pattern: \
         \\$(LATEST(\\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"
    );
}

#[test]
fn a_permission_qualifier_that_is_not_that_of_the_name() {
    let request = set(permission("s3"), "FunctionName", "fn:alias-not-42");
    assert_invalid(
        &Bench::with_function().refused("AddPermission", set(request, "Qualifier", "42")),
        "The derived qualifier from the function name does not match the specified qualifier.",
    );
}

#[test]
fn no_permission_for_latest() {
    let request = set(permission("s3"), "FunctionName", "fn:$LATEST");
    assert_invalid(
        &Bench::with_function().refused("AddPermission", set(request, "Qualifier", "$LATEST")),
        "We currently do not support adding policies for $LATEST.",
    );
}

#[test]
fn a_principal_that_is_none() {
    let request = set(permission("s3"), "Principal", "invalid.nonaws.com");
    assert_invalid(
        &Bench::with_function().refused("AddPermission", request),
        "The provided principal was invalid. Please check the principal and try again.",
    );
}

#[test]
fn get_policy_of_what_is_not_there() {
    let mut bench = Bench::with_function();
    let requests = [
        json!({ "FunctionName": "nosuch" }),
        json!({ "FunctionName": "fn", "Qualifier": "77" }),
        named(),
    ];
    for request in requests {
        let error = bench.refused("GetPolicy", request);
        assert_not_found(&error, "The resource you requested does not exist.");
    }
}

#[test]
fn add_permission_to_what_is_not_there() {
    let mut bench = Bench::with_function();
    let mut refused = |member: &str, value: &str, text: &str| {
        let request = set(permission("s3"), member, value);
        assert_not_found(&bench.refused("AddPermission", request), text);
    };
    let function = |name: &str| format!("Function not found: {ARN}:function:{name}");
    refused("FunctionName", "nosuch", &function("nosuch"));
    refused("Qualifier", "42", &function("fn:42"));
    refused("Qualifier", "valid-with-$-but", &function("fn:valid-with-$-but"));
    let alias = format!("Cannot find alias arn: {ARN}:function:fn:nosuch");
    refused("FunctionName", "fn:nosuch", &alias);
}

#[test]
fn remove_permission_from_what_is_not_there() {
    let mut bench = Bench::with_function();
    let request = |name: &str| json!({ "FunctionName": name, "StatementId": "s3" });
    let error = bench.refused("RemovePermission", request("fn"));
    assert_not_found(&error, "No policy is associated with the given resource.");
    let error = bench.refused("RemovePermission", request("nosuch"));
    assert_not_found(&error, &format!("No policy found for: {ARN}:function:nosuch"));
    let error = bench.refused("RemovePermission", set(request("fn"), "Qualifier", "nosuch"));
    assert_not_found(&error, &format!("Cannot find alias arn: {ARN}:function:fn:nosuch"));
}

#[test]
fn a_statement_id_that_is_taken() {
    let mut bench = Bench::with_function();
    bench.ok("AddPermission", permission("s3"));
    assert_conflict(
        &bench.refused("AddPermission", permission("s3")),
        "The statement id (s3) provided already exists. Please provide a new statement id, or \
         remove the existing statement.",
    );
}

#[test]
fn a_policy_is_at_most_20_kb() {
    let mut bench = Bench::with_function();
    let long = |sid: usize| set(permission(&sid.to_string()), "Principal", "*");
    let long = |sid| set(long(sid), "SourceArn", format!("arn:aws:s3:::{}", "b".repeat(1800)));
    for sid in 0..10 {
        bench.ok("AddPermission", long(sid));
    }
    let error = bench.refused("AddPermission", long(10));
    assert_eq!((error.code, error.status), ("PolicyLengthExceededException", 400));
    let size = error.message.strip_prefix("The final policy size (").unwrap();
    let size = size.strip_suffix(") is bigger than the limit (20480).").unwrap();
    assert!((20_481..23_000).contains(&size.parse::<u32>().unwrap()), "{size}");
    assert_eq!(Value::Object(error.body()), json!({ "Type": "User", "message": error.message }));
}

#[test]
fn a_url_without_authentication_needs_both_statements() {
    let mut bench = Bench::with_function();
    let opens = |bench: &Bench| {
        bench.account.function("fn").unwrap().policies.get(LATEST).is_some_and(Policy::opens_url)
    };
    assert!(!opens(&bench));
    let url = json!({
        "FunctionName": "fn", "StatementId": "url", "Principal": "*",
        "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE",
    });
    bench.ok("AddPermission", url);
    assert!(!opens(&bench));
    let of_account = json!({
        "FunctionName": "fn", "StatementId": "account", "Principal": "*",
        "Action": "lambda:InvokeFunction", "SourceAccount": "111111111111",
    });
    bench.ok("AddPermission", of_account);
    assert!(!opens(&bench));
    let via = json!({
        "FunctionName": "fn", "StatementId": "via", "Principal": "*",
        "Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": true,
    });
    bench.ok("AddPermission", via);
    assert!(opens(&bench));
}
