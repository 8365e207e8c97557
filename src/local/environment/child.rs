//! The process of an execution environment.
//!
//! It is started through this program itself (`sandbox`, a hidden command), which sets up what must be
//! set up in the process and then becomes the function's program. It leads a process group of its own,
//! which is killed as a whole; what left the group is found by its environment.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, PipeReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::elf;
use crate::local::failure::Failure;
use crate::target::Arch;

/// What is started, and with what.
pub(crate) struct Launch {
    /// The function's files: `LAMBDA_TASK_ROOT`.
    pub(crate) task: PathBuf,
    /// The layers' files, one over the other; none without layers.
    pub(crate) opt: Option<PathBuf>,
    /// Its own folder, in place of `/tmp`.
    pub(crate) tmp: PathBuf,
    /// All but `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) arch: Arch,
    /// This program.
    pub(crate) program: PathBuf,
}

/// Tells the process's end once.
pub(super) struct Exit(tokio::process::Child);

/// A process that was started.
pub(super) struct Child {
    pid: Option<Pid>,
    /// `AWS_LAMBDA_RUNTIME_API`: nobody else's process has it.
    address: String,
}

/// Starts the entry point. Its two outputs are one pipe, so that they stay in order.
pub(super) fn spawn(launch: &Launch, address: SocketAddr) -> Result<(Child, Exit, PipeReader), Failure> {
    let entry = entry_point(launch)?;
    let emulator = emulator(&entry, launch.arch)?;
    let address = address.to_string();
    let (output, writer) = io::pipe().map_err(Failure::local)?;
    #[expect(clippy::disallowed_methods, reason = "a child that is served, not a step that is shown")]
    let mut command = std::process::Command::new(&launch.program);
    command
        .args(["lambda-pack", "sandbox", "--"])
        .args(emulator)
        .arg(&entry)
        .env_clear()
        .envs(&launch.variables)
        .env("AWS_LAMBDA_RUNTIME_API", &address)
        .current_dir(&launch.task)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(Failure::local)?)
        .stderr(writer);
    let child = tokio::process::Command::from(command).spawn().map_err(Failure::local)?;
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    Ok((Child { pid, address }, Exit(child), output))
}

/// `bootstrap` of the function, else of its layers.
fn entry_point(launch: &Launch) -> Result<PathBuf, Failure> {
    let places = std::iter::once(&launch.task).chain(&launch.opt);
    let Some(entry) = places.map(|folder| folder.join("bootstrap")).find(|path| path.exists()) else {
        return Err(Failure::entry_point(
            "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
        ));
    };
    let place = if entry.starts_with(&launch.task) { "/var/task" } else { "/opt" };
    let refused = |why: &str| Failure::entry_point(format!("fork/exec {place}/bootstrap: {why}"));
    let metadata = fs::metadata(&entry).map_err(|error| refused(&error.to_string()))?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        return Err(refused("permission denied"));
    }
    Ok(entry)
}

/// The program that runs executables of another architecture, for one that is.
fn emulator(entry: &Path, arch: Arch) -> Result<Vec<PathBuf>, Failure> {
    todo!()
}

impl Child {
    /// Kills the process, its group, and what was started by it and left the group.
    pub(super) fn kill(&self) {
        let Some(pid) = self.pid else { return };
        // That it is gone already is no mistake.
        let _ = kill_process_group(pid, Signal::KILL);
        for pid in self.strays() {
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    /// The processes that have our address in the environment that they were started with.
    fn strays(&self) -> Vec<Pid> {
        let marker = format!("AWS_LAMBDA_RUNTIME_API={}", self.address);
        let is_ours = |environment: &[u8]| environment.split(|byte| *byte == 0).any(|v| v == marker.as_bytes());
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        processes
            .filter_map(|folder| {
                let pid: i32 = folder.file_name().to_str()?.parse().ok()?;
                let environment = fs::read(folder.path().join("environ")).ok()?;
                is_ours(&environment).then(|| Pid::from_raw(pid)).flatten()
            })
            .collect()
    }
}

impl Exit {
    /// Waits, and says how it ended, in Lambda's words.
    pub(super) async fn wait(mut self) -> String {
        match self.0.wait().await {
            Ok(status) => how(status),
            Err(error) => format!("Runtime exited with error: {error}"),
        }
    }
}

/// As the recorded answers have it.
fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "Runtime exited without providing a reason".to_owned(),
        (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
        (None, Some(signal)) => format!("Runtime exited with error: signal: {}", signal_name(signal)),
        (None, None) => "Runtime exited with error".to_owned(),
    }
}
