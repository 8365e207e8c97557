//! The questions of `new`, on a terminal.

use std::io::{self, ErrorKind, IsTerminal as _};

use dialoguer::console::{Term, truncate_str};
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{Confirm, Input, Select};

use crate::cli::interrupt::Interrupt;
use crate::cli::{asynchronously, question};
use crate::error::Error;
use crate::template::{self, Kind, Prompt};

/// Whoever answers, if anybody does.
pub(super) struct Asking {
    is_quiet: bool,
    theme: Box<dyn Theme>,
}

impl Asking {
    /// Asks nobody where `quiet` is said, or where no terminal is on both sides.
    pub(super) fn new(quiet: bool) -> Self {
        let colours = anstream::stderr().current_choice() != anstream::ColorChoice::Never;
        let theme: Box<dyn Theme> =
            if colours { Box::new(ColorfulTheme::default()) } else { Box::new(SimpleTheme) };
        Self { is_quiet: quiet || !question::can_be_asked() || !io::stderr().is_terminal(), theme }
    }

    /// The name of a template of ours.
    pub(super) fn template(&mut self) -> Result<String, Error> {
        if self.is_quiet {
            return Ok(template::DEFAULT.to_owned());
        }
        let names = template::names();
        let mut lines = Vec::new();
        let widest = names.iter().map(|name| name.len()).max().unwrap_or_default();
        for name in &names {
            let line = format!("{name:widest$}  {}", template::described(name)?.description);
            // A line that is folded is not redrawn as one.
            let width = usize::from(Term::stderr().size().1).saturating_sub(3);
            lines.push(truncate_str(&line, width, "…").into_owned());
        }
        let first = names.iter().position(|name| *name == template::DEFAULT).unwrap_or_default();
        let select = Select::with_theme(&*self.theme).with_prompt("Which template?").report(false);
        let chosen = until_interrupted(|| select.items(&lines).default(first).interact())?;
        Ok(names.get(chosen).map_or(template::DEFAULT, |name| name).to_owned())
    }

    /// An answer, if there is anybody.
    pub(super) fn answer(&mut self, prompt: &Prompt) -> Result<Option<String>, Error> {
        if self.is_quiet {
            return Ok(None);
        }
        let theme = &*self.theme;
        let question = &prompt.question;
        let answer = match &prompt.kind {
            Kind::Choice(choices) => {
                let default = prompt.default.as_ref();
                let first = default.and_then(|it| choices.iter().position(|choice| choice == it));
                let select = Select::with_theme(theme).with_prompt(question).items(choices);
                let select = select.default(first.unwrap_or_default());
                let chosen = until_interrupted(|| select.interact())?;
                choices.get(chosen).cloned()
            }
            Kind::Bool => {
                let yes = prompt.default.as_deref() == Some("true");
                let confirm = Confirm::with_theme(theme).with_prompt(question).default(yes);
                Some(until_interrupted(|| confirm.interact())?.to_string())
            }
            Kind::Text(_) => {
                let mut input = Input::<String>::with_theme(theme).with_prompt(question);
                if let Some(default) = &prompt.default {
                    input = input.default(default.clone());
                }
                let good = |text: &String| prompt.accepts(text).map_err(|error| error.to_string());
                let input = input.allow_empty(prompt.accepts("").is_ok()).validate_with(good);
                Some(until_interrupted(|| input.interact_text())?)
            }
        };
        Ok(answer)
    }
}

/// The library raises SIGINT at Ctrl-C, with the cursor hidden: it is taken here, and the cursor comes back.
fn until_interrupted<T>(ask: impl FnOnce() -> dialoguer::Result<T>) -> Result<T, Error> {
    asynchronously(async {
        let _taken = Interrupt::listen()?;
        match ask() {
            Ok(answer) => Ok(answer),
            Err(dialoguer::Error::IO(error)) if error.kind() == ErrorKind::Interrupted => {
                let _ = Term::stderr().show_cursor();
                Err(Error::Interrupted { code: 130, stays: "nothing was written" })
            }
            Err(dialoguer::Error::IO(error)) => Err(error.into()),
        }
    })?
}
