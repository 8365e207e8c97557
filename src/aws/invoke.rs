//! One invocation.

use std::time::Duration;

use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::Failure;
use super::{Aws, AwsError};
use crate::invocation::{Invocation, Invoked, Kind};

/// The longest `Timeout` of a function ("Lambda quotas").
pub(super) const LONGEST: Duration = Duration::from_mins(15);
/// What an answer takes besides: the init of an environment, of 10 s at most, and the way.
const BESIDES: Duration = Duration::from_secs(20);

impl Aws {
    /// Invokes a function once. What is not answered is not sent again.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer. An error of the function is none.
    pub async fn invoke(&self, invocation: &Invocation<'_>) -> Result<Invoked, AwsError> {
        self.invoke_within(invocation, LONGEST).await.map_err(|failure| failure.error)
    }

    /// The same of a function with this `Timeout`: an answer is waited for as long as one may come.
    pub(super) async fn invoke_within(
        &self,
        invocation: &Invocation<'_>,
        timeout: Duration,
    ) -> Result<Invoked, Failure> {
        let (kind, log) = match invocation.kind {
            Kind::Wait => (InvocationType::RequestResponse, LogType::Tail),
            Kind::Event => (InvocationType::Event, LogType::None),
            Kind::DryRun => (InvocationType::DryRun, LogType::None),
        };
        let mut config = aws_sdk_lambda::Config::builder();
        if invocation.kind == Kind::Wait {
            let timeouts = TimeoutConfig::builder().read_timeout(timeout + BESIDES).build();
            config = config.timeout_config(timeouts);
        }
        let sent = self
            .client
            .invoke()
            .function_name(invocation.function)
            .set_qualifier(invocation.qualifier.map(str::to_owned))
            .invocation_type(kind)
            .log_type(log)
            .payload(Blob::new(invocation.payload.to_vec()))
            .customize()
            .config_override(config)
            .send();
        sent.await.map(invoked).map_err(|error| self.failure("Invoke", &error))
    }
}

fn invoked(output: InvokeOutput) -> Invoked {
    let log = output.log_result().and_then(|log| STANDARD.decode(log).ok());
    Invoked {
        failed: output.function_error().is_some(),
        version: output.executed_version().map(str::to_owned),
        log: log.unwrap_or_default(),
        payload: output.payload.map(Blob::into_inner).unwrap_or_default(),
    }
}
