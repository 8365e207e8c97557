//! The control plane of the embedded Lambda, as a state machine.
//!
//! An [`Account`] is the functions, layers, event source mappings and code signing configurations of
//! one account in one Region. A call takes the checked [`Input`] of an operation and the [`Moment`] at
//! which it happens, and gives the answer that AWS gives. Nothing here reads a clock, a disk or a
//! socket: the time, new ids and what the sent code turned out to be come with the moment.
//!
//! What the answers look like is taken from recorded answers of the service and from its public model.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub mod arn;
pub mod date;
pub mod error;
pub mod event_invoke;
pub mod function;
pub mod input;
pub mod layer;
pub mod mapping;
pub mod model;
pub mod moment;
pub mod names;
pub mod policy;
pub mod provisioned;
pub mod runtime_management;
pub mod signing;
pub mod target;
pub mod url;

mod alias;
mod concurrency;
mod more;
mod page;
mod qualifier;
mod recursion;
mod settings;
mod tags;

pub use error::ApiError;
pub use function::{Alias, Configuration, Function};
pub use input::Input;
pub use layer::Layer;
pub use mapping::Mapping;
pub use moment::{Code, Moment};
pub use policy::Policy;
pub use signing::Signing;
pub use target::Target;

/// Members by name, as in the JSON of requests and answers.
pub type Object = serde_json::Map<String, Value>;

/// The functions, layers, event source mappings and code signing configurations of one account in one
/// Region.
///
/// Guarantees that every change of a record leaves its [`Key`] for [`Account::take_changes`], and that
/// restoring every record in a new account gives the same account.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    id: String,
    region: String,
    /// By name.
    functions: BTreeMap<String, Function>,
    /// By name.
    layers: BTreeMap<String, Layer>,
    /// By UUID.
    mappings: BTreeMap<String, Mapping>,
    /// By id (`csc-…`).
    signing: BTreeMap<String, Signing>,
    changed: BTreeSet<Key>,
    /// When the next thing is due (ms since 1970); none if nothing is.
    due: Option<i64>,
}

/// The name of one record, which is one file on the disk.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A function by its name, with its versions, its aliases and all that hangs on them.
    Function(String),
    /// A layer by its name, with its versions.
    Layer(String),
    /// An event source mapping by its UUID.
    Mapping(String),
    /// A code signing configuration by its id (`csc-…`).
    Signing(String),
}

impl Account {
    /// An account with nothing in it.
    #[must_use]
    pub fn new(id: &str, region: &str) -> Self {
        Self {
            id: id.to_owned(),
            region: region.to_owned(),
            functions: BTreeMap::new(),
            layers: BTreeMap::new(),
            mappings: BTreeMap::new(),
            signing: BTreeMap::new(),
            changed: BTreeSet::new(),
            due: None,
        }
    }

    /// Its twelve digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its Region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The answer to one call of the API. `input` has been checked against the model.
    ///
    /// Everything that is due by then happens first. A refused call changes nothing.
    pub fn call(
        &mut self,
        operation: &str,
        input: &Input,
        moment: &mut Moment<'_>,
    ) -> Result<Object, ApiError> {
        self.settle(moment.now);
        match operation {
            "CreateAlias" => alias::create(self, input, moment),
            "CreateFunction" => function::create::create(self, input, moment),
            "DeleteAlias" => alias::delete(self, input),
            "DeleteFunction" => function::remove::remove(self, input),
            "GetAlias" => alias::get(self, input),
            "GetFunction" => function::get(self, input),
            "GetFunctionConfiguration" => function::configuration(self, input),
            "ListAliases" => alias::list(self, input),
            "ListFunctions" => Ok(function::list(self, input)),
            "ListVersionsByFunction" => function::list_versions(self, input),
            "PublishVersion" => function::publish(self, input, moment),
            "UpdateAlias" => alias::update(self, input, moment),
            "UpdateFunctionCode" => function::update::code(self, input, moment),
            "UpdateFunctionConfiguration" => function::update::configuration(self, input, moment),
            _ => more::call(self, operation, input, moment)
                .unwrap_or_else(|| Err(ApiError::unknown_operation(operation))),
        }
    }

    /// Lets happen what is due at `now` (ms since 1970): functions become Active, updates end.
    ///
    /// Costs nothing while nothing is due, and a second time with the same `now` changes nothing.
    pub fn settle(&mut self, now: i64) {
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        self.due = None;
        function::settle::settle(self, now);
        more::settle(self, now);
    }

    /// Makes `settle` look again at `at` (ms since 1970).
    fn schedule(&mut self, at: i64) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    /// Notes that a record is no longer the one that was last saved.
    fn change(&mut self, key: Key) {
        self.changed.insert(key);
    }

    /// The records that changed since this was last asked.
    pub fn take_changes(&mut self) -> BTreeSet<Key> {
        std::mem::take(&mut self.changed)
    }

    /// Notes again what could not be saved.
    pub fn put_back(&mut self, changes: BTreeSet<Key>) {
        self.changed.extend(changes);
    }

    /// Whether nothing will happen of itself.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.due.is_none()
    }

    /// What to save of a record; none if it was deleted.
    #[must_use]
    pub fn record(&self, key: &Key) -> Option<Value> {
        // Maps have string keys or numbers: this cannot fail.
        match key {
            Key::Function(name) => self.functions.get(name).map(serde_json::to_value),
            Key::Layer(name) => self.layers.get(name).map(serde_json::to_value),
            Key::Mapping(id) => self.mappings.get(id).map(serde_json::to_value),
            Key::Signing(id) => self.signing.get(id).map(serde_json::to_value),
        }
        .and_then(Result::ok)
    }

    /// Puts a saved record back, without noting a change.
    pub fn restore(&mut self, key: Key, record: Value) -> Result<(), serde_json::Error> {
        match key {
            Key::Function(name) => {
                drop(self.functions.insert(name, serde_json::from_value(record)?));
            }
            Key::Layer(name) => drop(self.layers.insert(name, serde_json::from_value(record)?)),
            Key::Mapping(id) => drop(self.mappings.insert(id, serde_json::from_value(record)?)),
            Key::Signing(id) => drop(self.signing.insert(id, serde_json::from_value(record)?)),
        }
        // Something in it may be due.
        self.due = Some(i64::MIN);
        Ok(())
    }

    /// Takes a record out that was never saved, without noting a change.
    pub fn forget(&mut self, key: &Key) {
        match key {
            Key::Function(name) => drop(self.functions.remove(name)),
            Key::Layer(name) => drop(self.layers.remove(name)),
            Key::Mapping(id) => drop(self.mappings.remove(id)),
            Key::Signing(id) => drop(self.signing.remove(id)),
        }
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
