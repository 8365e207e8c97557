//! The old tables as they stand in their files: comments, and what is not taken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use toml_edit::{Document, DocumentMut, Item, Table, TableLike, Value};

use super::sheet::{At, Place};
use crate::config::cargo_lambda::keys::SECTIONS;
use crate::config::located::{Located, Mistake, Node, Origin};

/// What stands for a value that is nobody's business.
const MASK: &str = "***";
/// What is said below a value that counted nowhere.
const UNSAID: &str = "#   (counted nowhere: something else says it)";
/// The shortest value that is looked for in comments.
const SECRET: usize = 4;

/// What stands beside a key.
#[derive(Debug, Default)]
pub(super) struct Comment {
    /// Lines above it.
    pub(super) above: Vec<String>,
    /// On its own line.
    pub(super) behind: Option<String>,
}

/// Where the old tables of one file are.
pub(super) struct Old {
    name: Arc<str>,
    document: DocumentMut,
    /// Each with the table of ours that takes its place.
    roots: Vec<(Vec<&'static str>, At)>,
    /// The paths of the keys on each line, outer ones first.
    lines: BTreeMap<usize, Vec<Vec<String>>>,
    comments: BTreeMap<Vec<String>, Comment>,
    /// The lines that something now said in our tables comes from.
    said: BTreeSet<usize>,
}

impl Old {
    /// Of a text that is TOML.
    pub(super) fn of(
        name: &Arc<str>,
        text: &str,
        roots: Vec<(Vec<&'static str>, At)>,
    ) -> Option<Self> {
        let parsed = Document::parse(text.to_owned()).ok()?;
        let mut lines: BTreeMap<usize, Vec<Vec<String>>> = BTreeMap::new();
        let line_of = |at: usize| text.get(..at).unwrap_or("").matches('\n').count() + 1;
        for (root, _) in &roots {
            let path: Vec<String> = root.iter().map(|part| (*part).to_owned()).collect();
            if let Some(table) = find(parsed.as_item(), &path).and_then(Item::as_table_like) {
                paths(table, &path, &mut |path, at| {
                    lines.entry(line_of(at)).or_default().push(path);
                });
            }
            // A comment may stand beside the whole; what is inside comes first.
            if let Some((name, above)) = path.split_last()
                && let Some(table) = find(parsed.as_item(), above).and_then(Item::as_table_like)
                && let Some(span) = table.key(name).and_then(toml_edit::Key::span)
            {
                lines.entry(line_of(span.start)).or_default().push(path.clone());
            }
        }
        let document = parsed.into_mut();
        let all = lines.values().flatten();
        let comment = |path: &Vec<String>| Some((path.clone(), comment(document.as_item(), path)?));
        let comments = all.filter_map(comment).collect();
        let said = BTreeSet::new();
        Some(Self { name: name.clone(), document, roots, lines, comments, said })
    }

    /// The comment of the key that stands on the line of an origin; nobody gets it twice.
    pub(super) fn take(&mut self, origin: &Origin) -> Comment {
        let first = match origin {
            Origin::Several(all) => all.first(),
            one => Some(one),
        };
        let Some(Origin::File { line, .. }) = first.filter(|origin| self.has(origin)) else {
            return Comment::default();
        };
        let mut paths = self.lines.get(line).into_iter().flatten();
        paths.find_map(|path| self.comments.remove(path)).unwrap_or_default()
    }

    /// Remembers that a value is said in a table of ours.
    pub(super) fn note_said(&mut self, value: &Located) {
        let origins = match &value.origin {
            Origin::Several(all) => all.as_slice(),
            one => std::slice::from_ref(one),
        };
        for origin in origins {
            match origin {
                Origin::File { file, line } if *file == self.name => drop(self.said.insert(*line)),
                _ => {}
            }
        }
        match &value.node {
            Node::Table(table) => table.values().for_each(|value| self.note_said(value)),
            Node::List(items) => items.iter().for_each(|value| self.note_said(value)),
            _ => {}
        }
    }

    /// What counted nowhere, with its table, but for what a warning tells of.
    fn unsaid(&self, told: &BTreeSet<Vec<String>>) -> BTreeMap<Vec<String>, String> {
        let mut unsaid: BTreeMap<Vec<String>, String> = BTreeMap::new();
        let lines = self.lines.iter().filter(|(line, _)| !self.said.contains(line));
        for path in lines.flat_map(|(_, paths)| paths) {
            let is_within = |known: &Vec<String>| path.starts_with(known);
            if told.iter().any(is_within) || unsaid.keys().any(is_within) {
                continue;
            }
            let text = find(self.document.as_item(), path)
                .and_then(Item::as_value)
                .filter(|value| !is_nothing(value))
                .and_then(|_| self.shown(path));
            let root = self.root(path).map_or(0, Vec::len);
            if let (Some(text), [_, .., _]) = (text, &path[root..]) {
                let table = path[root..path.len() - 1].join(".");
                unsaid.insert(path.clone(), format!("{table}.{text}"));
            }
        }
        unsaid
    }

    fn has(&self, origin: &Origin) -> bool {
        matches!(origin, Origin::File { file, .. } if *file == self.name)
    }

    /// Comments that nobody took, and what is not taken, by the table that they belong to.
    pub(super) fn rest(&mut self, warnings: &[Mistake]) -> BTreeMap<Place, Vec<String>> {
        let mut rest: BTreeMap<Place, Vec<String>> = BTreeMap::new();
        let warnings: Vec<_> = warnings.iter().filter(|it| self.has(&it.origin)).collect();
        let told = warnings.iter().filter_map(|Mistake { origin, what }| match origin {
            Origin::File { line, .. } => self.path_of(*line, what).cloned(),
            _ => None,
        });
        let template = vec!["template".to_owned()];
        let mut unsaid = self.unsaid(&told.chain([template]).collect());
        for (path, comment) in std::mem::take(&mut self.comments) {
            let lines = rest.entry(self.place(&path)).or_default();
            lines.extend(comment.above);
            match (unsaid.remove(&path), comment.behind) {
                (Some(text), behind) => {
                    let behind = behind.map_or_else(String::new, |behind| format!(" {behind}"));
                    lines.push(format!("# {text}{behind}"));
                    lines.push(UNSAID.to_owned());
                }
                (None, behind) => lines.extend(behind),
            }
        }
        for (path, text) in unsaid {
            let lines = rest.entry(self.place(&path)).or_default();
            lines.extend([format!("# {text}"), UNSAID.to_owned()]);
        }
        for Mistake { origin, what } in warnings {
            let Origin::File { line, .. } = origin else { continue };
            let Some(path) = self.path_of(*line, what) else { continue };
            let lines = rest.entry(self.place(path)).or_default();
            lines.extend(self.shown(path).map(|text| format!("# {text}")));
            lines.push(format!("#   ({what})"));
        }
        // It passes over it by its own account; the table goes with the file.
        if self.roots.iter().any(|(root, _)| root.is_empty())
            && self.document.contains_key("template")
        {
            let path = vec!["template".to_owned()];
            let text = self.shown(&path).map(|text| format!("# {text}"));
            rest.entry(self.place(&path)).or_default().extend(text);
        }
        rest
    }

    /// The key of that line which a warning is about.
    fn path_of(&self, line: usize, what: &str) -> Option<&Vec<String>> {
        let paths = self.lines.get(&line)?;
        let named = |path: &&Vec<String>| {
            path.last().is_some_and(|name| {
                what.contains(&format!("`{name}`")) || what.contains(&format!(".{name}`"))
            })
        };
        paths.iter().find(named).or(paths.first())
    }

    fn root(&self, path: &[String]) -> Option<&Vec<&'static str>> {
        self.roots.iter().map(|(root, _)| root).find(|root| {
            root.len() <= path.len() && root.iter().zip(path).all(|(part, known)| part == known)
        })
    }

