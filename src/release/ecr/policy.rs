//! Policies of repositories: who may read.

mod condition;

use serde_json::{Value, json};

/// What Lambda does in a repository (AWS: "Create a Lambda function using a container image", "Amazon ECR
/// permissions").
const ACTIONS: [&str; 2] = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
const LAMBDA: &str = "lambda.amazonaws.com";
/// The statement's name, as AWS's own console gives it.
const SID: &str = "LambdaECRImageRetrievalPolicy";

/// One text, or several.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn statements(policy: &Value) -> Vec<&Value> {
    match &policy["Statement"] {
        Value::Array(all) => all.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

/// Whether a text is what a pattern with `*` and `?` means.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut here) = (0, 0);
    // The last `*`, and how much of the text is taken for it.
    let mut star: Option<(usize, usize)> = None;
    while here < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, here));
                at += 1;
            }
            Some(c) if *c == '?' || *c == text[here] => (at, here) = (at + 1, here + 1),
            _ => match &mut star {
                Some((of, taken)) => {
                    *taken += 1;
                    (at, here) = (*of + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|c| *c == '*')
}

/// The functions that are to be read for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Readers<'r> {
    /// Their account, if it is known.
    pub account: Option<&'r str>,
    /// Their Region.
    pub region: &'r str,
    /// Their names; empty: they are not known.
    pub functions: &'r [&'r str],
}

/// Whether Lambda may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// It may.
    Allowed,
    /// Nothing lets it.
    Nobody,
    /// A statement lets it for other functions than these alone.
    Others(String),
    /// A statement keeps it from it, whatever others allow.
    Denied(String),
}

/// Whether a repository's policy lets Lambda read its images, for all of these functions. Conditions of what is
/// not known here are taken to hold where they allow, and not to where they deny.
#[must_use]
pub fn judge(policy: &Value, readers: &Readers<'_>) -> Reading {
    let each = readers.functions.chunks(1);
    let mut all = each.map(|functions| judge_one(policy, &Readers { functions, ..*readers }));
    let refused = all.find(|reading| *reading != Reading::Allowed);
    match readers.functions {
        [] => judge_one(policy, readers),
        _ => refused.unwrap_or(Reading::Allowed),
    }
}

/// The same for one function at most.
fn judge_one(policy: &Value, readers: &Readers<'_>) -> Reading {
    let all: Vec<(String, &Value)> = statements(policy)
        .into_iter()
        .enumerate()
        .map(|(at, it)| {
            (it["Sid"].as_str().map_or_else(|| (at + 1).to_string(), str::to_owned), it)
        })
        .filter(|(_, statement)| is_for_lambda(statement))
        .collect();
    let of = |effect: &'static str, action: &'static str| {
        all.iter().filter(move |(_, it)| it["Effect"] == effect && acts(it, action))
    };
    for action in ACTIONS {
        let denies = |it: &Value| condition::holds(&it["Condition"], readers) == Some(true);
        if let Some((sid, _)) = of("Deny", action).find(|(_, it)| denies(it)) {
            return Reading::Denied(sid.clone());
        }
    }
    for action in ACTIONS {
        let allows = |it: &Value| condition::holds(&it["Condition"], readers) != Some(false);
        if !of("Allow", action).any(|(_, it)| allows(it)) {
            let others = of("Allow", action).next();
            return others.map_or(Reading::Nobody, |(sid, _)| Reading::Others(sid.clone()));
        }
    }
    Reading::Allowed
}

/// Whether what is judged depends on whose functions they are.
#[must_use]
pub fn has_conditions(policy: &Value) -> bool {
    statements(policy).into_iter().any(|it| !it["Condition"].is_null())
}

/// Whether Lambda is among those whom a statement is for.
fn is_for_lambda(statement: &Value) -> bool {
    let among = |who: &Value| {
        let services = texts(&who["Service"]);
        *who == "*" || texts(&who["AWS"]).contains(&"*") || services.contains(&LAMBDA)
    };
    match &statement["NotPrincipal"] {
        Value::Null => among(&statement["Principal"]),
        others => !among(others),
    }
}

/// Whether a statement is about an action.
fn acts(statement: &Value, action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let among = |list: &Value| {
        texts(list).iter().any(|pattern| like(&pattern.to_ascii_lowercase(), &action))
    };
    match &statement["NotAction"] {
        Value::Null => among(&statement["Action"]),
        others => !among(others),
    }
}

