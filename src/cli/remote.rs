//! Functions by their names, whether the workspace has them or not, and the AWS that they are on.

use std::path::PathBuf;

use super::args::{Audit, Build, Global, ManifestFlags};
use super::configuration;
use super::deploy::jobs;
use super::deploy::session::Session;
use super::facts::Facts;
use super::groups::functions;
use super::prepare::Machines;
use super::split;
use crate::aws::{AwsError, Place, RATE};
use crate::config::Config;
use crate::error::{Error, RemoteError};
use crate::function::{Function, FunctionName, Role};
use crate::nearest;
use crate::plan::{self, PlanError, SelectError};
use crate::release::layers::Own;
use crate::release::wanted::Wanted;
use crate::shell::Shell;

/// The width of the first column of what is said of a function.
const LABEL: usize = 14;

/// A function that was named or selected.
pub(super) struct Named {
    /// Its name.
    pub(super) name: String,
    /// What the workspace has under that name, for each architecture that it is wanted for; nothing
    /// if it has none.
    pub(super) known: Vec<(Function, Wanted)>,
}

/// All of them.
#[derive(Default)]
pub(super) struct Scope {
    pub(super) functions: Vec<Named>,
    /// Where bundles are, unless they are elsewhere; none outside of a workspace.
    pub(super) bundles: Option<PathBuf>,
    /// The workspace's folder; none outside of one.
    pub(super) root: Option<PathBuf>,
    /// Which layers are the workspace's; none outside of one, or where its lock cannot be read.
    pub(super) own_layers: Option<Own>,
    /// The names of all functions that the flags select.
    names: Vec<String>,
}

impl Scope {
    /// The functions of these names, or all that the flags select if there are none. Names need no
    /// workspace, and no function in it.
    pub(super) fn of(
        names: &[String],
        build: &Build,
        global: &Global,
        shell: &Shell,
    ) -> Result<Self, Error> {
        for name in names {
            FunctionName::new(name).map_err(|error| Error::Usage(error.to_string()))?;
        }
        let mut scope = Self::default();
        if names.is_empty() || global.has_workspace() {
            let facts = Facts::gather(build.cargo_options(global), true)?;
            let flags = build.compile.settings(&Audit::default());
            let config = configuration::load(&facts.metadata, flags, global, shell)?;
            let any = !names.is_empty();
            let mut selected = select(&facts, any, build, &config, shell)?;
            selected.retain(|function| function.role == Role::Function);
            if selected.is_empty() && !any {
                return Err(Error::Usage("no function is selected".to_owned()));
            }
            scope.names = selected.iter().map(|function| function.name.to_string()).collect();
            selected.retain(|function| {
                names.is_empty() || names.iter().any(|name| name == function.name.as_str())
            });
            let wanted = jobs::wanted(&config, &selected)?;
            scope.root = Some(facts.metadata.workspace_root.clone().into_std_path_buf());
            scope.bundles = Some(plan::output(&facts.target, None, false).base);
            scope.own_layers = split::own(&facts.metadata, &config).ok();
            scope.functions = group(selected.into_iter().zip(wanted).collect());
        }
        for name in names {
            if !scope.functions.iter().any(|function| function.name == *name) {
                scope.functions.push(Named { name: name.clone(), known: Vec::new() });
            }
        }
        Ok(scope)
    }

    /// The functions of these names, of which nothing else is known.
    pub(super) fn without_settings(names: &[String]) -> Self {
        let known = |name: &String| Named { name: name.clone(), known: Vec::new() };
        Self { functions: names.iter().map(known).collect(), ..Self::default() }
    }

    /// The functions of these names, whatever else the workspace has.
    pub(super) fn named(
        names: &[String],
        manifest: &ManifestFlags,
        global: &Global,
        shell: &Shell,
    ) -> Result<Self, Error> {
        let build = Build { manifest: manifest.clone(), ..Build::default() };
        Self::of(names, &build, global, shell)
    }

