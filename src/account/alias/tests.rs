use proptest::prelude::*;
use serde_json::Value;

use super::super::testing::*;
use super::*;

/// An account with the function `fn` and three versions.
fn three() -> Bench {
    let mut bench = Bench::new();
    bench.add_function("fn");
    bench.ok("DeleteAlias", json!({ "FunctionName": "fn", "Name": "live" }));
    bench.publish("fn");
    bench.publish("fn");
    bench
}

fn created(name: &str, version: &str, weights: &Value) -> Value {
    json!({
        "FunctionName": "fn",
        "Name": name,
        "FunctionVersion": version,
        "RoutingConfig": { "AdditionalVersionWeights": weights },
    })
}

fn get(bench: &mut Bench, name: &str) -> Value {
    bench.ok("GetAlias", json!({ "FunctionName": "fn", "Name": name }))
}

fn names(answer: &Value) -> Vec<&str> {
    let aliases = answer["Aliases"].as_array().unwrap();
    aliases.iter().map(|alias| alias["Name"].as_str().unwrap()).collect()
}

#[test]
fn an_alias_from_creating_to_deleting() {
    let mut bench = three();
    let mut request = created("one", "1", &json!({ "2": 0.2 }));
    request["Description"] = json!("custom-alias");
    let answer = bench.ok("CreateAlias", request);
    let expected = json!({
        "AliasArn": format!("{ARN}:function:fn:one"),
        "Description": "custom-alias",
        "FunctionVersion": "1",
        "Name": "one",
        "RevisionId": answer["RevisionId"],
        "RoutingConfig": { "AdditionalVersionWeights": { "2": 0.2 } },
    });
    assert_eq!(answer, expected);
    assert_eq!(get(&mut bench, "one"), expected);
    let plain = json!({ "FunctionName": "fn", "Name": "two", "FunctionVersion": "2" });
    let answer = bench.ok("CreateAlias", plain);
    let expected = json!({
        "AliasArn": format!("{ARN}:function:fn:two"),
        "Description": "",
        "FunctionVersion": "2",
        "Name": "two",
        "RevisionId": answer["RevisionId"],
    });
    assert_eq!(answer, expected);
    assert_eq!(bench.ok("DeleteAlias", json!({ "FunctionName": "fn", "Name": "one" })), json!({}));
    let list = bench.ok("ListAliases", json!({ "FunctionName": "fn" }));
    assert_eq!(list, json!({ "Aliases": [expected] }));
}

#[test]
fn at_most_one_more_version_has_a_weight() {
    let error = three().refused("CreateAlias", created("a", "1", &json!({ "1": 0.8, "2": 0.2 })));
    assert_invalid(&error, "Number of items in AdditionalVersionWeights cannot be greater than 1");
}

#[test]
fn a_weight_is_from_0_to_1() {
    let mut bench = three();
    for (name, weight) in [("none", 0.0), ("half", 0.5), ("all", 1.0)] {
        let answer = bench.ok("CreateAlias", created(name, "1", &json!({ "2": weight })));
        assert_eq!(answer["RoutingConfig"]["AdditionalVersionWeights"], json!({ "2": weight }));
    }
    let path = "/2015-03-31/functions/fn/aliases";
    for weight in [-0.1, 1.1] {
        let text = model_refuses("POST", path, "", created("a", "1", &json!({ "2": weight })));
        let expected = format!(
            "1 validation error detected: Value '{{2={weight}}}' at \
             'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must \
             satisfy constraint: [Member must have value less than or equal to 1.0, Member must have \
             value greater than or equal to 0.0, Member must not be null]"
        );
        assert_eq!(text, expected);
    }
}

#[test]
fn latest_is_no_version_with_a_weight() {
    let path = "/2015-03-31/functions/fn/aliases";
    let text = model_refuses("POST", path, "", created("a", "1", &json!({ "$LATEST": 0.5 })));
    assert!(text.contains("Map keys must satisfy constraint: "), "{text}");
    assert!(text.ends_with("Member must satisfy regular expression pattern: [0-9]+]"), "{text}");
}

#[test]
fn the_same_version_twice_is_refused() {
    let mut bench = three();
    let error = bench.refused("CreateAlias", created("a", "1", &json!({ "1": 0.5 })));
    let text = "Invalid function version 1. Function version 1 is already included in routing configuration.";
    assert_invalid(&error, text);
    // Also if the other one was there before.
    bench.ok("CreateAlias", created("a", "2", &json!({ "1": 0.5 })));
    let update = json!({ "FunctionName": "fn", "Name": "a", "FunctionVersion": "1" });
    assert_invalid(&bench.refused("UpdateAlias", update), text);
}

