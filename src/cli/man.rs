//! `man`: the pages of the manual, from the same definitions as help and completions.

use std::io::{self, Write as _};
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use super::PROGRAM;
use super::args::Cli;
use crate::error::Error;
use crate::files;
use crate::nearest::suggestion;
use crate::shell::Shell;

pub(super) fn run(words: &[String], out: Option<&Path>, shell: &Shell) -> Result<(), Error> {
    // `cargo help lambda-pack` asks man for the page of this name.
    let mut root = Cli::command().name(PROGRAM).disable_help_subcommand(true);
    root.build();
    let Some(folder) = out else {
        let mut command = &root;
        for word in words {
            command = named(command, word)?;
        }
        return Ok(io::stdout().lock().write_all(&page(command)?.1)?);
    };
    files::create_folder(folder)?;
    let mut left = vec![&root];
    while let Some(command) = left.pop() {
        let (name, text) = page(command)?;
        files::write_atomically(&folder.join(name), &text)?;
        left.extend(shown(command));
    }
    shell.status("Wrote", format!("the manual to {}", folder.display()));
    Ok(())
}

/// The commands below one, without those for our own use.
fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|command| !command.is_hide_set())
}

fn named<'a>(above: &'a Command, word: &str) -> Result<&'a Command, Error> {
    shown(above).find(|command| command.get_name() == word).ok_or_else(|| {
        let near = suggestion(word, shown(above).map(Command::get_name));
        Error::Usage(format!("no command `{word}`; {near}"))
    })
}

/// A page with the name of its file. It has no date: the same program writes the same pages.
fn page(command: &Command) -> Result<(String, Vec<u8>), Error> {
    let source = format!("{PROGRAM} {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).source(source).manual("cargo lambda-pack");
    let mut text = Vec::new();
    man.render(&mut text)?;
    Ok((man.get_filename(), text))
}
