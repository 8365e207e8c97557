//! TOML as it stands in a file: every value with the line that it comes from.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

/// Where a value was said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A line of a file.
    File {
        /// The file, as it is shown to people.
        file: Arc<str>,
        /// The line, from 1.
        line: usize,
    },
    /// A variable of the environment.
    Variable(String),
    /// A flag of the command line.
    Flag(&'static str),
    /// Several places, the lowest first: those that a list was put together from.
    Several(Vec<Origin>),
}

impl Origin {
    /// This place and those above it.
    #[must_use]
    pub(super) fn and(self, above: Self) -> Self {
        let list = |origin| match origin {
            Self::Several(list) => list,
            one => vec![one],
        };
        let mut all = list(self);
        all.extend(list(above));
        Self::Several(all)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
            Self::Several(list) => {
                for (place, origin) in list.iter().enumerate() {
                    write!(f, "{}{origin}", if place > 0 { " + " } else { "" })?;
                }
                Ok(())
            }
        }
    }
}

/// A value without its place.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A string.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// An array.
    List(Vec<Located>),
    /// A table.
    Table(Table),
    /// A number that is no whole one.
    Fraction(f64),
    /// What no setting is: a date, a number that does not fit.
    Other(&'static str),
    /// A value that cannot be had, because a variable or a file is missing, and why: wrong only for
    /// a handler that it counts for.
    Missing(String),
}

/// A table's entries, sorted by key.
pub type Table = BTreeMap<String, Located>;

/// A value and where it was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    /// The value.
    pub node: Node,
    /// Its place.
    pub origin: Origin,
}

impl Located {
    /// A text; empty of anything else.
    #[must_use]
    pub fn text(&self) -> &str {
        match &self.node {
            Node::Text(text) => text,
            _ => "",
        }
    }

    /// What is missing in it, anywhere.
    pub(super) fn missing(&self) -> Vec<Mistake> {
        match &self.node {
            Node::Missing(why) => {
                vec![Mistake { origin: self.origin.clone(), what: why.clone() }]
            }
            Node::List(items) => items.iter().flat_map(Self::missing).collect(),
            Node::Table(table) => table.values().flat_map(Self::missing).collect(),
            _ => Vec::new(),
        }
    }
}

impl Node {
    /// The elements of a list; none of anything else.
    #[must_use]
    pub fn items(&self) -> &[Located] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// What it is, in words.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "a number",
            Self::Fraction(_) => "a fraction",
            Self::Boolean(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
            Self::Missing(_) => "a value that is missing",
        }
    }
}

/// One mistake in what was configured.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{origin}: {what}")]
pub struct Mistake {
    /// Where it is.
    pub origin: Origin,
    /// What is wrong, and the nearest right.
    pub what: String,
}

/// Reads a file. What cannot be read as TOML is a mistake; the rest is there all the same.
#[must_use]
pub(super) fn parse(file: &Arc<str>, text: &str) -> (Table, Vec<Mistake>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let lines = Lines::new(file, text);
    let mistake = |error: toml::de::Error| Mistake {
        origin: lines.origin(error.span().map_or(0, |span| span.start)),
        what: error.message().to_owned(),
    };
    let mut mistakes: Vec<Mistake> = errors.into_iter().map(mistake).collect();
    mistakes.sort();
    (lines.table(table.get_ref()), mistakes)
}

/// A whole number as TOML writes it, if it fits.
pub(crate) fn integer(written: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(&written.as_str().replace('_', ""), written.radix()).ok()
}

/// What a number is that does not fit.
pub(crate) const TOO_LARGE: &str = "a number that is too large";

/// The beginnings of a file's lines.
pub(crate) struct Lines<'a> {
    file: &'a Arc<str>,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(file: &'a Arc<str>, text: &str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        Self { file, starts: starts.collect() }
    }

    /// The place of an offset into the text.
    pub(crate) fn origin(&self, offset: usize) -> Origin {
        let line = self.starts.partition_point(|start| *start <= offset);
        Origin::File { file: Arc::clone(self.file), line }
    }

    fn table(&self, table: &DeTable<'_>) -> Table {
        table
            .iter()
            .map(|(key, value)| {
                let mut located = self.located(value);
                // A table begins at its header, which is where its name is.
                if matches!(located.node, Node::Table(_)) {
                    located.origin = self.origin(key.span().start);
                }
                (key.get_ref().to_string(), located)
            })
            .collect()
    }

    fn located(&self, value: &Spanned<DeValue<'_>>) -> Located {
        let node = match value.get_ref() {
            DeValue::String(text) => Node::Text(text.to_string()),
            DeValue::Boolean(boolean) => Node::Boolean(*boolean),
            DeValue::Integer(written) => {
                integer(written).map_or(Node::Other(TOO_LARGE), Node::Integer)
            }
            DeValue::Array(items) => {
                Node::List(items.iter().map(|item| self.located(item)).collect())
            }
            DeValue::Table(table) => Node::Table(self.table(table)),
            DeValue::Float(written) => {
                let number = written.as_str().replace('_', "").parse().ok();
                let number = number.filter(|number: &f64| number.is_finite());
                number.map_or(Node::Other("a fraction"), Node::Fraction)
            }
            DeValue::Datetime(_) => Node::Other("a date"),
        };
        Located { node, origin: self.origin(value.span().start) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_line() {
        let file: Arc<str> = "f.toml".into();
        let text = "a = 1\n[b]\nc = \"x\"\nd = [\n  true,\n  0x10,\n]\n\n[b.e]\nf = 1.5\n";
        let (table, mistakes) = parse(&file, text);
        assert_eq!(mistakes, []);
        let at = |located: &Located| located.origin.to_string();
        assert_eq!((at(&table["a"]), &table["a"].node), ("f.toml:1".into(), &Node::Integer(1)));
        let Node::Table(b) = &table["b"].node else { panic!() };
        assert_eq!(
            (at(&table["b"]), at(&b["c"]), at(&b["e"])),
            ("f.toml:2".into(), "f.toml:3".into(), "f.toml:9".into())
        );
        let Node::List(d) = &b["d"].node else { panic!() };
        assert_eq!(d.iter().map(at).collect::<Vec<_>>(), ["f.toml:5", "f.toml:6"]);
        assert_eq!(d[1].node, Node::Integer(16));
    }

    #[test]
    fn what_is_no_toml_is_said_with_its_line() {
        let (_, mistakes) = parse(&"f.toml".into(), "a = 1\nb = \nc = 2\nd = ]\n");
        let lines: Vec<_> = mistakes.iter().map(|mistake| mistake.origin.to_string()).collect();
        assert_eq!(lines.first().map(String::as_str), Some("f.toml:2"), "{mistakes:?}");
        assert!(lines.contains(&"f.toml:4".to_owned()), "every mistake: {mistakes:?}");
    }
}
