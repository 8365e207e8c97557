//! The processes of this machine, as `/proc` shows them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Pid;

/// Processes by the room that they are in.
pub(in crate::local) type Rooms = BTreeMap<PathBuf, Vec<Pid>>;

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

/// The room of a process: its mount namespace. None of one that is in the server's own, or another user's.
pub(in crate::local) fn room(process: Pid) -> Option<PathBuf> {
    let namespace = |name: &str| fs::read_link(format!("/proc/{name}/ns/mnt")).ok();
    namespace(&process.as_raw_nonzero().to_string())
        .filter(|it| namespace("self").as_ref() != Some(it))
}

/// All processes in each of these rooms, whoever has started them.
pub(in crate::local) fn in_rooms(rooms: &BTreeSet<PathBuf>) -> Rooms {
    let mut found = Rooms::new();
    if rooms.is_empty() {
        return found;
    }
    let inside = |process: &Path| {
        fs::read_link(process.join("ns/mnt")).is_ok_and(|room| rooms.contains(&room))
    };
    for process in with(inside) {
        if let Some(room) = room(process) {
            found.entry(room).or_default().push(process);
        }
    }
    found
}

/// How much memory these processes have, in kB: more than `most` is certain, and what they share is then
/// counted once (proc(5): `VmRSS` of `status`, else `Pss` of `smaps_rollup`, which takes longer).
pub(in crate::local) fn kilobytes(processes: &[Pid], most: u64) -> u64 {
    let sum = |file: &str, name: &str| processes.iter().map(|pid| figure(*pid, file, name)).sum();
    let all = sum("status", "VmRSS:");
    if all <= most {
        return all;
    }
    match sum("smaps_rollup", "Pss:") {
        0 => all,
        shared => shared,
    }
}

/// A figure of a file of a process's, in which it stands in kB.
pub(in crate::local) fn figure(process: Pid, file: &str, name: &str) -> u64 {
    let path = format!("/proc/{}/{file}", process.as_raw_nonzero());
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
