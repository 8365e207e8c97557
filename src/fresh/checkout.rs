//! A commit, checked out without a trace in the repository that it is from.
//!
//! The new folder is a repository of its own, so that build scripts which ask git get an answer; it
//! reads the objects of the other one where they are (`objects/info/alternates`). A clone would not
//! do: of a shallow repository it copies, and it never has what no branch leads to.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::FreshError;
use crate::process::{ProcessError, Step};

/// Set inside git's own hooks: they would speak of another repository.
pub const GIT_VARIABLES: [&str; 6] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
];

/// A path inside of a repository that stands for a commit of another (gitlink), as `ls-tree` says it.
const SUBMODULE: &str = "160000 commit ";

fn git(folder: &Path, args: &[&str]) -> Step {
    // Hooks of the user's templates have no business here.
    let before = ["-c", "core.hooksPath=/dev/null", "-C"].map(OsString::from).into_iter();
    let args = before.chain([folder.into()]).chain(args.iter().map(OsString::from));
    Step::new("git", args).without(GIT_VARIABLES)
}

fn answer(folder: &Path, args: &[&str]) -> Option<String> {
    let text = String::from_utf8(git(folder, args).quiet_output().ok()?).ok()?;
    Some(text.trim_end_matches('\n').to_owned()).filter(|text| !text.is_empty())
}

/// The work tree that a folder is in; none where there is no git, or no work tree.
#[must_use]
pub fn top_level(folder: &Path) -> Option<PathBuf> {
    answer(folder, &["rev-parse", "--show-toplevel"]).map(PathBuf::from)
}

/// Checks a commit out of the repository around a work tree, into a folder that is empty or not
/// there; on `branch`, if one is given, since names may be made from it. Submodules come from where
/// they are checked out in the work tree.
///
/// `commit` is all hexadecimal digits of one.
pub fn checkout(
    repository: &Path,
    commit: &str,
    branch: Option<&str>,
    into: &Path,
) -> Result<(), FreshError> {
    if git(repository, &["cat-file", "-e", &format!("{commit}^{{commit}}")]).quiet_output().is_err()
    {
        let repository = repository.to_path_buf();
        return Err(FreshError::NoCommit { repository, commit: commit.to_owned() });
    }
    let failed = |source: ProcessError| FreshError::Git { commit: commit.to_owned(), source };
    let disk = FreshError::disk("write", into);
    fs::create_dir_all(into).map_err(&disk)?;
    let format = if commit.len() == 64 { "sha256" } else { "sha1" };
    let format = format!("--object-format={format}");
    git(into, &["init", "--quiet", "--template=", &format, "."]).output().map_err(failed)?;
    borrow(repository, into).map_err(&disk)?;
    // `git describe` in a build script wants them; a shallow repository may not have them all.
    let tags = ["fetch", "--quiet", "--no-write-fetch-head", "--update-shallow"];
    let from = repository.as_os_str().to_string_lossy();
    let _ = git(into, &[&tags[..], &[&from, "refs/tags/*:refs/tags/*"]].concat()).quiet_output();
    let place = branch.map_or(vec!["--detach"], |branch| vec!["-B", branch]);
    let args = [&["checkout", "--quiet"][..], &place, &[commit]].concat();
    git(into, &args).output().map_err(failed)?;
    for (path, commit) in submodules(into, commit) {
        let from = repository.join(&path);
        if !from.join(".git").exists() {
            let repository = repository.to_path_buf();
            return Err(FreshError::Submodule { repository, path });
        }
        checkout(&from, &commit, None, &into.join(&path))?;
    }
    Ok(())
}

/// Has a new repository read the objects of another.
fn borrow(repository: &Path, into: &Path) -> std::io::Result<()> {
    let path = |what: &str| {
        answer(repository, &["rev-parse", "--path-format=absolute", "--git-path", what])
    };
    let none = || std::io::Error::other("git does not say where its objects are");
    let objects = PathBuf::from(path("objects").ok_or_else(none)?);
    let mut line = objects.as_os_str().as_bytes().to_vec();
    line.push(b'\n');
    let place = into.join(".git/objects/info");
    fs::create_dir_all(&place)?;
    crate::files::write_atomically(&place.join("alternates"), &line)
        .map_err(std::io::Error::other)?;
    match path("shallow").map(PathBuf::from).filter(|path| path.exists()) {
        Some(shallow) => fs::copy(shallow, into.join(".git/shallow")).map(drop),
        None => Ok(()),
    }
}

