//! What belongs to a function, and its end.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Aws, AwsError, send};
use crate::release::Object;
use crate::release::content::text;
use crate::release::desired::Desired;
use crate::release::keep::named;
use crate::release::observed::{Function, Observed};
use crate::release::status::Alias;

/// How long something may be in use before it can be deleted.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often what was not answered is looked at again.
const LOOKS: u32 = 5;
/// The first pause; it doubles.
const PAUSE: Duration = Duration::from_millis(200);
/// The longest.
const LONGEST: Duration = Duration::from_secs(5);

/// A function, and what would go or be left without it.
#[derive(Debug, Clone, Default)]
pub struct Belongings {
    /// The function; none if there is none.
    pub function: Option<Function>,
    /// Its aliases.
    pub aliases: Vec<Alias>,
    /// Its versions, `$LATEST` too.
    pub versions: Vec<Object>,
    /// Its URLs: items of `ListFunctionUrlConfigs`.
    pub urls: Vec<Object>,
    /// Items of `ListProvisionedConcurrencyConfigs`.
    pub provisioned: Vec<Object>,
    /// Event source mappings that lead to it, to whatever alias or version.
    pub mappings: Vec<Object>,
}

impl Aws {
    /// All that belongs to these functions, in their order.
    ///
    /// # Errors
    ///
    /// What AWS refuses with, with the function that was asked about.
    pub async fn belongings(
        &self,
        names: &[String],
    ) -> Result<Vec<Belongings>, (String, AwsError)> {
        let mut all = Vec::new();
        for name in names {
            let one = Box::pin(self.own(name)).await.map_err(|error| (name.clone(), error))?;
            all.push(one);
        }
        if all.iter().all(|one| one.function.is_none()) {
            return Ok(all);
        }
        // By the name of a function AWS lists only what leads to that very qualifier.
        let of_first = |error| (names.first().cloned().unwrap_or_default(), error);
        let mappings = self.all_mappings().await.map_err(of_first)?;
        for (name, one) in names.iter().zip(&mut all) {
            let leads_here = |mapping: &&Object| leads_to(mapping, name);
            one.mappings = mappings.iter().filter(leads_here).cloned().collect();
        }
        Ok(all)
    }

    async fn own(&self, name: &str) -> Result<Belongings, AwsError> {
        let desired = Desired { name: name.to_owned(), ..Desired::default() };
        let (looked, urls, provisioned) =
            tokio::join!(self.look(&desired), self.urls(name), self.provisions(name));
        let looked = looked?;
        Ok(Belongings {
            function: looked.observed.function,
            aliases: looked.aliases,
            versions: looked.versions,
            urls: urls?,
            provisioned: provisioned?,
            mappings: Vec::new(),
        })
    }

    pub(super) async fn urls(&self, name: &str) -> Result<Vec<Object>, AwsError> {
        self.whole_pages(
            "ListFunctionUrlConfigs",
            "FunctionUrlConfigs",
            async |marker: Option<String>| {
                let request = || {
                    let request = self.client.list_function_url_configs().function_name(name);
                    request.set_marker(marker.clone())
                };
                send!(self.calls, "ListFunctionUrlConfigs", request())
            },
        )
        .await
    }

    pub(super) async fn provisions(&self, name: &str) -> Result<Vec<Object>, AwsError> {
        self.whole_pages(
            "ListProvisionedConcurrencyConfigs",
            "ProvisionedConcurrencyConfigs",
            async |marker: Option<String>| {
                let request = || {
                    let request = self.client.list_provisioned_concurrency_configs();
                    request.function_name(name).set_marker(marker.clone())
                };
                send!(self.calls, "ListProvisionedConcurrencyConfigs", request())
            },
        )
        .await
    }

    /// Every event source mapping of the account.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer, also in part.
    pub async fn all_mappings(&self) -> Result<Vec<Object>, AwsError> {
        self.whole_pages(
            "ListEventSourceMappings",
            "EventSourceMappings",
            async |marker: Option<String>| {
                let request =
                    || self.client.list_event_source_mappings().set_marker(marker.clone());
                send!(self.calls, "ListEventSourceMappings", request())
            },
        )
        .await
    }