    /// The table of ours that takes the place of the one which holds a key.
    fn place(&self, path: &[String]) -> Place {
        let root = self.root(path);
        let found = self.roots.iter().find(|(known, _)| Some(known) == root);
        let Some((root, at)) = found else { return Place { at: At::File, env: None } };
        let mut inner = path.iter().skip(root.len());
        let env = inner.next().filter(|name| *at == At::File && !SECTIONS.contains(&name.as_str()));
        let bin = inner.next().filter(|_| path.get(root.len()).is_some_and(|name| name == "bin"));
        match (at, bin) {
            (At::Package(package), Some(bin)) => {
                Place { at: At::Handler(package.clone(), bin.clone()), env: None }
            }
            _ => Place { at: at.clone(), env: env.cloned() },
        }
    }

    /// A key with its value on one line.
    fn shown(&self, path: &[String]) -> Option<String> {
        let item = find(self.document.as_item(), path)?;
        let mut value = item.clone().into_value().ok()?;
        one_line(&mut value);
        let name = path.last()?;
        Some(format!(
            "{} = {}",
            toml_edit::Key::new(name.as_str()).display_repr(),
            value.to_string().trim()
        ))
    }
}

/// The item at a path.
fn find<'i>(item: &'i Item, path: &[String]) -> Option<&'i Item> {
    path.iter().try_fold(item, |item, name| item.as_table_like()?.get(name))
}

