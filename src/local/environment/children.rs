//! The processes of an execution environment: the runtime, and its external extensions.
//!
//! Each is started through this program itself (`sandbox`, a hidden command), which sets up what must be
//! set up in the process and then becomes the program. It leads a process group of its own, which is
//! killed as a whole; what left the groups is found by its environment and by where it writes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, PipeReader};
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::entry;
use super::exit::Exit;
use super::processes::{self, Rooms};
use crate::local::failure::Failure;
use crate::local::image::{Image, Start};
use crate::local::launch::{OPT, TASK};
use crate::sandbox::{self, Join, Room, Walls};
use crate::target::Arch;

/// How often what was left behind is looked for.
const ROUNDS: usize = 8;

/// What the runtime's variables have that an extension does not get, besides all that begin with `_`
/// (AWS: "Using the Lambda Extensions API to create extensions", "Permissions and configuration").
const RUNTIME_ONLY: [&str; 7] = [
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// What is started, and with what.
pub(crate) struct Launch {
    /// The function's files: `LAMBDA_TASK_ROOT`.
    pub(crate) task: PathBuf,
    /// The layers' files, one over the other; none without layers.
    pub(crate) opt: Option<PathBuf>,
    /// All but `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) arch: Arch,
    /// Its log is one of JSON objects (`LogFormat`).
    pub(crate) json_log: bool,
    /// This program.
    pub(crate) program: PathBuf,
    /// The most memory that it may have, in MB.
    pub(crate) memory: u64,
    /// The file system that it has for itself; none: it sees the machine's.
    pub(crate) room: Option<Room>,
    /// The image that it is, and how that is started; none of a zip.
    pub(crate) image: Option<(Arc<Image>, Start)>,
}

impl Launch {
    /// A variable.
    pub(super) fn variable(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    /// What the program is told when it is started.
    fn arguments(&self, program: &Program) -> &[String] {
        match (program, &self.image) {
            (Program::Runtime, Some((_, start))) => start.words.get(1..).unwrap_or_default(),
            _ => &[],
        }
    }

    /// The working folder, as its processes see it.
    fn folder(&self) -> &Path {
        self.image.as_ref().map_or(Path::new(TASK), |(_, start)| Path::new(&start.folder))
    }

    /// Where its processes find a file of the function's or of its layers'.
    fn inside(&self, path: &Path) -> PathBuf {
        let seen = |folder: &Path, name: &str| {
            path.strip_prefix(folder).ok().map(|rest| Path::new(name).join(rest))
        };
        if let Some((image, _)) = &self.image {
            return seen(&image.folder, "/").unwrap_or_else(|| path.to_path_buf());
        }
        let walled = self
            .room
            .as_ref()
            .and_then(|_| seen(&self.task, TASK).or_else(|| seen(self.opt.as_deref()?, OPT)));
        walled.unwrap_or_else(|| path.to_path_buf())
    }
}

/// A program of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Program {
    /// The entry point.
    Runtime,
    /// The extension of this name.
    Extension(String),
}

impl Program {
    /// Whether it gets a variable.
    fn has(&self, variable: &str) -> bool {
        match self {
            Self::Runtime => true,
            Self::Extension(_) => !variable.starts_with('_') && !RUNTIME_ONLY.contains(&variable),
        }
    }
}

/// The processes of one environment.
pub(super) struct Children {
    /// `AWS_LAMBDA_RUNTIME_API`: nobody else's process has it.
    address: String,
    /// Where their outputs lead, as `/proc` names it: nobody else's do.
    pipes: RefCell<Vec<PathBuf>>,
    /// Those that have not ended.
    leaders: RefCell<Vec<(Program, Pid)>>,
    /// The place of their room, if they have one.
    place: Option<PathBuf>,
    /// Whether an emulator runs them.
    emulated: Cell<bool>,
    /// Nothing is left; the numbers may be others' by now.
    gone: Cell<bool>,
}

impl Children {
    /// None yet; what they will be told of the Runtime API's address.
    pub(super) fn new(address: SocketAddr, launch: &Launch) -> Self {
        Self {
            place: launch.room.as_ref().map(|room| room.place.clone()),
            address: address.to_string(),
            pipes: RefCell::default(),
            leaders: RefCell::default(),
            emulated: Cell::new(false),
            gone: Cell::new(false),
        }
    }

    /// Starts one. Its two outputs are one pipe, so that they stay in order.
    ///
    /// # Errors
    ///
    /// What Lambda says of a program that cannot be run.
    pub(super) fn start(
        &self,
        launch: &Launch,
        program: &Program,
    ) -> Result<(Exit, PipeReader), Failure> {
        let entry = entry::of(launch, program)?;
        let emulated = !entry.emulator.is_empty();
        self.emulated.set(emulated);
        let (output, writer) = io::pipe().map_err(Failure::local)?;
        let pipe = fs::read_link(format!("/proc/self/fd/{}", output.as_raw_fd()));
        self.pipes.borrow_mut().push(pipe.map_err(Failure::local)?);
        #[expect(
            clippy::disallowed_methods,
            reason = "a child that is served, not a step that is shown"
        )]
        let mut command = std::process::Command::new(&launch.program);
        // Our own value has string keys: this cannot fail.
        let walls = serde_json::to_string(&self.walls(launch)).unwrap_or_default();
        command
            .args([sandbox::COMMAND, &std::process::id().to_string(), &walls])
            .args(entry.emulator)
            .arg(launch.inside(&entry.path))
            .args(launch.arguments(program))
            .env_clear()
            .envs(launch.variables.iter().filter(|(name, _)| program.has(name)))
            .env("AWS_LAMBDA_RUNTIME_API", &self.address)
            .current_dir(&launch.task)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(writer.try_clone().map_err(Failure::local)?)
            .stderr(writer);
        let child = tokio::process::Command::from(command).spawn().map_err(Failure::local)?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        self.leaders.borrow_mut().extend(pid.map(|pid| (program.clone(), pid)));
        let arch = launch.arch;
        Ok((Exit { child, program: program.clone(), arch, emulated }, output))
    }

    /// What is around the next process: the first one builds it, the others join that one.
    fn walls(&self, launch: &Launch) -> Walls {
        let Some(room) = &launch.room else { return Walls::Nothing };
        let leaders = self.leaders.borrow();
        let first =
            leaders.first().and_then(|(_, pid)| u32::try_from(pid.as_raw_nonzero().get()).ok());
        match first {
            Some(process) => Walls::Joined(Join { process, folder: launch.folder().to_path_buf() }),
            None => Walls::Built(room.clone()),
        }
    }

    fn pid(&self, program: &Program) -> Option<Pid> {
        let leaders = self.leaders.borrow();
        leaders.iter().find(|(one, _)| one == program).map(|(_, pid)| *pid)
    }

    /// The runtime's process, as the system numbers it.
    pub(super) fn process(&self) -> Option<u32> {
        let pid = self.pid(&Program::Runtime)?;
        u32::try_from(pid.as_raw_nonzero().get()).ok()
    }

    /// Whether a debugger is attached to the runtime (proc(5), `status`: `TracerPid`).
    pub(super) fn is_traced(&self) -> bool {
        let status = self.process().map(|pid| fs::read_to_string(format!("/proc/{pid}/status")));
        let status = status.and_then(Result::ok).unwrap_or_default();
        let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
        tracer.is_some_and(|pid| pid.trim() != "0")
    }

    /// Whether it has been started and has not ended.
    pub(super) fn lives(&self, program: &Program) -> bool {
        self.pid(program).is_some()
    }

    /// Its process has ended: so does what it has left in its group.
    pub(super) fn ended(&self, program: &Program) {
        self.signal(program, Signal::KILL);
        self.leaders.borrow_mut().retain(|(one, _)| one != program);
    }

    /// Sends a signal to its group.
    pub(super) fn signal(&self, program: &Program, signal: Signal) {
        if let Some(pid) = self.pid(program).filter(|_| !self.gone.get()) {
            // That it is gone already is no mistake.
            let _ = kill_process_group(pid, signal);
        }
    }

    fn all_leaders(&self) -> Vec<Pid> {
        self.leaders.borrow().iter().map(|(_, pid)| *pid).collect()
    }

    /// The most memory that each of them has had, together, in MB.
    pub(super) fn memory(&self) -> u64 {
        let most = |pid: &Pid| processes::figure(*pid, "status", "VmHWM:");
        self.all_leaders().iter().map(most).sum::<u64>().div_ceil(1024)
    }

    /// What tells whatever they have started from everything else, once they are in their room.
    pub(super) fn room(&self) -> Option<PathBuf> {
        processes::room(*self.place.as_ref().and(self.all_leaders().first())?)
    }

    /// The memory that they have now together with all that is in their room, in MB; exact if it is more
    /// than `most`. None of what an emulator runs: that needs more than the function itself.
    pub(super) fn resident(&self, most: u64, rooms: &Rooms) -> u64 {
        if self.emulated.get() {
            return 0;
        }
        let all = self.room().and_then(|room| rooms.get(&room).cloned());
        let all = all.unwrap_or_else(|| self.all_leaders());
        processes::kilobytes(&all, most * 1024).div_ceil(1024)
    }

    /// Kills them and their groups. What has left the groups needs `kill`, which takes longer.
    pub(super) fn kill_groups(&self) {
        for (_, pid) in self.leaders.borrow().iter().filter(|_| !self.gone.get()) {
            let _ = kill_process_group(*pid, Signal::KILL);
        }
    }

    /// Kills them, their groups, and what was started by them and left the groups.
    pub(super) fn kill(&self) {
        self.kill_groups();
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
        let pipes = self.pipes.borrow();
        processes::with(|process: &Path| {
            let writes =
                |output| fs::read_link(process.join(output)).is_ok_and(|to| pipes.contains(&to));
            processes::variables(process).any(|it| it == marker.as_bytes())
                || writes("fd/1")
                || writes("fd/2")
                || self.place.as_ref().is_some_and(|it| processes::is_in_room(process, it))
        })
    }
}
