//! `delete`: functions, or one version, after all that would go was shown.

use std::collections::BTreeMap;

use super::args::{Delete, Global};
use super::deploy::session::{self, Session};
use super::question::{agreed, can_be_asked};
use super::remote::{Scope, say};
use crate::aws::{AwsError, Belongings};
use crate::error::{Error, RemoteError};
use crate::message::{Deleted, Message};
use crate::release::Object;
use crate::release::content::text;
use crate::release::status::{Alias, numbers};
use crate::shell::Shell;

/// What is to go.
struct Victim<'a> {
    function: &'a str,
    /// This version alone.
    version: Option<&'a str>,
    own: Belongings,
}

pub(super) fn run(args: &Delete, global: &Global, shell: &Shell) -> Result<(), Error> {
    if !args.yes && !can_be_asked() {
        let what = "`delete` asks before it deletes, and there is no terminal to ask on";
        return Err(Error::Usage(format!("{what}: say `--yes`")));
    }
    let version = args.qualifier.as_deref().map(|given| version(given, args)).transpose()?;
    let mut names: Vec<String> = Vec::new();
    for name in &args.functions {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let place = session::place(&args.place)?;
    let scope = Scope::named(&names, &args.manifest, global, shell)?;
    super::asynchronously(async {
        let session = scope.connect(place, "delete", shell).await?;
        let failed =
            |(function, error): (String, AwsError)| RemoteError::of("delete", &function, error);
        let all = session.aws.belongings(&names).await.map_err(failed)?;
        let victims: Vec<Victim<'_>> = names
            .iter()
            .zip(all)
            .map(|(function, own)| Victim { function, version, own })
            .collect();
        for victim in &victims {
            victim.may_go()?;
            victim.show(&scope, shell)?;
        }
        if victims.iter().any(Victim::exists)
            && !args.yes
            && !agreed(&question(&victims, &session))?
        {
            shell.status("Kept", "all of it");
            return Ok(());
        }
        delete(&session, &victims, shell).await
    })?
}

/// A version's number, of one function.
fn version<'a>(given: &'a str, args: &Delete) -> Result<&'a str, Error> {
    if args.functions.len() > 1 {
        return Err(Error::Usage("`--qualifier` is for one function".to_owned()));
    }
    if given.is_empty() || !given.bytes().all(|byte| byte.is_ascii_digit()) {
        let what = format!("`{given}` is not the number of a version");
        return Err(Error::Usage(format!("{what}; aliases and $LATEST go with the function")));
    }
    Ok(given)
}

