//! Conditions of statements, as far as they are about the functions that are read for (AWS: "Create a Lambda
//! function using a container image", "Amazon ECR cross-account permissions").

use serde_json::Value;

use super::{Readers, like, texts};

fn arn(readers: &Readers<'_>, name: &str) -> Option<String> {
    let region = readers.region;
    let partition = match region.split_once('-') {
        Some(("cn", _)) => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    Some(format!("arn:{partition}:lambda:{region}:{}:function:{name}", readers.account?))
}

/// Whether all tests of a condition hold for a function, the first; nothing where that is not known here.
pub(super) fn holds(condition: &Value, readers: &Readers<'_>) -> Option<bool> {
    let arn = readers.functions.first().and_then(|name| arn(readers, name));
    let operators = condition.as_object().into_iter().flatten();
    let tests = operators.flat_map(|(operator, keys)| {
        keys.as_object().into_iter().flatten().map(move |(key, wanted)| (operator, key, wanted))
    });
    let mut all = Some(true);
    for (operator, key, wanted) in tests {
        let is = match key.to_ascii_lowercase().as_str() {
            "aws:sourcearn" => arn.as_deref(),
            "aws:sourceaccount" => readers.account,
            _ => None,
        };
        match is.and_then(|is| test(operator, is, &texts(wanted))) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => all = None,
        }
    }
    all
}

/// One operator (IAM User Guide, "IAM JSON policy elements: Condition operators").
fn test(operator: &str, is: &str, wanted: &[&str]) -> Option<bool> {
    let any = |same: fn(&str, &str) -> bool| wanted.iter().any(|wanted| same(wanted, is));
    Some(match operator.trim_end_matches("IfExists") {
        "StringEquals" => any(|wanted, is| wanted == is),
        "StringEqualsIgnoreCase" => any(str::eq_ignore_ascii_case),
        "StringLike" | "ArnLike" | "ArnEquals" => any(like),
        "StringNotEquals" => !any(|wanted, is| wanted == is),
        "StringNotLike" | "ArnNotLike" | "ArnNotEquals" => !any(like),
        _ => return None,
    })
}
