//! The tables of ours in the texts of files; all else in them stays as it is.

mod value;

use std::collections::BTreeMap;
use std::sync::Arc;

use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::Files;
use super::old::{Comment, Old};
use super::sheet::{At, Place, Sheet};
use crate::cargo_manifest::Form;
use crate::config::located::{Located, Mistake, Origin};
use crate::config::{ConfigFile, Inputs};
use value::{insert, item};

/// The settings file beside the workspace's manifest.
pub(super) const FILE: &str = "lambda-pack.toml";
/// That of cargo-lambda.
const THEIRS: &str = "CargoLambda.toml";

/// A file that is changed.
struct Open {
    name: Arc<str>,
    before: Option<String>,
    document: DocumentMut,
    form: Form,
    /// What stands above all of it.
    head: Vec<String>,
}

/// The new texts of all files that change.
pub(super) fn files(
    inputs: &Inputs<'_>,
    sheet: &Sheet,
    warnings: &[Mistake],
    keep: bool,
) -> Result<Files, Vec<Mistake>> {
    let mut olds = if keep { Vec::new() } else { olds(inputs) };
    let mut open: Vec<Open> = Vec::new();
    for (place, values) in &sheet.0 {
        let file = opened(&mut open, inputs, &place.at)?;
        let comments = |origin: &Origin| {
            let mut found = olds.iter_mut().map(|old| old.take(origin));
            found.find(|it| !it.above.is_empty() || it.behind.is_some()).unwrap_or_default()
        };
        file.say(place, values, comments)?;
        for old in &mut olds {
            for value in values.values() {
                old.note_said(value);
            }
        }
    }
    for (mut place, lines) in olds.iter_mut().flat_map(|old| old.rest(warnings)) {
        if !sheet.0.contains_key(&place) {
            place.env = None;
        }
        if let At::Handler(package, _) = &place.at
            && !sheet.0.contains_key(&place)
        {
            place.at = At::Package(package.clone());
        }
        opened(&mut open, inputs, &place.at)?.note(&place, lines)?;
    }
    let old = if keep { Vec::new() } else { roots(inputs) };
    for root in old.iter().filter(|root| !root.path.is_empty()) {
        opened(&mut open, inputs, &root.at)?.remove(&root.path);
    }
    let changed = open.into_iter().filter_map(Open::text);
    let mut files: Vec<_> = changed.map(|(name, text)| (name, Some(text))).collect();
    // Last: wherever it is cut off, what counts stands somewhere.
    let gone = old.into_iter().filter(|root| root.path.is_empty());
    files.extend(gone.map(|root| (root.file, None)));
    Ok(files)
}

/// An old table.
struct Root {
    file: Arc<str>,
    path: Vec<&'static str>,
    /// The table of ours that takes its place.
    at: At,
}

/// The old tables. A file above the workspace is none: it stays where it is, for it may be of others.
fn roots(inputs: &Inputs<'_>) -> Vec<Root> {
    let has = |file: &ConfigFile, kind: &str| {
        let document = Form::take(&file.text).0.parse::<DocumentMut>();
        document.is_ok_and(|document| {
            let metadata = document.get(kind).and_then(|it| it.get("metadata"));
            metadata.is_some_and(|it| it.get("lambda").is_some())
        })
    };
    let root = |file: &ConfigFile, path, at| Root { file: file.name.clone(), path, at };
    let workspace = Some(&inputs.workspace).filter(|file| has(file, "workspace"));
    let path = || vec!["workspace", "metadata", "lambda"];
    let mut roots: Vec<Root> =
        workspace.map(|file| root(file, path(), At::Workspace)).into_iter().collect();
    let path = || vec!["package", "metadata", "lambda"];
    let members = inputs.members.iter().filter(|(_, file)| has(file, "package"));
    roots.extend(members.map(|(name, file)| root(file, path(), At::Package(name.clone()))));
    let file = inputs.cargo_lambda.as_ref().filter(|file| &*file.name == THEIRS);
    roots.extend(file.map(|file| root(file, Vec::new(), At::File)));
    roots
}

