//! Code that nothing refers to any more is removed.
//!
//! Kept is what the account names (functions, their versions, layers, also those that were deleted and
//! are still used), and what somebody holds: a request whose code the account does not have yet, and
//! environments of what the account no longer has.
//!
//! It may be ended at any moment: a zip vanishes at once, and a folder is first given a name under which
//! nobody looks for it, which [`Store::open`](super::Store::open) removes.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, Weak};

use super::{Store, plain, together};
use crate::account::{Account, Code, Configuration};

/// While this is there, what it names is not removed.
#[derive(Debug, Clone)]
pub(in crate::local) struct Hold {
    _names: Arc<Names>,
}

/// Names in `code` (without `.zip`) or in `unpacked`.
type Names = Vec<String>;

/// Those of all holds that may still be there.
#[derive(Debug, Default)]
pub(super) struct Held(Vec<Weak<Names>>);

/// What was found.
pub(in crate::local) struct Collected {
    /// Folders that are nobody's any more, to be removed where that keeps nobody waiting.
    pub(in crate::local) folders: Vec<PathBuf>,
    /// There is something that can only be removed later.
    pub(in crate::local) more: bool,
}

impl Store {
    /// Keeps a zip, by its digest, from being collected.
    pub(super) fn hold(&self, sha256: &str) -> Hold {
        self.hold_all(vec![plain(sha256)])
    }

    /// Keeps from being collected what an environment needs: the digests of its code and of its layers.
    pub(in crate::local) fn hold_for(&self, code: Option<&str>, layers: &[String]) -> Hold {
        let mut names: Names = code.into_iter().map(plain).collect();
        names.extend(layers.iter().map(|layer| plain(layer)));
        names.extend(of_layers(&layers.iter().map(String::as_str).collect::<Vec<_>>()));
        self.hold_all(names)
    }

    fn hold_all(&self, names: Names) -> Hold {
        let names = Arc::new(names);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.0.push(Arc::downgrade(&names));
        Hold { _names: names }
    }

    /// Removes what neither the account nor anybody else names. What cannot be removed now is looked
    /// for again the next time.
    ///
    /// This is for the thread that decides: nothing may come to the account meanwhile.
    pub(in crate::local) fn collect(&self, account: &Account) -> Collected {
        // Who begins to hold something after this finds it gone, and brings it again.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = Kept { account: named(account), holds: held.names(), more: false };
        for item in items(&self.root.join("code")) {
            let name = item.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".zip"));
            if name.is_some_and(|name| is_digest(name) && !kept.keeps(name)) {
                kept.more |= fs::remove_file(item.path()).is_err();
            }
        }
        let unpacked = self.root.join("unpacked");
        let mut folders = Vec::new();
        for item in items(&unpacked) {
            let name = item.file_name();
            let name = name.to_str().filter(|name| is_digest(name) || is_hex(name));
            let Some(name) = name.filter(|name| !kept.keeps(name)) else { continue };
            let gone = unpacked.join(format!(".{name}"));
            match fs::rename(item.path(), &gone) {
                Ok(()) => folders.push(gone),
                // An earlier one of that name is still being removed, say.
                Err(_) => kept.more = true,
            }
        }
        Collected { folders, more: kept.more }
    }
}

impl Held {
    /// What is held now; what was held before is forgotten.
    fn names(&mut self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        self.0.retain(|one| {
            let names = one.upgrade();
            all.extend(names.iter().flat_map(|names| names.iter().cloned()));
            names.is_some()
        });
        all
    }
}

/// What must stay.
struct Kept {
    account: BTreeSet<String>,
    holds: BTreeSet<String>,
    /// Something is to be looked for again.
    more: bool,
}

impl Kept {
    fn keeps(&mut self, name: &str) -> bool {
        if self.account.contains(name) {
            return true;
        }
        let held = self.holds.contains(name);
        self.more |= held;
        held
    }
}

fn items(folder: &Path) -> impl Iterator<Item = DirEntry> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}

/// Every name that the account stands for.
fn named(account: &Account) -> BTreeSet<String> {
    let zip = |code: &Code| match code {
        Code::Zip { sha256, .. } => Some(plain(sha256)),
        Code::Image { .. } => None,
    };
    let mut names: BTreeSet<String> = account.layer_codes().filter_map(zip).collect();
    for Configuration { code, layers, .. } in account.configurations() {
        names.extend(zip(code));
        names.extend(layers.iter().filter_map(|layer| zip(&layer.code)));
        let layers: Vec<&str> = layers.iter().map(|layer| layer.code.sha256()).collect();
        names.extend(of_layers(&layers));
    }
    names
}

/// What several layers are unpacked as.
fn of_layers(layers: &[&str]) -> Option<String> {
    (!layers.is_empty()).then(|| together(layers))
}

/// Whether it is one of our names for a digest: base64 of 32 bytes, as [`plain`] writes it. The folder
/// may hold what is not ours.
fn is_digest(name: &str) -> bool {
    name.len() == 43 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// The same in hexadecimal digits.
fn is_hex(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests;
