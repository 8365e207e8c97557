//! `new` and `init`: a package from a template.

mod ask;
mod home;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::args::{Init, New, TemplateFlags};
use crate::error::Error;
use crate::message::{AskedOf, Keep, Made, Message, Table};
use crate::nearest::quoted;
use crate::shell::Shell;
use crate::template::{self, Answers, Files, Given, Kind, Origin, Prompt, Template};
use crate::template_files::{self as from, TemplateFilesError};
use ask::Asking;
use home::Home;

pub(super) fn new(args: &New, shell: &Shell) -> Result<(), Error> {
    if args.flags.list {
        return list(&args.flags, shell);
    }
    let Some(path) = &args.path else {
        return Err(Error::Usage("no PATH".to_owned()));
    };
    let is_taken = fs::symlink_metadata(path).is_ok() && !is_empty(path);
    if is_taken && !args.flags.force {
        let what = format!(
            "{} is there already: choose another folder, or `init` one (`--force` writes over files)",
            path.display()
        );
        return Err(Error::Usage(what));
    }
    make(path, &args.flags, shell)
}

pub(super) fn init(args: &Init, shell: &Shell) -> Result<(), Error> {
    if args.flags.list {
        return list(&args.flags, shell);
    }
    make(args.path.as_deref().unwrap_or(Path::new(".")), &args.flags, shell)
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut items| items.next().is_none())
}

/// Asks, renders, and writes.
fn make(place: &Path, flags: &TemplateFlags, shell: &Shell) -> Result<(), Error> {
    let place = whole(place)?;
    let name = match &flags.name {
        Some(name) => name.clone(),
        None => place.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    };
    let refused = |source| template::TemplateError::PackageName { name: name.clone(), source };
    crate::crate_name::check(&name).map_err(|why| Error::from(refused(why)))?;
    let set = settings(&flags.set)?;
    let mut asking = Asking::new(flags.yes || shell.is_json());
    let said = match &flags.template {
        Some(said) => said.clone(),
        None => asking.template()?,
    };
    let template = read(&said, shell)?;
    let home = Home::of(&place)?;
    let given = Given { name, workspace: home.is_workspace(), set };
    // Conditions of questions are the template's own too.
    let (answers, files) = from::bounded(|| {
        let answers = template.answers(&given, |prompt| asking.answer(prompt))?;
        let files = template.render(&answers)?;
        Ok::<_, Error>((answers, files))
    })?;
    let home = home.for_package(&files, &given.name)?;
    write(&place, &files, flags.force)?;
    home.join()?;
    let done = Done { said: &said, template: &template, answers: &answers, files: &files };
    done.say(&place, &given.name, &home, shell)
}

/// A path from the root on, whose last part is a name; the folders above need not be there.
fn whole(path: &Path) -> Result<PathBuf, Error> {
    let path = env::current_dir()?.join(path);
    if let Ok(real) = fs::canonicalize(&path) {
        return Ok(real);
    }
    let normal = path.components().all(|part| part != std::path::Component::ParentDir);
    match (normal, path.file_name()) {
        (true, Some(_)) => Ok(path),
        _ => Err(Error::Usage(format!("{} names no folder to make", path.display()))),
    }
}

fn settings(set: &[String]) -> Result<BTreeMap<String, String>, Error> {
    let pair = |said: &String| match said.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_owned(), value.to_owned())),
        None => Err(Error::Usage(format!("`--set {said}` is not KEY=VALUE"))),
    };
    set.iter().map(pair).collect()
}

/// The template that `--template` names.
fn read(said: &str, shell: &Shell) -> Result<Template, Error> {
    let gathered = match Origin::parse(said).map_err(Error::Usage)? {
        Origin::BuiltIn(name) => {
            return template::builtin(&name).map_err(|error| {
                let is_folder = Path::new(&name).is_dir();
                let hint = || Error::Usage(format!("{error}; the folder is `--template ./{name}`"));
                if is_folder { hint() } else { error.into() }
            });
        }
        Origin::Folder(folder) => from::of_folder(&folder),
        Origin::Zip(file) => from::of_zip(&file),
        Origin::TarGz(file) => from::of_tar_gz(&file),
        Origin::Git(git) => {
            shell.status("Fetching", &git.url);
            from::of_git(&git)
        }
    };
    Ok(Template::of(gathered?)?)
}

/// Writes the files: into a new folder at once, into one that is there each by itself.
fn write(place: &Path, files: &Files, force: bool) -> Result<(), Error> {
    if fs::symlink_metadata(place).is_err() || (is_empty(place) && !is_here(place)) {
        return Ok(from::create(place, files)?);
    }
    let taken = from::in_the_way(place, files)?;
    if !taken.is_empty() && !force {
        let names: Vec<&str> = taken.iter().map(String::as_str).collect();
        let what = format!("there already, with other contents: {}", quoted(&names));
        return Err(Error::Usage(format!("{what}; `--force` writes over them")));
    }
    Ok(from::write(place, files)?)
}

/// Whether somebody stands in a folder, who would not see another in its place.
fn is_here(place: &Path) -> bool {
    env::current_dir().is_ok_and(|here| here.starts_with(place))
}

struct Done<'a> {
    said: &'a str,
    template: &'a Template,
    answers: &'a Answers,
    files: &'a Files,
}

impl Done<'_> {
    fn say(&self, place: &Path, name: &str, home: &Home, shell: &Shell) -> Result<(), Error> {
        let from_here = |path: &Path| {
            let here = env::current_dir().ok();
            let below = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_path_buf));
            below.unwrap_or_else(|| path.to_path_buf())
        };
        let shown = from_here(place).display().to_string();
        if shell.is_json() {
            return Ok(shell.record(&Message::Created(&Made {
                template: self.said,
                package: name,
                path: place.display().to_string(),
                files: self.files.keys().map(String::as_str).collect(),
                workspace: home.manifest().map(|path| path.display().to_string()),
            }))?);
        }
        let is_here = shown.is_empty();
        let at = if is_here { "here".to_owned() } else { format!("in {shown}/") };
        let count = self.files.len();
        shell.status("Created", format!("`{name}` {at} ({}, {count} files)", self.said));
        if let Some(manifest) = home.changed() {
            shell
                .status("Added", format!("it to the members of {}", from_here(manifest).display()));
        }
        if !is_here {
            shell.status("Next", format!("cd {shown}"));
        }
        let sample = self.template.samples(self.answers, self.files)?.into_iter().next();
        let words = match &sample {
            Some(sample) => {
                let function = sample.function.as_deref().or(home.manifest().map(|_| name));
                let function = function.map(|name| format!("{name} ")).unwrap_or_default();
                format!("cargo lambda-pack invoke {function}--local --payload {}", sample.event)
            }
            None => "cargo lambda-pack package".to_owned(),
        };
        shell.status("Next", words);
        Ok(())
    }
}

/// `--list`.
fn list(flags: &TemplateFlags, shell: &Shell) -> Result<(), Error> {
    if let Some(said) = &flags.template {
        return list_prompts(&read(said, shell)?.manifest.prompts, shell);
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
        vec![prompt.key.clone(), default, values(prompt).join(", "), prompt.question.clone()]
    };
    let rows = prompts.iter().map(row).collect();
    let table = Table::new(&["--set", "DEFAULT", "VALUES", "QUESTION"], rows);
    for line in table.fit(shell.stdout_width(), 3, 16, Keep::Start).lines(&[]) {
        shell.answer(line.trim_end())?;
    }
    Ok(())
}

impl From<template::TemplateError> for Error {
    fn from(error: template::TemplateError) -> Self {
        TemplateFilesError::from(error).into()
    }
}
