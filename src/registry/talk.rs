//! What whoever waits should know before the end.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

type Tell = dyn Fn(&str) + Send + Sync;

/// Tells it, each text once.
#[derive(Default)]
pub(super) struct Talk {
    tell: Option<Box<Tell>>,
    said: Mutex<BTreeSet<String>>,
}

impl Talk {
    pub(super) fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { tell: Some(Box::new(tell)), said: Mutex::default() }
    }

    pub(super) fn once(&self, text: &str) {
        let Some(tell) = &self.tell else { return };
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.insert(text.to_owned()) {
            tell(text);
        }
    }
}
