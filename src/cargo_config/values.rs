//! TOML as cargo sees it: flat, every value by its dotted key, with the place it was said.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::{Lines, Origin, TOO_LARGE, integer};

/// A value of cargo's configuration or of a manifest's profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A string.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// A list of strings.
    List(Vec<String>),
    /// What none of the keys is that we ask for; cargo complains about it.
    Other(&'static str),
}

/// A value and where it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The value.
    pub value: Value,
    /// Its place.
    pub origin: Origin,
}

/// The values of one file or one `--config KEY=VALUE`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values {
    by_key: BTreeMap<Vec<String>, Said>,
    /// What its top-level `include` names, in order.
    pub(super) includes: Vec<String>,
}

impl Value {
    /// What cargo makes of a variable.
    pub(super) fn of_variable(text: &str) -> Self {
        match (text, text.parse()) {
            ("true", _) => Self::Boolean(true),
            ("false", _) => Self::Boolean(false),
            (_, Ok(integer)) => Self::Integer(integer),
            _ => Self::Text(text.to_owned()),
        }
    }
}

impl fmt::Display for Value {
    /// As TOML.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Integer(integer) => integer.fmt(f),
            Self::Boolean(boolean) => boolean.fmt(f),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(|item| quoted(item)).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Self::Other(kind) => f.write_str(kind),
        }
    }
}

/// A TOML string.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted += &format!("\\u{:04X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

impl Values {
    /// The values of a file. What is no TOML is passed over: cargo complains about it.
    #[must_use]
    pub fn of_file(name: &Arc<str>, text: &str) -> Self {
        let lines = Lines::new(name, text);
        Self::parse(text, &|offset| lines.origin(offset))
    }

    /// The value of a `--config KEY=VALUE`.
    pub(super) fn of_argument(text: &str) -> Self {
        Self::parse(text, &|_| Origin::Flag("--config"))
    }

    fn parse(text: &str, place: &dyn Fn(usize) -> Origin) -> Self {
        let (table, _) = DeTable::parse_recoverable(text);
        let mut values = Self::default();
        if let Some(DeValue::Array(items)) = table.get_ref().get("include").map(Spanned::get_ref) {
            values.includes = items.iter().filter_map(include).collect();
        }
        values.fill(&mut Vec::new(), table.get_ref(), place);
        values
    }

    fn fill(
        &mut self,
        key: &mut Vec<String>,
        table: &DeTable<'_>,
        place: &dyn Fn(usize) -> Origin,
    ) {
        for (name, value) in table {
            key.push(name.get_ref().to_string());
            match value.get_ref() {
                DeValue::Table(table) => self.fill(key, table, place),
                leaf => {
                    let origin = place(name.span().start);
                    self.by_key.insert(key.clone(), Said { value: scalar(leaf), origin });
                }
            }
            key.pop();
        }
    }

    /// What it says of a key; never of a table.
    #[must_use]
    pub fn get(&self, key: &[&str]) -> Option<&Said> {
        let key: Vec<String> = key.iter().map(|&part| part.to_owned()).collect();
        self.by_key.get(&key)
    }

    /// The keys that it says something of.
    pub fn keys(&self) -> impl Iterator<Item = &[String]> {
        self.by_key.keys().map(Vec::as_slice)
    }
}

/// An item of `include`: a path, or a table with one. That it is `optional` decides only whether
/// cargo complains.
fn include(item: &Spanned<DeValue<'_>>) -> Option<String> {
    match item.get_ref() {
        DeValue::String(path) => Some(path.to_string()),
        DeValue::Table(table) => table.get("path")?.get_ref().as_str().map(str::to_owned),
        _ => None,
    }
}

fn scalar(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Boolean(boolean) => Value::Boolean(*boolean),
        DeValue::Integer(written) => {
            integer(written).map_or(Value::Other(TOO_LARGE), Value::Integer)
        }
        DeValue::Array(items) => {
            let text = |item: &Spanned<DeValue<'_>>| item.get_ref().as_str().map(str::to_owned);
            let texts: Option<Vec<String>> = items.iter().map(text).collect();
            texts.map_or(Value::Other("a list of more than strings"), Value::List)
        }
        DeValue::Table(_) => Value::Other("a table"),
        DeValue::Float(_) => Value::Other("a fraction"),
        DeValue::Datetime(_) => Value::Other("a date"),
    }
}
