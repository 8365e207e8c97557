//! What a function is, with all its versions and aliases.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use serde_json::Value;

use super::{Aws, AwsError, object};
use crate::release::Object;
use crate::release::desired::Desired;
use crate::release::observed::Observed;
use crate::release::status::Alias;

/// A function, and what a deploy would decide on.
#[derive(Debug, Clone, Default)]
pub struct Looked {
    /// What a deploy would see of it.
    pub observed: Observed,
    /// Its aliases, by name.
    pub aliases: Vec<Alias>,
    /// Its versions, `$LATEST` too, without their states.
    pub versions: Vec<Object>,
    /// The versions that aliases point at, with their states.
    pub targets: Vec<Object>,
}

impl Aws {
    /// Looks at a function: what a deploy reads, and every version and alias besides.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer. That there is no such function is no error.
    pub async fn look(&self, desired: &Desired) -> Result<Looked, AwsError> {
        let name = desired.name.as_str();
        let (observed, aliases, versions) =
            tokio::join!(Box::pin(self.observe(desired)), self.aliases(name), self.versions(name));
        let (observed, aliases, versions) = (observed?, aliases?, versions?);
        let Some(latest) = observed.latest() else { return Ok(Looked::default()) };
        let mut aliases: Vec<Alias> =
            aliases.iter().map(|alias| Alias::read(alias, latest, &versions)).collect();
        aliases.sort_by(|one, other| one.name.cmp(&other.name));
        let numbers: BTreeSet<&str> = aliases.iter().flat_map(Alias::targets).collect();
        let asked = numbers.into_iter().map(async |number| {
            let mut seen = Observed::default();
            self.observe_version(name, number, &mut seen).await?;
            Ok::<_, AwsError>(seen.versions.into_values().next())
        });
        let targets = try_join_all(asked).await?.into_iter().flatten().collect();
        Ok(Looked { observed, aliases, versions, targets })
    }

    /// All pages of a list: the objects below a member, until no page follows. None where there is no such
    /// thing.
    pub(super) async fn pages(
        &self,
        member: &str,
        page: impl AsyncFn(Option<String>) -> Result<Value, AwsError>,
    ) -> Result<Vec<Object>, AwsError> {
        self.read_pages(member, None, page).await
    }

    /// The same, of what keeps other things from being deleted: a page without a list is an error, as what is
    /// missing in it would be taken for unused.
    pub(super) async fn whole_pages(
        &self,
        operation: &'static str,
        member: &str,
        page: impl AsyncFn(Option<String>) -> Result<Value, AwsError>,
    ) -> Result<Vec<Object>, AwsError> {
        self.read_pages(member, Some(operation), page).await
    }

    /// `whole`: the operation whose pages must have a list.
    async fn read_pages(
        &self,
        member: &str,
        whole: Option<&'static str>,
        page: impl AsyncFn(Option<String>) -> Result<Value, AwsError>,
    ) -> Result<Vec<Object>, AwsError> {
        let mut all = Vec::new();
        let mut marker = None;
        loop {
            let mut answer = match page(marker).await {
                Err(error) if error.is_not_found() => return Ok(all),
                answer => answer?,
            };
            if let Value::Array(items) = answer[member].take() {
                all.extend(items.into_iter().map(object));
            } else if let Some(operation) = whole {
                let why = format!("the answer has no list `{member}`");
                return Err(AwsError::Unanswered { operation, why });
            }
            let next = answer["NextMarker"].as_str().filter(|next| !next.is_empty());
            marker = next.map(str::to_owned);
            if marker.is_none() {
                return Ok(all);
            }
        }
    }
}
