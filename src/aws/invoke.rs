//! One invocation.

use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::{Failure, Secrets};
use super::{Aws, AwsError};
use crate::invocation::{Invocation, Invoked, Kind};

impl Aws {
    /// Invokes a function once. What is not answered is not sent again.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer. An error of the function is none.
    pub async fn invoke(&self, invocation: &Invocation<'_>) -> Result<Invoked, AwsError> {
        let (kind, log) = match invocation.kind {
            Kind::Wait => (InvocationType::RequestResponse, LogType::Tail),
            Kind::Event => (InvocationType::Event, LogType::None),
            Kind::DryRun => (InvocationType::DryRun, LogType::None),
        };
        let sent = self
            .client
            .invoke()
            .function_name(invocation.function)
            .set_qualifier(invocation.qualifier.map(str::to_owned))
            .invocation_type(kind)
            .log_type(log)
            .payload(Blob::new(invocation.payload.to_vec()))
            .send();
        let failure = |error| Failure::new("Invoke", &error, &Secrets::default()).error;
        sent.await.map(invoked).map_err(failure)
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
