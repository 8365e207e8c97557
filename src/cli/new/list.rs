//! `--list`: the templates of the program, or what one asks.

use super::read;
use crate::cli::args::TemplateFlags;
use crate::error::Error;
use crate::message::{AskedOf, Keep, Message, Table};
use crate::shell::Shell;
use crate::template::{self, Kind, Prompt};

pub(super) fn list(flags: &TemplateFlags, shell: &Shell) -> Result<(), Error> {
    if let Some(said) = &flags.template {
        return list_prompts(
            &read(said, !shell.is_json() && !shell.is_quiet(), shell)?.0.manifest.prompts,
            shell,
        );
    }
    let mut rows = Vec::new();
    for name in template::names() {
        let description = template::described(name)?.description;
        if shell.is_json() {
            shell.record(&Message::Template { name, description: &description })?;
        }
        rows.push(vec![name.to_owned(), description]);
    }
    if !shell.is_json() {
        for line in Table::new(&["TEMPLATE", "WHAT IT IS"], rows).lines(&[]) {
            shell.answer(line.trim_end())?;
        }
    }
    Ok(())
}

fn list_prompts(prompts: &[Prompt], shell: &Shell) -> Result<(), Error> {
    let values = |prompt: &Prompt| match &prompt.kind {
        Kind::Choice(choices) => choices.clone(),
        Kind::Bool => vec!["true".to_owned(), "false".to_owned()],
        Kind::Text(_) => Vec::new(),
    };
    if shell.is_json() {
        for prompt in prompts {
            shell.record(&Message::TemplatePrompt(&AskedOf {
                key: &prompt.key,
                question: &prompt.question,
                default: prompt.default.as_deref(),
                values: values(prompt),
                pattern: prompt.pattern(),
                when: prompt.when.as_deref(),
            }))?;
        }
        return Ok(());
    }
    if prompts.is_empty() {
        shell.answer("it asks nothing")?;
        return Ok(());
    }
    let row = |prompt: &Prompt| {
        let default = prompt.default.clone().unwrap_or_default();
        let values = match prompt.pattern() {
            Some(pattern) => format!("matches {pattern}"),
            None => values(prompt).join(", "),
        };
        let when = prompt.when.as_ref().map(|when| format!(" (if {when})")).unwrap_or_default();
        vec![prompt.key.clone(), default, values, format!("{}{when}", prompt.question)]
    };
    let rows = prompts.iter().map(row).collect();
    let table = Table::new(&["--set", "DEFAULT", "VALUES", "QUESTION"], rows);
    for line in table.fit(shell.stdout_width(), 3, 16, Keep::Start).lines(&[]) {
        shell.answer(line.trim_end())?;
    }
    Ok(())
}
