//! The templates within this program.

use include_dir::{Dir, include_dir};

use super::place::Gathered;
use super::{Manifest, Template, TemplateError};
use crate::nearest::{nearest, suggestion};

/// A folder for each.
static ALL: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/templates/functions");

/// The template that is written where none is named.
pub const DEFAULT: &str = "http";

/// The names of the templates, sorted.
#[must_use]
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = ALL.dirs().filter_map(|dir| dir.path().to_str()).collect();
    names.sort_unstable();
    names
}

/// A template of this program.
///
/// # Errors
///
/// If there is none of this name.
pub fn builtin(name: &str) -> Result<Template, TemplateError> {
    let unknown = || {
        let hint = suggestion(name, names());
        let all = if nearest(name, names()).is_none() { "; `new --list` tells of all" } else { "" };
        let hint = format!("{hint}{all}");
        TemplateError::Unknown { name: name.to_owned(), hint }
    };
    let folder = ALL.get_dir(name).filter(|_| names().contains(&name)).ok_or_else(unknown)?;
    let mut gathered = Gathered::default();
    take(folder, name, &mut gathered)?;
    Template::of(gathered)
}

/// What a template of this program says of itself.
///
/// # Errors
///
/// If it is not understood, which a test holds.
pub fn described(name: &str) -> Result<Manifest, TemplateError> {
    Ok(builtin(name)?.manifest)
}

fn take(folder: &Dir<'static>, name: &str, gathered: &mut Gathered) -> Result<(), TemplateError> {
    for file in folder.files() {
        let path = file.path().strip_prefix(name).unwrap_or(file.path());
        gathered.add(&path.to_string_lossy(), false, &mut file.contents())?;
    }
    folder.dirs().try_for_each(|dir| take(dir, name, gathered))
}
