//! Layers that functions share: found again by what their versions say that they hold, published where
//! there is none.
//!
//! Each is looked for once in a run, whoever wants it. `PublishLayerVersion` makes another version each
//! time, so right before it the layer is looked for once more.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use futures_util::future::join_all;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::act::code_members;
use super::observe::if_there;
use super::{Aws, AwsError, send};
use crate::layer::record::LayerRecord;
use crate::release::change::NewLayer;
use crate::release::desired::Desired;
use crate::release::layers::{Layer, Seen, name_of, unclear};
use crate::release::observed::Observed;

/// An answer that all who ask for it wait for.
type Once<T> = Rc<OnceCell<Result<T, AwsError>>>;

/// What this run has found out.
#[derive(Default)]
pub(super) struct Found {
    /// ARNs, by name, description and digest.
    versions: RefCell<BTreeMap<[String; 3], Once<Option<String>>>>,
    /// Whether a version is ours, by its ARN.
    ours: RefCell<BTreeMap<String, Once<bool>>>,
    /// Whether a version is there, by its ARN.
    there: RefCell<BTreeMap<String, Once<bool>>>,
}

fn key(layer: &Layer) -> [String; 3] {
    [layer.name.clone(), layer.description.clone(), layer.code.sha256.clone()]
}

impl Aws {
    /// The ARN of a version that holds what is wanted.
    pub(super) async fn layer_version(&self, layer: &Layer) -> Result<Option<String>, AwsError> {
        let cell = Rc::clone(self.layers.versions.borrow_mut().entry(key(layer)).or_default());
        cell.get_or_init(|| Box::pin(self.find(layer))).await.clone()
    }

    /// The same, asked anew.
    pub(super) async fn layer_version_now(
        &self,
        layer: &Layer,
    ) -> Result<Option<String>, AwsError> {
        self.layers.versions.borrow_mut().remove(&key(layer));
        self.layer_version(layer).await
    }

    /// From the newest version on, until one says that it holds this, and has our bytes: anybody may
    /// write a description.
    async fn find(&self, layer: &Layer) -> Result<Option<String>, AwsError> {
        let mut marker = None;
        loop {
            let request = || {
                let marker: Option<String> = marker.clone();
                self.client.list_layer_versions().layer_name(&layer.name).set_marker(marker)
            };
            let page = if_there(send!(self.calls, "ListLayerVersions", request()))?;
            let Some(page) = page else { return Ok(None) };
            for version in page["LayerVersions"].as_array().into_iter().flatten() {
                if version["Description"] == layer.description.as_str()
                    && let Some(number) = version["Version"].as_i64()
                    && let Some(arn) = version["LayerVersionArn"].as_str()
                    && self.holds(layer, number).await?
                {
                    return Ok(Some(arn.to_owned()));
                }
            }
            let next = page["NextMarker"].as_str().filter(|next| !next.is_empty());
            marker = next.map(str::to_owned);
            if marker.is_none() {
                return Ok(None);
            }
        }
    }

    async fn holds(&self, layer: &Layer, number: i64) -> Result<bool, AwsError> {
        let version = if_there(self.get_layer_version(&layer.name, number).await)?;
        let sha256 = version.as_ref().map(|version| &version["Content"]["CodeSha256"]);
        Ok(sha256.is_some_and(|sha256| *sha256 == layer.code.sha256.as_str()))
    }

    pub(super) async fn get_layer_version(
        &self,
        name: &str,
        number: i64,
    ) -> Result<Value, AwsError> {
        let request = || self.client.get_layer_version().layer_name(name).version_number(number);
        send!(self.calls, "GetLayerVersion", request())
    }

    /// The layers that a function wants, as far as they are there.
    pub(super) async fn wanted_layers(&self, desired: &Desired) -> Result<Seen, AwsError> {
        let wanted = desired.layers.as_deref().unwrap_or_default();
        let found = join_all(wanted.iter().map(async |layer| {
            let version = self.layer_version(layer).await?;
            Ok::<_, AwsError>(version.map(|arn| (layer.name.clone(), arn)))
        }));
        let found: Result<Vec<_>, _> = found.await.into_iter().collect();
        Ok(Seen { versions: found?.into_iter().flatten().collect(), ..Seen::default() })
    }

    /// Which of the layers that a function has an earlier deploy has published.
    pub(super) async fn know_ours(
        &self,
        desired: &Desired,
        observed: &mut Observed,
    ) -> Result<(), AwsError> {
        let asked = unclear(desired, observed);
        let ours = join_all(asked.into_iter().map(async |arn| {
            let cell = Rc::clone(self.layers.ours.borrow_mut().entry(arn.clone()).or_default());
            let ours = cell.get_or_init(|| Box::pin(self.is_ours(&arn))).await.clone();
            Ok::<_, AwsError>(ours?.then_some(arn))
        }));
        let ours: Result<Vec<_>, _> = ours.await.into_iter().collect();
        observed.layers.ours = ours?.into_iter().flatten().collect();
        Ok(())
    }

    /// What cannot be seen, or is not there any more, is taken for somebody else's: it stays.
    async fn is_ours(&self, arn: &str) -> Result<bool, AwsError> {
        let number = arn.rsplit_once(':').and_then(|(_, number)| number.parse().ok());
        let Some(number) = number else { return Ok(false) };
        // Of this account and Region: the name is enough, also for what stands in for AWS.
        match if_there(self.get_layer_version(name_of(arn), number).await) {
            Ok(version) => {
                let version = version.unwrap_or_default();
                let said = version["Description"].as_str();
                Ok(said.is_some_and(|said| said.starts_with(LayerRecord::OURS)))
            }
            Err(error) if error.is_denied() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a version is there, by its ARN; asked for once, whoever uses it. What may not be seen is
    /// taken to be.
    pub(super) async fn layer_is_there(&self, arn: &str) -> Result<bool, AwsError> {
        let number = arn.rsplit_once(':').and_then(|(_, number)| number.parse().ok());
        let Some(number) = number else { return Ok(true) };
        let cell = Rc::clone(self.layers.there.borrow_mut().entry(arn.to_owned()).or_default());
        let ask = async || match if_there(self.get_layer_version(name_of(arn), number).await) {
            Err(error) if error.is_denied() => Ok(true),
            answer => Ok(answer?.is_some()),
        };
        cell.get_or_init(|| Box::pin(ask())).await.clone()
    }

    /// `PublishLayerVersion`.
    pub(super) async fn publish_layer(
        &self,
        new: &NewLayer,
        zip: &Path,
    ) -> Result<Value, AwsError> {
        let body = json!({
            "Description": new.description,
            "Content": code_members(&new.code, zip).await?,
            "CompatibleRuntimes": new.runtimes,
            "CompatibleArchitectures": [new.code.architecture],
        });
        let body = Bytes::from(body.to_string());
        // The SDK demands what the request has; the body above is what is sent.
        let content = || aws_sdk_lambda::types::LayerVersionContentInput::builder().build();
        let request =
            || self.client.publish_layer_version().layer_name(&new.name).content(content());
        send!(self.calls, "PublishLayerVersion", request(), body)
    }
}
