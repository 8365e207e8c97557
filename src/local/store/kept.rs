//! What is kept beside the account's records, where a folder was named: events that are not over, and
//! alarms. Each is a file that is replaced as a whole.

use std::fs;
use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Store, StoreError, disk, write};

/// All alarms are one file.
const ALARMS: &str = "alarms.json";

impl Store {
    /// Keeps an event; by its request id, which is ours.
    pub(in crate::local) fn keep_event<T: Serialize>(
        &self,
        id: &str,
        event: impl FnOnce() -> T,
    ) -> Result<(), StoreError> {
        self.keep(&format!("events/{id}.json"), event)
    }

    /// Forgets an event. If that cannot be, another server runs it again.
    pub(in crate::local) fn forget_event(&self, id: &str) {
        if self.keeps {
            let _ = fs::remove_file(self.root.join("events").join(format!("{id}.json")));
        }
    }

    /// All events that are kept, by their ids.
    pub(in crate::local) fn events<T: DeserializeOwned>(
        &self,
    ) -> Result<Vec<(String, T)>, StoreError> {
        let folder = self.root.join("events");
        let mut all = Vec::new();
        for item in fs::read_dir(&folder).map_err(disk(&folder))? {
            let name = item.map_err(disk(&folder))?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".json"));
            let Some(id) = id else { continue };
            if let Some(event) = self.kept(&format!("events/{id}.json"))? {
                all.push((id.to_owned(), event));
            }
        }
        Ok(all)
    }

    /// Keeps all alarms.
    pub(in crate::local) fn keep_alarms<T: Serialize>(&self, all: &T) -> Result<(), StoreError> {
        self.keep(ALARMS, || all)
    }

    /// The alarms that are kept.
    pub(in crate::local) fn alarms<T: DeserializeOwned>(&self) -> Result<Option<T>, StoreError> {
        self.kept(ALARMS)
    }

    fn keep<T: Serialize>(&self, name: &str, what: impl FnOnce() -> T) -> Result<(), StoreError> {
        if !self.keeps {
            return Ok(());
        }
        let path = self.root.join(name);
        let failed = |source| StoreError::Record { path: path.display().to_string(), source };
        write(&path, &serde_json::to_vec(&what()).map_err(failed)?)
    }

    /// What a file of this name holds; none if nothing is kept there.
    pub(super) fn kept<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        if !self.keeps {
            return Ok(None);
        }
        let path = self.root.join(name);
        let failed = |source| StoreError::Record { path: path.display().to_string(), source };
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(failed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(disk(&path)(error)),
        }
    }
}
