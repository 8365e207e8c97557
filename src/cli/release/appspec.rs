//! `release appspec`: the same shift for AWS CodeDeploy.

use crate::aws::AwsError;
use crate::cli::args::{AppSpec, Global};
use crate::cli::deploy::session::{self, Session};
use crate::cli::remote::{Named, Scope};
use crate::error::{Error, RemoteError};
use crate::message::{AppSpecRecord, Message};
use crate::release::Object;
use crate::release::appspec::{Part, Routing, Shifted, appspec, deployment_config};
use crate::release::content::text;
use crate::release::observed::points_at;
use crate::release::shift::strategy::{Stage, Strategy};
use crate::release::shift::under_way;
use crate::shell::Shell;

pub(super) fn run(args: &AppSpec, global: &Global, shell: &Shell) -> Result<(), Error> {
    let place = session::place(&args.place)?;
    let scope = Scope::named(&args.functions, &args.manifest, global, shell)?;
    crate::cli::asynchronously(async {
        let session = scope.connect(place, "look at", shell).await?;
        let mut found = Vec::new();
        for named in &scope.functions {
            let (alias, to) = alias(&session, named, args).await?;
            found.push((named.name.as_str(), alias, to));
        }
        let shifted: Vec<Shifted<'_>> = found
            .iter()
            .map(|(function, alias, target)| {
                let name = text(alias, "Name").unwrap_or_default();
                Shifted { function, alias: name, current: points_at(alias), target }
            })
            .collect();
        let aliases = found.iter().map(|(_, alias, to)| (alias, to.as_str()));
        let mut known = scope.functions.iter().flat_map(|named| &named.known);
        let set = known.find_map(|(_, wanted)| wanted.shift.clone());
        answer(&appspec(&shifted), &strategy(args.shift.as_ref(), aliases, set), shell)
    })?
}

/// The alias as it is, and the version that its traffic is to go to.
async fn alias(
    session: &Session,
    named: &Named,
    args: &AppSpec,
) -> Result<(Object, String), Error> {
    let set = named.known.first().and_then(|(_, wanted)| wanted.aliases.first());
    let Some(name) = args.alias.as_ref().or(set) else {
        return Err(Error::Usage(format!("name the alias of `{}`: `--alias`", named.name)));
    };
    let failed = |error: AwsError| Error::from(RemoteError::of("look at", &named.name, error));
    let all = session.aws.aliases(&named.name).await.map_err(failed)?;
    let alias = all.into_iter().find(|alias| text(alias, "Name") == Some(name));
    let Some(alias) = alias else {
        return Err(Error::Usage(format!("`{}` has no alias {name}", named.name)));
    };
    let known = args.to.clone().or_else(|| under_way(&alias).map(|(_, shift)| shift.new));
    let to = if let Some(to) = known {
        to
    } else {
        let newest = session.aws.newest_of(&named.name).await.map_err(failed)?;
        let number = newest.as_ref().and_then(|newest| text(newest, "Version"));
        let none = || Error::Usage(format!("`{}` has no version", named.name));
        number.ok_or_else(none)?.to_owned()
    };
    Ok((alias, to))
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

fn answer(content: &str, strategy: &Strategy, shell: &Shell) -> Result<(), Error> {
    let part = |stage: &Stage| Part { hundredths: stage.percent.hundredths(), seconds: stage.hold };
    let routing = match strategy {
        Strategy::AllAtOnce => Routing::AllAtOnce,
        Strategy::Canary(stage) => Routing::Canary(part(stage)),
        Strategy::Linear(stage) => Routing::Linear(part(stage)),
        Strategy::Steps(_) => Routing::Steps,
    };
    let fits = deployment_config(routing);
    match &fits {
        Ok(config) => shell.status("Shifts by", &config.name),
        Err(unfit) => shell.warn(format!("{strategy}: {unfit}")),
    }
    let config = fits.ok();
    let create = config.as_ref().and_then(|config| config.create.as_deref());
    if shell.is_json() {
        let deployment_config = config.as_ref().map(|config| config.name.as_str());
        let record = AppSpecRecord { content, deployment_config, create };
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
