//! Flags of `local`.

use std::path::PathBuf;

use clap::Args;
use hyper::Uri;

use super::Rehearsal;
use super::rehearsal;
use crate::account::model;

#[derive(Debug, Args)]
#[command(after_help = rehearsal::help())]
pub(in crate::cli) struct Local {
    /// Listen on this port of 127.0.0.1; 0 takes any that is free
    #[arg(long, value_name = "PORT", default_value_t = crate::local::PORT, help_heading = "Server")]
    pub(in crate::cli) port: u16,
    /// Keep functions, versions, aliases, layers, alarms, and events that are not over, in this folder;
    /// else in memory
    #[arg(long, value_name = "DIR", help_heading = "Server")]
    pub(in crate::cli) data: Option<PathBuf>,
    /// The Region to be [default: `AWS_REGION`, else us-east-1]
    #[arg(long, value_name = "REGION", value_parser = region, help_heading = "Server")]
    pub(in crate::cli) region: Option<String>,
    /// How long creating and updating a function takes: 500ms, 2s
    #[arg(long, value_name = "TIME", default_value = "0s", help_heading = "Server")]
    pub(in crate::cli) delay: humantime::Duration,
    /// How long to wait before an event that failed is tried again; twice, for the second time
    #[arg(long, value_name = "TIME", default_values = ["1s", "2s"], help_heading = "Server")]
    pub(in crate::cli) retry_wait: Vec<humantime::Duration>,
    /// End an execution environment that was not used for so long
    #[arg(long, value_name = "TIME", default_value = "5m", help_heading = "Server")]
    pub(in crate::cli) idle: humantime::Duration,
    /// The http:// URL of an S3, for code that is named by bucket and key
    #[arg(long, value_name = "URL", value_parser = endpoint, help_heading = "Server")]
    pub(in crate::cli) s3_endpoint: Option<String>,
    /// Let functions see and write this machine's files, instead of those that they have on Lambda
    #[arg(long, help_heading = "Server")]
    pub(in crate::cli) no_sandbox: bool,
    #[command(flatten)]
    pub(in crate::cli) rehearsal: Rehearsal,
}

/// A Region that can stand in an ARN of a function.
pub(in crate::cli) fn region(text: &str) -> Result<String, String> {
    let arn = format!("arn:aws:lambda:{text}:123456789012:function:f");
    if !text.contains(':') && model::fits("FunctionArn", &arn) {
        return Ok(text.to_owned());
    }
    Err("no Region has such a name; one is called us-east-1".to_owned())
}

/// Where something can be asked without TLS.
fn endpoint(text: &str) -> Result<String, String> {
    let uri: Option<Uri> = text.parse().ok();
    let plain = |uri: &Uri| uri.scheme_str() == Some("http") && uri.host().is_some();
    match uri {
        Some(uri) if plain(&uri) && uri.query().is_none() => Ok(text.to_owned()),
        _ => Err("a URL such as http://127.0.0.1:9000 is wanted".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_those_that_stand_in_arns() {
        for name in ["us-east-1", "eu-central-2", "us-gov-west-1", "cn-north-1", "us-isob-east-1"] {
            assert_eq!(region(name).as_deref(), Ok(name));
        }
        for name in ["", "foo", "us-east", "us-east-1:1", "US-EAST-1", "us-east-1 ", "eu-west-10"] {
            assert!(region(name).is_err(), "{name}");
        }
    }

    #[test]
    fn endpoints_are_urls_that_can_be_asked() {
        for good in ["http://127.0.0.1:9000", "http://localhost", "http://[::1]:1/base/"] {
            assert_eq!(endpoint(good).as_deref(), Ok(good));
        }
        for bad in
            ["nope", "", "127.0.0.1:9000", "https://s3.amazonaws.com", "http://", "http://a/?b"]
        {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
    }
}
