//! The terminal: the answer goes to standard output, everything else to standard error.

mod rows;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};

use crate::audit::{Finding, Level};
use crate::message::{Message, clean};
use rows::Rows;

/// What standard output holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Text for people.
    Text,
    /// One JSON record a line, and nothing else.
    Json,
}

const GREEN: Style = AnsiColor::Green.on_default().bold();
const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const CYAN: Style = AnsiColor::Cyan.on_default().bold();

/// Where and how we speak.
pub struct Shell {
    output: Output,
    quiet: bool,
    verbose: bool,
    color: ColorChoice,
    /// Lines that wait while cargo draws its own progress on the same terminal.
    talk: Arc<Mutex<Talk>>,
}

#[derive(Default)]
struct Talk {
    held: Option<Vec<u8>>,
    bar: Option<ProgressBar>,
    rows: Option<Rows>,
    /// What need not be said again.
    once: BTreeSet<String>,
}

impl Shell {
    /// A shell that speaks as the flags say.
    #[must_use]
    pub fn new(output: Output, quiet: bool, verbose: bool, color: ColorChoice) -> Self {
        Self { output, quiet, verbose, color, talk: Arc::default() }
    }

    /// Another one on the same terminal, for what outlives this one.
    #[must_use]
    pub fn apart(&self) -> Self {
        let talk = Arc::clone(&self.talk);
        Self { talk, ..Self::new(self.output, self.quiet, self.verbose, self.color) }
    }

