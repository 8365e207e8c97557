//! Where AWS is, and who we are there.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::{Credentials, ProvideCredentials as _, SharedCredentialsProvider};

use aws_sdk_s3::config::RequestChecksumCalculation;

use super::error::AwsError;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take to begin; uploads are watched by the SDK itself, which ends those that
/// stall.
const READ: Duration = Duration::from_secs(65);

/// Where to go.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// A profile of AWS's shared configuration.
    pub profile: Option<String>,
    /// The Region; else as the profile or the environment says.
    pub region: Option<String>,
    /// The endpoint of Lambda; else AWS's.
    pub endpoint_url: Option<String>,
    /// An embedded Lambda: no account, no credentials.
    pub local: Option<SocketAddr>,
}

/// Reads configuration and credentials, wherever AWS's own tools find them: the SDK's default chain.
pub(super) async fn load(place: &Place) -> SdkConfig {
    // What is sent again, and when, is decided by us: a write that was not answered must not be.
    let retry = RetryConfig::disabled();
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(READ).build();
    if let Some(address) = place.local {
        let credentials = Credentials::new("local", "local", None, None, "local");
        return SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(place.region.clone().unwrap_or_else(|| "us-east-1".to_owned())))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(format!("http://{address}"))
            .retry_config(retry)
            .timeout_config(timeouts)
            .build();
    }
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(retry)
        .timeout_config(timeouts);
    if let Some(profile) = &place.profile {
        // Whoever names a profile means its account, as with AWS's own command line: credentials in the
        // environment, which the chain would take first, do not count then.
        let of_profile = ProfileFileCredentialsProvider::builder()
            .profile_name(profile)
            .configure(&ProviderConfig::with_default_region().await)
            .build();
        loader = loader.profile_name(profile).credentials_provider(of_profile);
    }
    if let Some(region) = &place.region {
        loader = loader.region(Region::new(region.clone()));
    } else if let Some(named) = with_an_empty_one() {
        let mut profile = ProfileFileRegionProvider::builder();
        if let Some(name) = &place.profile {
            profile = profile.profile_name(name);
        }
        let named = Some(named).filter(|name| !name.is_empty()).map(Region::new);
        let chain = RegionProviderChain::first_try(named).or_else(profile.build());
        loader = loader.region(chain.or_else(ImdsRegionProvider::builder().build()));
    }
    if let Some(url) = &place.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    loader.load().await
}

/// The Region that the environment names, or an empty name, if one of its variables is empty: that names none
/// (AWS SDKs and Tools Reference Guide), and the SDK takes it for a name.
fn with_an_empty_one() -> Option<String> {
    let all = ["AWS_REGION", "AWS_DEFAULT_REGION"].map(|name| std::env::var(name).ok());
    let empty = all.iter().flatten().any(String::is_empty);
    empty.then(|| all.into_iter().flatten().find(|name| !name.is_empty()).unwrap_or_default())
}

impl Place {
    /// Whether a Region is named anywhere: by a flag, the environment or a profile. Nothing is asked of AWS.
    pub async fn has_region(&self) -> bool {
        self.local.is_some() || region(&load(self).await).is_some()
    }
}

/// The Region. An empty variable names none.
pub(super) fn region(config: &SdkConfig) -> Option<String> {
    config.region().map(ToString::to_string).filter(|region| !region.is_empty())
}

/// S3. What stands in for it on another endpoint has no names of buckets in its own name.
pub(super) fn s3(config: &SdkConfig) -> aws_sdk_s3::Config {
    let elsewhere =
        config.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
    aws_sdk_s3::config::Builder::from(config)
        .force_path_style(elsewhere)
        // Each body has its SHA-256 already.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .build()
}

/// When the credentials expire, if they do; finds out whether there are any.
pub(super) async fn expiry(config: &SdkConfig) -> Result<Option<SystemTime>, AwsError> {
    let operation = "credentials";
    let unsent = |why: String| AwsError::Unsent { operation, why };
    let provider = config.credentials_provider().ok_or_else(|| unsent("there are none".into()))?;
    match provider.provide_credentials().await {
        Ok(credentials) => Ok(credentials.expiry()),
        Err(error) => Err(unsent(super::error::chain(&error))),
    }
}