/// The old tables with their comments, file by file.
fn olds(inputs: &Inputs<'_>) -> Vec<Old> {
    let mut by_file: BTreeMap<Arc<str>, Vec<(Vec<&'static str>, At)>> = BTreeMap::new();
    for Root { file, path, at } in roots(inputs) {
        by_file.entry(file).or_default().push((path, at));
    }
    let of = |(name, roots): (Arc<str>, Vec<(Vec<&'static str>, At)>)| {
        let members = inputs.members.iter().map(|(_, file)| file);
        let mut all = members.chain([&inputs.workspace]).chain(&inputs.cargo_lambda);
        let file = all.find(|file| file.name == name)?;
        Old::of(&name, &Form::take(&file.text).0, roots)
    };
    by_file.into_iter().filter_map(of).collect()
}

/// The file that a table stands in.
fn opened<'o>(
    open: &'o mut Vec<Open>,
    inputs: &Inputs<'_>,
    at: &At,
) -> Result<&'o mut Open, Vec<Mistake>> {
    let file = match at {
        At::Workspace => Some(&inputs.workspace),
        At::File => inputs.lambda_pack.as_ref(),
        At::Package(package) | At::Handler(package, _) => {
            inputs.members.iter().find(|(name, _)| name == package).map(|(_, file)| file)
        }
    };
    let name: Arc<str> = file.map_or_else(|| FILE.into(), |file| file.name.clone());
    let known = open.iter().position(|known| known.name == name);
    if known.is_none() {
        let before = file.map(|file| file.text.clone());
        let (text, form) = Form::take(before.as_deref().unwrap_or(""));
        let document = text.parse().map_err(|_| refused(&name, "it is no TOML"))?;
        open.push(Open { name: name.clone(), before, document, form, head: Vec::new() });
    }
    let place = known.unwrap_or(open.len() - 1);
    open.get_mut(place).ok_or_else(|| refused(&name, "it is not there"))
}

fn refused(file: &Arc<str>, what: impl Into<String>) -> Vec<Mistake> {
    let origin = Origin::File { file: file.clone(), line: 1 };
    vec![Mistake { origin, what: what.into() }]
}

/// The path of a table in its file.
fn path(place: &Place) -> Vec<&str> {
    let mut path = match &place.at {
        At::Workspace => vec!["workspace", "metadata", "lambda-pack"],
        At::File => Vec::new(),
        At::Package(_) => vec!["package", "metadata", "lambda-pack"],
        At::Handler(_, name) => vec!["package", "metadata", "lambda-pack", "handlers", name],
    };
    path.extend(place.env.iter().flat_map(|env| ["env", env.as_str()]));
    path
}

impl Open {
    /// Says values in a table, but for those that it has.
    fn say(
        &mut self,
        place: &Place,
        values: &BTreeMap<&'static str, Located>,
        mut comments: impl FnMut(&Origin) -> Comment,
    ) -> Result<(), Vec<Mistake>> {
        let mut values: Vec<_> = values.iter().collect();
        // In the order in which they were written.
        values.sort_by_key(|(_, value)| line(&value.origin));
        let is_local = !matches!(place.at, At::Workspace | At::File);
        let (name, up) = (self.name.clone(), self.up());
        let (table, is_inline) = self.table(place)?;
        for (key, value) in values {
            let item = item(key, value, (is_local, &up), is_inline, &mut comments);
            // Inside of braces there is no place for a comment.
            let comment = if is_inline { Comment::default() } else { comments(&value.origin) };
            insert(table, key, item, comment, is_inline)
                .map_err(|taken| refused(&name, format!("`{taken}` means something else there")))?;
        }
        Ok(())
    }

    /// The way from the file's folder to the workspace's.
    fn up(&self) -> String {
        if self.name.starts_with('/') {
            String::new()
        } else {
            "../".repeat(self.name.matches('/').count())
        }
    }

