//! Running programs. A step is a value that prints itself in every error.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

/// One program with its arguments.
#[derive(Debug, Clone)]
pub struct Step {
    program: OsString,
    args: Vec<OsString>,
    with: Vec<(OsString, OsString)>,
    without: Vec<OsString>,
    server: Option<jobserver::Client>,
    folder: Option<PathBuf>,
}

/// What a program that was asked has answered.
#[derive(Debug)]
pub struct Answer {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

/// A program that could not be run, or failed.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It did not start.
    #[error("cannot run `{step}`")]
    Start {
        /// The command line.
        step: String,
        /// Why.
        source: io::Error,
    },
    /// It ended with another code than 0, or by a signal.
    #[error("`{step}` failed: {status}")]
    Failed {
        /// The command line.
        step: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// Its output could not be read.
    #[error("cannot read what `{step}` prints")]
    Output {
        /// The command line.
        step: String,
        /// Why.
        source: io::Error,
    },
}

impl Step {
    /// A program by name (looked up in `PATH`) or path.
    pub fn new<A: Into<OsString>>(
        program: impl Into<OsString>,
        args: impl IntoIterator<Item = A>,
    ) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        let (with, without) = (Vec::new(), Vec::new());
        Self { program: program.into(), args, with, without, server: None, folder: None }
    }

    /// The same step without these environment variables.
    #[must_use]
    pub fn without<V: Into<OsString>>(mut self, variables: impl IntoIterator<Item = V>) -> Self {
        self.without.extend(variables.into_iter().map(Into::into));
        self
    }

    /// The same step, run in this folder.
    #[must_use]
    pub fn at(self, folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()), ..self }
    }

    /// The same step with this environment variable. It is shown wherever the step is.
    #[must_use]
    pub fn with(mut self, variable: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.with.push((variable.into(), value.into()));
        self
    }

    /// The same step as a part of what this job server serves (the variables that say so are not
    /// shown: they mean nothing elsewhere).
    #[must_use]
    pub fn served_by(mut self, server: jobserver::Client) -> Self {
        self.server = Some(server);
        self
    }

    /// The program, as it is looked for.
    #[must_use]
    pub fn program(&self) -> &OsStr {
        &self.program
    }

    /// All that tells one step from another, in order.
    pub fn parts(&self) -> impl Iterator<Item = &OsStr> {
        let with = self.with.iter().flat_map(|(name, value)| [name, value]);
        let one = std::iter::once(&self.program);
        // What divides the lists is no word of theirs: none has a NUL.
        let end = || std::iter::once(OsStr::new("\0"));
        let (args, without) = (self.args.iter(), self.without.iter());
        let all = one.chain(args).map(OsString::as_os_str).chain(end());
        let all = all.chain(with.map(OsString::as_os_str)).chain(end());
        all.chain(without.map(OsString::as_os_str))
    }

    #[expect(clippy::disallowed_methods, reason = "this is where programs are run")]
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::null());
        for variable in &self.without {
            command.env_remove(variable);
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command.envs(self.with.iter().map(|(name, value)| (name, value)));
        if let Some(server) = &self.server {
            server.configure(&mut command);
        }
        command
    }

    /// Runs it to its end and returns its standard output. Its standard error reaches the user.
    pub fn output(&self) -> Result<Vec<u8>, ProcessError> {
        self.captured(Stdio::inherit())
    }

    /// Runs it to its end and returns its standard output; its standard error is thrown away. For
    /// questions that may well have no answer.
    pub fn quiet_output(&self) -> Result<Vec<u8>, ProcessError> {
        self.captured(Stdio::null())
    }

    /// Runs it with the user's own terminal, standard input included. For what asks questions itself.
    pub fn interactive(&self) -> Result<(), ProcessError> {
        let status = self
            .command()
            .stdin(Stdio::inherit())
            // Standard output is ours.
            .stdout(std::io::stderr())
            .status()
            .map_err(|source| ProcessError::Start { step: self.to_string(), source })?;
        self.check(status)
    }

    /// Runs it with all that is ours, as if it stood in our place, and says how it ended.
    pub fn instead(&self) -> Result<ExitStatus, ProcessError> {
        let status = self.command().stdin(Stdio::inherit()).status();
        status.map_err(|source| ProcessError::Start { step: self.to_string(), source })
    }

    fn captured(&self, stderr: Stdio) -> Result<Vec<u8>, ProcessError> {
        let mut command = self.command();
        command.stdout(Stdio::piped()).stderr(stderr);
        let output = command
            .output()
            .map_err(|source| ProcessError::Start { step: self.to_string(), source })?;
        self.check(output.status)?;
        Ok(output.stdout)
    }

    /// Runs it, hands its standard output to `read` while it runs, and waits for its end. Its
    /// standard error reaches the user unchanged.
    pub fn stream<T>(
        &self,
        read: impl FnOnce(std::process::ChildStdout) -> io::Result<T>,
    ) -> Result<T, ProcessError> {
        let mut child = self
            .command()
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| ProcessError::Start { step: self.to_string(), source })?;
        let read = match child.stdout.take() {
            Some(stdout) => read(stdout),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        let status = child
            .wait()
            .map_err(|source| ProcessError::Output { step: self.to_string(), source })?;
        self.check(status)?;
        read.map_err(|source| ProcessError::Output { step: self.to_string(), source })
    }

    /// Runs it with this on its standard input, and returns how it ended with what it printed, of
    /// which the first mebibyte is kept. What has not ended after `patience` is killed.
    pub async fn ask(&self, question: &[u8], patience: Duration) -> Result<Answer, ProcessError> {
        let mut command = tokio::process::Command::from(self.command());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let start = |source| ProcessError::Start { step: self.to_string(), source };
        let mut child = command.kill_on_drop(true).spawn().map_err(start)?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let talk = async {
            if let Some(mut stdin) = stdin {
                // Who does not want to know may close it.
                let _ = stdin.write_all(question).await;
            }
            let (stdout, stderr) = tokio::try_join!(first(stdout), first(stderr))?;
            Ok(Answer { status: child.wait().await?, stdout, stderr })
        };
        let late = || {
            let text = format!("it did not end within {} s", patience.as_secs_f32());
            Err(io::Error::new(io::ErrorKind::TimedOut, text))
        };
        let ended = tokio::time::timeout(patience, talk).await.unwrap_or_else(|_| late());
        ended.map_err(|source| ProcessError::Output { step: self.to_string(), source })
    }

    fn check(&self, status: ExitStatus) -> Result<(), ProcessError> {
        if status.success() {
            return Ok(());
        }
        Err(ProcessError::Failed { step: self.to_string(), status })
    }
}

