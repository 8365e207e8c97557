//! Runs that are killed, at calls and at moments: the next one is right.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use super::{bytes, right, set_modified, three};
use crate::support::{Workspace, have, scrub};

/// Two contents of the include, and what a run from scratch makes of each.
struct Flip {
    workspace: Workspace,
    expected: [BTreeMap<PathBuf, Vec<u8>>; 2],
}

impl Flip {
    fn new() -> Self {
        let workspace = three();
        let expected = [0, 1].map(|at| {
            Self::set(&workspace, at);
            right(&workspace, &[]);
            bytes(&workspace.path().join("target/lambda-pack"))
        });
        Self { workspace, expected }
    }

    fn set(workspace: &Workspace, at: usize) {
        workspace.write("crates/hello/data/one.bin", ["0000", "1111"][at]);
        workspace.write("crates/linked/src/side.txt", ["a", "b"][at]);
    }

    /// Changes it, has a run killed, and holds the next one against the run from scratch.
    #[track_caller]
    fn killed(&self, at: usize, what: &str, kill: impl FnOnce(&Workspace)) {
        Self::set(&self.workspace, at % 2);
        kill(&self.workspace);
        self.workspace.run(&["package"]).code(0);
        let made = bytes(&self.workspace.path().join("target/lambda-pack"));
        assert!(made == self.expected[at % 2], "wrong after a run that was killed: {what}");
    }
}

/// At each call that changes the disk, by strace's hand; more of them in the long run.
fn killed_at_calls(most: usize) {
    if !have("strace") {
        return;
    }
    let flip = Flip::new();
    let mut at = 0;
    for calls in [
        "/^rename",
        "/^unlink",
        "mkdir,mkdirat",
        "/^write",
        "/^openat",
        "/^(f?chmod|fchmodat)",
        "ftruncate,fsync,fdatasync",
    ] {
        for when in 1..=most {
            at += 1;
            flip.killed(at, &format!("{calls}, {when}"), |workspace| {
                let mut strace = Command::new("strace");
                scrub(&mut strace);
                strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
                strace.args(["-e", &format!("inject={calls}:signal=SIGKILL:when={when}")]);
                strace.arg(env!("CARGO_BIN_EXE_cargo-lambda-pack")).args(["package", "-q"]);
                strace.env("CARGO_NET_OFFLINE", "true").current_dir(workspace.path());
                let _ = strace.output().unwrap();
            });
        }
    }
}

#[test]
fn killed_at_any_call_the_next_run_is_right() {
    killed_at_calls(3);
}

#[test]
#[ignore = "takes minutes"]
fn killed_at_every_call_the_next_run_is_right() {
    killed_at_calls(60);
}

/// At moments by chance; with cargo at work, too.
fn killed_at_moments(times: usize, seed: u64) {
    let flip = Flip::new();
    let mut state = seed;
    for at in 0..times {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let after = Duration::from_millis((state >> 33) % 700);
        flip.killed(at, &format!("after {after:?}, seed {seed}"), |workspace| {
            if at % 3 == 0 {
                // So that cargo builds, and comes to the same.
                let source = workspace.path().join("crates/hello/src/main.rs");
                set_modified(&source, SystemTime::now());
            }
            let mut command = workspace.command(&["package", "-q"]);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(after);
            let _ = child.kill();
            child.wait().unwrap();
        });
    }
}

#[test]
fn killed_at_any_moment_the_next_run_is_right() {
    killed_at_moments(10, 1);
}

#[test]
#[ignore = "takes minutes"]
fn killed_at_many_moments_the_next_run_is_right() {
    for seed in 2..6 {
        killed_at_moments(100, seed);
    }
}
