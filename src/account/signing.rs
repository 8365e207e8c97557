//! Code signing configurations: stored, not enforced.

use serde::{Deserialize, Serialize};

use super::Object;

/// A code signing configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signing {
    /// Its members, as they are answered.
    pub settings: Object,
}