/// The submodules of a commit: where, and at which commit.
fn submodules(repository: &Path, commit: &str) -> Vec<(String, String)> {
    let list = answer(repository, &["ls-tree", "-r", "-z", "--full-tree", commit]);
    let list = list.unwrap_or_default();
    let entry = |line: &str| {
        let (commit, path) = line.strip_prefix(SUBMODULE)?.split_once('\t')?;
        Some((path.to_owned(), commit.to_owned()))
    };
    list.split('\0').filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn run(folder: &Path, args: &[&str]) {
        let who = ["-c", "user.name=t", "-c", "user.email=t@t.invalid"];
        let more = ["-c", "protocol.file.allow=always"];
        git(folder, &[&who[..], &more, args].concat()).output().unwrap();
    }

    fn commit(folder: &Path, file: &str, text: &str) -> String {
        crate::files::write_atomically(&folder.join(file), text.as_bytes()).unwrap();
        run(folder, &["add", "-A"]);
        run(folder, &["commit", "--quiet", "-m", text]);
        answer(folder, &["rev-parse", "HEAD"]).unwrap()
    }

    fn repository(folder: &Path) -> PathBuf {
        fs::create_dir_all(folder).unwrap();
        run(folder, &["init", "--quiet"]);
        folder.canonicalize().unwrap()
    }

    /// All files of a folder, with their bytes.
    fn state(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let files = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().flatten();
        let files = files.filter(|entry| entry.file_type().is_file());
        files.map(|entry| (entry.path().to_path_buf(), fs::read(entry.path()).unwrap())).collect()
    }

    #[test]
    fn a_commit_without_a_trace_also_of_a_shallow_repository() {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        let origin = repository(&at("origin ü"));
        commit(&origin, "a.txt", "one");
        let second = commit(&origin, "a.txt", "two");
        run(&origin, &["tag", "v2"]);
        // What no branch leads to any more.
        commit(&origin, "a.txt", "three");
        run(&origin, &["reset", "--quiet", "--hard", "HEAD~1"]);
        let url = format!("file://{}", origin.display());
        run(folder.path(), &["clone", "--quiet", "--depth", "1", &url, "shallow"]);
        let shallow = at("shallow").canonicalize().unwrap();
        let lost = commit(&shallow, "a.txt", "lost");
        run(&shallow, &["reset", "--quiet", "--hard", "HEAD~1"]);
        for (number, (from, wanted, text)) in
            [(&origin, &second, "two"), (&shallow, &second, "two"), (&shallow, &lost, "lost")]
                .into_iter()
                .enumerate()
        {
            let before = state(from);
            let into = at(&format!("into {number}"));
            checkout(from, wanted, Some("a/branch"), &into).unwrap();
            assert_eq!(fs::read_to_string(into.join("a.txt")).unwrap(), text);
            assert_eq!(answer(&into, &["rev-parse", "HEAD"]).as_ref(), Some(wanted));
            assert_eq!(answer(&into, &["symbolic-ref", "--short", "HEAD"]).unwrap(), "a/branch");
            assert_eq!(answer(&into, &["status", "--porcelain"]), None);
            assert!(state(from) == before, "something was left in {}", from.display());
        }
        assert_eq!(answer(&at("into 0"), &["describe", "--tags"]).unwrap(), "v2");
        let error = checkout(&origin, &"1".repeat(40), None, &at("none")).unwrap_err();
        assert!(matches!(error, FreshError::NoCommit { .. }) && error.hint().is_some());
        assert!(!at("none").exists());
    }

    #[test]
    fn submodules_come_from_where_they_are_checked_out() {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        let inner = repository(&at("inner"));
        commit(&inner, "in.txt", "inner");
        let outer = repository(&at("outer"));
        let url = inner.display().to_string();
        run(&outer, &["submodule", "--quiet", "add", &url, "lib/in ner"]);
        let head = commit(&outer, "out.txt", "outer");
        checkout(&outer, &head, None, &at("into")).unwrap();
        assert_eq!(fs::read_to_string(at("into/lib/in ner/in.txt")).unwrap(), "inner");
        run(&outer, &["submodule", "--quiet", "deinit", "--all", "--force"]);
        let error = checkout(&outer, &head, None, &at("again")).unwrap_err();
        assert!(error.to_string().contains("the submodule lib/in ner is not checked out"));
    }
}
