//! What is asked on a terminal, driven in tmux.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::{have, run, scrub};

/// A terminal of 80 columns with a shell in a folder.
pub(crate) struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    pub(crate) fn start(folder: &Path, socket: PathBuf) -> Self {
        let this = Self { socket };
        let folder = folder.to_str().unwrap();
        this.tmux(&[
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "40",
            "-c",
            folder,
            "env",
            "PS1=$ ",
            "sh",
        ]);
        this
    }

    fn tmux(&self, args: &[&str]) -> String {
        let mut command = Command::new("tmux");
        scrub(&mut command);
        command.env("TERM", "xterm-256color").env("LC_ALL", "C.UTF-8");
        run(command.arg("-S").arg(&self.socket).args(["-f", "/dev/null"]).args(args)).code(0).stdout
    }

    pub(crate) fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Waits until a text is on the screen.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.tmux(&["capture-pane", "-p"]);
            if screen.contains(text) {
                return screen;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "no {text:?} in\n{screen}");
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux").arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}

#[test]
fn questions_are_asked_and_ctrl_c_ends_them() {
    if !have("tmux") {
        return;
    }
    let scratch = TempDir::new().unwrap();
    let work = scratch.path().join("work");
    fs::create_dir_all(&work).unwrap();
    let terminal = Terminal::start(&work, scratch.path().join("tmux"));
    let program = env!("CARGO_BIN_EXE_cargo-lambda-pack");
    terminal.press(&[&format!("{program} new first"), "Enter"]);
    let screen = terminal.shows("Which template?");
    assert!(screen.contains("❯ http "), "{screen}");
    // Each template has a line: none is folded.
    let listed = screen.lines().filter(|line| line.starts_with(['❯', ' '])).count();
    assert_eq!(listed, lambda_pack::template::names().len(), "{screen}");
    terminal.press(&["Enter"]);
    let screen = terminal.shows("What calls it?");
    assert!(screen.contains("Which template? · http\n"), "{screen}");
    terminal.press(&["Down", "Enter"]);
    terminal.shows("Created `first`");
    assert!(work.join("first/events/api-gateway-v2.json").is_file());

    terminal.press(&["clear", "Enter"]);
    terminal.press(&[&format!("{program} new second; echo ended $?"), "Enter"]);
    terminal.shows("Which template?");
    terminal.press(&["C-c"]);
    terminal.shows("ended 130");
    assert!(!work.join("second").exists());
    // The cursor is there again.
    assert_eq!(terminal.tmux(&["display", "-p", "#{cursor_flag}"]).trim(), "1");

    // Escape is no answer either; the folder is asked for.
    terminal.press(&["clear", "Enter"]);
    terminal.press(&[&format!("{program} new; echo ended $?"), "Enter"]);
    terminal.shows("Which folder?");
    terminal.press(&["second", "Enter"]);
    terminal.shows("Which template?");
    terminal.press(&["Escape"]);
    terminal.shows("ended 130");
    assert!(!work.join("second").exists());

    // Nothing is asked with --yes, nor of what was given.
    for flags in ["--yes", "| cat", "-t http --set events=alb"] {
        terminal.press(&["clear", "Enter"]);
        terminal.press(&[&format!("{program} new second {flags}"), "Enter"]);
        let screen = terminal.shows("Created `second`");
        assert!(!screen.contains('?'), "{screen}");
        fs::remove_dir_all(work.join("second")).unwrap();
    }
}
