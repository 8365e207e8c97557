//! Which paths and sizes the files of a template may have: the gate into a template, and out of it.

use std::collections::BTreeMap;
use std::io::Read;

use super::{File, Files, TemplateError};
use crate::crate_name::is_device;
use crate::tree::ArchivePath;

/// The most bytes of a file.
pub const MAX_FILE: u64 = 4 << 20;
/// The most bytes of all files.
pub const MAX_ALL: u64 = 32 << 20;
/// The most files.
pub const MAX_FILES: usize = 2_000;
/// What Windows has in no file's name (Win32, "Naming Files, Paths, and Namespaces").
const NOT_IN_NAMES: [char; 7] = ['<', '>', ':', '"', '|', '?', '*'];

/// Files, as they come in.
#[derive(Debug, Default)]
pub struct Gathered {
    files: Files,
    /// How many bytes they have together.
    total: u64,
}

impl Gathered {
    /// Takes a file: of a template that is read, or that is to be written.
    ///
    /// # Errors
    ///
    /// If its path could lead elsewhere, it is there already, or it or all of them are too large.
    pub fn add(
        &mut self,
        path: &str,
        executable: bool,
        bytes: &mut dyn Read,
    ) -> Result<(), TemplateError> {
        let refused = |source| TemplateError::Path { path: path.to_owned(), source };
        ArchivePath::new(path).map_err(refused)?;
        if self.files.len() == MAX_FILES {
            return Err(TemplateError::Large(format!("more than {MAX_FILES} files")));
        }
        let mut held = Vec::new();
        let unread = |source| TemplateError::Read { path: path.to_owned(), source };
        bytes.take(MAX_FILE + 1).read_to_end(&mut held).map_err(unread)?;
        self.total += held.len() as u64;
        if held.len() as u64 > MAX_FILE {
            return Err(TemplateError::Large(format!(
                "{path:?} has more than {} MiB",
                MAX_FILE >> 20
            )));
        }
        if self.total > MAX_ALL {
            return Err(TemplateError::Large(format!("more than {} MiB", MAX_ALL >> 20)));
        }
        let file = File { bytes: held, executable };
        match self.files.insert(path.to_owned(), file) {
            None => Ok(()),
            Some(_) => {
                Err(TemplateError::Clash { first: path.to_owned(), second: path.to_owned() })
            }
        }
    }

    /// Whether every system can have all of them in one folder, and git finds nothing of its own.
    ///
    /// # Errors
    ///
    /// The first that stands against it.
    pub fn check_names(&self) -> Result<(), TemplateError> {
        // As a system sees them that knows no case: every file and folder, and what stands for it.
        let mut seen: BTreeMap<String, (&str, bool)> = BTreeMap::new();
        for path in self.files.keys() {
            check_parts(path)?;
            let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
            for end in ends {
                let (part, is_file) = (&path[..end], end == path.len());
                let known = seen.insert(part.to_lowercase(), (part, is_file));
                if let Some((first, was_file)) = known
                    && (is_file || was_file || first != part)
                {
                    let (first, second) = (first.to_owned(), path.clone());
                    return Err(TemplateError::Clash { first, second });
                }
            }
        }
        Ok(())
    }

    /// Without the one folder that all files are in, as archives of a repository have it.
    #[must_use]
    pub fn without_single_folder(mut self) -> Self {
        let mut folders =
            self.files.keys().map(|path| path.split_once('/').map(|(first, _)| first));
        let Some(Some(first)) = folders.next() else { return self };
        if !folders.all(|folder| folder == Some(first)) {
            return self;
        }
        let first = format!("{first}/");
        let files = std::mem::take(&mut self.files);
        let inside = |(path, file): (String, File)| (path.replacen(&first, "", 1), file);
        self.files = files.into_iter().map(inside).collect();
        self
    }

    pub(super) fn into_files(self) -> Files {
        self.files
    }
}

fn check_parts(path: &str) -> Result<(), TemplateError> {
    let refuse = |why| Err(TemplateError::Name { path: path.to_owned(), why });
    for part in path.split('/') {
        // Also what file systems without case, or with short names, take for it.
        if part.eq_ignore_ascii_case(".git") || part.eq_ignore_ascii_case("git~1") {
            return refuse("git would find it");
        }
        if is_device(part) {
            return refuse("Windows takes it for a device");
        }
        if part.contains(NOT_IN_NAMES) || part.ends_with([' ', '.']) {
            return refuse("Windows has no such names");
        }
    }
    Ok(())
}
