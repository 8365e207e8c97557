//! The smallest IAM policy with which a plan can be carried out: the reads that it was made from and
//! the changes that it names, on their resources alone.
//!
//! Which action takes which resource and which condition: AWS's "Service Authorization Reference", the
//! pages of Lambda, S3, IAM, EC2, KMS and Elastic File System. What a call needs besides its own action
//! stands beside each rule.

mod needs;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::change::Change;
use super::content::text;
use super::desired::Desired;
use super::observed::Observed;

/// Where the plan is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The Region.
    pub region: String,
    /// The account, if it is known.
    pub account: Option<String>,
    /// The repositories of ECR that are to be made.
    pub repositories: Vec<String>,
}

/// The policy of a plan: what was observed of what is desired, and all changes of it.
#[must_use]
pub fn policy(all: &[(Desired, Observed)], changes: &[Change], place: &Place) -> Value {
    let mut grants = Grants::new(all, place);
    if all.iter().any(|(desired, _)| desired.wanted.account.is_some()) {
        // A deploy compares it with the pinned one. Nobody needs it ("No permissions are required"); it stands here so that the list is whole.
        grants.allow(&["sts:GetCallerIdentity"], ["*".to_owned()]);
    }
    for (desired, observed) in all {
        needs::of_observing(desired, observed, &mut grants);
    }
    for change in changes {
        needs::of_change(change, &mut grants);
    }
    for name in &place.repositories {
        let (partition, account) = (&grants.partition, &grants.account);
        let arn = format!("arn:{partition}:ecr:{}:{account}:repository/{name}", place.region);
        grants.allow(&["ecr:CreateRepository"], [arn]);
    }
    json!({ "Version": "2012-10-17", "Statement": grants.statements() })
}

/// What a statement restricts its actions to: resources, or a condition on any.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Scope {
    resource: String,
    condition: Option<Condition>,
}

/// Operator, key and values.
type Condition = (&'static str, &'static str, BTreeSet<String>);

/// Which actions are allowed where.
struct Grants {
    partition: String,
    region: String,
    account: String,
    by_scope: BTreeMap<Scope, BTreeSet<String>>,
}

impl Grants {
    fn new(all: &[(Desired, Observed)], place: &Place) -> Self {
        // Any ARN of this account tells partition and account.
        let functions =
            all.iter().filter_map(|(_, observed)| text(observed.latest()?, "FunctionArn"));
        let roles = all.iter().filter_map(|(desired, _)| {
            desired.wanted.configuration.get("Role").and_then(Value::as_str)
        });
        let part = |arn: &str, at: usize| arn.split(':').nth(at).map(str::to_owned);
        let known = functions.chain(roles).find(|arn| arn.starts_with("arn:"));
        let partition = known.and_then(|arn| part(arn, 1));
        let account = place.account.clone().or_else(|| known.and_then(|arn| part(arn, 4)));
        Self {
            partition: partition.unwrap_or_else(|| partition_of(&place.region).to_owned()),
            region: place.region.clone(),
            account: account.unwrap_or_else(|| "*".to_owned()),
            by_scope: BTreeMap::new(),
        }
    }

    /// An ARN of Lambda's in this account and Region.
    fn lambda(&self, rest: &str) -> String {
        format!("arn:{}:lambda:{}:{}:{rest}", self.partition, self.region, self.account)
    }

    /// A function; with a qualifier a version or an alias of it.
    fn function(&self, name: &str, qualifier: Option<&str>) -> String {
        let qualifier = qualifier.map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
        self.lambda(&format!("function:{name}{qualifier}"))
    }

    /// A layer.
    fn layer(&self, name: &str) -> String {
        self.lambda(&format!("layer:{name}"))
    }

    /// All versions of a layer: the next plan has another one.
    fn layer_versions(&self, name: &str) -> String {
        self.lambda(&format!("layer:{name}:*"))
    }

    /// A role of this account; what has an ARN already keeps it.
    fn role(&self, name: &str) -> String {
        if name.starts_with("arn:") {
            return name.to_owned();
        }
        format!("arn:{}:iam::{}:role/{name}", self.partition, self.account)
    }

    fn allow(&mut self, actions: &[&str], resources: impl IntoIterator<Item = String>) {
        for resource in resources {
            self.add(Scope { resource, condition: None }, actions);
        }
    }

    fn allow_if(
        &mut self,
        actions: &[&str],
        resource: impl Into<String>,
        operator: &'static str,
        key: &'static str,
        values: impl IntoIterator<Item = String>,
    ) {
        let condition = Some((operator, key, values.into_iter().collect()));
        self.add(Scope { resource: resource.into(), condition }, actions);
    }

    fn add(&mut self, scope: Scope, actions: &[&str]) {
        let all = self.by_scope.entry(scope).or_default();
        all.extend(actions.iter().map(|action| (*action).to_owned()));
    }

    /// One statement for all resources on which the same is allowed.
    fn statements(self) -> Vec<Value> {
        let mut scopes: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        let mut by_scope = Vec::new();
        // Values that the same may be done with on the same resource stand side by side.
        for (Scope { resource, condition }, actions) in self.by_scope {
            match condition {
                Some((operator, key, values)) => {
                    scopes.entry((resource, operator, key, actions)).or_default().extend(values);
                }
                None => by_scope.push((resource, None, actions)),
            }
        }
        by_scope.extend(scopes.into_iter().map(|((resource, operator, key, actions), values)| {
            (resource, Some((operator, key, values)), actions)
        }));
        let mut together: BTreeMap<(BTreeSet<String>, Option<Condition>), BTreeSet<String>> =
            BTreeMap::new();
        for (resource, condition, actions) in by_scope {
            together.entry((actions, condition)).or_default().insert(resource);
        }
        let mut statements = Vec::new();
        for ((actions, condition), resources) in together {
            let mut statement = json!({
                "Effect": "Allow", "Action": one_or_many(actions), "Resource": one_or_many(resources),
            });
            if let Some((operator, key, values)) = condition {
                statement["Condition"] = json!({ operator: { key: one_or_many(values) } });
            }
            statements.push(statement);
        }
        statements
    }
}

/// "AWS Regions" in the IAM User Guide's page on ARNs.
#[must_use]
pub fn partition_of(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

fn one_or_many(all: BTreeSet<String>) -> Value {
    let mut all: Vec<String> = all.into_iter().collect();
    match all.pop() {
        Some(one) if all.is_empty() => one.into(),
        last => all.into_iter().chain(last).collect(),
    }
}

#[cfg(test)]
mod tests;
