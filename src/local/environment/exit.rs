//! How a process of an execution environment ended, in Lambda's words.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use super::children::Program;
use crate::doctor;
use crate::target::Arch;
use crate::toolchain;

/// Exit status 0, or none.
pub(super) const NO_REASON: &str = "Runtime exited without providing a reason";
/// The signal for an instruction that the processor does not have (`signal(7)`).
const ILLEGAL: i32 = 4;

/// Tells the process's end once.
pub(super) struct Exit {
    pub(super) child: tokio::process::Child,
    pub(super) program: Program,
    /// What it was compiled for.
    pub(super) arch: Arch,
    /// qemu runs it.
    pub(super) emulated: bool,
}

impl Exit {
    /// Waits, and says how it ended.
    pub(super) async fn wait(mut self) -> (Program, String) {
        let words = match self.child.wait().await {
            Ok(status) => self.words(status),
            Err(error) => format!("Runtime exited with error: {error}"),
        };
        (self.program, words)
    }

    fn words(&self, status: ExitStatus) -> String {
        let words = match self.program {
            Program::Runtime => how(status),
            Program::Extension(_) => plainly(status),
        };
        if status.signal() != Some(ILLEGAL) {
            return words;
        }
        let runs = if self.emulated { None } else { toolchain::runs_default_cpu(self.arch) };
        format!("{words} ({})", why_illegal(self.arch, runs, self.emulated))
    }
}

/// As the recorded answers have it.
fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => NO_REASON.to_owned(),
        (None, None) => "Runtime exited with error".to_owned(),
        _ => format!("Runtime exited with error: {}", plainly(status)),
    }
}

/// As AWS's emulator says it of an extension.
fn plainly(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "exit code 0".to_owned(),
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal: {}", signal_name(signal)),
        (None, None) => "exited".to_owned(),
    }
}

/// Lambda's processors have every instruction of the default, so it says no more of it. Here it may be
/// the machine's lack: then what `doctor` says of that.
fn why_illegal(arch: Arch, runs_default_cpu: Option<bool>, emulated: bool) -> String {
    if runs_default_cpu == Some(false) {
        return doctor::processor_warning(arch);
    }
    let who = if emulated { "qemu does not know" } else { "this processor does not have" };
    format!(
        "the program met an instruction that {who}, or aborted by one; what is compiled for another \
         processor runs here if it is built with `--target-cpu generic`"
    )
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        ILLEGAL => "illegal instruction",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        11 => "segmentation fault",
        15 => "terminated",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_illegal_instruction_is_explained_as_doctor_does() {
        let said = why_illegal(Arch::X86_64, Some(false), false);
        assert_eq!(said, doctor::processor_warning(Arch::X86_64));
        assert!(said.contains("does not run what is compiled for x86-64-v3"), "{said}");
        for runs in [Some(true), None] {
            let said = why_illegal(Arch::X86_64, runs, false);
            assert!(said.contains("that this processor does not have"), "{said}");
            assert!(said.ends_with("`--target-cpu generic`"), "{said}");
        }
        let said = why_illegal(Arch::Arm64, None, true);
        assert!(said.contains("that qemu does not know"), "{said}");
    }

    #[test]
    fn ends_are_said_as_recorded() {
        for (raw, words) in [
            (0, NO_REASON),
            (7 << 8, "Runtime exited with error: exit status 7"),
            (9, "Runtime exited with error: signal: killed"),
            (11, "Runtime exited with error: signal: segmentation fault"),
            (31, "Runtime exited with error: signal: signal 31"),
        ] {
            assert_eq!(how(ExitStatus::from_raw(raw)), words);
        }
        assert_eq!(plainly(ExitStatus::from_raw(0)), "exit code 0");
        assert_eq!(plainly(ExitStatus::from_raw(7 << 8)), "exit status 7");
    }
}
