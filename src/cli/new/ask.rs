//! The questions of `new`, on a terminal.

use std::io::{self, ErrorKind, IsTerminal as _};
use std::path::PathBuf;

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
    /// Asks nobody where `quiet` is said, or where one of the three streams is no terminal.
    pub(super) fn new(quiet: bool) -> Self {
        let colours = anstream::stderr().current_choice() != anstream::ColorChoice::Never;
        let theme: Box<dyn Theme> =
            if colours { Box::new(ColorfulTheme::default()) } else { Box::new(SimpleTheme) };
        let is_terminal =
            question::can_be_asked() && io::stdout().is_terminal() && io::stderr().is_terminal();
        Self { is_quiet: quiet || !is_terminal, theme }
    }

    /// Whether there is anybody.
    pub(super) fn asks(&self) -> bool {
        !self.is_quiet
    }

    /// The folder to make.
    pub(super) fn path(&self) -> Result<PathBuf, Error> {
        if self.is_quiet {
            let what = "`new` takes a PATH: the folder to make, whose name is the package's";
            return Err(Error::Usage(what.to_owned()));
        }
        let input = Input::<String>::with_theme(&*self.theme).with_prompt("Which folder?");
        Ok(until_interrupted(|| input.interact_text().map(Some))?.into())
    }

    /// The name of a template of ours.
    pub(super) fn template(&self) -> Result<String, Error> {
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
        let question = "Which template?";
        let select = Select::with_theme(&*self.theme).with_prompt(question).report(false);
        let chosen = until_interrupted(|| select.items(&lines).default(first).interact_opt())?;
        let name = names.get(chosen).map_or(template::DEFAULT, |name| name);
        // The name alone: not the whole line, with what it is.
        let mut said = String::new();
        if self.theme.format_select_prompt_selection(&mut said, question, name).is_ok() {
            Term::stderr().write_line(&said)?;
        }
        Ok(name.to_owned())
    }

    /// An answer, if there is anybody.
    pub(super) fn answer(&self, prompt: &Prompt) -> Result<Option<String>, Error> {
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
                let chosen = until_interrupted(|| select.interact_opt())?;
                choices.get(chosen).cloned()
            }
            Kind::Bool => {
                let yes = prompt.default.as_deref() == Some("true");
                let confirm = Confirm::with_theme(theme).with_prompt(question).default(yes);
                Some(until_interrupted(|| confirm.interact_opt())?.to_string())
            }
            Kind::Text(_) => {
                let mut input = Input::<String>::with_theme(theme).with_prompt(question);
                if let Some(default) = &prompt.default {
                    input = input.default(default.clone());
                }
                let good = |text: &String| prompt.accepts(text).map_err(|error| error.to_string());
                let input = input.allow_empty(prompt.accepts("").is_ok()).validate_with(good);
                Some(until_interrupted(|| input.interact_text().map(Some))?)
            }
        };
        Ok(answer)
    }
}

/// The library raises SIGINT at Ctrl-C, with the cursor hidden: it is taken here, and the cursor comes back.
/// Escape, and `q` where no text is asked for, are no answer either.
fn until_interrupted<T>(ask: impl FnOnce() -> dialoguer::Result<Option<T>>) -> Result<T, Error> {
    asynchronously(async {
        let _taken = Interrupt::listen()?;
        match ask() {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(ended()),
            Err(dialoguer::Error::IO(error)) if error.kind() == ErrorKind::Interrupted => {
                let _ = Term::stderr().show_cursor();
                Err(ended())
            }
            Err(dialoguer::Error::IO(error)) => Err(error.into()),
        }
    })?
}

fn ended() -> Error {
    Error::Interrupted { code: 130, stays: "nothing was written" }
}
