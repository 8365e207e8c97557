//! What a member takes from its workspace, as `cargo new` writes it.

use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::{EditError, Form};

/// What a template says of any package, and the workspace of its own.
const GENERAL: [&str; 2] = ["version", "edition"];

/// The manifest of a new member: its `version` and `edition` are those of the workspace that has them, what else
/// the workspace has for its packages is taken where the member says nothing itself, and so are lints (The Cargo
/// Book, "Workspaces": `package` and `lints`). What inherits nothing is left as it was.
///
/// # Errors
///
/// Where one of them is no TOML.
pub fn inherit(member: &str, workspace: &str) -> Result<String, EditError> {
    let workspace: DocumentMut = Form::take(workspace).0.parse()?;
    let Some(shared) = workspace.get("workspace").and_then(Item::as_table_like) else {
        return Ok(member.to_owned());
    };
    let (text, form) = Form::take(member);
    let mut document: DocumentMut = text.parse()?;
    let keys = shared.get("package").and_then(Item::as_table_like);
    let package = document.get_mut("package").and_then(Item::as_table_like_mut);
    if let (Some(keys), Some(package)) = (keys, package) {
        for (key, _) in keys.iter() {
            take(package, key);
        }
    }
    if shared.contains_key("lints") && !document.contains_key("lints") {
        let mut lints = Table::new();
        lints.insert("workspace", true.into());
        document.insert("lints", Item::Table(lints));
    }
    Ok(form.give(&document.to_string()))
}

/// `key.workspace = true`, where the package does not say something of its own.
fn take(package: &mut dyn TableLike, key: &str) {
    let inherited = || {
        let mut table = InlineTable::new();
        table.insert("workspace", true.into());
        table.set_dotted(true);
        Item::Value(Value::InlineTable(table))
    };
    match package.get_mut(key) {
        None => drop(package.insert(key, inherited())),
        Some(own) if GENERAL.contains(&key) && own.is_str() => *own = inherited(),
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBER: &str = "[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n\n\
                          # All.\n[dependencies]\ntokio = \"1\"\n";

    #[test]
    fn a_member_has_what_all_have() {
        let workspace = "[workspace]\n[workspace.package]\nversion = \"2.0.0\"\nedition = \"2021\"\n\
                         publish = true\nlicense = \"MIT\"\n[workspace.lints.clippy]\nall = \"deny\"\n";
        assert_eq!(
            inherit(MEMBER, workspace).unwrap(),
            "[package]\nname = \"a\"\nversion.workspace = true\nedition.workspace = true\n\
             publish = false\nlicense.workspace = true\n\n# All.\n[dependencies]\ntokio = \"1\"\n\n\
             [lints]\nworkspace = true\n"
        );
    }

    #[test]
    fn what_is_said_stays() {
        for workspace in ["[workspace]\nmembers = []\n", "[package]\nname = \"b\"\n", ""] {
            assert_eq!(inherit(MEMBER, workspace).unwrap(), MEMBER, "{workspace}");
        }
        let lints = "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n";
        let own = "[package]\nname = \"a\"\n\n[lints.clippy]\nall = \"warn\"\n";
        assert_eq!(inherit(own, lints).unwrap(), own);
        assert!(inherit("[package", lints).is_err());
    }
}
