//! `new` and `init`: a package from a template.

mod apart;
mod ask;
mod home;
mod list;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::args::{Global, Init, New, TemplateFlags};
use super::asynchronously;
use super::interrupt::Interrupt;
use crate::error::Error;
use crate::files;
use crate::message::{Made, Message};
use crate::nearest::quoted;
use crate::shell::Shell;
use crate::template::{self, Answers, Files, Given, Origin, Template};
use crate::template_files::{self as from, Put, TemplateFilesError};
pub(super) use apart::apart;
use ask::Asking;
use home::Home;
use list::list;

pub(super) fn new(args: &New, global: &Global, shell: &Shell) -> Result<(), Error> {
    if args.flags.list {
        return list(&args.flags, shell);
    }
    let asking = asking(&args.flags, global, shell)?;
    let place = whole(&match &args.path {
        Some(path) => path.clone(),
        None => asking.path()?,
    })?;
    let is_taken = fs::symlink_metadata(&place).is_ok() && !is_empty(&place);
    if is_taken && !args.flags.force {
        let what = format!(
            "{} is there already: choose another folder, or `init` one (`--force` writes over files)",
            args.path.as_deref().unwrap_or(&place).display()
        );
        return Err(Error::Usage(what));
    }
    make(&place, &args.flags, &asking, shell)
}

pub(super) fn init(args: &Init, global: &Global, shell: &Shell) -> Result<(), Error> {
    if args.flags.list {
        return list(&args.flags, shell);
    }
    let place = whole(args.path.as_deref().unwrap_or(Path::new(".")))?;
    make(&place, &args.flags, &asking(&args.flags, global, shell)?, shell)
}

fn asking(flags: &TemplateFlags, global: &Global, shell: &Shell) -> Result<Asking, Error> {
    if global.manifest_path.is_some() {
        let what = "`--manifest-path` means nothing here: a package joins the workspace that its folder is in";
        return Err(Error::Usage(what.to_owned()));
    }
    Ok(Asking::new(flags.yes || shell.is_json() || shell.is_quiet()))
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut items| items.next().is_none())
}

/// Asks, renders, and writes.
fn make(place: &Path, flags: &TemplateFlags, asking: &Asking, shell: &Shell) -> Result<(), Error> {
    let name = name(place, flags)?;
    let set = settings(&flags.set)?;
    let said = match &flags.template {
        Some(said) => said.clone(),
        None => asking.template()?,
    };
    let (template, said) = read(&said, asking.asks(), shell)?;
    let home = Home::of(place)?;
    let given = Given { name, workspace: home.is_workspace(), set };
    // Conditions of questions are the template's own too.
    let (answers, mut files) = from::bounded(|| {
        let answers = template.answers(&given, |prompt| asking.answer(prompt))?;
        let files = template.render(&answers)?;
        Ok::<_, Error>((answers, files))
    })?;
    home.take_in(&mut files, place, &given.name)?;
    let joined = write(place, &given.name, &home, &files, flags.force)?;
    let done = Done { said: &said, template: &template, answers: &answers, files: &files, joined };
    done.say(place, &given.name, &home, shell)
}

fn name(place: &Path, flags: &TemplateFlags) -> Result<String, Error> {
    let folder = || place.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = flags.name.clone().unwrap_or_else(folder);
    match crate::crate_name::check(&name) {
        Ok(()) => Ok(name),
        Err(source) if flags.name.is_some() => {
            Err(template::TemplateError::PackageName { name, source }.into())
        }
        Err(why) => {
            let what = format!("`{name}` cannot be the name of the package: {why}");
            Err(Error::Usage(format!(
                "{what}; `--name NAME` gives it another one than the folder's"
            )))
        }
    }
}

/// A path from the root on, without `..` and links; the last folders of it need not be there.
fn whole(path: &Path) -> Result<PathBuf, Error> {
    let mut whole = env::current_dir()?;
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                // Above where a link leads.
                whole = files::real(&whole).unwrap_or(whole);
                whole.pop();
            }
            part => whole.push(part),
        }
    }
    Ok(files::real(&whole).unwrap_or(whole))
}

fn settings(set: &[String]) -> Result<BTreeMap<String, String>, Error> {
    let pair = |said: &String| match said.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_owned(), value.to_owned())),
        None => Err(Error::Usage(format!("`--set {said}` is not KEY=VALUE"))),
    };
    set.iter().map(pair).collect()
}

/// The template that `--template` names, and its name without a password. With `asks` git may ask for one.
fn read(said: &str, asks: bool, shell: &Shell) -> Result<(Template, String), Error> {
    let gathered = match Origin::parse(said).map_err(Error::Usage)? {
        Origin::BuiltIn(name) => {
            let found = template::builtin(&name).map_err(|error| {
                let is_folder = Path::new(&name).is_dir();
                let hint = || Error::Usage(format!("{error}; the folder is `--template ./{name}`"));
                if is_folder { hint() } else { error.into() }
            });
            return Ok((found?, name));
        }
        Origin::Folder(folder) if !folder.is_dir() => {
            let what = format!("there is no folder {}", folder.display());
            let hint = "a git repository is named by a URL with `https://`, `ssh://` or `file://`";
            return Err(Error::Usage(format!("{what}; {hint}")));
        }
        Origin::Folder(folder) => from::of_folder(&folder),
        Origin::Zip(file) => from::of_zip(&file),
        Origin::TarGz(file) => from::of_tar_gz(&file),
        Origin::Git(git) => {
            shell.status("Fetching", git.shown());
            return Ok((Template::of(from::of_git(&git, asks)?)?, git.to_string()));
        }
    };
    Ok((Template::of(gathered?)?, said.to_owned()))
}

/// Writes the package and makes it a member, and has cargo read both: all of it stays, or nothing. Whether the
/// workspace's manifest has changed.
fn write(place: &Path, name: &str, home: &Home, files: &Files, force: bool) -> Result<bool, Error> {
    asynchronously(async {
        let _held = home.hold();
        // From here on it does not end in the middle.
        let _interrupt = Interrupt::listen()?;
        let mut put = Put::default();
        write_files(&mut put, place, files, force)?;
        let joined = home.join(&mut put)?;
        home.judge(place, files, name)?;
        put.keep();
        Ok(joined)
    })?
}

/// Into a new folder at once, into one that is there each by itself.
fn write_files(put: &mut Put, place: &Path, files: &Files, force: bool) -> Result<(), Error> {
    if fs::symlink_metadata(place).is_err() || (is_empty(place) && !is_here(place)) {
        return Ok(put.create(place, files)?);
    }
    let taken = from::in_the_way(place, files)?;
    if home::would_end(place, files) {
        return Err(Error::Usage(format!(
            "{} is the root of a workspace, whose Cargo.toml is not written over: make the package in a folder below it (`new`)",
            place.display()
        )));
    }
    if !taken.is_empty() && !force {
        let names: Vec<&str> = taken.iter().map(String::as_str).collect();
        let what = format!("there already, with other contents: {}", quoted(&names));
        return Err(Error::Usage(format!("{what}; `--force` writes over them")));
    }
    Ok(put.write(place, files)?)
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
    /// Whether the workspace's manifest has changed.
    joined: bool,
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
        if let Some(manifest) = home.manifest().filter(|_| self.joined) {
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

impl From<template::TemplateError> for Error {
    fn from(error: template::TemplateError) -> Self {
        TemplateFilesError::from(error).into()
    }
}
