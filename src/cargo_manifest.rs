//! Changes of `Cargo.toml` that leave everything else in it as it was: comments, order, blanks, byte order
//! mark and line ends.
//!
//! Pure: a text in, another one out.

mod form;
mod inherit;

use globset::GlobBuilder;
use toml_edit::{Array, DocumentMut, Item, RawString, Table, TableLike, TomlError, Value};

pub(crate) use form::Form;
pub use inherit::inherit;

/// Why a manifest cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// It is no TOML.
    #[error("no TOML")]
    Toml(#[from] TomlError),
    /// A name of ours means something else there.
    #[error("`{0}` is there already")]
    Taken(String),
    /// Something is no table.
    #[error("`{0}` is no table")]
    NoTable(&'static str),
}

/// A table in a table, made where it is not.
pub(crate) fn table<'t>(
    parent: &'t mut dyn TableLike,
    name: &'static str,
    implicit: bool,
) -> Result<&'t mut dyn TableLike, EditError> {
    let entry = parent.entry(name).or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(implicit);
        Item::Table(table)
    });
    entry.as_table_like_mut().ok_or(EditError::NoTable(name))
}

/// The members and the excluded folders of a workspace's manifest.
fn listed<'d>(document: &'d DocumentMut, key: &str) -> impl Iterator<Item = &'d str> {
    let list = document.get("workspace").and_then(|it| it.get(key)).and_then(Item::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

/// Whether the members of a workspace's manifest have a folder, by name or pattern.
///
/// # Errors
///
/// Where it is no TOML.
pub fn is_member(text: &str, folder: &str) -> Result<bool, EditError> {
    let document: DocumentMut = Form::take(text).0.parse()?;
    let covers = |pattern: &str| {
        let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
        // As cargo's patterns: `*` ends at a slash.
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        pattern == folder || glob.is_ok_and(|glob| glob.compile_matcher().is_match(folder))
    };
    Ok(listed(&document, "members").any(covers))
}

/// Whether a manifest is that of a workspace. What is no TOML is none.
#[must_use]
pub fn is_workspace(text: &str) -> bool {
    let document = Form::take(text).0.parse::<DocumentMut>();
    document.is_ok_and(|document| document.contains_key("workspace"))
}

/// What a workspace has to do with a folder in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// The manifest is that of a package alone, or the workspace leaves the folder out: it stands alone.
    Apart,
    /// It is a member already, by name or pattern.
    Already,
    /// The manifest that makes it one.
    With(String),
}

