//! `promote`: the version behind one alias to another alias, or a bundle to another environment, account
//! or Region.

use std::collections::BTreeSet;
use std::path::Path;

use super::args::{Global, Promote, Release};
use super::deploy::session::{self, Session};
use super::deploy::{self, bundle, image, jobs};
use super::moves::{self, Aim, Decided, How, Pace};
use super::remote::{Named, Scope};
use crate::aws::{Place, Stop};
use crate::config::{Check, KEYS, Kind};
use crate::error::{DeployError, Error, MoveError, RemoteError};
use crate::function::{Function, Packaging};
use crate::release::content::text;
use crate::release::moves::Refused;
use crate::release::observed::Observed;
use crate::release::promote::{Asked, decide, version};
use crate::release::releases::Released;
use crate::release::shift::strategy::{Strategy, StrategyError};
use crate::release::wanted::Wanted;
use crate::shell::Shell;

const VERB: &str = "promote";

pub(super) fn run(args: &Promote, global: &Global, shell: &Shell) -> Result<(), Error> {
    let release = &args.deploy.release;
    if let Some(flag) = unmeant(args) {
        return Err(Error::Usage(format!("`{flag}` means nothing here: see `promote --help`")));
    }
    match (&release.from, &args.alias_from) {
        (None, Some(alias)) => between_aliases(alias, args, global, shell),
        (Some(folder), Some(alias)) => {
            is_what_runs(jobs::given(folder)?, alias, args, global, shell)?;
            deploy::run(&args.deploy, global, shell)
        }
        (_, None) => deploy::run(&args.deploy, global, shell),
    }
}

/// A flag of a deploy that says nothing of this.
fn unmeant(args: &Promote) -> Option<&'static str> {
    let release = &args.deploy.release;
    let of_deploys = [
        (release.publish, "--publish"),
        (release.no_publish, "--no-publish"),
        (release.description.is_some(), "--description"),
        (release.role.is_some(), "--role"),
        (release.create_role, "--create-role"),
        (release.ecr.create_repository, "--create-repository"),
        (release.ecr.set_policy, "--set-policy"),
    ];
    let always = [(release.zip.is_some(), "--zip"), (args.deploy.serve, "--serve")];
    let of_deploys = of_deploys.into_iter().filter(|_| release.from.is_none());
    always.into_iter().chain(of_deploys).find_map(|(given, flag)| given.then_some(flag))
}

/// The version behind one alias to another of the same function.
fn between_aliases(
    from: &str,
    args: &Promote,
    global: &Global,
    shell: &Shell,
) -> Result<(), Error> {
    let release = &args.deploy.release;
    let place = session::place(&release.place)?;
    let scope = Scope::of(&release.functions, &release.build, global, shell)?;
    let aim = Aim { verb: VERB, dry_run: args.deploy.dry_run };
    let by = moves::name();
    let strategy = strategy(release, &scope)?;
    let tempo = Pace {
        at_once: release.concurrency.get(),
        keep_going: release.build.compile.keep_going,
        patience: release.wait.into(),
    };
    let how = How::of(&scope, !release.skip_checks, strategy, tempo)?;
    let targets: Vec<Vec<String>> = scope
        .functions
        .iter()
        .map(|named| targets(named, from, release))
        .collect::<Result<_, _>>()?;
    super::asynchronously(async {
        let session = scope.connect_at(release.rate, place, "look at", shell).await?;
        let decided = loop {
            let released = aim.look((&scope, &session), false).await?;
            let asked = |to: &String| {
                let (from, to, by) = (from.to_owned(), to.clone(), by.clone());
                Asked { from, to, clear_weights: release.clear_weights, by }
            };
            let decided = decided(&scope, (&targets, &released), asked);
            if !aim.waits(&session, tempo, (&decided.0, &decided.1), shell).await? {
                break decided;
            }
        };
        aim.carry_out(&session, &how, decided, shell).await
    })?
}

/// Where each alias of each function goes, or why not.
fn decided(
    scope: &Scope,
    (targets, released): (&[Vec<String>], &[Released]),
    asked: impl Fn(&String) -> Asked,
) -> Decided {
    let (mut moves, mut refused) = (Vec::new(), Vec::new());
    for ((named, targets), released) in scope.functions.iter().zip(targets).zip(released) {
        for to in targets {
            match decide(&named.name, released, &asked(to)) {
                Ok(one) => moves.push(one),
                Err(why) => refused.push((named.name.clone(), why)),
            }
        }
    }
    refused.dedup();
    (moves, refused)
}

/// How traffic goes over: by the flag, else as the settings of the first function that says anything have it.
fn strategy(release: &Release, scope: &Scope) -> Result<Option<Strategy>, Error> {
    let of_settings = || {
        let mut all = scope.functions.iter().filter_map(|named| named.known.first());
        all.find_map(|(_, wanted)| wanted.shift.clone())
    };
    let strategy =
        match &release.shift {
            None => of_settings(),
            Some(text) => Some(text.parse().map_err(|error: StrategyError| {
                Error::Usage(format!("`--shift {text}`: {error}"))
            })?),
        };
    Ok(strategy.filter(|it| *it != Strategy::AllAtOnce))
}

