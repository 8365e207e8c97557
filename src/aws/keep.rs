//! What versions of functions are needed for.
//!
//! All of it is read right before versions are deleted. In between, for as long as a few deletions take,
//! another may still come to need one of them: where it is an alias AWS refuses the deletion, and of anything
//! else it knows nothing.

use aws_sdk_lambda::types::ExecutionStatus;
use serde_json::Value;

use super::{Aws, AwsError, send};
use crate::release::Object;
use crate::release::content::text;
use crate::release::keep::{Inventory, Need, Version};
use crate::release::observed::Observed;

/// The state of a version whose durable executions are coming to their end.
const DRAINING: &str = "DrainingDurableExecutions";

impl Aws {
    /// What a function has, and what leads to its versions. `mappings`: those of the account, by
    /// [`Aws::all_mappings`].
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer, also in part: what cannot be seen would be taken for unused. That
    /// there is no such function is no error.
    pub async fn inventory(
        &self,
        function: &str,
        mappings: Vec<Object>,
    ) -> Result<Inventory, AwsError> {
        let (versions, aliases, provisioned, urls, event_invokes) = tokio::join!(
            self.versions(function),
            self.aliases(function),
            self.provisions(function),
            self.urls(function),
            self.event_invokes(function),
        );
        Ok(Inventory {
            function: function.to_owned(),
            versions: versions?,
            aliases: aliases?,
            provisioned: provisioned?,
            urls: urls?,
            event_invokes: event_invokes?,
            mappings,
        })
    }

    async fn event_invokes(&self, function: &str) -> Result<Vec<Object>, AwsError> {
        let operation = "ListFunctionEventInvokeConfigs";
        self.whole_pages(operation, "FunctionEventInvokeConfigs", async |marker| {
            let request = || {
                let marker: Option<String> = marker.clone();
                let request = self.client.list_function_event_invoke_configs();
                request.function_name(function).set_marker(marker)
            };
            send!(self.calls, "ListFunctionEventInvokeConfigs", request())
        })
        .await
    }

    /// What else keeps a version, which has to be asked for one by one: a policy of its own, and durable
    /// executions that run on it.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer; that it shows no durable executions keeps the version.
    pub async fn held(&self, function: &str, version: &Version) -> Result<Option<Need>, AwsError> {
        let number = version.number.to_string();
        if !self.statements(function, Some(&number)).await?.is_empty() {
            return Ok(Some(Need::Policy));
        }
        if !version.durable {
            return Ok(None);
        }
        if let Some(need) = self.executions(function, &number).await? {
            return Ok(Some(need));
        }
        let mut seen = Observed::default();
        self.observe_version(function, &number, &mut seen).await?;
        let state = seen.versions.get(&number).and_then(|version| text(version, "State"));
        Ok((state == Some(DRAINING)).then_some(Need::Durable))
    }

    /// Whether durable executions run on a version.
    async fn executions(&self, function: &str, number: &str) -> Result<Option<Need>, AwsError> {
        let request = || {
            let request = self.client.list_durable_executions_by_function();
            let request = request.function_name(function).qualifier(number);
            request.statuses(ExecutionStatus::Running).max_items(1)
        };
        match send!(self.calls, "ListDurableExecutionsByFunction", request()) {
            Ok(page) => Ok(running(&page)),
            Err(error @ AwsError::Refused { .. }) => Ok(Some(Need::Unseen(error.to_string()))),
            Err(error) => Err(error),
        }
    }
}

/// Whether a page tells of executions; one that goes on may tell of them later.
fn running(page: &Value) -> Option<Need> {
    match page["DurableExecutions"].as_array() {
        Some(all) if all.is_empty() && !page["NextMarker"].is_string() => None,
        Some(_) => Some(Need::Durable),
        None => Some(Need::Unseen("the answer has no list of them".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_whole_empty_list_lets_a_version_go() {
        let unseen = Need::Unseen("the answer has no list of them".to_owned());
        for (page, need) in [
            (json!({ "DurableExecutions": [] }), None),
            (json!({ "DurableExecutions": [], "NextMarker": null }), None),
            (json!({ "DurableExecutions": [], "NextMarker": "x" }), Some(Need::Durable)),
            (json!({ "DurableExecutions": [{}] }), Some(Need::Durable)),
            (json!({}), Some(unseen.clone())),
            (json!(null), Some(unseen)),
        ] {
            assert_eq!(running(&page), need, "{page}");
        }
    }
}
