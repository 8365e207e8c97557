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
        answer(&appspec(&shifted), &strategy(args, &scope), shell)
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

fn strategy(args: &AppSpec, scope: &Scope) -> Strategy {
    let mut known = scope.functions.iter().flat_map(|named| &named.known);
    let set = || known.find_map(|(_, wanted)| wanted.shift.clone());
    args.shift.clone().or_else(set).unwrap_or(Strategy::AllAtOnce)
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
