//! Layers of the account: which versions there are, who uses them, and the end of those that nobody does.

use std::cmp::Reverse;

use aws_sdk_lambda::types::FunctionVersion;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::delete::until_gone;
use super::observe::if_there;
use super::{Aws, AwsError, send};
use crate::release::Object;
use crate::release::content::text;
use crate::release::prune::{Uses, Version};

/// How many layers are looked at at once.
const AT_ONCE: usize = 24;

impl Aws {
    /// The names of all layers.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer.
    pub async fn layer_names(&self) -> Result<Vec<String>, AwsError> {
        let all = self.pages("Layers", async |marker: Option<String>| {
            let request = || self.client.list_layers().set_marker(marker.clone());
            send!(self.calls, "ListLayers", request())
        });
        let all = all.await?;
        Ok(all.iter().filter_map(|item| text(item, "LayerName").map(str::to_owned)).collect())
    }

    /// All versions of these layers, ours or not: in the order of the names, the newest first. A layer
    /// that is not there has none.
    ///
    /// # Errors
    ///
    /// What AWS refuses with, with the layer that was asked about.
    pub async fn versions_of_layers(
        &self,
        names: &[String],
    ) -> Result<Vec<Version>, (String, AwsError)> {
        let one = async |name: String| match self.versions_of(&name).await {
            Ok(versions) => Ok(versions),
            Err(error) => Err((name, error)),
        };
        let all: Vec<Vec<Version>> =
            stream::iter(names.iter().cloned().map(one)).buffered(AT_ONCE).try_collect().await?;
        Ok(all.concat())
    }

    async fn versions_of(&self, name: &str) -> Result<Vec<Version>, AwsError> {
        let all = self.pages("LayerVersions", async |marker: Option<String>| {
            let request =
                || self.client.list_layer_versions().layer_name(name).set_marker(marker.clone());
            send!(self.calls, "ListLayerVersions", request())
        });
        let all = all.await?;
        let mut all: Vec<Version> =
            all.iter().filter_map(|item| Version::read(name, item)).collect();
        all.sort_by_key(|version| Reverse(version.number));
        Ok(all)
    }

    /// Which layers all functions of the account use, every published version of each.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer; also where a page has no list.
    pub async fn layer_uses(&self) -> Result<Uses, AwsError> {
        Ok(Uses::of(&self.all_functions().await?))
    }

    /// All functions of the account, every published version of each: items of `ListFunctions`.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer; also where a page has no list.
    pub async fn all_functions(&self) -> Result<Vec<Object>, AwsError> {
        self.whole_pages("ListFunctions", "Functions", async |marker: Option<String>| {
            let request = || {
                let request = self.client.list_functions().function_version(FunctionVersion::All);
                request.set_marker(marker.clone())
            };
            send!(self.calls, "ListFunctions", request())
        })
        .await
    }

    /// Whether others may use a version: who does is not to be seen from here.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer.
    pub async fn is_shared_with_others(&self, version: &Version) -> Result<bool, AwsError> {
        let request = || {
            let request = self.client.get_layer_version_policy().layer_name(&version.layer);
            request.version_number(number(version))
        };
        let policy = if_there(send!(self.calls, "GetLayerVersionPolicy", request()))?;
        Ok(policy.is_some_and(|answer| answer["Policy"].is_string()))
    }

    /// Deletes a version.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer. That it is not there is no error.
    pub async fn delete_layer_version(&self, version: &Version) -> Result<(), AwsError> {
        let delete = async || {
            let request = || {
                let request = self.client.delete_layer_version().layer_name(&version.layer);
                request.version_number(number(version))
            };
            send!(self.calls, "DeleteLayerVersion", request()).map(drop)
        };
        let is_there = async || {
            let there = self.get_layer_version(&version.layer, number(version)).await;
            Ok(if_there(there)?.is_some())
        };
        until_gone(delete, is_there).await
    }
}

/// As the API takes it.
fn number(version: &Version) -> i64 {
    i64::try_from(version.number).unwrap_or(i64::MAX)
}
