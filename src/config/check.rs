//! Whether a value is one that its key takes and that AWS would take.

use super::keys::{self, Check, Kind, RESERVED};
use super::located::{Located, Mistake, Node, Origin, Table};
use super::{expand, include, json, tables};
use crate::audit::Trust;
use crate::nearest::suggestion;
use crate::release::shift::strategy::Strategy;
use crate::routes;

/// What clears a value that has no empty form.
pub(crate) const NONE: &str = "none";

/// What becomes of `${…}`.
#[derive(Clone, Copy)]
pub(super) enum Lookup<'a> {
    /// The variable's value is put in.
    Now(&'a dyn Fn(&str) -> Option<String>),
    /// It stays for this time: the table is of another environment, and what the whole value will be
    /// is not known.
    Later,
    /// It is a text like any other.
    Never,
}

fn mistake(value: &Located, what: String) -> Vec<Mistake> {
    vec![Mistake { origin: value.origin.clone(), what }]
}

/// The value with its variables put in, or all that is wrong with it.
///
/// `of_workspace` is where the paths of includes start from when they do not say.
pub(super) fn value(
    name: &str,
    kind: Kind,
    value: &Located,
    lookup: Lookup<'_>,
    of_workspace: bool,
) -> Result<Located, Vec<Mistake>> {
    let wrong = |expected: &str| {
        mistake(value, format!("`{name}` must be {expected}, not {}", value.node.kind()))
    };
    match (kind, &value.node) {
        (_, Node::Missing(_)) | (Kind::Boolean, Node::Boolean(_)) => Ok(value.clone()),
        (Kind::Boolean, Node::Text(text)) if text == NONE => Ok(value.clone()),
        (Kind::Boolean | Kind::Integer(..), Node::Text(text)) if text.contains("${") => {
            referred(name, kind, value, lookup)
        }
        (Kind::Boolean, _) => Err(wrong("true, false or \"none\"")),
        (Kind::Integer(least, most), Node::Integer(number)) => {
            if (least..=most).contains(number) {
                return Ok(value.clone());
            }
            Err(mistake(value, format!("`{name}` is {number}; it must be {least} to {most}")))
        }
        (Kind::Integer(..), Node::Text(text)) if text == NONE => Ok(value.clone()),
        (Kind::Integer(..), Node::Text(text)) if text.is_empty() => {
            Err(mistake(value, format!("`{name}` is empty; a number is cleared with \"none\"")))
        }
        (Kind::Integer(..), _) => Err(wrong("a whole number, or \"none\"")),
        (Kind::Choice(words), Node::Text(written)) => {
            let (value, text) = match expanded(name, value, lookup)? {
                value @ Located { node: Node::Missing(_), .. } => return Ok(value),
                value => (value.clone(), value.text().to_owned()),
            };
            if text == NONE || words.contains(&text.as_str()) || unexpanded(&text, lookup) {
                return Ok(value);
            }
            let near = suggestion(&text, words.iter().copied().chain([NONE]));
            Err(mistake(&value, format!("`{name}` cannot be `{written}`; {near}")))
        }
        (Kind::Text(check), Node::Text(written)) => {
            let value = expanded(name, value, lookup)?;
            if matches!(value.node, Node::Missing(_)) || unexpanded(value.text(), lookup) {
                return Ok(value);
            }
            text_is(check, value.text()).map_err(|why| {
                // As it was written: what a variable holds may be a secret.
                mistake(&value, format!("`{name}` is `{}`: {why}", short(written)))
            })?;
            Ok(value)
        }
        (Kind::Choice(_) | Kind::Text(_), _) => Err(wrong("a string")),
        (Kind::Texts(most, check), Node::List(items)) => {
            let mut mistakes = Vec::new();
            if items.len() > most {
                let count = items.len();
                let what = format!("`{name}` has {count} elements; AWS takes {most}");
                mistakes.extend(mistake(value, what));
            }
            match texts(name, check, items, lookup) {
                Ok(items) if mistakes.is_empty() => {
                    Ok(Located { node: Node::List(items), origin: value.origin.clone() })
                }
                items => {
                    mistakes.extend(items.err().into_iter().flatten());
                    Err(mistakes)
                }
            }
        }
        (Kind::Texts(..) | Kind::Includes | Kind::Tables(_), Node::Table(table)) => {
            extension(name, kind, table, value, lookup, of_workspace)
        }
        (Kind::Texts(..), node) if name == "layers" && !matches!(node, Node::Text(_)) => {
            Err(wrong("\"auto\", \"never\", a list of ARNs, or a table of `layers.…` keys"))
        }
        (Kind::Texts(..), _) => Err(wrong("a list of strings")),
        (Kind::Map(check), Node::Table(table)) => map(name, check, table, value, lookup),
        (Kind::Map(_), _) => Err(wrong("a table of strings")),
        (Kind::Includes, Node::List(items)) => {
            let root = include::default_root(of_workspace);
            let items = gather(items.iter().map(|item| {
                include::element(name, &include::expanded(name, item, lookup)?, root)
            }))?;
            Ok(Located { node: Node::List(items), origin: value.origin.clone() })
        }
        (Kind::Includes, Node::Text(_)) => {
            let one = Node::List(vec![value.clone()]);
            let one = Located { node: one, origin: value.origin.clone() };
            self::value(name, kind, &one, lookup, of_workspace)
        }
        (Kind::Includes, _) => Err(wrong("a path, or a list of paths or tables")),
        (Kind::Json, _) => json::value(name, value, lookup),
        (Kind::Tables(shape), Node::List(items)) => {
            let items =
                gather(items.iter().map(|item| tables::element(name, shape, item, lookup)))?;
            Ok(Located { node: Node::List(items), origin: value.origin.clone() })
        }
        (Kind::Tables(_), _) => Err(wrong("a list of tables")),
    }
}