    /// Whether `-v` is on.
    #[must_use]
    pub fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Whether the answer is JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.output == Output::Json
    }

    /// The width of standard output in columns, if it is a terminal.
    #[must_use]
    pub fn stdout_width(&self) -> Option<usize> {
        io::stdout().is_terminal().then(textwrap::termwidth)
    }

    fn talk(&self) -> MutexGuard<'_, Talk> {
        self.talk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps lines back until `release`, if they would run into what cargo draws.
    pub fn hold(&self) {
        if io::stderr().is_terminal() {
            self.talk().held.get_or_insert_default();
        }
    }

    /// Writes what was kept back.
    pub fn release(&self) {
        let held = self.talk().held.take();
        if let Some(bytes) = held.filter(|bytes| !bytes.is_empty()) {
            let _ = AutoStream::new(io::stderr(), self.color).write_all(&bytes);
        }
    }

    /// Shows a bar of `total` steps, on a terminal.
    pub fn start_progress(&self, verb: &str, total: usize, done: usize) {
        if self.quiet || !io::stderr().is_terminal() || done >= total {
            return;
        }
        let bar = ProgressBar::new(total as u64).with_position(done as u64);
        let template = format!("{verb:>12} [{{bar:24}}] {{pos}}/{{len}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.tick();
        self.talk().bar = Some(bar);
    }

    /// One step more.
    pub fn advance(&self) {
        if let Some(bar) = &self.talk().bar {
            bar.inc(1);
        }
    }

    /// Takes the bar away.
    pub fn end_progress(&self) {
        if let Some(bar) = self.talk().bar.take() {
            bar.finish_and_clear();
        }
    }

    /// From now on each of `count` things has one line that changes, on a terminal that nothing else
    /// was asked of.
    pub fn start_rows(&self, count: usize) {
        if !self.quiet && !self.verbose && io::stderr().is_terminal() {
            self.talk().rows = Some(Rows::new(count));
        }
    }

    /// How many columns the text of such a line has, after its verb.
    #[must_use]
    pub fn row_width(&self) -> usize {
        // Twelve columns of the verb and a space, as in `colored`; the last column is left free.
        textwrap::termwidth().saturating_sub(14)
    }

    /// What is going on with one of these things. Where there are no such lines it is said, if it is
    /// something `new`.
    pub fn row(&self, name: &str, verb: &str, text: impl Display, new: bool) {
        let text = clean_lines(&text.to_string());
        match &mut self.talk().rows {
            Some(rows) => return rows.set(name, self.colored(verb, &text)),
            None if !new => return,
            None => {}
        }
        self.status(verb, text);
    }

    /// What was going on has ended.
    pub fn rest(&self, name: &str, verb: &str, text: impl Display) {
        if let Some(rows) = &mut self.talk().rows {
            rows.rest(name, self.colored(verb, &clean_lines(&text.to_string())));
        }
    }

    /// Takes the lines away.
    pub fn end_rows(&self) {
        self.talk().rows = None;
    }

    fn colored(&self, verb: &str, text: &str) -> String {
        let plain = AutoStream::new(io::stderr(), self.color).current_choice();
        match plain {
            ColorChoice::Never => format!("{verb:>12} {text}"),
            _ => format!("{GREEN}{verb:>12}{GREEN:#} {text}"),
        }
    }

    /// Standard error may be gone; that is no reason to stop working.
    fn say(&self, text: &str) {
        let mut talk = self.talk();
        if let Some(held) = &mut talk.held {
            held.extend(text.as_bytes());
            return;
        }
        let write = || {
            let _ = AutoStream::new(io::stderr().lock(), self.color).write_all(text.as_bytes());
        };
        match (&talk.bar, &talk.rows) {
            (Some(bar), _) => bar.suspend(write),
            (None, Some(rows)) => rows.suspend(write),
            (None, None) => write(),
        }
    }

    /// Whether only what goes wrong is to be said.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// A line of progress, in cargo's manner: the verb in twelve columns.
    pub fn status(&self, verb: &str, text: impl Display) {
        if !self.quiet {
            self.say(&format!("{GREEN}{verb:>12}{GREEN:#} {text}\n"));
        }
    }

    /// The same, unless it was said before.
    pub fn status_once(&self, verb: &str, text: impl Display) {
        let text = text.to_string();
        if self.talk().once.insert(format!("{verb} {text}")) {
            self.status(verb, text);
        }
    }

    /// One that nobody hears: for what says its warnings somewhere else.
    #[must_use]
    pub fn unheard() -> Self {
        Self::new(Output::Text, true, false, ColorChoice::Never)
    }

    /// A line for `-v`.
    pub fn detail(&self, verb: &str, text: impl Display) {
        if self.verbose {
            self.status(verb, text);
        }
    }

    /// A line of a function's log.
    pub fn log(&self, function: &str, line: &str) {
        if !self.quiet {
            self.asked_log(function, line);
        }
    }

    /// The same where it was asked for, whatever else is to be said.
    pub fn asked_log(&self, function: &str, line: &str) {
        self.say(&format!(
            "{CYAN}{}{CYAN:#} {}\n",
            clean(function),
            clean_lines(&line.replace('\t', "  "))
        ));
    }

    /// A line of what functions write, in the colours that it has.
    pub fn stream(&self, function: &str, text: &str) {
        if !self.quiet {
            self.say(&format!("{CYAN}{}{CYAN:#} {text}\n", clean(function)));
        }
    }

    /// Something that is not wrong, and not as it might be thought either.
    pub fn warn(&self, text: impl Display) {
        if !self.quiet {
            self.say(&format!("{YELLOW}warning{YELLOW:#}: {}\n", clean_lines(&text.to_string())));
        }
    }

    /// A finding in the talk.
    pub fn finding(&self, finding: &Finding) {
        let shown = match finding.level {
            Level::Error => true,
            Level::Warning | Level::Note => !self.quiet,
        };
        if shown {
            let width = io::stderr().is_terminal().then(textwrap::termwidth);
            self.say(&finding_text(finding, width));
        }
    }

    /// The end of a command that failed.
    pub fn error(&self, error: &crate::Error) {
        let mut text = format!("{RED}error{RED:#}: {}\n", clean_lines(&error.to_string()));
        for cause in error.causes() {
            text.push_str(&format!("{RED}caused by{RED:#}: {}\n", clean_lines(&cause)));
        }
        if let Some(hint) = error.hint() {
            text.push_str(&format!("\n{CYAN}hint{CYAN:#}: {hint}\n"));
        }
        self.say(&text);
    }

    /// A line of the answer, in text mode.
    pub fn answer(&self, line: impl Display) -> io::Result<()> {
        self.to_stdout(&format!("{line}\n"))
    }

    /// A finding as part of the answer.
    pub fn answer_finding(&self, finding: &Finding) -> io::Result<()> {
        self.to_stdout(&finding_text(finding, self.stdout_width()))
    }

    /// A record of the answer, in JSON mode.
    pub fn record(&self, message: &Message<'_>) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        io::stdout().lock().write_all(&line)
    }

    fn to_stdout(&self, text: &str) -> io::Result<()> {
        AutoStream::new(io::stdout().lock(), self.color).write_all(text.as_bytes())
    }
}

/// `error[code]: thing message`, and the hint below, folded to the width.
fn finding_text(finding: &Finding, width: Option<usize>) -> String {
    let style = match finding.level {
        Level::Error => RED,
        Level::Warning => YELLOW,
        Level::Note => CYAN,
    };
    let head = format!("{}[{}]", finding.level, finding.code.name());
    let mut text =
        fold(&format!("{head}: {}: {}", clean(&finding.place()), clean(&finding.message)), width);
    // The colour after the folding, which would count it as letters.
    text = text.replacen(&head, &format!("{style}{head}{style:#}"), 1);
    if !finding.hint.is_empty() {
        text.push_str(&fold(&format!("  hint: {}", clean(&finding.hint)), width));
    }
    text
}

/// Our own messages have several lines; the names in them must not steer the terminal.
fn clean_lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}

fn fold(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else { return format!("{text}\n") };
    let options = textwrap::Options::new(width.max(40)).subsequent_indent("    ");
    let options = options.break_words(false);
    textwrap::fill(text, options) + "\n"
}
