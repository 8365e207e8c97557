//! `include`: files of the package or the workspace that go into a bundle.
//!
//! Symbolic links are followed as long as they stay inside the root; whatever leads out, is missing,
//! is no regular file or cannot be read is an error. All errors of a rule set are reported at once.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use walkdir::WalkDir;

use crate::function::{IncludeRoot, IncludeRule};
use crate::nearest::nearest;
use crate::tree::{ArchivePath, Clash, Entry, Mode, PathRefused, Source, Tree};

/// The folders that includes start from.
#[derive(Debug, Clone)]
pub struct Roots {
    /// The package's folder.
    pub package: PathBuf,
    /// The workspace's folder.
    pub workspace: PathBuf,
    /// Folders that are never packed: cargo's target folder, and where bundles go.
    pub outputs: Vec<PathBuf>,
}

/// Why files cannot be included.
#[derive(Debug, thiserror::Error)]
pub enum IncludeError {
    /// A pattern that leads out of its root by itself.
    #[error("`{from}` leads out of {}", root.display())]
    Outside {
        /// The pattern.
        from: String,
        /// The root.
        root: PathBuf,
    },
    /// A broken glob.
    #[error("`{from}` is no valid pattern: {why}")]
    Pattern {
        /// The pattern.
        from: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing there.
    #[error("`{from}` matches no file in {}{near}", root.display())]
    Missing {
        /// The nearest name that is there, as the end of the sentence.
        near: String,
        /// The pattern.
        from: String,
        /// Where was looked.
        root: PathBuf,
    },
    /// A symbolic link that leads out of the root.
    #[error("{} leads out of {}, to {}", path.display(), root.display(), to.display())]
    Escape {
        /// The path below the root.
        path: PathBuf,
        /// The root.
        root: PathBuf,
        /// Where it leads.
        to: PathBuf,
    },
    /// A file or folder that cannot be read; a loop of links; a link to nothing.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A device, socket or pipe.
    #[error("{} is not a regular file", .0.display())]
    Special(PathBuf),
    /// A path that may not stand in an archive.
    #[error("{} cannot be packed as `{archive_path}`: {why}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Where it would go.
        archive_path: String,
        /// Why not.
        why: PathRefused,
    },
    /// Two files for one place.
    #[error(transparent)]
    Clash(#[from] Clash),
}

impl IncludeError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Outside { .. } => Some(
                "paths start at the package's folder; for files elsewhere in the workspace use \
                 `{ from = \"…\", root = \"workspace\" }`",
            ),
            Self::Escape { .. } => Some("copy the file into the package, or `exclude` it"),
            Self::Clash(_) => Some("give one of them another place with `to`, or `exclude` it"),
            _ => None,
        }
    }
}