#[test]
fn latest_has_no_weights() {
    let error = three().refused("CreateAlias", created("a", "$LATEST", &json!({ "1": 0.5 })));
    let text = "$LATEST is not supported for an alias pointing to more than 1 version";
    // Without `Type`, as recorded.
    assert_error(&error, "InvalidParameterValueException", 400, json!({ "message": text }));
}

#[test]
fn latest_may_have_an_alias_without_weights() {
    let mut bench = three();
    bench.alias("fn", "custom-latest", "$LATEST");
    assert_eq!(get(&mut bench, "custom-latest")["FunctionVersion"], "$LATEST");
}

#[test]
fn versions_of_an_alias_must_be_there() {
    let mut bench = three();
    let text = format!("Function not found: {ARN}:function:fn:10");
    for request in [
        created("a", "10", &json!({ "2": 0.5 })),
        created("a", "1", &json!({ "10": 0.5 })),
        created("a", "10", &json!({})),
    ] {
        assert_not_found(&bench.refused("CreateAlias", request), &text);
    }
    let mut request = created("a", "1", &json!({ "2": 0.5 }));
    request["FunctionName"] = json!("fn-unknown");
    assert_not_found(
        &bench.refused("CreateAlias", request),
        &format!("Function not found: {ARN}:function:fn-unknown:1"),
    );
}

#[test]
fn an_empty_routing_config_is_none() {
    let mut bench = three();
    let answer = bench.ok("CreateAlias", created("a", "1", &json!({})));
    assert_eq!(answer.get("RoutingConfig"), None);
}

#[test]
fn empty_weights_clear_and_absent_weights_stay() {
    let mut bench = three();
    bench.ok("CreateAlias", created("a", "1", &json!({ "2": 0.5 })));
    let described = json!({ "FunctionName": "fn", "Name": "a", "Description": "new" });
    let answer = bench.ok("UpdateAlias", described);
    assert_eq!(answer["RoutingConfig"], json!({ "AdditionalVersionWeights": { "2": 0.5 } }));
    assert_eq!(answer["Description"], "new");
    let cleared = json!({
        "FunctionName": "fn", "Name": "a", "RoutingConfig": { "AdditionalVersionWeights": {} },
    });
    let answer = bench.ok("UpdateAlias", cleared);
    assert_eq!(answer.get("RoutingConfig"), None);
    assert_eq!((&answer["FunctionVersion"], &answer["Description"]), (&json!("1"), &json!("new")));
}

#[test]
fn an_alias_that_exists_is_not_made_again() {
    let mut bench = three();
    bench.ok("CreateAlias", created("custom", "1", &json!({ "2": 0.5 })));
    let error = bench.refused("CreateAlias", created("custom", "1", &json!({ "2": 0.5 })));
    assert_conflict(&error, &format!("Alias already exists: {ARN}:function:fn:custom"));
}

#[test]
fn a_missing_alias_is_told_apart_by_what_was_asked() {
    let mut bench = three();
    let named = json!({ "FunctionName": "fn", "Name": "non-existent" });
    let arn = format!("{ARN}:function:fn:non-existent");
    let error = bench.refused("GetAlias", named.clone());
    assert_not_found(&error, &format!("Cannot find alias arn: {arn}"));
    let error = bench.refused("UpdateAlias", named.clone());
    assert_not_found(&error, &format!("Alias not found: {arn}"));
    assert_eq!(bench.ok("DeleteAlias", named), json!({}));
    let error = bench.refused("GetAlias", json!({ "FunctionName": "nofn", "Name": "noalias" }));
    assert_not_found(&error, &format!("Cannot find alias arn: {ARN}:function:nofn:noalias"));
}

#[test]
fn each_alias_has_its_own_revision_which_changes_without_a_change() {
    let mut bench = three();
    bench.alias("fn", "a", "1");
    bench.alias("fn", "b", "1");
    let (a, b) = (get(&mut bench, "a"), get(&mut bench, "b"));
    assert_ne!(a["RevisionId"], b["RevisionId"]);
    let updated = bench.ok("UpdateAlias", json!({ "FunctionName": "fn", "Name": "a" }));
    assert_ne!(updated["RevisionId"], a["RevisionId"]);
    let mut same = updated.clone();
    same["RevisionId"] = a["RevisionId"].clone();
    assert_eq!(same, a);
    assert_eq!(get(&mut bench, "a"), updated);
    assert_eq!(get(&mut bench, "b"), b);
}

