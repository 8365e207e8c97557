//! Every key there is: what it takes, where it may stand, what it means. The reference, the checks
//! and the nearest names all come from this one table.

use std::sync::{LazyLock, OnceLock};

use regex_lite::Regex;

mod build;
mod forms;
mod function;
mod shapes;

pub use shapes::{Field, Shape};

/// Where a key may be said, from the lowest to the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// For all functions.
    Workspace,
    /// For the functions of one package.
    Package,
    /// For one function.
    Handler,
}

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A whole number in a range. It has no empty value, so `"none"` clears it.
    Integer(i64, i64),
    /// One of these words; `"none"` clears it.
    Choice(&'static [&'static str]),
    /// A string; an empty one clears it.
    Text(Check),
    /// A list of strings, at most so many; an empty one clears it.
    Texts(usize, Check),
    /// Strings by name, merged key by key.
    Map(Check),
    /// Files; one path may stand by itself.
    Includes,
    /// Any value, which stands for itself as JSON.
    Json,
    /// A list of tables; an empty one clears it.
    Tables(&'static Shape),
}

/// What a string must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// At most so many characters.
    Length(usize),
    /// The name of a function, after `{…}` was put in.
    FunctionName,
    /// What AWS's own pattern for it says.
    Form(&'static Form),
    /// Any text.
    Any,
    /// A library that some runtime has without a promise.
    Trusted,
    /// Variables of a function: names that Lambda takes and does not reserve; 4 KB in all.
    Variables,
    /// Tags: at most 50, names up to 128 characters and values up to 256, no `aws:`.
    Tags,
    /// A pattern of events: a JSON object, 4,096 characters at most.
    Filter,
    /// Functions by the routes that lead to them.
    Routes,
    /// How traffic goes over to a new version.
    Strategy,
    /// The name of a key, as it stands in this table.
    Key,
}

/// The form of a string, as the API's model has it (`CreateFunction`, the shapes of those names).
#[derive(Debug)]
pub struct Form {
    /// A regular expression for all of it, of the kind that Rust and JSON schemas share.
    pub pattern: &'static str,
    /// What it is, with an example.
    pub what: &'static str,
    /// How many characters it may have, where the expression does not say.
    pub longest: Option<usize>,
    compiled: OnceLock<Option<Regex>>,
}

impl Form {
    const fn new(pattern: &'static str, what: &'static str) -> Self {
        Self { pattern, what, longest: None, compiled: OnceLock::new() }
    }

    const fn at_most(mut self, characters: usize) -> Self {
        self.longest = Some(characters);
        self
    }

    /// Whether the whole text is of the form.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        let compile = || Regex::new(&format!("^(?:{})$", self.pattern)).ok();
        self.longest.is_none_or(|longest| text.chars().count() <= longest)
            && self.compiled.get_or_init(compile).as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

impl PartialEq for Form {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

impl Eq for Form {}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name; a dot stands for a table.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// The lowest scope that it may stand in; the higher ones take it too.
    pub from: Scope,
    /// The highest of them.
    pub to: Scope,
    /// What holds where nothing is said.
    pub default: &'static str,
    /// What it means, in a sentence.
    pub meaning: &'static str,
    /// The version that had it first.
    pub since: &'static str,
}

const fn key(
    name: &'static str,
    kind: Kind,
    from: Scope,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    Key { name, kind, from, to: Scope::Handler, default, meaning, since: "0.1" }
}

/// A key of the workspace as a whole.
const fn of_all(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    Key { to: Scope::Workspace, ..key(name, kind, Scope::Workspace, default, meaning) }
}

impl Key {
    /// Whether it may stand in a scope.
    #[must_use]
    pub fn is_of(&self, scope: Scope) -> bool {
        (self.from..=self.to).contains(&scope)
    }
}

/// The keys, by name.
pub static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let mut keys = [build::KEYS, function::KEYS].concat();
    keys.sort_by_key(|key| key.name);
    keys
});

/// The key of a full name.
#[must_use]
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Environment variables that Lambda reserves (AWS, "Defined runtime environment variables").
pub const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];
