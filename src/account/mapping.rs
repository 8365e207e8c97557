//! Event source mappings: stored with their states; nothing is polled.

use serde::{Deserialize, Serialize};

use super::Object;

/// An event source mapping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mapping {
    /// Its members, as they are answered.
    pub settings: Object,
}