/// The aliases that move: those of the flags, else those of the settings, but for the one that is followed.
fn targets(named: &Named, from: &str, release: &Release) -> Result<Vec<String>, Error> {
    let of_settings = || named.known.first().map(|(_, wanted)| wanted.aliases.clone());
    let mut targets = match release.alias.as_slice() {
        [] => of_settings().unwrap_or_default(),
        given => given.to_vec(),
    };
    let mut known = BTreeSet::new();
    targets.retain(|name| name != from && known.insert(name.clone()));
    if let Some(name) = targets.iter().find(|name| !is_alias(name)) {
        return Err(Error::Usage(format!(
            "`--alias {name}`: an alias has up to 128 letters, digits, hyphens and underscores, and is no number"
        )));
    }
    if targets.is_empty() {
        return Err(Error::Usage(format!(
            "no alias of `{}` is to follow {from}: name it with `--alias`",
            named.name
        )));
    }
    Ok(targets)
}

/// Whether AWS would take a name for an alias, as the setting `alias` has it.
fn is_alias(name: &str) -> bool {
    let key = KEYS.iter().find(|key| key.name == "alias");
    key.is_some_and(|key| match key.kind {
        Kind::Texts(_, Check::Form(form)) => form.fits(name),
        _ => true,
    })
}

/// Whether what was packaged is what an alias runs: here, or in another environment, account or Region.
fn is_what_runs(
    folder: &Path,
    alias: &str,
    args: &Promote,
    global: &Global,
    shell: &Shell,
) -> Result<(), Error> {
    let release = &args.deploy.release;
    let here = Scope::of(&release.functions, &release.build, global, shell)?;
    let env = args.source_env.clone().or_else(|| global.env.clone());
    let there = Scope::of(&[], &release.build, &Global { env, ..global.clone() }, shell)?;
    let pairs = pairs(&here, &there)?;
    let place = of_source(session::place(&release.place)?, args);
    super::asynchronously(async {
        let session = there.connect(place, "look at", shell).await?;
        let mut stopped = Vec::new();
        for (function, source) in pairs {
            let packaged = match &function.packaging {
                Packaging::Zip => bundle::packaged(folder, function)?,
                Packaging::Image(wish) => image::packaged(folder, function, wish)?,
            };
            let what = format!("{alias} of `{source}` in {}", session.name_by(None));
            if let Err(why) = compare(&session, (source, alias), &packaged.sha256, what).await? {
                stopped.push((function.name.to_string(), Stop::Refused(why.into())));
            } else {
                shell.status("Same", format!("{}: CodeSha256 {}", function.name, packaged.sha256));
            }
        }
        if stopped.is_empty() {
            return Ok(());
        }
        Err(MoveError {
            verb: VERB,
            things: "functions",
            of: DeployError { stopped, planned: true },
        }
        .into())
    })?
}

async fn compare(
    session: &Session,
    (source, alias): (&str, &str),
    packaged: &str,
    holder: String,
) -> Result<Result<(), Refused>, Error> {
    let failed = |error| RemoteError::of("look at", source, error);
    let there = session.aws.alias(source, alias).await.map_err(failed)?;
    let number = match version(alias, there.as_ref()) {
        Ok(number) => number,
        Err(why) => return Ok(Err(why)),
    };
    let mut seen = Observed::default();
    session.aws.observe_version(source, number, &mut seen).await.map_err(failed)?;
    let Some(runs) = seen.versions.remove(number) else {
        return Ok(Err(Refused::NoVersion(number.to_owned())));
    };
    let there = text(&runs, "CodeSha256").unwrap_or_default();
    if there == packaged {
        return Ok(Ok(()));
    }
    let (packaged, there) = (packaged.to_owned(), there.to_owned());
    Ok(Err(Refused::OtherBundle { packaged, holder, there }))
}

/// Where the source is: what is not said of it is as for the rest.
fn of_source(place: Place, args: &Promote) -> Place {
    Place {
        profile: args.source_profile.clone().or(place.profile),
        region: args.source_region.clone().or(place.region),
        ..place
    }
}

/// Each function, and what the same handler is called at the source.
fn pairs<'a>(here: &'a Scope, there: &'a Scope) -> Result<Vec<(&'a Function, &'a str)>, Error> {
    let known = |named: &'a Named| named.known.iter();
    let all = here.functions.iter().flat_map(known);
    let one = |(function, _): &'a (Function, Wanted)| {
        let is_same = |(other, _): &&(Function, Wanted)| other.handler == function.handler;
        let mut of_source =
            there.functions.iter().filter(|named| known(named).any(|it| is_same(&it)));
        match of_source.next() {
            Some(named) => Ok((function, named.name.as_str())),
            None => Err(Error::Usage(format!("`{}` is no function of the source", function.name))),
        }
    };
    let pairs: Vec<_> = all.map(one).collect::<Result<_, _>>()?;
    match here.functions.iter().find(|named| named.known.is_empty()) {
        Some(named) => Err(Error::Usage(format!(
            "the workspace has no function `{}`, and a bundle is of one",
            named.name
        ))),
        None => Ok(pairs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_named_as_aws_takes_them() {
        for name in ["live", "a", "2a", "blue_green-2", &"a".repeat(128)] {
            assert!(is_alias(name), "{name}");
        }
        for name in ["", "1", "bad name", "$LATEST", "ü", &"a".repeat(129)] {
            assert!(!is_alias(name), "{name}");
        }
    }
}