    /// A table, made where it is not; and whether it stands in braces.
    fn table(&mut self, place: &Place) -> Result<(&mut dyn TableLike, bool), Vec<Mistake>> {
        let (name, position) = (self.name.clone(), self.position(place));
        let path = path(place);
        let mut item = self.document.as_item_mut();
        for (depth, part) in path.iter().enumerate() {
            let is_inline = item.is_inline_table();
            let is_last = depth + 1 == path.len();
            let Some(table) = item.as_table_like_mut() else {
                return Err(refused(&name, format!("`{}` is no table", path[..depth].join("."))));
            };
            item = table.entry(part).or_insert_with(|| {
                if is_inline {
                    return Item::Value(Value::InlineTable(InlineTable::new()));
                }
                let mut table = Table::new();
                table.set_implicit(!is_last);
                table.set_position(position.filter(|_| is_last));
                Item::Table(table)
            });
            if is_last && let Some(table) = item.as_table_mut() {
                table.set_implicit(false);
            }
        }
        let is_inline = item.is_inline_table();
        match item.as_table_like_mut() {
            Some(table) => Ok((table, is_inline)),
            None => Err(refused(&name, format!("`{}` is no table", path.join(".")))),
        }
    }

    /// Where the old tables stand, so that the new ones stand there.
    fn position(&self, place: &Place) -> Option<isize> {
        fn first(item: &Item) -> Option<isize> {
            let table = item.as_table()?;
            let inner = table.iter().filter_map(|(_, item)| first(item));
            table.position().filter(|_| !table.is_implicit()).into_iter().chain(inner).min()
        }
        let kind = *path(place).first()?;
        let metadata = self.document.get(kind).and_then(|it| it.get("metadata"));
        metadata.and_then(|it| it.get("lambda")).and_then(first)
    }

    /// Puts lines above a table.
    fn note(&mut self, place: &Place, lines: Vec<String>) -> Result<(), Vec<Mistake>> {
        if path(place).is_empty() {
            self.head.extend(lines);
            return Ok(());
        }
        let path = path(place);
        self.table(place)?;
        let found = path.iter().try_fold(self.document.as_item_mut(), |item, part| {
            item.as_table_like_mut()?.get_mut(part)
        });
        match found.and_then(Item::as_table_mut) {
            Some(table) if !table.is_dotted() => {
                let before = table.decor().prefix().and_then(|it| it.as_str()).unwrap_or("\n");
                let text = format!("{before}{}\n", lines.join("\n"));
                table.decor_mut().set_prefix(text);
            }
            _ => self.head.extend(lines),
        }
        Ok(())
    }

    /// Takes a table away.
    fn remove(&mut self, path: &[&str]) {
        let Some((last, above)) = path.split_last() else { return };
        let found = above.iter().try_fold(self.document.as_item_mut(), |item, part| {
            item.as_table_like_mut()?.get_mut(part)
        });
        if let Some(table) = found.and_then(Item::as_table_like_mut) {
            table.remove(last);
        }
    }

    /// The text, if it is another one.
    fn text(self) -> Option<(Arc<str>, String)> {
        let mut head = self.head;
        if !head.is_empty() {
            head.extend([String::new(), String::new()]);
        }
        let text =
            format!("{}{}", head.join("\n"), self.document.to_string().trim_start_matches('\n'));
        // A table that holds only comments stands apart from the next one.
        let text = text.replace("lambda-pack]\n[", "lambda-pack]\n\n[");
        let text = self.form.give(&text);
        (self.before.as_ref() != Some(&text)).then_some((self.name, text))
    }
}

fn line(origin: &Origin) -> usize {
    match origin {
        Origin::File { line, .. } => *line,
        Origin::Several(all) => all.first().map_or(0, line),
        Origin::Variable(_) | Origin::Flag(_) => 0,
    }
}
