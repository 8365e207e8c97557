//! Templates from git: fetched into a folder that is removed again, and read as an archive of git's.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{TemplateFilesError, of_tar};
use crate::files;
use crate::process::{ProcessError, Step};
use crate::template::{Gathered, Git};

/// What a repository of one's own may say does not count for the one that is fetched.
const NOT_OURS: [&str; 4] = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"];
/// git and ssh ask no human: what they would ask says no.
const ASK_NOBODY: [(&str, &str); 4] = [
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", "false"),
    ("SSH_ASKPASS", "false"),
    ("SSH_ASKPASS_REQUIRE", "force"),
];

/// The files of a git repository at a reference. With `asks` git may ask who the user is.
///
/// # Errors
///
/// If git cannot fetch them, they cannot be read, or are no template.
pub fn of_git(from: &Git, asks: bool) -> Result<Gathered, TemplateFilesError> {
    let failed = |source| files::unwritten(&std::env::temp_dir(), source);
    // There may be a password in the URL.
    let owner = Permissions::from_mode(0o700);
    let mut builder = tempfile::Builder::new();
    let scratch = builder.prefix("lambda-pack-template-").permissions(owner).tempdir();
    let scratch = scratch.map_err(failed)?;
    let git = |words: &[&str]| {
        let words = words.iter().map(|word| (*word).to_owned());
        let step = Step::new("git", words).at(scratch.path()).without(NOT_OURS);
        let quiet = ASK_NOBODY.iter().filter(|_| !asks);
        quiet.fold(step, |step, (name, value)| step.with(*name, *value))
    };
    let run = |step: Step| if asks { step.interactive() } else { step.output().map(drop) };
    let unfetched = |source| unfetched(from, source);
    run(git(&["init", "--quiet", "--bare", "--template=", "."])).map_err(unfetched)?;
    name_remote(scratch.path(), &from.url)?;
    let reference = from.reference.as_deref().unwrap_or("HEAD");
    run(git(&[
        "-c",
        "protocol.ext.allow=never",
        "fetch",
        "--quiet",
        "--depth=1",
        "--no-tags",
        "--no-recurse-submodules",
        "--",
        REMOTE,
        reference,
    ]))
    .map_err(unfetched)?;
    let tree = match &from.path {
        Some(path) => format!("FETCH_HEAD:{path}"),
        None => "FETCH_HEAD".to_owned(),
    };
    // Where the archive is refused in the middle, git only misses its reader.
    let mut read = None;
    let streamed = git(&["archive", "--format=tar", &tree]).stream(|out| {
        read = Some(of_tar(&from.shown(), out));
        Ok(())
    });
    match (read, streamed) {
        (
            Some(Err(error @ (TemplateFilesError::Template(_) | TemplateFilesError::Special(_)))),
            _,
        ) => Err(error),
        (_, Err(error)) => Err(unfetched(error)),
        (Some(read), Ok(())) => read,
        (None, Ok(())) => Ok(Gathered::default()),
    }
}

/// What the repository is called in the one that it is fetched into.
const REMOTE: &str = "template";

/// Writes where the repository is into git's settings: on a command line everybody could read a password in it.
fn name_remote(repository: &Path, url: &str) -> Result<(), TemplateFilesError> {
    // As git-config(1) has it; a URL has no control characters.
    let url = url.replace('\\', "\\\\").replace('"', "\\\"");
    let text = format!("[remote \"{REMOTE}\"]\n\turl = \"{url}\"\n");
    Ok(files::append(&repository.join("config"), &text)?)
}

fn unfetched(from: &Git, source: ProcessError) -> TemplateFilesError {
    let is_hex =
        |it: &&str| it.len() < 40 && it.len() > 3 && it.chars().all(|c| c.is_ascii_hexdigit());
    let hint = match from.reference.as_deref().filter(is_hex) {
        Some(commit) => format!(" (if `{commit}` is a commit: all 40 digits of it are needed)"),
        None => String::new(),
    };
    TemplateFilesError::Git { from: from.to_string(), hint, source }
}
