//! What changes in manifests.

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use crate::cargo_manifest::{EditError, Form, add_member, is_member, table};
use crate::compile::LAYER_FEATURE;

/// What stands above a table that was made for the crate alone.
const OWN: &str = "# For the crate of `cargo lambda-pack layer init`.";

/// The manifest of a handler's package with the dependency on the crate at `path` (as it is reached from it),
/// the feature that switches it on, and the setting.
///
/// # Errors
///
/// Where a name is taken, or the manifest is not as cargo has them.
pub fn mark(text: &str, name: &str, path: &str) -> Result<String, EditError> {
    let (text, form) = Form::take(text);
    let mut document: DocumentMut = text.parse()?;
    let root: &mut dyn TableLike = document.as_table_mut();
    let features = table(root, "features", false)?;
    if features.contains_key(LAYER_FEATURE) {
        return Err(EditError::Taken(format!("features.{LAYER_FEATURE}")));
    }
    let on = Value::Array(Array::from_iter([format!("dep:{name}")]));
    features.insert(LAYER_FEATURE, Item::Value(on));
    let dependencies = table(root, "dependencies", false)?;
    if dependencies.contains_key(name) {
        return Err(EditError::Taken(format!("dependencies.{name}")));
    }
    let mut dependency = InlineTable::new();
    dependency.insert("path", path.into());
    dependency.insert("optional", true.into());
    dependency.insert("features", Value::Array(Array::from_iter([LAYER_FEATURE])));
    dependencies.insert(name, Item::Value(Value::InlineTable(dependency)));
    let package = table(root, "package", false)?;
    let settings = table(table(package, "metadata", true)?, "lambda-pack", false)?;
    let layers = with_dylib(settings.get("layers"), name)?;
    settings.insert("layers", layers);
    Ok(form.give(&document.to_string()))
}

/// What `layers` says, and the crate.
fn with_dylib(layers: Option<&Item>, name: &str) -> Result<Item, EditError> {
    let mut all = match layers {
        None => InlineTable::new(),
        Some(Item::Table(found)) => {
            let mut found = found.clone();
            found.insert("dylib", toml_edit::value(name));
            return Ok(Item::Table(found));
        }
        Some(Item::Value(Value::InlineTable(found))) => found.clone(),
        Some(Item::Value(share @ Value::String(_))) => {
            InlineTable::from_iter([("share", share.clone().decorated("", ""))])
        }
        Some(Item::Value(arns @ Value::Array(_))) => {
            InlineTable::from_iter([("arns", arns.clone().decorated("", ""))])
        }
        Some(_) => return Err(EditError::NoTable("layers")),
    };
    all.fmt();
    all.insert("dylib", name.into());
    Ok(Item::Value(Value::InlineTable(all)))
}

/// The manifest without what [`mark`] wrote; none where nothing of that is there.
///
/// # Errors
///
/// Where it is no TOML.
pub fn unmark(text: &str, name: &str) -> Result<Option<String>, EditError> {
    let (text, form) = Form::take(text);
    let mut document: DocumentMut = text.parse()?;
    let root: &mut dyn TableLike = document.as_table_mut();
    let mut changed = false;
    let ours = format!("dep:{name}");
    for (parent, key) in [("features", LAYER_FEATURE), ("dependencies", name)] {
        let found = root.get_mut(parent).and_then(Item::as_table_like_mut);
        let Some(found) = found else { continue };
        // A feature of that name that switches something else on is somebody's own.
        if let Some(on) = found.get(key).and_then(Item::as_array)
            && !on.iter().any(|it| it.as_str() == Some(&ours))
        {
            continue;
        }
        if found.remove(key).is_some() {
            changed = true;
            if found.is_empty() {
                root.remove(parent);
            } else if let Some(rest) = root.get_mut(parent).and_then(Item::as_table_mut)
                && rest.iter().all(|(_, item)| item.is_table())
            {
                // `[dependencies.NAME]` wants no line of its own above it.
                rest.set_implicit(true);
            }
        }
    }
    let mut path = ["package", "metadata", "lambda-pack"].into_iter();
    let settings = path.try_fold(root, |table, key| table.get_mut(key)?.as_table_like_mut());
    if let Some(settings) = settings {
        changed |= without_dylib(settings, name);
    }
    for (parent, key) in [("metadata", "lambda-pack"), ("", "metadata")] {
        let package = document.get_mut("package").and_then(Item::as_table_like_mut);
        let Some(package) = package else { continue };
        let parent = match parent {
            "" => Some(package),
            parent => package.get_mut(parent).and_then(Item::as_table_like_mut),
        };
        let Some(parent) = parent else { continue };
        let empty = |item: &Item| item.as_table_like().is_some_and(TableLike::is_empty);
        if parent.get(key).is_some_and(empty) {
            parent.remove(key);
        }
    }
    Ok(changed.then(|| form.give(&document.to_string())))
}

