//! Lines that change in place: one for each thing that is worked on.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How many lines stay when the work on them rests: with more than these only the busy ones are shown,
/// so that they fit the smallest screen.
const MOST: usize = 16;

/// The lines, below what is said.
pub(super) struct Rows {
    all: MultiProgress,
    lines: BTreeMap<String, ProgressBar>,
    of: usize,
}

impl Rows {
    /// Lines for `of` things, on standard error.
    pub(super) fn new(of: usize) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Self { all, lines: BTreeMap::new(), of }
    }

    /// What is going on with a thing.
    pub(super) fn set(&mut self, name: &str, text: String) {
        let row = self.lines.entry(name.to_owned()).or_insert_with(|| {
            let row = self.all.add(ProgressBar::no_length());
            // It is cut at the edge of the terminal: a folded line could not be taken back.
            if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
                row.set_style(style);
            }
            row
        });
        row.set_message(text);
        row.tick();
    }

    /// The work on a thing rests.
    pub(super) fn rest(&mut self, name: &str, text: String) {
        if self.of <= MOST {
            self.set(name, text);
        } else if let Some(row) = self.lines.remove(name) {
            row.finish_and_clear();
            self.all.remove(&row);
        }
    }

    /// Takes the lines away while something else is written.
    pub(super) fn suspend(&self, write: impl FnOnce()) {
        self.all.suspend(write);
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        for row in self.lines.values() {
            row.finish_and_clear();
        }
    }
}