/// The same policy with a statement that lets Lambda read.
#[must_use]
pub fn with_lambda(policy: Option<Value>) -> Value {
    let mut policy = policy.filter(Value::is_object).unwrap_or_else(|| json!({}));
    let mut all: Vec<Value> = statements(&policy).into_iter().cloned().collect();
    all.retain(|statement| statement["Sid"] != SID);
    all.push(json!({
        "Sid": SID, "Effect": "Allow", "Principal": { "Service": LAMBDA }, "Action": ACTIONS,
    }));
    if policy["Version"].is_null() {
        policy["Version"] = "2012-10-17".into();
    }
    policy["Statement"] = all.into();
    policy
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(policy: &Value) -> Reading {
        judge(policy, &Readers::default())
    }

    #[test]
    fn lambda_is_let_in_once_and_others_stay() {
        let other = json!({ "Statement": [{
            "Sid": "a", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::210987654321:root" },
            "Action": "ecr:*",
        }] });
        assert!(judged(&other) == Reading::Nobody && judged(&Value::Null) == Reading::Nobody);
        for before in [None, Some(other)] {
            let count = before.as_ref().map_or(0, |it| statements(it).len());
            let policy = with_lambda(before);
            assert_eq!(judged(&policy), Reading::Allowed, "{policy}");
            assert_eq!(statements(&policy).len(), count + 1);
            let again = with_lambda(Some(policy.clone()));
            assert_eq!(again, policy);
        }
        for (action, expected) in [
            (json!("ecr:*"), true),
            (json!(["ecr:BatchGet*", "ecr:GetDownloadUrlForLayer"]), true),
            (json!(["ecr:BatchGetImage"]), false),
        ] {
            let statement = |effect: &str| {
                json!({ "Statement": {
                    "Effect": effect, "Principal": { "Service": [LAMBDA] }, "Action": action,
                } })
            };
            let may = judged(&statement("Allow")) == Reading::Allowed;
            assert_eq!(may, expected, "{action}");
            assert_eq!(judged(&statement("Deny")), Reading::Denied("1".to_owned()));
        }
    }

    /// A policy that lets Lambda read under a condition, beside what else it says.
    fn conditional(effect: &str, condition: &Value) -> Value {
        let ours = json!({
            "Sid": "s", "Effect": effect, "Principal": { "Service": LAMBDA }, "Action": "ecr:*",
            "Condition": condition,
        });
        let open = json!({ "Effect": "Allow", "Principal": "*", "Action": "ecr:*" });
        json!({ "Statement": if effect == "Deny" { vec![open, ours] } else { vec![ours] } })
    }

    #[test]
    fn conditions_are_for_some_functions_and_not_for_others() {
        let readers = Readers {
            account: Some("123456789012"),
            region: "eu-west-1",
            functions: &["api", "worker"],
        };
        let arn = |rest: &str| format!("arn:aws:lambda:eu-west-1:123456789012:function:{rest}");
        for (condition, holds) in [
            (json!({ "StringEquals": { "aws:SourceAccount": "123456789012" } }), true),
            (json!({ "StringEquals": { "AWS:SOURCEACCOUNT": ["1", "123456789012"] } }), true),
            (json!({ "StringEquals": { "aws:SourceAccount": "210987654321" } }), false),
            (json!({ "StringLike": { "aws:sourceArn": arn("*") } }), true),
            (json!({ "ArnLike": { "aws:sourceArn": [arn("api"), arn("work*")] } }), true),
            (json!({ "ArnLike": { "aws:sourceArn": arn("api") } }), false),
            (
                json!({ "StringLike": { "aws:sourceArn": "arn:aws:lambda:us-east-1:*:function:*" } }),
                false,
            ),
            (json!({ "ArnNotLike": { "aws:SourceArn": arn("other") } }), true),
            (json!({ "StringNotEquals": { "aws:SourceAccount": "123456789012" } }), false),
        ] {
            let (allow, deny) = (conditional("Allow", &condition), conditional("Deny", &condition));
            let (allowed, denied) = (judge(&allow, &readers), judge(&deny, &readers));
            let sid = || "s".to_owned();
            let is = if holds { Reading::Allowed } else { Reading::Others(sid()) };
            assert_eq!(allowed, is, "{condition}");
            // One of the functions that it is for is enough.
            let of_one = condition == json!({ "ArnLike": { "aws:sourceArn": arn("api") } });
            let is = if holds || of_one { Reading::Denied(sid()) } else { Reading::Allowed };
            assert_eq!(denied, is, "{condition}");
        }
        // What is not known here holds where it allows, and not where it denies.
        for condition in [
            json!({ "Bool": { "aws:SecureTransport": "false" } }),
            json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } }),
        ] {
            for effect in ["Allow", "Deny"] {
                let policy = conditional(effect, &condition);
                assert_eq!(judge(&policy, &readers), Reading::Allowed, "{policy}");
            }
        }
        // Each its own.
        let two = conditional("Allow", &json!({ "ArnLike": { "aws:sourceArn": arn("api") } }));
        let one = two["Statement"][0].clone();
        let mut two = vec![one.clone(), one];
        two[1]["Condition"]["ArnLike"]["aws:sourceArn"] = arn("worker").into();
        assert_eq!(judge(&json!({ "Statement": two }), &readers), Reading::Allowed);
        let nobody = Readers { account: None, functions: &[], ..readers };
        let of_one = conditional("Allow", &json!({ "ArnLike": { "aws:sourceArn": arn("api") } }));
        assert_eq!(judge(&of_one, &nobody), Reading::Allowed);
        assert!(has_conditions(&of_one) && !has_conditions(&with_lambda(None)));
    }

    #[test]
    fn what_is_denied_to_all_others_is_denied_to_lambda() {
        let role = json!({ "AWS": "arn:aws:iam::123456789012:role/ci" });
        let mut policy = with_lambda(None);
        let deny = json!({ "Effect": "Deny", "NotPrincipal": role, "NotAction": "ecr:PutImage" });
        policy["Statement"].as_array_mut().unwrap().push(deny);
        assert_eq!(judged(&policy), Reading::Denied("2".to_owned()));
        policy["Statement"][1]["NotAction"] = json!("ecr:*");
        assert_eq!(judged(&policy), Reading::Allowed);
        policy["Statement"][1] = json!({ "Effect": "Deny", "Principal": role, "Action": "*" });
        assert_eq!(judged(&policy), Reading::Allowed);
    }

    #[test]
    fn patterns_are_those_of_aws() {
        for (pattern, text, is_it) in [
            ("*", "", true),
            ("a*b*c", "aXbbYc", true),
            ("a*b*c", "aXbbYcd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("", "a", false),
            ("**a", "ba", true),
        ] {
            assert_eq!(like(pattern, text), is_it, "{pattern} {text}");
        }
    }
}
