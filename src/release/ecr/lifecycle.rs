//! Lifecycle policies of repositories: what takes images away by itself.

use serde_json::Value;

use super::policy::{like, texts};

/// The rules of a lifecycle policy that may take an image with these tags away or put it where functions
/// cannot be started from, in words (Amazon ECR User Guide, "Lifecycle policy properties"). An image may have
/// other tags, which are not known.
#[must_use]
pub fn expiring(policy: &Value, tags: &[&str]) -> Vec<String> {
    let rules = policy["rules"].as_array().into_iter().flatten();
    let said = |rule: &Value| {
        let what = done(rule)?;
        let when = when(&rule["selection"]);
        meant(&rule["selection"], tags)
            .then(|| format!("rule {} {what}{when}", rule["rulePriority"]))
    };
    rules.filter_map(said).collect()
}

/// What a rule does to images: an archived one cannot be pulled.
fn done(rule: &Value) -> Option<&'static str> {
    match rule["action"]["type"].as_str() {
        None | Some("expire") => Some("takes images away"),
        Some("transition") => Some("archives images"),
        Some(_) => None,
    }
}

/// Whether a rule may be for an image with these tags.
fn meant(selection: &Value, tags: &[&str]) -> bool {
    match selection["tagStatus"].as_str() {
        Some("untagged") => tags.is_empty(),
        Some("tagged") => {
            let prefixes = texts(&selection["tagPrefixList"]);
            let patterns = texts(&selection["tagPatternList"]);
            let of = |tag: &&str| {
                prefixes.iter().any(|prefix| tag.starts_with(prefix))
                    || patterns.iter().any(|pattern| like(pattern, tag))
            };
            tags.iter().any(of)
        }
        _ => true,
    }
}

fn when(selection: &Value) -> String {
    let number = &selection["countNumber"];
    let kind = selection["countType"].as_str();
    if kind == Some("imageCountMoreThan") {
        let s = if *number == 1 { "" } else { "s" };
        return format!(" where there are more than {number} image{s}");
    }
    let unit = selection["countUnit"].as_str().unwrap_or("days");
    let unit = if *number == 1 { unit.trim_end_matches('s') } else { unit };
    match kind {
        Some("sinceImagePulled") => format!(" that were not pulled for {number} {unit}"),
        Some("sinceImageTransitioned") => format!(" {number} {unit} after they were archived"),
        Some(_) => format!(" after {number} {unit}"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TAG: &[&str] = &["lambda-pack-1234"];

    fn rule(selection: &Value, action: &str, tags: &[&str]) -> Vec<String> {
        let rule =
            json!({ "rulePriority": 3, "selection": selection, "action": { "type": action } });
        expiring(&json!({ "rules": [rule] }), tags)
    }

    #[test]
    fn rules_that_reach_an_image_are_told() {
        let count = |status: &str, number: u32| json!({ "tagStatus": status, "countType": "imageCountMoreThan", "countNumber": number });
        let told =
            |number: &str| [format!("rule 3 takes images away where there are more than {number}")];
        assert_eq!(rule(&count("untagged", 5), "expire", TAG), [""; 0]);
        assert_eq!(rule(&count("untagged", 1), "expire", &[]), told("1 image"));
        assert_eq!(rule(&count("any", 5), "expire", TAG), told("5 images"));
        let tagged = |member: &str, list: &[&str]| {
            json!({
                "tagStatus": "tagged", member: list, "countType": "sinceImagePushed",
                "countUnit": "days", "countNumber": 14,
            })
        };
        let told = ["rule 3 takes images away after 14 days"];
        for (member, pattern, is_meant) in [
            ("tagPrefixList", "lambda-", true),
            ("tagPrefixList", "v", false),
            ("tagPatternList", "*-1234", true),
            ("tagPatternList", "*", true),
            ("tagPatternList", "*-pack-*", true),
            ("tagPatternList", "*lambda*12*", true),
            ("tagPatternList", "prod*", false),
            ("tagPatternList", "*-12", false),
        ] {
            let found = rule(&tagged(member, &[pattern]), "expire", TAG);
            assert_eq!(found, if is_meant { &told[..] } else { &[] }, "{pattern}");
        }
        // The second of two tags, and none.
        let selection = tagged("tagPatternList", &["prod*"]);
        assert_eq!(rule(&selection, "expire", &["a", "prod-1"]), told);
        assert_eq!(rule(&selection, "expire", &[]), [""; 0]);
        assert_eq!(expiring(&Value::Null, &["a"]), [""; 0]);
    }

    #[test]
    fn what_is_archived_cannot_be_pulled_either() {
        let pulled = json!({
            "tagStatus": "any", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 1,
        });
        let told = ["rule 3 archives images that were not pulled for 1 day"];
        assert_eq!(rule(&pulled, "transition", TAG), told);
        assert_eq!(rule(&pulled, "something new", TAG), [""; 0]);
    }
}
