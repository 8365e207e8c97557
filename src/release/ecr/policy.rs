//! Policies of repositories: who may read, and what is taken away by itself.

use serde_json::{Value, json};

/// What Lambda does in a repository (AWS: "Create a Lambda function using a container image", "Amazon ECR
/// permissions").
const ACTIONS: [&str; 2] = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
const LAMBDA: &str = "lambda.amazonaws.com";
/// The statement's name, as AWS's own console gives it.
const SID: &str = "LambdaECRImageRetrievalPolicy";

/// One text, or several.
fn texts(value: &Value) -> Vec<&str> {
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

/// Whether an action is among those of a statement, which may have `*` in them.
fn covers(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    match pattern.split_once('*') {
        Some((start, end)) => action.starts_with(start) && action.ends_with(end),
        None => pattern == action,
    }
}

/// Whether a repository's policy lets Lambda read its images. Conditions are not judged: they are taken
/// to hold.
#[must_use]
pub fn lets_lambda_read(policy: &Value) -> bool {
    let is_for_lambda = |statement: &&Value| {
        let principal = &statement["Principal"];
        let services = texts(&principal["Service"]);
        let all = principal == "*" || texts(&principal["AWS"]).contains(&"*");
        statement["Effect"] == "Allow" && (all || services.contains(&LAMBDA))
    };
    let all = statements(policy);
    let ours: Vec<&str> =
        all.into_iter().filter(is_for_lambda).flat_map(|it| texts(&it["Action"])).collect();
    ACTIONS.iter().all(|action| ours.iter().any(|pattern| covers(pattern, action)))
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

/// The rules of a lifecycle policy that may take an image with this tag away, in words (Amazon ECR User
/// Guide, "Lifecycle policy properties").
#[must_use]
pub fn expiring(policy: &Value, tag: &str) -> Vec<String> {
    let rules = policy["rules"].as_array().into_iter().flatten();
    let concerns = |rule: &&Value| {
        let selection = &rule["selection"];
        let expires = rule["action"]["type"].as_str().is_none_or(|action| action == "expire");
        let meant = match selection["tagStatus"].as_str() {
            Some("untagged") => false,
            Some("tagged") => {
                let prefixes = texts(&selection["tagPrefixList"]);
                let patterns = texts(&selection["tagPatternList"]);
                prefixes.iter().any(|prefix| tag.starts_with(prefix))
                    || patterns.iter().any(|pattern| covers(pattern, tag))
            }
            _ => true,
        };
        expires && meant
    };
    let said = |rule: &Value| {
        let selection = &rule["selection"];
        let number = &selection["countNumber"];
        let what = match selection["countType"].as_str() {
            Some("imageCountMoreThan") => format!("keeps {number} images"),
            Some(_) => {
                let unit = selection["countUnit"].as_str().unwrap_or("days");
                format!("takes images away after {number} {unit}")
            }
            None => "takes images away".to_owned(),
        };
        format!("rule {} {what}", rule["rulePriority"])
    };
    rules.filter(concerns).map(said).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambda_is_let_in_once_and_others_stay() {
        let other = json!({ "Statement": [{
            "Sid": "a", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::210987654321:root" },
            "Action": "ecr:*",
        }] });
        assert!(!lets_lambda_read(&other) && !lets_lambda_read(&Value::Null));
        for before in [None, Some(other)] {
            let count = before.as_ref().map_or(0, |it| statements(it).len());
            let policy = with_lambda(before);
            assert!(lets_lambda_read(&policy), "{policy}");
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
            assert_eq!(lets_lambda_read(&statement("Allow")), expected, "{action}");
            assert!(!lets_lambda_read(&statement("Deny")));
        }
    }

    #[test]
    fn rules_that_reach_a_tagged_image_are_told() {
        let rule = |selection: Value| {
            let rule = json!({ "rulePriority": 3, "selection": selection, "action": { "type": "expire" } });
            expiring(&json!({ "rules": [rule] }), "lambda-pack-1234")
        };
        let count = |status: &str| json!({ "tagStatus": status, "countType": "imageCountMoreThan", "countNumber": 5 });
        assert_eq!(rule(count("untagged")), [""; 0]);
        assert_eq!(rule(count("any")), ["rule 3 keeps 5 images"]);
        let tagged = |member: &str, list: &[&str]| {
            json!({
                "tagStatus": "tagged", member: list, "countType": "sinceImagePushed",
                "countUnit": "days", "countNumber": 14,
            })
        };
        let told = ["rule 3 takes images away after 14 days"];
        assert_eq!(rule(tagged("tagPrefixList", &["lambda-"])), told);
        assert_eq!(rule(tagged("tagPrefixList", &["v"])), [""; 0]);
        assert_eq!(rule(tagged("tagPatternList", &["*-1234"])), told);
        assert_eq!(rule(tagged("tagPatternList", &["prod*"])), [""; 0]);
        assert_eq!(expiring(&Value::Null, "a"), [""; 0]);
    }
}