/// Adds the files of all rules to a tree; the first error of each rule and file is reported.
pub fn include(
    tree: &mut Tree,
    rules: &[IncludeRule],
    roots: &Roots,
) -> Result<(), Vec<IncludeError>> {
    let mut errors = Vec::new();
    for rule in rules {
        match Walk::new(rule, roots) {
            Ok(walk) => walk.run(tree, &mut errors),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// One rule, understood.
struct Walk<'a> {
    rule: &'a IncludeRule,
    root: &'a Path,
    /// The root without any symbolic link: what everything must stay below.
    real_root: PathBuf,
    /// The outputs that exist, without any symbolic link.
    outputs: Vec<PathBuf>,
    /// The part of the pattern before the first wildcard: where the walk starts.
    fixed: String,
    /// Matches paths below the root; none if the pattern is a plain path.
    pattern: Option<GlobSet>,
    exclude: Exclude,
    /// How many folders deep below `fixed` the pattern can reach.
    depth: usize,
}

/// What a rule leaves out: patterns with a `/` are matched against the path below the root, those
/// without against every name in it, as in a `.gitignore`. A folder takes all below it along.
struct Exclude {
    paths: GlobSet,
    names: GlobSet,
}

impl Exclude {
    fn new(patterns: &[String]) -> Result<Self, IncludeError> {
        let plain =
            |pattern: &String| pattern.trim_start_matches("./").trim_end_matches('/').to_owned();
        let (paths, names): (Vec<_>, Vec<_>) =
            patterns.iter().map(plain).partition(|pattern| pattern.contains('/'));
        Ok(Self { paths: globs(&paths)?, names: globs(&names)? })
    }

    /// Whether this very path is left out; what lies below it is not visited.
    fn matches(&self, relative: &Path) -> bool {
        let named = relative.file_name().is_some_and(|name| self.names.is_match(name));
        named || self.paths.is_match(relative)
    }
}

impl<'a> Walk<'a> {
    fn new(rule: &'a IncludeRule, roots: &'a Roots) -> Result<Self, IncludeError> {
        let root = match rule.root {
            IncludeRoot::Package => roots.package.as_path(),
            IncludeRoot::Workspace => roots.workspace.as_path(),
        };
        let outside = || IncludeError::Outside { from: rule.from.clone(), root: root.into() };
        let from = Path::new(&rule.from);
        if rule.from.is_empty() {
            let why = "it is empty; `.` stands for everything".to_owned();
            return Err(IncludeError::Pattern { from: String::new(), why });
        }
        if from.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(outside());
        }
        let parts: Vec<&str> =
            rule.from.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        let plain: Vec<&str> =
            parts.iter().copied().take_while(|part| !part.contains(['*', '?', '[', '{'])).collect();
        let pattern = (plain.len() < parts.len()).then(|| globs(&[parts.join("/")])).transpose()?;
        let unreadable = |source| IncludeError::Unreadable { path: root.into(), source };
        Ok(Self {
            rule,
            root,
            real_root: fs::canonicalize(root).map_err(unreadable)?,
            outputs: roots.outputs.iter().filter_map(|path| fs::canonicalize(path).ok()).collect(),
            fixed: plain.join("/"),
            pattern,
            exclude: Exclude::new(&rule.exclude)?,
            depth: match parts.get(plain.len()..) {
                Some(wild) if !wild.is_empty() && !wild.iter().any(|part| part.contains("**")) => {
                    wild.len()
                }
                _ => usize::MAX,
            },
        })
    }

    fn run(&self, tree: &mut Tree, errors: &mut Vec<IncludeError>) {
        let start = self.root.join(&self.fixed);
        let before = errors.len();
        let mut matched = false;
        if start.symlink_metadata().is_ok() {
            let walk = WalkDir::new(&start).follow_links(true).max_depth(self.depth);
            let mut walk = walk.sort_by_file_name().into_iter();
            // Not a `for`: an escape is left without a look at what lies there.
            while let Some(item) = walk.next() {
                match item {
                    Ok(item) if self.never(&item) => {
                        if item.file_type().is_dir() {
                            walk.skip_current_dir();
                        }
                    }
                    Ok(item) if item.file_type().is_dir() => {
                        if item.path_is_symlink()
                            && item.depth() < self.depth
                            && let Err(error) = self.inside(item.path())
                        {
                            errors.push(error);
                            walk.skip_current_dir();
                        }
                    }
                    Ok(item) => {
                        if let Some(relative) = self.wanted(item.path()) {
                            matched = true;
                            let error = self.add(tree, item.path(), &relative).err();
                            // A wrong `to` is wrong for every file: once is enough.
                            let same = matches!(
                                (&error, errors.last()),
                                (Some(IncludeError::Refused { why, .. }),
                                 Some(IncludeError::Refused { why: last, .. })) if why == last
                            );
                            errors.extend(error.filter(|_| !same));
                        }
                    }
                    Err(error) => errors.extend(self.walk_error(error)),
                }
            }
        }
        if !matched && errors.len() == before {
            let from = self.rule.from.clone();
            errors.push(IncludeError::Missing { near: self.near(), from, root: self.root.into() });
        }
    }

    /// The name nearest to the first one of the pattern that is not there.
    fn near(&self) -> String {
        let mut folder = self.root.to_path_buf();
        for part in self.fixed.split('/') {
            let next = folder.join(part);
            if next.exists() {
                folder = next;
                continue;
            }
            let names: Vec<String> = fs::read_dir(&folder)
                .into_iter()
                .flatten()
                .filter_map(|item| item.ok()?.file_name().into_string().ok())
                .collect();
            let near = nearest(part, names.iter().map(String::as_str));
            return near.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        }
        String::new()
    }

    /// What is never packed: version control, cargo's output, ours, and what the rule excludes.
    fn never(&self, item: &walkdir::DirEntry) -> bool {
        let path = item.path();
        item.file_name() == ".git"
            || path.strip_prefix(self.root).is_ok_and(|relative| self.exclude.matches(relative))
            || (item.file_type().is_dir()
                && !self.outputs.is_empty()
                && fs::canonicalize(path).is_ok_and(|real| self.outputs.contains(&real)))
    }

    /// The path below the root, if the rule takes it.
    fn wanted(&self, path: &Path) -> Option<String> {
        let relative = path.strip_prefix(self.root).ok()?.to_string_lossy().into_owned();
        let matches = self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(&relative));
        matches.then_some(relative)
    }

    /// What the walk could not enter, unless the rule does not take it anyway.
    fn walk_error(&self, error: walkdir::Error) -> Option<IncludeError> {
        let path = error.path().unwrap_or(self.root).to_path_buf();
        let relative = path.strip_prefix(self.root).unwrap_or(&path);
        if relative.ancestors().any(|part| self.exclude.matches(part)) {
            return None;
        }
        // A link to nothing that the rule does not take is no one's business.
        let is_link = path.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
        let looped = error.loop_ancestor().is_some();
        if is_link && !looped && self.wanted(&path).is_none() {
            return None;
        }
        let source = if looped {
            io::Error::other("a symbolic link leads back to a folder above it")
        } else {
            error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into())
        };
        Some(IncludeError::Unreadable { path, source })
    }

    /// Refuses what leads out of the root, however many links it takes.
    fn inside(&self, path: &Path) -> Result<(), IncludeError> {
        let real = fs::canonicalize(path)
            .map_err(|source| IncludeError::Unreadable { path: path.into(), source })?;
        if real.starts_with(&self.real_root) {
            return Ok(());
        }
        Err(IncludeError::Escape { path: path.into(), root: self.root.into(), to: real })
    }

    fn add(&self, tree: &mut Tree, path: &Path, relative: &str) -> Result<(), IncludeError> {
        self.inside(path)?;
        let unreadable = |source| IncludeError::Unreadable { path: path.into(), source };
        let metadata = fs::metadata(path).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(IncludeError::Special(path.into()));
        }
        // Now, not in the middle of packing.
        File::open(path).map_err(unreadable)?;
        if path.to_str().is_none() {
            return Err(unreadable(io::Error::other("its name is not UTF-8")));
        }
        let archive_path = self.destination(relative);
        let entry = Entry {
            mode: if metadata.permissions().mode() & 0o111 == 0 {
                Mode::Regular
            } else {
                Mode::Executable
            },
            length: metadata.len(),
            source: Source::File(path.to_path_buf()),
        };
        let archived = ArchivePath::new(&archive_path).map_err(|why| IncludeError::Refused {
            path: path.into(),
            archive_path,
            why,
        })?;
        Ok(tree.insert(archived, entry)?)
    }

    /// Where a file goes: see `IncludeRule::to`.
    fn destination(&self, relative: &str) -> String {
        let Some(to) = &self.rule.to else { return relative.to_owned() };
        let single = relative == self.fixed;
        if single && !to.ends_with('/') && !to.is_empty() {
            return to.clone();
        }
        let below = if single {
            relative.rsplit('/').next().unwrap_or(relative)
        } else {
            relative.strip_prefix(&self.fixed).unwrap_or(relative).trim_start_matches('/')
        };
        let folder = to.trim_end_matches('/');
        if folder.is_empty() || folder == "." {
            below.to_owned()
        } else {
            format!("{folder}/{below}")
        }
    }
}

/// `*` stays within a name, `**` crosses folders.
fn globs(patterns: &[String]) -> Result<GlobSet, IncludeError> {
    let broken = |from: &str, error: globset::Error| IncludeError::Pattern {
        from: from.to_owned(),
        why: error.kind().to_string(),
    };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns.iter().collect::<BTreeSet<_>>() {
        let glob = GlobBuilder::new(pattern)
            .literal_separator(true)
            .build()
            .map_err(|error| broken(pattern, error))?;
        set.add(glob);
    }
    set.build().map_err(|error| broken("", error))
}