/// The first mebibyte of what comes.
async fn first(from: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(1024 * 1024).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

impl fmt::Display for Step {
    /// The command line, quoted for a POSIX shell.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.with {
            // What would fill the screen is none that a person would type.
            let value = if value.len() > 300 { "…".to_owned() } else { quote(value) };
            write!(f, "{}={value} ", name.to_string_lossy())?;
        }
        f.write_str(&quote(&self.program))?;
        let mut before = OsStr::new("");
        for arg in &self.args {
            let text = arg.to_string_lossy();
            match text.split_once('=').filter(|_| before == "--config") {
                // It may be a variable with a secret.
                Some((key, _)) if key.trim_start().starts_with("env.") => write!(f, " {key}=…")?,
                _ => write!(f, " {}", quote(arg))?,
            }
            before = arg;
        }
        Ok(())
    }
}

fn quote(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_itself_as_a_shell_would_read_it() {
        let step = Step::new("cargo", ["build", "--config", "a = 'b'", ""]);
        assert_eq!(step.to_string(), r"cargo build --config 'a = '\''b'\''' ''");
    }

    #[test]
    fn variables_are_shown() {
        let step = Step::new("cargo", ["build"]).with("RUSTFLAGS", "-C a");
        assert_eq!(step.to_string(), "RUSTFLAGS='-C a' cargo build");
    }

    #[tokio::test]
    async fn what_does_not_end_is_killed() {
        let echo = Step::new("cat", [""; 0]).ask(b"question", Duration::from_secs(30)).await;
        let Answer { status, stdout, stderr } = echo.unwrap();
        assert_eq!((status.code(), stdout, stderr), (Some(0), b"question".to_vec(), Vec::new()));
        let script = ["-c", "echo said >&2; exit 3"];
        let Answer { status, stderr, .. } =
            Step::new("sh", script).ask(b"", Duration::from_secs(30)).await.unwrap();
        assert_eq!((status.code(), stderr), (Some(3), b"said\n".to_vec()));
        let endless = Step::new("sleep", ["60"]).ask(b"", Duration::from_millis(50)).await;
        let ProcessError::Output { step, source } = endless.unwrap_err() else { panic!("ended") };
        assert_eq!((&*step, &*source.to_string()), ("sleep 60", "it did not end within 0.05 s"));
    }

    #[test]
    fn every_error_names_the_command() {
        let missing = Step::new("/nowhere/prog", ["x"]).output().unwrap_err();
        assert_eq!(missing.to_string(), "cannot run `/nowhere/prog x`");
        let failed = Step::new("false", [""; 0]).output().unwrap_err();
        assert_eq!(failed.to_string(), "`false` failed: exit status: 1");
    }
}