/// `{ extend = true, items = […] }`: behind the list of the scope below, not in its place.
fn extension(
    name: &str,
    kind: Kind,
    table: &Table,
    whole: &Located,
    lookup: Lookup<'_>,
    of_workspace: bool,
) -> Result<Located, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    for (key, item) in table {
        if !["extend", "items"].contains(&key.as_str()) {
            let near = suggestion(key, ["extend", "items"]);
            mistakes.extend(mistake(item, format!("unknown key `{name}.{key}`; {near}")));
        }
    }
    let extend = matches!(table.get("extend").map(|item| &item.node), Some(Node::Boolean(true)));
    let items = table.get("items").filter(|items| matches!(items.node, Node::List(_)));
    let (true, Some(items)) = (extend, items) else {
        mistakes.extend(mistake(
            whole,
            format!("`{name}` must be a list, or `{{ extend = true, items = […] }}`"),
        ));
        return Err(mistakes);
    };
    let items = value(name, kind, items, lookup, of_workspace)?;
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let mut table = table.clone();
    table.insert("items".to_owned(), items);
    Ok(Located { node: Node::Table(table), origin: whole.origin.clone() })
}

fn gather(
    items: impl Iterator<Item = Result<Located, Vec<Mistake>>>,
) -> Result<Vec<Located>, Vec<Mistake>> {
    let mut good = Vec::new();
    let mut mistakes = Vec::new();
    for item in items {
        match item {
            Ok(item) => good.push(item),
            Err(more) => mistakes.extend(more),
        }
    }
    if mistakes.is_empty() { Ok(good) } else { Err(mistakes) }
}

/// Whether a text still has its variables in it.
fn unexpanded(text: &str, lookup: Lookup<'_>) -> bool {
    matches!(lookup, Lookup::Later) && text.contains("${")
}

