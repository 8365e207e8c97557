//! AWS, through its SDK. Region, credentials, profile and endpoint come from wherever AWS's own tools
//! take them (AWS SDKs and Tools Reference Guide): this program has no settings of its own for them.

use aws_config::BehaviorVersion;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::{DisplayErrorContext, ProvideErrorMetadata as _};
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::runtime::Builder;

use crate::invocation::{Invocation, Invoked, Kind};

/// AWS refused, or could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The API's own error.
    #[error("{code}: {message}")]
    Refused {
        /// Its code.
        code: String,
        /// Its message.
        message: String,
    },
    /// No answer: no credentials, no Region, no network.
    #[error("{0}")]
    Failed(String),
    /// No runtime.
    #[error("cannot start")]
    Start(#[from] std::io::Error),
}

/// Invokes a function once.
///
/// # Errors
///
/// If AWS refuses or does not answer. An error of the function is none.
pub fn invoke(invocation: &Invocation<'_>) -> Result<Invoked, AwsError> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
        let client = Client::new(&config);
        let (kind, log) = match invocation.kind {
            Kind::Wait => (InvocationType::RequestResponse, LogType::Tail),
            Kind::Event => (InvocationType::Event, LogType::None),
            Kind::DryRun => (InvocationType::DryRun, LogType::None),
        };
        let sent = client
            .invoke()
            .function_name(invocation.function)
            .set_qualifier(invocation.qualifier.map(str::to_owned))
            .invocation_type(kind)
            .log_type(log)
            .payload(Blob::new(invocation.payload.to_vec()))
            .send();
        match sent.await {
            Ok(output) => Ok(invoked(output)),
            Err(error) => Err(match (error.code(), error.message()) {
                (Some(code), message) => AwsError::Refused {
                    code: code.to_owned(),
                    message: message.unwrap_or_default().to_owned(),
                },
                (None, _) => AwsError::Failed(DisplayErrorContext(&error).to_string()),
            }),
        }
    })
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
