//! A question on the terminal.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::error::Error;

/// Whether there is somebody to ask.
pub(super) fn can_be_asked() -> bool {
    io::stdin().is_terminal()
}

/// Asks; whatever is not a yes is a no.
pub(super) fn agreed(question: &str) -> Result<bool, Error> {
    let mut stderr = io::stderr().lock();
    stderr.write_all(question.as_bytes())?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}