    /// Deletes an event source mapping, and waits while it is in use. AWS goes on deleting after that.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer. That it is not there is no error.
    pub async fn delete_mapping(&self, id: &str) -> Result<(), AwsError> {
        let delete = async || {
            let request = || self.client.delete_event_source_mapping().uuid(id);
            send!(self.calls, "DeleteEventSourceMapping", request()).map(drop)
        };
        let is_there = async || {
            let request = || self.client.get_event_source_mapping().uuid(id);
            match send!(self.calls, "GetEventSourceMapping", request()) {
                Ok(there) => Ok(there["State"] != "Deleting"),
                Err(error) if error.is_not_found() => Ok(false),
                Err(error) => Err(error),
            }
        };
        until_gone(delete, is_there).await
    }

    /// Deletes a function with all its versions and aliases, and waits while it is being changed.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer. That it is not there is no error.
    pub async fn delete_function(&self, name: &str) -> Result<(), AwsError> {
        let delete = async || {
            let request = || self.client.delete_function().function_name(name);
            send!(self.calls, "DeleteFunction", request()).map(drop)
        };
        let is_there = async || {
            let mut seen = Observed::default();
            self.observe_latest(name, &mut seen).await?;
            Ok(seen.latest().is_some_and(|latest| text(latest, "State") != Some("Deleting")))
        };
        until_gone(delete, is_there).await
    }

    /// Deletes a version. What AWS calls a conflict is that an alias points at it: no waiting helps.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer. That it is not there is no error.
    pub async fn delete_version(&self, name: &str, number: &str) -> Result<(), AwsError> {
        let request = || self.client.delete_function().function_name(name).qualifier(number);
        match send!(self.calls, "DeleteFunction", request()) {
            Err(error @ AwsError::Unanswered { .. }) => {
                let mut seen = Observed::default();
                self.observe_version(name, number, &mut seen).await?;
                if seen.versions.is_empty() { Ok(()) } else { Err(error) }
            }
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }
}

/// Whether a mapping leads to a function, by whatever qualifier.
fn leads_to(mapping: &Object, function: &str) -> bool {
    let arn = text(mapping, "FunctionArn").unwrap_or_default();
    named(arn).is_some_and(|(name, _)| name == function)
}

/// Deletes until it is gone: waits while it is in use, and looks whether what was not answered has had
/// its effect before it is sent again.
pub(super) async fn until_gone(
    delete: impl AsyncFn() -> Result<(), AwsError>,
    is_there: impl AsyncFn() -> Result<bool, AwsError>,
) -> Result<(), AwsError> {
    let began = Instant::now();
    let mut pause = PAUSE;
    let mut looks = LOOKS;
    loop {
        let error = match delete().await {
            Ok(()) => return Ok(()),
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => error,
        };
        let in_use = error.is_conflict() || error.code() == Some("ResourceInUseException");
        let again = match &error {
            AwsError::Unanswered { .. } => {
                looks = looks.saturating_sub(1);
                looks > 0
            }
            _ => in_use && began.elapsed() < PATIENCE,
        };
        if !again {
            return Err(error);
        }
        if !is_there().await? {
            return Ok(());
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn mappings_of_every_qualifier_are_found_and_those_of_others_are_not() {
        for (arn, leads) in [
            ("arn:aws:lambda:eu-west-1:123456789012:function:orders", true),
            ("arn:aws:lambda:eu-west-1:123456789012:function:orders:live", true),
            ("arn:aws:lambda:eu-west-1:123456789012:function:orders:$LATEST", true),
            ("arn:aws:lambda:eu-west-1:123456789012:function:orders-api", false),
            ("arn:aws:lambda:eu-west-1:123456789012:function:my:orders", false),
            ("orders", false),
        ] {
            let mapping = json!({ "FunctionArn": arn }).as_object().cloned().unwrap();
            assert_eq!(leads_to(&mapping, "orders"), leads, "{arn}");
        }
    }
}
