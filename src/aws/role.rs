//! Execution roles: one is looked for, made, and given policies of AWS's.

use serde_json::{Value, json};

use super::observe::if_there;
use super::{Aws, AwsError};
use crate::release::change::Action;
use crate::release::policy::partition_of;
use crate::release::role::{Role, policy_arn, trust};

impl Aws {
    fn iam(&self) -> &aws_sdk_iam::Client {
        self.iam.get_or_init(|| aws_sdk_iam::Client::new(&self.config))
    }

    /// A role, and the policies of AWS's that it has.
    pub(super) async fn role(&self, name: &str) -> Result<Option<Role>, AwsError> {
        let found = self.calls.repeat("GetRole", async || {
            let answer = self.iam().get_role().role_name(name).send().await;
            answer.map_err(|error| self.failure("GetRole", &error))
        });
        let Some(found) = if_there(found.await)?.and_then(|answer| answer.role) else {
            return Ok(None);
        };
        // A role has 20 at most, and a page 100.
        let operation = "ListAttachedRolePolicies";
        let attached = self.calls.repeat(operation, async || {
            let answer = self.iam().list_attached_role_policies().role_name(name).send().await;
            answer.map_err(|error| self.failure(operation, &error))
        });
        let attached = attached.await?.attached_policies.unwrap_or_default();
        let arns = attached.iter().filter_map(|policy| policy.policy_arn());
        let ours = arns.filter_map(|arn| arn.split_once("::aws:policy/"));
        Ok(Some(Role {
            arn: found.arn,
            description: found.description.unwrap_or_default(),
            trust: found.assume_role_policy_document.unwrap_or_default(),
            policies: ours.map(|(_, policy)| policy.to_owned()).collect(),
        }))
    }

    /// Makes a role, or gives it a policy.
    pub(super) async fn role_action(&self, action: &Action) -> Result<Value, AwsError> {
        match action {
            Action::CreateRole { name, description } => {
                let made = self.calls.repeat("CreateRole", async || {
                    let request = self.iam().create_role().role_name(name);
                    let request = request.description(description);
                    let request = request.assume_role_policy_document(trust().to_string());
                    let answer = request.send().await;
                    answer.map_err(|error| self.failure("CreateRole", &error))
                });
                Ok(json!({ "Arn": made.await?.role.map(|role| role.arn) }))
            }
            Action::AttachPolicy { role, policy } => {
                let operation = "AttachRolePolicy";
                let arn = policy_arn(partition_of(&self.region), policy);
                let attached = self.calls.repeat(operation, async || {
                    let request = self.iam().attach_role_policy().role_name(role);
                    let answer = request.policy_arn(&arn).send().await;
                    answer.map_err(|error| self.failure(operation, &error))
                });
                attached.await.map(|_| Value::Null)
            }
            _ => Ok(Value::Null),
        }
    }
}
