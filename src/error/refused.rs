//! What AWS or a registry has answered an error with, for programs.

use super::{Error, InvokeError};

impl Error {
    /// The code of AWS's error, or of a registry's, where one has answered with one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            #[cfg(feature = "aws")]
            Self::Deploy(error) => error.code(),
            #[cfg(feature = "aws")]
            Self::Move(error) => error.of.code(),
            #[cfg(feature = "aws")]
            Self::Remote(error) => error.stopped.iter().find_map(|(_, why)| why.code()),
            #[cfg(feature = "registry")]
            Self::Registry(error) => error.code(),
            Self::Invoke(InvokeError::Refused { code, .. }) => Some(code),
            _ => None,
        }
    }

    /// The status of HTTP, where a registry has refused.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            #[cfg(feature = "registry")]
            Self::Registry(error) => error.status(),
            _ => None,
        }
    }
}
