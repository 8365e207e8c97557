//! `release appspec`: the same shift for AWS CodeDeploy.

use crate::aws::{AwsError, Stop};
use crate::cli::args::{AppSpec, Global};
use crate::cli::deploy::session::{self, Session};
use crate::cli::remote::{Named, Scope};
use crate::error::{DeployError, Error, MoveError, RemoteError};
use crate::message::{AppSpecRecord, Message};
use crate::release::Object;
use crate::release::appspec::{
    DeploymentConfig, Part, Routing, Shifted, appspec, deployment_config, target,
};
use crate::release::content::text;
use crate::release::observed::points_at;
use crate::release::shift::strategy::{Stage, Strategy};
use crate::release::shift::under_way;
use crate::shell::Shell;

/// An alias as it is, and the version that its traffic is to go to.
struct Found<'a> {
    function: &'a str,
    alias: Object,
    to: String,
}

pub(super) fn run(args: &AppSpec, global: &Global, shell: &Shell) -> Result<(), Error> {
    let place = session::place(&args.place)?;
    let scope = Scope::named(&args.functions, &args.manifest, global, shell)?;
    crate::cli::asynchronously(async {
        let session = scope.connect(place, "look at", shell).await?;
        let mut found = Vec::new();
        for named in &scope.functions {
            found.extend(alias(&session, named, args, shell).await?);
        }
        if found.is_empty() {
            return Err(Error::Usage("no traffic is left to be shifted".to_owned()));
        }
        let mut known = scope.functions.iter().flat_map(|named| &named.known);
        let set = known.find_map(|(_, wanted)| wanted.shift.clone());
        let aliases = found.iter().map(|found| (&found.alias, found.to.as_str()));
        let strategy = strategy(args.shift.as_ref(), aliases, set);
        let config = fitting(&strategy)?;
        sound(&session, &found, &strategy, shell).await?;
        let shifted: Vec<Shifted<'_>> = found.iter().map(Found::shifted).collect();
        answer(&appspec(&shifted), &config, shell)
    })?
}

impl Found<'_> {
    fn shifted(&self) -> Shifted<'_> {
        let name = text(&self.alias, "Name").unwrap_or_default();
        let (function, current) = (self.function, points_at(&self.alias));
        Shifted { function, alias: name, current, target: &self.to }
    }
}

/// The alias as it is, and where it is to go; nothing if it is there already.
async fn alias<'a>(
    session: &Session,
    named: &'a Named,
    args: &AppSpec,
    shell: &Shell,
) -> Result<Option<Found<'a>>, Error> {
    let function = named.name.as_str();
    let set = named.known.first().and_then(|(_, wanted)| wanted.aliases.first());
    let Some(name) = args.alias.as_ref().or(set) else {
        return Err(Error::Usage(format!("name the alias of `{function}`: `--alias`")));
    };
    let failed = |error: AwsError| Error::from(RemoteError::of("look at", function, error));
    let all = session.aws.aliases(function).await.map_err(failed)?;
    let alias = all.into_iter().find(|alias| text(alias, "Name") == Some(name));
    let Some(alias) = alias else {
        return Err(Error::Usage(format!("`{function}` has no alias {name}")));
    };
    let at = points_at(&alias);
    if at == "$LATEST" {
        return Err(Error::Usage(format!(
            "`{function}`: alias {name} points at $LATEST, and CodeDeploy shifts between versions alone: deploy a version to it first"
        )));
    }
    let newest = match args.to {
        Some(_) => None,
        None => session.aws.newest_of(function).await.map_err(failed)?,
    };
    let newest = newest.as_ref().and_then(|newest| text(newest, "Version"));
    let to = target(&alias, args.to.as_deref(), newest);
    let to = to.map_err(|why| Error::Usage(format!("`{function}`: {why}")))?;
    if at == to {
        shell.status("Unchanged", format!("{function}: alias {name} is at version {to} already"));
        return Ok(None);
    }
    Ok(Some(Found { function, alias, to }))
}