/// The beginning of a long text.
fn short(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// A number or a boolean that a variable holds.
fn referred(
    name: &str,
    kind: Kind,
    value: &Located,
    lookup: Lookup<'_>,
) -> Result<Located, Vec<Mistake>> {
    let expanded = expanded(name, value, lookup)?;
    let text = expanded.text();
    if matches!(expanded.node, Node::Missing(_)) || unexpanded(text, lookup) {
        return Ok(expanded);
    }
    let node = match kind {
        _ if text == NONE => Some(Node::Text(text.to_owned())),
        Kind::Boolean => text.parse().ok().map(Node::Boolean),
        _ => text.parse().ok().map(Node::Integer),
    };
    let found = node.map(|node| Located { node, origin: value.origin.clone() });
    let checked = found.map(|found| self::value(name, kind, &found, Lookup::Never, false));
    // Not what it stands for: that may be a secret in the wrong place.
    checked.and_then(Result::ok).ok_or_else(|| {
        let expected = match kind {
            Kind::Integer(least, most) => {
                format!("a whole number, {least} to {most}, or \"none\"")
            }
            _ => "true, false or \"none\"".to_owned(),
        };
        let written = value.text();
        mistake(value, format!("`{name}` is `{written}`, which does not stand for {expected}"))
    })
}

/// A text with its variables put in; one that lacks a variable is missing.
pub(super) fn expanded(
    name: &str,
    value: &Located,
    lookup: Lookup<'_>,
) -> Result<Located, Vec<Mistake>> {
    let (Node::Text(text), Lookup::Now(lookup)) = (&value.node, lookup) else {
        return Ok(value.clone());
    };
    let node = match expand::variables(text, lookup) {
        Ok(text) => Node::Text(text),
        Err(expand::Refused::Missing(names)) => Node::Missing(format!("`{name}`: {names}")),
        Err(expand::Refused::Broken(why)) => {
            return Err(mistake(value, format!("`{name}`: {why}")));
        }
    };
    Ok(Located { node, origin: value.origin.clone() })
}

fn texts(
    name: &str,
    check: Check,
    items: &[Located],
    lookup: Lookup<'_>,
) -> Result<Vec<Located>, Vec<Mistake>> {
    gather(items.iter().map(|item| match &item.node {
        // What clears a number clears no list either.
        Node::Text(text) if text == NONE && matches!(check, Check::Form(_)) => Err(mistake(
            item,
            format!("`{name}` has the element `{NONE}`; an empty list clears it"),
        )),
        Node::Text(_) => {
            let item = self::value(name, Kind::Text(check), item, lookup, false)?;
            // What clears a text clears no list.
            match &item.node {
                Node::Text(text) if text.is_empty() => {
                    Err(mistake(&item, format!("`{name}` has an empty element")))
                }
                _ => Ok(item),
            }
        }
        other => Err(mistake(item, format!("`{name}` must hold strings, not {}", other.kind()))),
    }))
}

fn map(
    name: &str,
    check: Check,
    table: &Table,
    value: &Located,
    lookup: Lookup<'_>,
) -> Result<Located, Vec<Mistake>> {
    let mut good = Table::new();
    let mut mistakes = Vec::new();
    for (key, item) in table {
        // A line of another file may be the rest of a secret, which then looks like a name.
        let in_toml = matches!(&item.origin, Origin::File { file, .. } if file.ends_with(".toml"));
        let entry = if in_toml || key_is(check, key).is_ok() {
            format!("`{name}.{key}`")
        } else {
            format!("a name in `{name}`")
        };
        if let Err(why) = key_is(check, key) {
            mistakes.extend(mistake(item, format!("{entry}: {why}")));
        }
        let entry = entry.trim_matches('`');
        match &item.node {
            Node::Text(_) => match expanded(entry, item, lookup) {
                Ok(item) => drop(good.insert(key.clone(), item)),
                Err(more) => mistakes.extend(more),
            },
            // A number or a boolean is meant as its text.
            Node::Integer(number) => {
                let node = Node::Text(number.to_string());
                good.insert(key.clone(), Located { node, origin: item.origin.clone() });
            }
            Node::Boolean(boolean) => {
                let node = Node::Text(boolean.to_string());
                good.insert(key.clone(), Located { node, origin: item.origin.clone() });
            }
            other => mistakes
                .extend(mistake(item, format!("`{entry}` must be a string, not {}", other.kind()))),
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    Ok(Located { node: Node::Table(good), origin: value.origin.clone() })
}

/// Whether AWS takes a text where it is said. An empty one clears.
fn text_is(check: Check, text: &str) -> Result<(), String> {
    let length = text.chars().count();
    match check {
        // A variable that a script has not set would move all traffic at once.
        Check::Strategy if text.is_empty() => {
            Err("it is empty; all traffic in one step is `all-at-once`".to_owned())
        }
        _ if text.is_empty() => Ok(()),
        Check::Length(most) if length > most => {
            Err(format!("it has {length} characters; AWS takes {most}"))
        }
        Check::Form(_) if text == NONE => Err("an empty string clears it".to_owned()),
        Check::Form(form) if !form.fits(text) => Err(format!("it must be {}", form.what)),
        Check::FunctionName => expand::is_name(text),
        Check::Variables => key_is(check, text),
        Check::Filter => filter_is(text),
        Check::Strategy => text.parse::<Strategy>().map(drop).map_err(|error| error.to_string()),
        Check::Key if keys::find(text).is_none() => {
            Err(suggestion(text, keys::KEYS.iter().map(|key| key.name)))
        }
        Check::Trusted => match Trust::new(vec![text.to_owned()]).unknown() {
            Ok(Some(what)) => Err(what),
            // Broken data of our own are said where they are used.
            Ok(None) | Err(_) => Ok(()),
        },
        _ => Ok(()),
    }
}

/// `Pattern` of `CreateEventSourceMapping`: an object, up to 4,096 characters.
fn filter_is(text: &str) -> Result<(), String> {
    let length = text.chars().count();
    if length > 4_096 {
        return Err(format!("it has {length} characters; AWS takes 4096"));
    }
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(serde_json::Value::Object(_)) => Ok(()),
        Ok(_) => Err("it must be a JSON object (`{\"body\": {\"kind\": [\"order\"]}}`)".to_owned()),
        Err(error) => Err(format!("it is no JSON: {error}")),
    }
}

fn key_is(check: Check, key: &str) -> Result<(), String> {
    match check {
        Check::Variables => {
            if RESERVED.contains(&key) {
                return Err("Lambda reserves that variable".to_owned());
            }
            // `[a-zA-Z]([a-zA-Z0-9_])+` (CreateFunction, `Environment`).
            let fits = key.len() >= 2
                && key.starts_with(|c: char| c.is_ascii_alphabetic())
                && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if fits {
                return Ok(());
            }
            Err("Lambda takes two or more letters, digits and underscores, a letter first"
                .to_owned())
        }
        Check::Tags => match key.chars().count() {
            _ if key.to_ascii_lowercase().starts_with("aws:") => {
                Err("tags that begin with `aws:` are AWS's own".to_owned())
            }
            _ if !key.chars().all(of_tag) => Err(TAG_CHARACTERS.to_owned()),
            1..=128 => Ok(()),
            _ => Err("the name of a tag has 1 to 128 characters".to_owned()),
        },
        Check::Routes => routes::check(key).map_err(str::to_owned),
        _ => Ok(()),
    }
}

/// `TagKey` and `TagValue` of the model: `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`.
pub(super) fn of_tag(c: char) -> bool {
    c.is_alphanumeric()
        || c == ' '
        || (!c.is_ascii() && c.is_whitespace())
        || "_.:/=+-@".contains(c)
}

pub(super) const TAG_CHARACTERS: &str = "tags hold letters, digits, blanks and `_ . : / = + - @`";
