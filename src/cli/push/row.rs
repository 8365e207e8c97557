//! How far a push is, on a terminal.

use std::sync::{Mutex, PoisonError};

use crate::message::bytes;
use crate::reference::Reference;
use crate::registry::Progress;
use crate::shell::Shell;

/// The row of one push.
pub(super) struct Row<'s> {
    name: String,
    shell: &'s Shell,
    /// Bytes that were sent, and all that are to be.
    at: Mutex<(u64, u64)>,
}

impl<'s> Row<'s> {
    pub(super) fn new(reference: &Reference, shell: &'s Shell) -> Self {
        Self { name: reference.name(), shell, at: Mutex::default() }
    }

    pub(super) fn tell(&self, progress: Progress) {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        match progress {
            Progress::Missing { size, .. } => at.1 += size,
            Progress::Sent { bytes, .. } => at.0 += bytes,
            Progress::Back { bytes, .. } => at.0 = at.0.saturating_sub(bytes),
            Progress::Done { spared, .. } => at.0 += spared,
        }
        let (sent, all) = *at;
        let figures = format!("{} of {}", bytes(sent.min(all)), bytes(all));
        let text = fitted(&self.name, &figures, self.shell.row_width());
        self.shell.row(&self.name, "Pushing", text, false);
    }
}

/// `name: figures` within a width: the figures whole, the name without its middle where it is too long.
fn fitted(name: &str, figures: &str, width: usize) -> String {
    let letters: Vec<char> = name.chars().collect();
    let room = width.saturating_sub(figures.chars().count() + 2);
    if letters.len() <= room {
        return format!("{name}: {figures}");
    }
    // The end tells repositories of one registry apart.
    let kept = room.saturating_sub(1);
    let end = kept - kept / 2;
    let (head, tail) = (&letters[..kept - end], &letters[letters.len() - end..]);
    let (head, tail): (String, String) = (head.iter().collect(), tail.iter().collect());
    format!("{head}…{tail}: {figures}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stay_whole_whatever_the_name() {
        let name = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/orders";
        let figures = "12.3 MB of 123.4 MB";
        assert_eq!(fitted("a/b", figures, 67), format!("a/b: {figures}"));
        let text = fitted(name, figures, 67);
        assert_eq!(text.chars().count(), 67, "{text}");
        assert_eq!(text, format!("123456789012.dkr.ecr.e…azonaws.com/team/orders: {figures}"));
        for width in [0, 10, 22, 23, 30] {
            let text = fitted(name, figures, width);
            assert!(text.ends_with(&format!("…: {figures}")) || text.chars().count() <= width);
        }
    }
}