/// Refuses what CodeDeploy would fail at: a version that is not there or cannot run, and two between which AWS
/// splits no traffic.
async fn sound(
    session: &Session,
    all: &[Found<'_>],
    strategy: &Strategy,
    shell: &Shell,
) -> Result<(), Error> {
    let one = async |Found { function, alias, to }: &Found<'_>| {
        let amiss = session.aws.target(function, to).await?.amiss;
        if strategy.stage(1).is_some() {
            session.aws.refuse_split(function, alias, (points_at(alias), to)).await?;
        }
        Ok::<_, Stop>(amiss)
    };
    let mut stopped = Vec::new();
    for found in all {
        let function = found.function;
        match one(found).await {
            Ok(amiss) => {
                for amiss in amiss {
                    shell.warn(format!("{function}: {amiss}"));
                }
            }
            Err(why) => stopped.push((function.to_owned(), why)),
        }
    }
    if stopped.is_empty() {
        return Ok(());
    }
    let of = DeployError { stopped, planned: true };
    Err(MoveError { verb: "shift", things: "functions", of }.into())
}

/// The strategy that is asked for; else that of the shift under way to these versions, and then that of the
/// settings.
fn strategy<'a>(
    asked: Option<&Strategy>,
    mut aliases: impl Iterator<Item = (&'a Object, &'a str)>,
    set: Option<Strategy>,
) -> Strategy {
    let begun = |(alias, to): (&Object, &str)| {
        let shift = under_way(alias).map(|(_, shift)| shift)?;
        (shift.new == to).then_some(shift.strategy)
    };
    let begun = || aliases.find_map(begun);
    asked.cloned().or_else(begun).or(set).unwrap_or(Strategy::AllAtOnce)
}

/// The deployment configuration that shifts so. An `AppSpec` without one would not make the same shift.
fn fitting(strategy: &Strategy) -> Result<DeploymentConfig, Error> {
    let part = |stage: &Stage| Part { hundredths: stage.percent.hundredths(), seconds: stage.hold };
    let routing = match strategy {
        Strategy::AllAtOnce => Routing::AllAtOnce,
        Strategy::Canary(stage) => Routing::Canary(part(stage)),
        Strategy::Linear(stage) => Routing::Linear(part(stage)),
        Strategy::Steps(_) => Routing::Steps,
    };
    deployment_config(routing).map_err(|unfit| {
        Error::Usage(format!(
            "CodeDeploy cannot shift by {strategy}: {unfit}; say another with `--shift` (`canary:10%/5m`)"
        ))
    })
}

fn answer(content: &str, config: &DeploymentConfig, shell: &Shell) -> Result<(), Error> {
    shell.status("Shifts by", &config.name);
    let create = config.create.as_deref();
    if shell.is_json() {
        let record = AppSpecRecord { content, deployment_config: &config.name, create };
        return Ok(shell.record(&Message::AppSpec(&record))?);
    }
    if let Some(create) = create {
        let words = create
            .iter()
            .map(|word| if word.contains('"') { format!("'{word}'") } else { word.clone() });
        shell.status("Made by", format!("aws {}", words.collect::<Vec<_>>().join(" ")));
    }
    Ok(shell.answer(content.trim_end())?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_codedeploy_cannot_do_is_refused() {
        let config = |text: &str| fitting(&text.parse().unwrap());
        assert_eq!(config("canary:10%/5m").unwrap().create, None);
        for (strategy, why) in [
            ("steps:1%/1m,10%/5m", "it knows no steps of different sizes"),
            ("canary:12.5%/5m", "it takes whole percents"),
            ("linear:10%/90s", "it takes whole minutes"),
        ] {
            let error = config(strategy).unwrap_err();
            let said = format!("CodeDeploy cannot shift by {strategy}: {why}");
            assert!(error.to_string().starts_with(&said), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn a_shift_that_is_under_way_keeps_its_strategy() {
        let marker = "[lp1 prev=2 dep=d3 shift=canary:10%/5m step=1 at=5 new=3]";
        let alias = |said: &str| {
            let weights = json!({ "AdditionalVersionWeights": { "3": 0.1 } });
            json!({ "Description": said, "FunctionVersion": "2", "RoutingConfig": weights })
                .as_object()
                .cloned()
                .unwrap()
        };
        let (shifts, rests) = (alias(marker), alias("[lp1 prev=2 dep=d3 sha=s]"));
        let said = |asked: Option<&str>, alias: &Object, to: &str| {
            let asked = asked.map(|asked| asked.parse().unwrap());
            let set = Some("linear:10%/1m".parse().unwrap());
            strategy(asked.as_ref(), [(alias, to)].into_iter(), set).to_string()
        };
        assert_eq!(said(None, &shifts, "3"), "canary:10%/5m");
        assert_eq!(said(Some("all-at-once"), &shifts, "3"), "all-at-once");
        // Another version is another shift.
        assert_eq!(said(None, &shifts, "4"), "linear:10%/1m");
        assert_eq!(said(None, &rests, "3"), "linear:10%/1m");
    }
}
