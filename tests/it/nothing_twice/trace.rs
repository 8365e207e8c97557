//! What a run of the program did, by strace's word.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Run, run};

/// One run.
pub(super) struct Trace {
    pub(super) run: Run,
    /// The system calls of the program itself, of all its threads.
    own: Vec<String>,
    /// The command lines of `cargo build`.
    pub(super) builds: Vec<String>,
    /// All other programs, and those that they started.
    pub(super) helpers: Vec<String>,
}

/// What shows that programs are started, and that bytes come from a file. Not every architecture has
/// those with a question mark.
const CALLS: &str = "trace=execve,clone,clone3,?fork,?vfork,read,readv,pread64,preadv,preadv2,mmap,\
                     copy_file_range,sendfile,splice";

impl Trace {
    /// Runs a command under strace, in its folder and environment.
    pub(super) fn of(command: &Command) -> Self {
        let folder = TempDir::with_prefix("trace").unwrap();
        let mut strace = Command::new("strace");
        strace.args(["-ff", "-qq", "-y", "-s", "300", "-e", CALLS, "-o"]);
        strace.arg(folder.path().join("t")).arg(command.get_program()).args(command.get_args());
        strace.current_dir(command.get_current_dir().unwrap());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => strace.env(name, value),
                None => strace.env_remove(name),
            };
        }
        let run = run(&mut strace);
        let files = fs::read_dir(folder.path()).unwrap().map(|item| item.unwrap().path());
        let tasks: BTreeMap<u32, Vec<String>> = files
            .map(|path| {
                let id = path.extension().unwrap().to_str().unwrap().parse().unwrap();
                let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                (id, text.lines().map(str::to_owned).collect())
            })
            .collect();
        let started: Vec<Start> = tasks.iter().flat_map(|(id, lines)| starts(*id, lines)).collect();
        let of_others: BTreeSet<u32> = started.iter().map(|start| start.task).collect();
        let first = *tasks.keys().find(|id| !of_others.contains(id)).unwrap();
        let mut this = Self { run, own: Vec::new(), builds: Vec::new(), helpers: Vec::new() };
        let mut open = threads(first, &started);
        this.own = open.iter().flat_map(|id| tasks[id].clone()).collect();
        // From process to process, but not into those of cargo's builds.
        while let Some(parent) = open.pop() {
            for start in started.iter().filter(|start| start.parent == parent && !start.thread) {
                let mut execs = tasks[&start.task].iter().filter(|line| is_exec(line));
                // A program that becomes another is one process: rustup's are.
                let Some(line) = execs.next_back() else { continue };
                if line.contains("/cargo\", [") && line.contains("\", \"build\",") {
                    this.builds.push(line.clone());
                } else {
                    this.helpers.push(line.clone());
                    open.extend(threads(start.task, &started));
                }
            }
        }
        this
    }

    /// The calls that took bytes out of a file whose path ends like that.
    pub(super) fn reads(&self, end: &str) -> Vec<&String> {
        let end = format!("{end}>");
        self.own.iter().filter(|line| !line.starts_with("execve(") && line.contains(&end)).collect()
    }
}

struct Start {
    parent: u32,
    task: u32,
    thread: bool,
}

fn starts(parent: u32, lines: &[String]) -> Vec<Start> {
    let is = |line: &&String| {
        ["clone(", "clone3(", "fork(", "vfork("].iter().any(|call| line.starts_with(call))
    };
    let start = |line: &String| {
        let task = line.rsplit_once("= ")?.1.trim().split(' ').next()?.parse().ok()?;
        Some(Start { parent, task, thread: line.contains("CLONE_THREAD") })
    };
    lines.iter().filter(is).filter_map(start).collect()
}

/// A task and the threads that it and they started.
fn threads(task: u32, started: &[Start]) -> Vec<u32> {
    let mut found = vec![task];
    let mut at = 0;
    while let Some(&parent) = found.get(at) {
        let own = started.iter().filter(|start| start.parent == parent && start.thread);
        found.extend(own.map(|start| start.task));
        at += 1;
    }
    found
}

fn is_exec(line: &str) -> bool {
    line.starts_with("execve(") && line.ends_with("= 0")
}
