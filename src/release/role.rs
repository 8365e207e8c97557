//! An execution role of a function's own (`--create-role`): what it may do, and what is missing of it.
//!
//! One a function, so that none may do what only another needs. AWS: "Lambda execution role", "AWS
//! managed policies for Lambda features". What has no managed policy of AWS's (a dead letter queue,
//! destinations, a key, what the handler itself uses) is for whoever knows to attach.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::change::Action;
use super::content::text;
use super::desired::Desired;
use super::next::Refusal;
use super::observed::Observed;
use crate::digest::Sha256;

/// The longest name of a role (IAM API, `CreateRole`).
const LONGEST: usize = 64;
/// What the description of a role that was made here begins with: only such ones are changed.
const OURS: &str = "Made by cargo lambda-pack";
/// Logs.
const BASIC: &str = "service-role/AWSLambdaBasicExecutionRole";
/// Network interfaces.
const VPC: &str = "service-role/AWSLambdaVPCAccessExecutionRole";
/// Traces.
const TRACING: &str = "AWSXRayDaemonWriteAccess";
/// What reading from a source needs, by the service in its ARN.
const SOURCES: [(&str, &str); 3] = [
    ("sqs", "service-role/AWSLambdaSQSQueueExecutionRole"),
    ("kinesis", "service-role/AWSLambdaKinesisExecutionRole"),
    ("dynamodb", "service-role/AWSLambdaDynamoDBExecutionRole"),
];

/// A role, as IAM has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    /// Its ARN; its name alone where it is only predicted.
    pub arn: String,
    /// Its description.
    pub description: String,
    /// The services and others that may take it on: the JSON of its trust policy.
    pub trust: String,
    /// The policies of AWS's that are attached, as [`policies`] has them.
    pub policies: BTreeSet<String>,
}

impl Role {
    /// One that was just made.
    pub(super) fn made(name: &str, description: &str) -> Self {
        Self {
            arn: name.to_owned(),
            description: description.to_owned(),
            trust: trust().to_string(),
            policies: BTreeSet::new(),
        }
    }
}

/// `orders-role`; for names that leave no room, a digest of them.
#[must_use]
pub fn name(function: &str) -> String {
    let name = format!("{function}-role");
    if name.len() <= LONGEST {
        return name;
    }
    let digest = Sha256::of(function.as_bytes()).hex();
    let (begin, digest) = (function.get(..46).unwrap_or_default(), digest.get(..12));
    format!("{begin}-{}-role", digest.unwrap_or_default())
}

/// The description of a function's role.
fn description(function: &str) -> String {
    format!("{OURS} for the Lambda function {function}")
}

/// Who may take it on: Lambda.
#[must_use]
pub fn trust() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "lambda.amazonaws.com" },
            "Action": "sts:AssumeRole",
        }],
    })
}

/// The policies of AWS's that a function needs, without `arn:aws:iam::aws:policy/`.
#[must_use]
pub fn policies(desired: &Desired) -> Vec<&'static str> {
    let configuration = &desired.wanted.configuration;
    let mut all = vec![BASIC];
    let subnets = configuration.get("VpcConfig").and_then(|vpc| vpc["SubnetIds"].as_array());
    if subnets.is_some_and(|subnets| !subnets.is_empty()) {
        all.push(VPC);
    }
    if configuration.get("TracingConfig").is_some_and(|tracing| tracing["Mode"] == "Active") {
        all.push(TRACING);
    }
    for (service, policy) in SOURCES {
        let triggers = desired.wanted.attachments.triggers.iter();
        let mut sources = triggers.flatten().filter_map(|trigger| text(trigger, "EventSourceArn"));
        if sources.any(|arn| arn.split(':').nth(2) == Some(service)) {
            all.push(policy);
        }
    }
    all
}

/// The ARN of a policy of AWS's.
#[must_use]
pub fn policy_arn(partition: &str, policy: &str) -> String {
    format!("arn:{partition}:iam::aws:policy/{policy}")
}

/// What the role lacks. Only that of a function that is to be created, or that has it already, is
/// looked at; what others have made is taken as it is.
pub(super) fn step(desired: &Desired, observed: &Observed) -> Result<Option<Action>, Refusal> {
    let Some(name) = desired.own_role() else { return Ok(None) };
    let role_now = observed.latest().map(|latest| text(latest, "Role").unwrap_or_default());
    if role_now.is_some_and(|arn| arn.rsplit('/').next() != Some(&name)) {
        return Ok(None);
    }
    let Some(role) = &observed.role else {
        return Ok(Some(Action::CreateRole { name, description: description(&desired.name) }));
    };
    if !role.trust.contains("lambda.amazonaws.com") {
        return Err(Refusal::ForeignRole(name));
    }
    if !role.description.starts_with(OURS) {
        return Ok(None);
    }
    let missing = policies(desired).into_iter().find(|policy| !role.policies.contains(*policy));
    Ok(missing.map(|policy| Action::AttachPolicy { role: name, policy }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit() {
        assert_eq!(name("orders"), "orders-role");
        let (long, other) = ("a".repeat(64), format!("{}b", "a".repeat(63)));
        assert_eq!(name(&long).len(), LONGEST);
        assert_ne!(name(&long), name(&other));
        assert_eq!(name(&"a".repeat(59)), format!("{}-role", "a".repeat(59)));
    }
}