/// Calls with the path of every key, and where it stands.
fn paths(table: &dyn TableLike, path: &[String], found: &mut impl FnMut(Vec<String>, usize)) {
    for (name, item) in table.iter() {
        let path = [path, &[name.to_owned()]].concat();
        if let Some(span) = table.key(name).and_then(toml_edit::Key::span) {
            found(path.clone(), span.start);
        }
        if let Some(inner) = item.as_table_like() {
            paths(inner, &path, found);
        }
    }
}

/// What stands beside the key of a path.
fn comment(root: &Item, path: &[String]) -> Option<Comment> {
    let (name, above) = path.split_last()?;
    let table = find(root, above)?.as_table_like()?;
    let item = table.get(name)?;
    let text = |raw: Option<&toml_edit::RawString>| {
        raw.and_then(toml_edit::RawString::as_str).unwrap_or_default().to_owned()
    };
    let (prefix, suffix) = match item {
        Item::Table(table) if !table.is_dotted() && !table.is_implicit() => {
            (text(table.decor().prefix()), text(table.decor().suffix()))
        }
        Item::Value(value) => (
            text(table.key(name).and_then(|key| key.leaf_decor().prefix())),
            text(value.decor().suffix()),
        ),
        _ => return None,
    };
    let is_comment = |line: &&str| line.starts_with('#');
    let above: Vec<String> =
        prefix.lines().map(str::trim).filter(is_comment).map(str::to_owned).collect();
    let behind = Some(suffix.trim()).filter(is_comment).map(str::to_owned);
    (!above.is_empty() || behind.is_some()).then_some(Comment { above, behind })
}

/// Whether a value is as good as none there.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Boolean(boolean) => !boolean.value(),
        Value::Array(array) => array.is_empty(),
        Value::InlineTable(table) => table.is_empty(),
        Value::String(_) | Value::Integer(_) | Value::Float(_) | Value::Datetime(_) => false,
    }
}

/// Takes blanks and comments out of a value.
fn one_line(value: &mut Value) {
    value.decor_mut().clear();
    match value {
        Value::Array(array) => {
            array.iter_mut().for_each(one_line);
            array.fmt();
        }
        Value::InlineTable(table) => {
            table.iter_mut().for_each(|(_, value)| one_line(value));
            table.fmt();
        }
        // One that has several lines is written on one.
        Value::String(text) => *value = Value::from(text.value().replace('\n', " ")),
        _ => {}
    }
}

/// A file with the values of environment variables hidden, for people to see; also where a comment repeats one, or
/// one of these, which other files have.
#[must_use]
pub fn masked(name: &str, text: &str, of_others: &[String]) -> String {
    let Some((document, mut secrets)) = hidden(name, text) else { return String::new() };
    secrets.extend_from_slice(of_others);
    secrets.retain(|secret| secret.len() >= SECRET);
    // One may be a part of another.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    let line = |line: &str| format!("{}\n", masked_comment(line, &secrets));
    document.to_string().lines().map(line).collect()
}