/// Takes the crate out of `layers`, which is a word or a list again where it says no more.
fn without_dylib(settings: &mut dyn TableLike, name: &str) -> bool {
    let Some(layers) = settings.get_mut("layers").and_then(Item::as_table_like_mut) else {
        return false;
    };
    if layers.get("dylib").and_then(Item::as_str) != Some(name) {
        return false;
    }
    layers.remove("dylib");
    let alone = match (layers.len(), layers.get("share"), layers.get("arns")) {
        (0, ..) => Some(None),
        (1, Some(Item::Value(only)), None) | (1, None, Some(Item::Value(only))) => {
            Some(Some(only.clone()))
        }
        _ => None,
    };
    match alone {
        Some(None) => drop(settings.remove("layers")),
        Some(Some(only)) => drop(settings.insert("layers", Item::Value(only.decorated(" ", "")))),
        None => {
            if let Some(Item::Value(Value::InlineTable(rest))) = settings.get_mut("layers") {
                rest.fmt();
            }
        }
    }
    true
}

/// The workspace's manifest with a folder among its members; none where it is.
///
/// # Errors
///
/// Where it is no TOML, or its `workspace` is no table.
pub fn mark_workspace(text: &str, folder: &str) -> Result<Option<String>, EditError> {
    if is_member(text, folder)? {
        return Ok(None);
    }
    let (text, form) = Form::take(text);
    let mut document: DocumentMut = text.parse()?;
    if !document.contains_key("workspace") {
        let mut own = Table::new();
        own.decor_mut().set_prefix(format!("\n{OWN}\n"));
        document.insert("workspace", Item::Table(own));
    }
    let workspace = table(document.as_table_mut(), "workspace", false)?;
    add_member(workspace, folder)?;
    Ok(Some(form.give(&document.to_string())))
}

/// The workspace's manifest without it; none where it is not there by name.
///
/// # Errors
///
/// Where it is no TOML.
pub fn unmark_workspace(text: &str, folder: &str) -> Result<Option<String>, EditError> {
    let (text, form) = Form::take(text);
    let mut document: DocumentMut = text.parse()?;
    let Some(workspace) = document.get_mut("workspace").and_then(Item::as_table_like_mut) else {
        return Ok(None);
    };
    let Some(members) = workspace.get_mut("members").and_then(Item::as_array_mut) else {
        return Ok(None);
    };
    let Some(at) = members.iter().position(|it| it.as_str() == Some(folder)) else {
        return Ok(None);
    };
    members.remove(at);
    let empty = members.is_empty();
    let own = document.get("workspace").and_then(Item::as_table);
    let own = own.and_then(|own| own.decor().prefix()).and_then(|it| it.as_str());
    // Written for the folder alone.
    if own.is_some_and(|it| it.contains(OWN)) {
        document.remove("workspace");
    } else if empty {
        document["workspace"].as_table_like_mut().map(|it| it.remove("members"));
    }
    Ok(Some(form.give(&document.to_string())))
}
