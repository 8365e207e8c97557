//! The process of an execution environment.
//!
//! It is started through this program itself (`sandbox`, a hidden command), which sets up what must be
//! set up in the process and then becomes the function's program. It leads a process group of its own,
//! which is killed as a whole; what left the group is found by its environment and by where it writes.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, PipeReader, Read as _};
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::exit::Exit;
use super::processes;
use crate::elf::{self, Machine};
use crate::local::failure::Failure;
use crate::sandbox;
use crate::target::Arch;
use crate::toolchain;

/// How often what was left behind is looked for.
const ROUNDS: usize = 8;

/// What is started, and with what.
pub(crate) struct Launch {
    /// The function's files: `LAMBDA_TASK_ROOT`.
    pub(crate) task: PathBuf,
    /// The layers' files, one over the other; none without layers.
    pub(crate) opt: Option<PathBuf>,
    /// All but `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) arch: Arch,
    /// This program.
    pub(crate) program: PathBuf,
}

/// A process that was started.
pub(super) struct Child {
    pid: Option<Pid>,
    /// `AWS_LAMBDA_RUNTIME_API`: nobody else's process has it.
    address: String,
    /// Where its outputs lead, as `/proc` names it: nobody else's do.
    pipe: PathBuf,
    /// Nothing of it is left; its number may be another's by now.
    gone: Cell<bool>,
}

/// Starts the entry point. Its two outputs are one pipe, so that they stay in order.
pub(super) fn spawn(
    launch: &Launch,
    address: SocketAddr,
) -> Result<(Child, Exit, PipeReader), Failure> {
    let entry = entry_point(launch)?;
    let emulator = emulator(&entry, launch.arch)?;
    let emulated = !emulator.is_empty();
    let address = address.to_string();
    let (output, writer) = io::pipe().map_err(Failure::local)?;
    let pipe = fs::read_link(format!("/proc/self/fd/{}", output.as_raw_fd()));
    let pipe = pipe.map_err(Failure::local)?;
    #[expect(
        clippy::disallowed_methods,
        reason = "a child that is served, not a step that is shown"
    )]
    let mut command = std::process::Command::new(&launch.program);
    command
        .args([sandbox::COMMAND, &std::process::id().to_string()])
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
    let exit = |child| Exit::of(child, launch.arch, emulated);
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    Ok((Child { pid, address, pipe, gone: Cell::new(false) }, exit(child), output))
}

/// `bootstrap` of the function, else of its layers.
fn entry_point(launch: &Launch) -> Result<PathBuf, Failure> {
    let places = std::iter::once(&launch.task).chain(&launch.opt);
    let Some(entry) = places.map(|folder| folder.join("bootstrap")).find(|path| path.exists())
    else {
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
    let start = start_of(&entry).map_err(|error| refused(&error.to_string()))?;
    if !elf::is_elf(&start) {
        // `execvp` would give a script without a first line to a shell; Lambda does not.
        let line = start.strip_prefix(b"#!").ok_or_else(|| refused("exec format error"))?;
        let words = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let words = String::from_utf8_lossy(words);
        if !words.split_whitespace().next().is_some_and(|program| Path::new(program).exists()) {
            return Err(refused("no such file or directory"));
        }
    }
    Ok(entry)
}

/// As much of a file as the kernel looks at to know what it is (`BINPRM_BUF_SIZE`).
fn start_of(entry: &Path) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    fs::File::open(entry)?.take(256).read_to_end(&mut start)?;
    Ok(start)
}

/// The words that stand before an executable of another architecture than this machine's, if something
/// here can run those.
fn emulator(entry: &Path, arch: Arch) -> Result<Vec<OsString>, Failure> {
    let start = start_of(entry).map_err(Failure::local)?;
    if !elf::is_elf(&start) {
        return Ok(Vec::new());
    }
    let machine = match start.get(18..20) {
        Some(&[low, high]) => Machine::from_code(u16::from_le_bytes([low, high])).arch(),
        _ => None,
    };
    let format = "fork/exec /var/task/bootstrap: exec format error";
    if machine != Some(arch) {
        return Err(Failure::entry_point(format));
    }
    if arch.rust_name() == std::env::consts::ARCH {
        return Ok(Vec::new());
    }
    let name = arch.rust_name();
    let Some(program) = toolchain::qemu(arch) else {
        return Err(Failure::entry_point(format!(
            "{format} (the function is for {arch}, this machine is {}; qemu-{name}, of the package \
             qemu-user-static, would run it)",
            std::env::consts::ARCH
        )));
    };
    let mut words: Vec<OsString> = vec![program.into()];
    // Where Debian and Ubuntu put the other architecture's loader.
    let system = Path::new("/usr").join(format!("{name}-linux-gnu"));
    if system.is_dir() {
        words.extend(["-L".into(), system.into()]);
    }
    Ok(words)
}

impl Child {
    /// The process, as the system numbers it.
    pub(super) fn process(&self) -> Option<u32> {
        self.pid.and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok())
    }

    /// The most memory that the process has had, in MB (`VmHWM`).
    pub(super) fn memory(&self) -> u64 {
        let Some(pid) = self.pid else { return 0 };
        let text = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()))
            .unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kilobytes.unwrap_or(0).div_ceil(1024)
    }

    /// Kills the process and its group. What has left the group needs `kill`, which takes longer.
    pub(super) fn kill_group(&self) {
        if let Some(pid) = self.pid.filter(|_| !self.gone.get()) {
            // That it is gone already is no mistake.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }

    /// Kills the process, its group, and what was started by it and left the group.
    pub(super) fn kill(&self) {
        self.kill_group();
        if self.gone.replace(true) {
            return;
        }
        // What is being killed may have started others meanwhile.
        for _ in 0..ROUNDS {
            let strays = self.strays();
            if strays.is_empty() {
                break;
            }
            for pid in strays {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }

    /// The processes that were started with our address in their environment, or write where ours do.
    fn strays(&self) -> Vec<Pid> {
        let marker = format!("AWS_LAMBDA_RUNTIME_API={}", self.address);
        processes::with(|process| {
            let writes =
                |output| fs::read_link(process.join(output)).is_ok_and(|to| to == self.pipe);
            processes::variables(process).any(|it| it == marker.as_bytes())
                || writes("fd/1")
                || writes("fd/2")
        })
    }
}