    /// Connects to the AWS that the flags name, or the settings of these functions.
    pub(super) async fn connect(
        &self,
        place: Place,
        verb: &'static str,
        shell: &Shell,
    ) -> Result<Session, Error> {
        self.connect_at(RATE, place, verb, shell).await
    }

    /// The same, for so many calls of the control API a second.
    pub(super) async fn connect_at(
        &self,
        rate: f64,
        place: Place,
        verb: &'static str,
        shell: &Shell,
    ) -> Result<Session, Error> {
        let known = |named: &Named| named.known.first().map(|(_, wanted)| wanted.clone());
        let wanted: Vec<(&str, Wanted)> = self
            .functions
            .iter()
            .filter_map(|named| Some((named.name.as_str(), known(named)?)))
            .collect();
        let who: Vec<(&str, &Wanted)> =
            wanted.iter().map(|(name, wanted)| (*name, wanted)).collect();
        let first = self.functions.first().map_or("", |named| named.name.as_str());
        let failed = |error: AwsError| Error::from(RemoteError::of(verb, first, error));
        Session::to(place, rate, &who, failed, shell).await
    }

    /// A function that is nowhere, in words.
    pub(super) fn not_there(&self, name: &str) -> String {
        not_there(format_args!("`{name}`"), &self.suggestion(name))
    }

    /// Which name may have been meant, for one that is nowhere.
    pub(super) fn suggestion(&self, name: &str) -> String {
        // One that the workspace has is only not deployed.
        if self.names.is_empty() || self.names.iter().any(|known| known == name) {
            return String::new();
        }
        nearest::suggestion(name, self.names.iter().map(String::as_str))
    }
}

/// What is not there, and what may have been meant.
pub(super) fn not_there(what: impl std::fmt::Display, meant: &str) -> String {
    format!("{what} is not there; {meant}").trim_end_matches("; ").to_owned()
}

/// Whoever names what is not there has meant another.
pub(super) fn there(missing: &[String]) -> Result<(), Error> {
    if missing.is_empty() { Ok(()) } else { Err(Error::Usage(missing.join("\n"))) }
}

/// The handlers that the flags select. For `any` it is the whole workspace, which need not have one.
pub(super) fn select(
    facts: &Facts,
    any: bool,
    build: &Build,
    config: &Config,
    shell: &Shell,
) -> Result<Vec<Function>, Error> {
    let mut selection = build.selection();
    if any && selection.packages.is_empty() {
        selection.workspace = true;
    }
    let target = Machines::new(facts, shell).default_target();
    match functions(facts, &selection, config, target) {
        Ok(chosen) => Ok(chosen.functions),
        Err(Error::Select(SelectError::Nothing(_)) | Error::Plan(PlanError::Host(_))) if any => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// Those of one name together; they come in the order of their names.
fn group(all: Vec<(Function, Wanted)>) -> Vec<Named> {
    let mut groups: Vec<Named> = Vec::new();
    for one in all {
        match groups.last_mut().filter(|last| last.name == one.0.name.as_str()) {
            Some(last) => last.known.push(one),
            None => groups.push(Named { name: one.0.name.to_string(), known: vec![one] }),
        }
    }
    groups
}

/// A line of what is said of a function: what it is about, and the text, folded to the terminal.
pub(super) fn say(label: &str, text: &str, shell: &Shell) -> Result<(), Error> {
    let first = format!("  {label:<LABEL$}");
    let below = " ".repeat(LABEL + 2);
    let text = crate::message::clean(text);
    let Some(width) = shell.stdout_width() else {
        return Ok(shell.answer(format_args!("{first}{text}"))?);
    };
    let options = textwrap::Options::new(width.max(40)).initial_indent(&first);
    let options = options.subsequent_indent(&below).break_words(false);
    Ok(shell.answer(textwrap::fill(&text, options))?)
}
