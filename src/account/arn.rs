//! ARNs of one account in one Region.

use super::Account;

/// The partition of a Region (AWS, "Amazon Resource Names").
#[must_use]
pub fn partition(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "aws-cn",
        Some("eusc") => "aws-eusc",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ if region.starts_with("us-iso-") => "aws-iso",
        _ if region.starts_with("us-isob-") => "aws-iso-b",
        _ => "aws",
    }
}

impl Account {
    /// `arn:aws:lambda:<region>:<account>:<kind>:<name>`; `kind` is `function`, `layer`, ….
    #[must_use]
    pub fn arn(&self, kind: &str, name: &str) -> String {
        format!("arn:{}:lambda:{}:{}:{kind}:{name}", partition(&self.region), self.region, self.id)
    }

    /// The ARN of a function, with a qualifier if there is one.
    #[must_use]
    pub fn function_arn(&self, name: &str, qualifier: Option<&str>) -> String {
        let mut arn = self.arn("function", name);
        if let Some(qualifier) = qualifier {
            arn.push(':');
            arn.push_str(qualifier);
        }
        arn
    }
}