/// `Delete 2 functions in account 123456789012, eu-west-1? [y/N] `.
fn question(victims: &[Victim<'_>], session: &Session) -> String {
    let there: Vec<&Victim<'_>> = victims.iter().filter(|victim| victim.exists()).collect();
    let arn = there.iter().find_map(|victim| victim.arn());
    let what = match there.as_slice() {
        [one] => one.name(),
        all => format!("{} functions", all.len()),
    };
    format!("Delete {what} in {}? [y/N] ", session.name_by(arn))
}

/// One after the other: mappings first, then what they lead to. What could not be deleted does not
/// keep the others.
async fn delete(session: &Session, victims: &[Victim<'_>], shell: &Shell) -> Result<(), Error> {
    let mut stopped = Vec::new();
    for victim in victims {
        if let Err(error) = victim.delete(session, shell).await {
            stopped.push((victim.function.to_owned(), error));
            continue;
        }
        if shell.is_json() {
            shell.record(&Message::Deleted(&victim.record()))?;
        } else if victim.exists() {
            shell.status("Deleted", victim.name());
        }
    }
    if stopped.is_empty() { Ok(()) } else { Err(RemoteError { verb: "delete", stopped }.into()) }
}

impl Victim<'_> {
    fn name(&self) -> String {
        match self.version {
            Some(version) => format!("version {version} of {}", self.function),
            None => self.function.to_owned(),
        }
    }

    fn arn(&self) -> Option<&str> {
        text(&self.own.function.as_ref()?.configuration, "FunctionArn")
    }

    fn exists(&self) -> bool {
        self.own.function.is_some()
            && self.version.is_none_or(|version| numbers(&self.own.versions).contains(&version))
    }

    /// What an alias points at stays (AWS refuses it as well).
    fn may_go(&self) -> Result<(), Error> {
        let Some(version) = self.version else { return Ok(()) };
        let points = |alias: &&Alias| alias.targets().any(|target| target == version);
        let names: Vec<&str> =
            self.own.aliases.iter().filter(points).map(|alias| alias.name.as_str()).collect();
        if names.is_empty() {
            return Ok(());
        }
        Err(Error::Usage(format!(
            "version {version} of `{}` gets traffic by {}: move that away first",
            self.function,
            names.join(", ")
        )))
    }

    /// Whether something that is qualified goes along.
    fn goes(&self, arn: &str) -> bool {
        self.version.is_none_or(|version| arn.rsplit(':').next() == Some(version))
    }

    /// What goes along of a list, each by its `FunctionArn`.
    fn along<'o>(&self, all: &'o [Object]) -> Vec<&'o Object> {
        let goes = |one: &&Object| self.goes(text(one, "FunctionArn").unwrap_or_default());
        all.iter().filter(goes).collect()
    }

    fn versions(&self) -> Vec<&str> {
        let mut all = numbers(&self.own.versions);
        all.retain(|number| self.version.is_none_or(|version| *number == version));
        all
    }

    fn aliases(&self) -> &[Alias] {
        if self.version.is_some() { &[] } else { &self.own.aliases }
    }

    /// All that would go.
    fn show(&self, scope: &Scope, shell: &Shell) -> Result<(), Error> {
        if shell.is_json() {
            return Ok(());
        }
        if !self.exists() {
            let meant = self.own.function.is_none().then(|| scope.suggestion(self.function));
            let line = format!("{}: not there; {}", self.name(), meant.unwrap_or_default());
            return Ok(shell.answer(line.trim_end_matches("; "))?);
        }
        shell.answer(self.name())?;
        for (label, line) in self.lines() {
            say(label, &line, shell)?;
        }
        Ok(())
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        let versions = self.versions();
        if self.version.is_none() && !versions.is_empty() {
            lines.push(("versions", format!("{}: {}", versions.len(), versions.join(", "))));
        }
        let aliases = self.aliases().iter();
        lines.extend(aliases.map(|alias| ("alias", format!("{} → {}", alias.name, alias.version))));
        if let Some(version) = self.version {
            lines.extend(self.rollbacks(version).map(|name| {
                ("alias", format!("{name} was there before: it could not be rolled back to it"))
            }));
        }
        for url in self.along(&self.own.urls) {
            lines.push(("url", format!("{}{}", member(url, "FunctionUrl"), qualified(url))));
        }
        for mapping in self.along(&self.own.mappings) {
            let source = member(mapping, "EventSourceArn");
            let source = if source.is_empty() { member(mapping, "UUID") } else { source };
            lines.push(("trigger", format!("{source}{}", qualified(mapping))));
        }
        let reserved = self.own.function.as_ref().and_then(|function| function.reserved);
        if let Some(reserved) = reserved.filter(|_| self.version.is_none()) {
            lines.push(("concurrency", format!("{reserved} reserved")));
        }
        for one in self.along(&self.own.provisioned) {
            let count = one.get("RequestedProvisionedConcurrentExecutions");
            let count = count.map(ToString::to_string).unwrap_or_default();
            lines.push(("concurrency", format!("{count} provisioned{}", qualified(one))));
        }
        lines
    }

    /// Aliases that the last deploy has moved away from a version.
    fn rollbacks(&self, version: &str) -> impl Iterator<Item = &str> {
        let came_from = move |alias: &&Alias| {
            alias.marker.as_ref().is_some_and(|marker| marker.prev.as_deref() == Some(version))
        };
        self.own.aliases.iter().filter(came_from).map(|alias| alias.name.as_str())
    }

    async fn delete(&self, session: &Session, shell: &Shell) -> Result<(), AwsError> {
        if !self.exists() {
            return Ok(());
        }
        for mapping in self.along(&self.own.mappings) {
            let source = text(mapping, "EventSourceArn").unwrap_or_default();
            shell.status("Deleting", format!("the trigger of {source}"));
            session.aws.delete_mapping(member(mapping, "UUID")).await?;
        }
        shell.status("Deleting", self.name());
        match self.version {
            Some(version) => session.aws.delete_version(self.function, version).await,
            None => session.aws.delete_function(self.function).await,
        }
    }

    fn record(&self) -> Deleted<'_> {
        let existed = self.exists();
        let along = |all| if existed { self.along(all) } else { Vec::new() };
        let mappings = along(&self.own.mappings).into_iter();
        Deleted {
            function: self.function,
            version: self.version,
            existed,
            versions: if existed { self.versions() } else { Vec::new() },
            aliases: self.aliases().iter().map(|alias| alias.name.as_str()).collect(),
            urls: along(&self.own.urls).into_iter().map(|url| member(url, "FunctionUrl")).collect(),
            mappings: mappings
                .map(|mapping| (member(mapping, "UUID"), member(mapping, "EventSourceArn")))
                .collect::<BTreeMap<_, _>>(),
        }
    }
}

fn member<'o>(object: &'o Object, name: &str) -> &'o str {
    text(object, name).unwrap_or_default()
}

/// ` (live)` of what is of an alias or a version.
fn qualified(object: &Object) -> String {
    let parts: Vec<&str> = member(object, "FunctionArn").split(':').collect();
    parts.get(7).map(|qualifier| format!(" ({qualifier})")).unwrap_or_default()
}