#[test]
fn aliases_leave_the_revisions_of_what_they_point_to() {
    let mut bench = three();
    let before = ["$LATEST", "1", "2"].map(|version| bench.revision("fn", version));
    let named = json!({ "FunctionName": "fn", "Name": "a" });
    for (operation, more) in [
        ("CreateAlias", json!({ "FunctionVersion": "1" })),
        ("UpdateAlias", json!({ "FunctionVersion": "2" })),
        ("UpdateAlias", json!({ "RoutingConfig": { "AdditionalVersionWeights": { "1": 0.5 } } })),
        ("DeleteAlias", json!({})),
    ] {
        bench.ok(operation, with(named.clone(), more));
        let after = ["$LATEST", "1", "2"].map(|version| bench.revision("fn", version));
        assert_eq!(after, before, "{operation}");
    }
}

#[test]
fn a_stale_revision_of_an_alias_is_refused() {
    let mut bench = three();
    bench.alias("fn", "a", "1");
    let mut update = json!({
        "FunctionName": "fn", "Name": "a", "Description": "something changed", "RevisionId": "wrong",
    });
    assert_stale(&bench.refused("UpdateAlias", update.clone()), "GetFunction/GetAlias");
    update["RevisionId"] = get(&mut bench, "a")["RevisionId"].clone();
    assert_eq!(bench.ok("UpdateAlias", update)["Description"], "something changed");
}

#[test]
fn aliases_are_listed_by_pages_and_by_version() {
    let mut bench = three();
    for (name, version) in [("c", "1"), ("a", "1"), ("d", "2"), ("b", "1")] {
        bench.alias("fn", name, version);
    }
    let all = bench.ok("ListAliases", json!({ "FunctionName": "fn" }));
    assert_eq!(names(&all), ["a", "b", "c", "d"]);
    let first = bench.ok("ListAliases", json!({ "FunctionName": "fn", "MaxItems": 3 }));
    assert_eq!(names(&first), ["a", "b", "c"]);
    let rest = json!({ "FunctionName": "fn", "MaxItems": 3, "Marker": first["NextMarker"] });
    let rest = bench.ok("ListAliases", rest);
    assert_eq!((names(&rest), rest.get("NextMarker")), (vec!["d"], None));
    let one = bench.ok("ListAliases", json!({ "FunctionName": "fn", "FunctionVersion": "1" }));
    assert_eq!(names(&one), ["a", "b", "c"]);
    let error = bench.refused("ListAliases", json!({ "FunctionName": "nofn" }));
    assert_not_found(&error, &format!("Function not found: {ARN}:function:nofn"));
}

#[test]
fn both_versions_have_the_same_role_and_dead_letter_queue() {
    let mut bench = three();
    for change in [
        json!({ "FunctionName": "fn", "Role": "arn:aws:iam::111111111111:role/other" }),
        json!({ "FunctionName": "fn", "DeadLetterConfig": { "TargetArn": "arn:aws:sqs:x" } }),
    ] {
        bench.ok("UpdateFunctionConfiguration", change);
        bench.ok("PublishVersion", json!({ "FunctionName": "fn" }));
    }
    let error = bench.refused("CreateAlias", created("a", "3", &json!({ "4": 0.5 })));
    assert_invalid(&error, "Specified versions must be associated with the same execution role");
    let error = bench.refused("CreateAlias", created("a", "4", &json!({ "5": 0.5 })));
    assert_eq!(error.code, "InvalidParameterValueException");
    bench.ok("CreateAlias", created("a", "2", &json!({ "3": 0.5 })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_alias_always_leads_somewhere(
        steps in proptest::collection::vec((0_u64..5, proptest::option::of(0_u64..5), 0.0..=1.0_f64), 1..12),
        chance in 0.0..1.0_f64,
    ) {
        let mut bench = three();
        bench.alias("fn", "a", "1");
        for (version, second, weight) in steps {
            let version = if version == 0 { "$LATEST".to_owned() } else { version.to_string() };
            let weights = second.map_or(json!({}), |second| json!({ second.to_string(): weight }));
            let update = json!({
                "FunctionName": "fn",
                "Name": "a",
                "FunctionVersion": version,
                "RoutingConfig": { "AdditionalVersionWeights": weights },
            });
            let before = get(&mut bench, "a");
            if let Ok(after) = bench.try_call("UpdateAlias", update) {
                prop_assert_ne!(&after["RevisionId"], &before["RevisionId"]);
            } else {
                prop_assert_eq!(get(&mut bench, "a"), before);
            }
            prop_assert!(bench.account.target("fn", Some("a"), chance).is_ok());
        }
    }
}