/// Whether a path, as a manifest has it, is a folder or stands above it.
fn is_at_or_above(path: &str, folder: &str) -> bool {
    let path = path.trim_start_matches("./").trim_end_matches('/');
    folder.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Makes a folder (as it is reached from the manifest, `/` between its parts) a member of the workspace whose
/// manifest this is (The Cargo Book, "Workspaces": `members` and `exclude`).
///
/// # Errors
///
/// Where it is no TOML, or `workspace` or its `members` are something else than cargo has.
pub fn join(text: &str, folder: &str) -> Result<Membership, EditError> {
    let is_member = is_member(text, folder)?;
    let (text, form) = Form::take(text);
    let mut document: DocumentMut = text.parse()?;
    let covers = |path: &str| is_at_or_above(path, folder);
    // A member that is named counts more than `exclude`, which counts more than patterns.
    let is_named = listed(&document, "members").any(covers);
    let is_excluded = !is_named && listed(&document, "exclude").any(covers);
    if !document.contains_key("workspace") || is_excluded {
        return Ok(Membership::Apart);
    }
    if is_member {
        return Ok(Membership::Already);
    }
    add_member(table(document.as_table_mut(), "workspace", false)?, folder)?;
    Ok(Membership::With(form.give(&document.to_string())))
}

/// Puts a folder after the last of the members, on a line of its own where that stands on one.
pub(crate) fn add_member(workspace: &mut dyn TableLike, folder: &str) -> Result<(), EditError> {
    let members = workspace.entry("members").or_insert(Item::Value(Value::Array(Array::new())));
    let members = members.as_array_mut().ok_or(EditError::NoTable("members"))?;
    let before = members.iter().last().and_then(|last| last.decor().prefix()).cloned();
    let behind = members.trailing().as_str().unwrap_or_default().to_owned();
    // Without a comma behind the last one, what stands there is its own: the comma would come behind it.
    let own = { members.iter_mut() }.last().map(|last| {
        let own = last.decor().suffix().and_then(RawString::as_str).unwrap_or_default().to_owned();
        last.decor_mut().set_suffix("");
        own
    });
    let own = own.unwrap_or_default();
    members.push(folder);
    // Where the last one stands on a line of its own.
    let own_line = |it: &RawString| it.as_str().is_some_and(|it| it.contains('\n'));
    let Some(last) = members.iter_mut().last() else { return Ok(()) };
    if let Some(before) = before.filter(own_line) {
        let text = before.as_str().unwrap_or("\n");
        let blank = text.rsplit_once('\n').map_or("", |(_, blank)| blank);
        // What stands behind the one before stays there; what stands above it is not said twice.
        last.decor_mut().set_prefix(format!("{}{}\n{blank}", own.trim_end(), behind.trim_end()));
        members.set_trailing("\n");
    } else {
        last.decor_mut().set_suffix(own);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_joins_as_the_others_stand() {
        let joined = |text: &str| match join(text, "crates/new").unwrap() {
            Membership::With(text) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            joined("[workspace]\nmembers = [\"a\"] # all\n"),
            "[workspace]\nmembers = [\"a\", \"crates/new\"] # all\n"
        );
        assert_eq!(
            joined("[workspace]\r\nmembers = [\r\n    \"a\", # first\r\n]\r\n"),
            "[workspace]\r\nmembers = [\r\n    \"a\", # first\r\n    \"crates/new\",\r\n]\r\n"
        );
        // Without a comma behind the last one.
        assert_eq!(
            joined("[workspace]\nmembers = [\n  \"a\", # first\n  \"z\" # last\n]\n"),
            "[workspace]\nmembers = [\n  \"a\", # first\n  \"z\", # last\n  \"crates/new\"\n]\n"
        );
        assert_eq!(
            joined("[workspace]\nmembers = [ \"a\" ]\n"),
            "[workspace]\nmembers = [ \"a\", \"crates/new\" ]\n"
        );
        assert_eq!(
            joined("[package]\nname = \"a\"\n\n[workspace]\n"),
            "[package]\nname = \"a\"\n\n[workspace]\nmembers = [\"crates/new\"]\n"
        );
    }

    #[test]
    fn members_and_excluded_folders_are_left_alone() {
        for (text, expected) in [
            ("[workspace]\nmembers = [\"crates/*\"]", Membership::Already),
            ("[workspace]\nmembers = [\"./crates/new/\"]", Membership::Already),
            ("[workspace]\nexclude = [\"crates\"]", Membership::Apart),
            (
                "[workspace]\nmembers = [\"crates/*\"]\nexclude = [\"crates/new\"]",
                Membership::Apart,
            ),
            (
                "[workspace]\nmembers = [\"crates/new\"]\nexclude = [\"crates\"]",
                Membership::Already,
            ),
            ("[package]\nname = \"a\"", Membership::Apart),
        ] {
            assert_eq!(join(text, "crates/new").unwrap(), expected, "{text}");
        }
        // `*` ends at a slash, and `crate` is no folder above it.
        for text in ["[workspace]\nmembers = [\"*\"]", "[workspace]\nexclude = [\"crate\"]"] {
            assert!(matches!(join(text, "crates/new").unwrap(), Membership::With(_)), "{text}");
        }
        assert!(join("workspace = 1", "a").is_err());
        assert!(join("[workspace", "a").is_err());
    }
}
