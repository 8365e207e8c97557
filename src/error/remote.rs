//! AWS, asked about functions that are not being deployed.

use crate::aws::{AwsError, Stop};

/// What could not be done, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteError {
    /// What was to be done: `look at`, `delete`, `read the log of`.
    pub verb: &'static str,
    /// The functions, each with the reason.
    pub stopped: Vec<(String, AwsError)>,
}

impl std::error::Error for RemoteError {}

impl std::fmt::Display for RemoteError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verb = self.verb;
        match self.stopped.as_slice() {
            [(function, why)] => write!(f, "cannot {verb} `{function}`: {why}"),
            all => {
                write!(f, "cannot {verb} {} functions", all.len())?;
                all.iter().try_for_each(|(function, why)| write!(f, "\n  {function}: {why}"))
            }
        }
    }
}

impl RemoteError {
    /// Of one function.
    #[must_use]
    pub fn of(verb: &'static str, function: &str, why: AwsError) -> Self {
        Self { verb, stopped: vec![(function.to_owned(), why)] }
    }

    /// What most of them ended with: AWS refused, or it was not even asked.
    pub(super) fn exit_code(&self) -> u8 {
        self.stopped.iter().map(|(_, why)| why.exit_code()).max().unwrap_or(4)
    }

    /// What to do about it.
    pub(super) fn hint(&self) -> Option<String> {
        self.stopped.iter().find_map(|(_, why)| Stop::Aws(why.clone()).hint())
    }
}
