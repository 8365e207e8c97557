//! The processes of this machine, as `/proc` shows them.

use std::fs;
use std::path::Path;

use rustix::process::Pid;

/// Those of which this is so; `/proc/PID` is given.
pub(in crate::local) fn with(so: impl Fn(&Path) -> bool) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|folder| {
            let pid: i32 = folder.file_name().to_str()?.parse().ok()?;
            so(&folder.path()).then(|| Pid::from_raw(pid)).flatten()
        })
        .collect()
}

/// `NAME=value` of each variable that a process was started with; none of another user's.
pub(in crate::local) fn variables(process: &Path) -> impl Iterator<Item = Vec<u8>> {
    let all = fs::read(process.join("environ")).unwrap_or_default();
    let all: Vec<Vec<u8>> = all.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    all.into_iter()
}

/// Whether a process is in the room of the sandbox at this place, or at one below it: the room's `/tmp` is
/// named after that (proc(5), `mountinfo`: type and source stand after a dash).
pub(in crate::local) fn is_in_room(process: &Path, place: &Path) -> bool {
    let namespace = |process: &Path| fs::read_link(process.join("ns/mnt")).ok();
    // Most are no others than this one: their many mounts need not be read.
    let own = namespace(Path::new("/proc/self"));
    if own.is_some() && namespace(process) == own {
        return false;
    }
    let mounts = fs::read_to_string(process.join("mountinfo")).unwrap_or_default();
    let source = format!(" - tmpfs {}", place.display().to_string().replace(' ', "\\040"));
    let ends = |rest: &str| rest.starts_with([' ', '/']);
    mounts.lines().any(|line| line.split_once(&source).is_some_and(|(_, rest)| ends(rest)))
}
