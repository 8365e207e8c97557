//! Templates from elsewhere, in a process of their own: one that takes more memory than there is ends that process,
//! and this one says so.

use std::env;
use std::ffi::OsString;
use std::fs::Permissions;
#[cfg(target_os = "linux")]
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;

#[cfg(target_os = "linux")]
use rustix::process::{Signal, set_parent_process_death_signal};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::args::{Command, Init, New};
use crate::cli::asynchronously;
use crate::error::Error;
use crate::process::Step;
use crate::template::Origin;
use crate::template_files::TemplateFilesError;

/// Tells that process from the one that waits for it.
const INNER: &str = "LAMBDA_PACK_TEMPLATE_APART";
/// The signal of `abort` (signal(7)), by which Rust ends a process that gets no memory.
const ABORTED: i32 = 6;

/// Runs this command line once more where it takes a template from elsewhere: the exit code that it came to.
/// Nothing where it does not.
pub(in crate::cli) fn apart(command: &Command, args: &[OsString]) -> Result<Option<u8>, Error> {
    let (Command::New(New { flags, .. }) | Command::Init(Init { flags, .. })) = command else {
        return Ok(None);
    };
    let is_ours = |said: &String| matches!(Origin::parse(said), Ok(Origin::BuiltIn(_)) | Err(_));
    if flags.template.as_ref().is_none_or(is_ours) {
        return Ok(None);
    }
    if env::var_os(INNER).is_some() {
        // Whoever ends the one that waits means this one.
        #[cfg(target_os = "linux")]
        set_parent_process_death_signal(Some(Signal::TERM)).map_err(io::Error::from)?;
        return Ok(None);
    }
    // Its own for what is fetched: however that process ends, nothing is left.
    let owner = Permissions::from_mode(0o700);
    let scratch = tempfile::Builder::new().prefix("lambda-pack-").permissions(owner).tempdir()?;
    let words = args.iter().skip(1).cloned();
    let step = Step::new(env::current_exe()?, words).with(INNER, "1");
    let step = step.with("TMPDIR", scratch.path());
    let status = asynchronously(async {
        // Ctrl-C is for both: the other one tidies up, and ends.
        let _interrupt = signal(SignalKind::interrupt())?;
        Ok::<_, Error>(step.instead())
    })??;
    let status = status.map_err(TemplateFilesError::Apart)?;
    match (status.code(), status.signal()) {
        (Some(code), _) => Ok(Some(u8::try_from(code).unwrap_or(1))),
        (None, Some(ABORTED)) => {
            let what = "the template takes more memory than it may (1 GiB): nothing was written";
            Err(Error::Usage(what.to_owned()))
        }
        (None, signal) => {
            let code = signal.and_then(|it| u8::try_from(128 + it).ok()).unwrap_or(1);
            Err(Error::Interrupted { code, stays: "nothing was written" })
        }
    }
}