/// The values of environment variables that a file has, which no comment of another one is to show.
#[must_use]
pub fn secrets(name: &str, text: &str) -> Vec<String> {
    hidden(name, text).map(|(_, secrets)| secrets).unwrap_or_default()
}

/// A file without the values of environment variables, and these; passwords in URLs too.
fn hidden(name: &str, text: &str) -> Option<(DocumentMut, Vec<String>)> {
    let mut document = text.parse::<DocumentMut>().ok()?;
    let mut secrets = Vec::new();
    let mut hide = |table: &mut Table, path: &[&str], is_variables: fn(&str) -> bool| {
        let mut item = Some(table as &mut dyn TableLike);
        for name in path {
            item = item.and_then(|table| table.get_mut(name)).and_then(Item::as_table_like_mut);
        }
        if let Some(table) = item {
            mask(table, is_variables, &mut secrets);
        }
    };
    let theirs = |name: &str| name.starts_with("env") && name != "env_file";
    let ours = |name: &str| name == "environment";
    let table = document.as_table_mut();
    match name.rsplit('/').next().unwrap_or(name) {
        "CargoLambda.toml" => hide(table, &[], theirs),
        super::write::FILE => hide(table, &[], ours),
        _ => {
            for kind in ["package", "workspace"] {
                hide(table, &[kind, "metadata", "lambda"], theirs);
                hide(table, &[kind, "metadata", "lambda-pack"], ours);
            }
        }
    }
    let password = |secret: &String| {
        let (_, behind) = secret.split_once("://")?;
        let (user, _) = behind.split('/').next()?.rsplit_once('@')?;
        Some(user.split_once(':')?.1.to_owned())
    };
    let passwords: Vec<String> = secrets.iter().filter_map(password).collect();
    secrets.extend(passwords);
    Some((document, secrets))
}

/// A line without what its comment tells of variables.
fn masked_comment(line: &str, secrets: &[String]) -> String {
    match line.split_once(" = ") {
        Some((key, _)) if line.starts_with('#') && line.contains("env") => {
            return format!("{key} = {MASK}");
        }
        _ => {}
    }
    let Some((code, comment)) = line.split_once('#') else { return line.to_owned() };
    let hidden = |text: String, secret: &String| text.replace(secret.as_str(), MASK);
    format!("{code}#{}", secrets.iter().fold(comment.to_owned(), hidden))
}

fn mask(table: &mut dyn TableLike, is_variables: fn(&str) -> bool, secrets: &mut Vec<String>) {
    for (name, item) in table.iter_mut() {
        let is_all: fn(&str) -> bool = |_| true;
        let inner = if is_variables(&name) { is_all } else { is_variables };
        match item {
            Item::Value(value) => mask_value(value, is_variables(&name), is_variables, secrets),
            Item::Table(table) => mask(table, inner, secrets),
            Item::ArrayOfTables(tables) => {
                tables.iter_mut().for_each(|table| mask(table, inner, secrets));
            }
            Item::None => {}
        }
    }
}

fn mask_value(
    value: &mut Value,
    is_secret: bool,
    is_variables: fn(&str) -> bool,
    secrets: &mut Vec<String>,
) {
    match value {
        Value::Array(array) => {
            array.iter_mut().for_each(|value| mask_value(value, is_secret, is_variables, secrets));
        }
        Value::InlineTable(table) => {
            for (name, value) in table.iter_mut() {
                mask_value(value, is_secret || is_variables(&name), is_variables, secrets);
            }
        }
        value if is_secret => {
            if let Value::String(text) = value {
                // A list there holds `NAME=value`.
                let text = text.value();
                secrets.push(text.split_once('=').map_or(text.as_str(), |(_, it)| it).to_owned());
                secrets.push(text.clone());
            }
            let decor = value.decor().clone();
            *value = Value::from(MASK);
            *value.decor_mut() = decor;
        }
        _ => {}
    }
}
