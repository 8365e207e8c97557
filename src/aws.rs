//! AWS, through its SDK. Region, credentials, profile and endpoint come from wherever AWS's own tools
//! take them (AWS SDKs and Tools Reference Guide), unless flags name them.
//!
//! What is decided on is [`crate::release`]'s; here is what is asked of AWS and what it answered.

mod act;
mod call;
mod check;
mod connect;
mod delete;
mod ecr;
mod error;
mod image;
mod invoke;
mod keep;
mod layers;
mod logs;
mod look;
mod metrics;
mod moves;
mod observe;
mod prune;
mod rate;
mod reconcile;
mod role;
mod s3;
mod shift;

use std::cell::{OnceCell, RefCell};
use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use serde_json::Value;

use call::{Calls, send};
use error::Failure;

pub use call::Talk;
pub use check::{CheckFailure, Failed};
pub use connect::Place;
pub use delete::Belongings;
pub use ecr::{NewRepository, Repository};
pub use error::AwsError;
pub use logs::Log;
pub use look::Looked;
pub use metrics::{Alarm, Counted};
pub use moves::{Pointed, Target};
pub use rate::CONTROL as RATE;
pub use reconcile::{Event, Job, Options, Outcome, Stop};
pub use shift::{Progress, Turn, now_s};

/// An account in a Region.
pub struct Aws {
    config: SdkConfig,
    client: Client,
    cloudwatch: OnceCell<aws_sdk_cloudwatch::Client>,
    s3: OnceCell<aws_sdk_s3::Client>,
    iam: OnceCell<aws_sdk_iam::Client>,
    ecr: OnceCell<aws_sdk_ecr::Client>,
    #[cfg(feature = "registry")]
    registries: image::Registries,
    /// What was found of layers.
    layers: layers::Found,
    /// Multipart uploads that have begun.
    uploads: RefCell<Vec<s3::Open>>,
    calls: Calls,
    /// The Region.
    pub region: String,
}

impl Aws {
    /// Finds AWS. No call is made but those that get credentials.
    ///
    /// `rate`: control calls a second; zero for no limit. `talk` is told, with a verb before it, what takes long and that values are
    /// not shown.
    ///
    /// # Errors
    ///
    /// If no Region is named.
    pub async fn connect(place: &Place, rate: f64, talk: Talk) -> Result<Self, AwsError> {
        let config = connect::load(place).await;
        let region = connect::region(&config).ok_or(AwsError::NoRegion)?;
        let client = Client::new(&config);
        Ok(Self {
            client,
            cloudwatch: OnceCell::new(),
            s3: OnceCell::new(),
            iam: OnceCell::new(),
            ecr: OnceCell::new(),
            #[cfg(feature = "registry")]
            registries: image::Registries::default(),
            layers: layers::Found::default(),
            uploads: RefCell::default(),
            calls: Calls::new(rate, talk),
            region,
            config,
        })
    }

    /// When the credentials expire, if they do.
    ///
    /// # Errors
    ///
    /// If there are none.
    pub async fn expiry(&self) -> Result<Option<SystemTime>, AwsError> {
        connect::expiry(&self.config).await
    }

    /// Values that are never shown, whatever AWS answers.
    pub fn keep_secret(&self, values: impl IntoIterator<Item = String>) {
        self.calls.secrets.borrow_mut().add(values);
    }

    /// The account, by `GetCallerIdentity`.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer.
    pub async fn account(&self) -> Result<String, AwsError> {
        let client = aws_sdk_sts::Client::new(&self.config);
        let operation = "GetCallerIdentity";
        let answer = self.calls.repeat(operation, async || {
            let answer = client.get_caller_identity().send().await;
            answer.map_err(|error| self.failure(operation, &error))
        });
        Ok(answer.await?.account.unwrap_or_default())
    }

    fn failure<E>(&self, operation: &'static str, error: &SdkError<E>) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        SdkError<E>: ProvideErrorMetadata,
    {
        Failure::new(operation, error, &self.calls.secrets.borrow())
    }

    /// The operations that were called, in order.
    #[must_use]
    pub fn made(&self) -> Vec<&'static str> {
        self.calls.made.borrow().clone()
    }
}

/// The object of an answer.
fn object(value: Value) -> crate::release::Object {
    match value {
        Value::Object(object) => object,
        _ => crate::release::Object::new(),
    }
}
