//! `rollback`: aliases back to the version before, or to one that is named.

use super::args::{Global, Rollback};
use super::deploy::session;
use super::moves::{self, Aim, How, Pace};
use super::remote::{Named, Scope};
use crate::error::Error;
use crate::release::releases::Released;
use crate::release::rollback::{Asked, Function, Plan, To, plan, stays};
use crate::release::shift::strategy::Strategy;
use crate::shell::Shell;

pub(super) fn run(args: &Rollback, global: &Global, shell: &Shell) -> Result<(), Error> {
    if args.to.is_some() && args.functions.len() != 1 {
        return Err(Error::Usage(
            "`--to` is the version of one function: name it; `--to-commit` and `--deploy` are for several"
                .to_owned(),
        ));
    }
    let place = session::place(&args.place)?;
    let scope = Scope::of(&args.functions, &args.build, global, shell)?;
    let asked = asked(args);
    let strategy = args.shift.clone().filter(|it| *it != Strategy::AllAtOnce);
    let tempo = Pace { keep_going: args.build.compile.keep_going, ..Pace::default() };
    let how = How::of(&scope, !args.skip_checks, strategy, tempo)?;
    let aim = Aim { verb: "roll back", dry_run: args.dry_run };
    super::asynchronously(async {
        let session = scope.connect(place, "look at", shell).await?;
        let by_commit = matches!(asked.to, To::Commit(_));
        let plan = loop {
            let released = aim.look((&scope, &session), by_commit).await?;
            let functions: Vec<Function<'_>> =
                scope.functions.iter().zip(&released).map(of).collect();
            let plan = plan(&functions, &asked);
            of_one_deploy(&plan, args)?;
            if !aim.waits(&session, tempo, (&plan.moves, &plan.refused), shell).await? {
                for line in stays(&functions, &asked, &plan) {
                    shell.warn(line);
                }
                break plan;
            }
        };
        aim.carry_out(&session, &how, (plan.moves, plan.refused), shell).await
    })?
}

fn asked(args: &Rollback) -> Asked {
    let version = args.to.clone().map(To::Version);
    Asked {
        alias: args.alias.clone(),
        deploy: args.deploy_id.clone(),
        to: version.or_else(|| args.to_commit.clone().map(To::Commit)).unwrap_or_default(),
        clear_weights: args.clear_weights,
        by: moves::name(),
    }
}

/// A function with the aliases that its settings name, which are those of every architecture.
fn of<'a>((named, released): (&'a Named, &'a Released)) -> Function<'a> {
    let aliases = named.known.first().map_or(&[][..], |(_, wanted)| wanted.aliases.as_slice());
    Function { name: &named.name, aliases, released }
}

/// Whoever names neither functions nor a deploy means the last one: there must be one alone. Else
/// functions would go back that it did not touch.
fn of_one_deploy(plan: &Plan, args: &Rollback) -> Result<(), Error> {
    if let Some(deploy) = &args.deploy_id
        && plan.moves.is_empty()
        && plan.refused.is_empty()
    {
        return Err(Error::Usage(format!(
            "no alias of the selected functions was moved last by deploy {deploy}; `releases` shows which were, and by what"
        )));
    }
    let is_named = !args.functions.is_empty() || args.deploy_id.is_some();
    if is_named || args.to_commit.is_some() || plan.deploys.len() < 2 {
        return Ok(());
    }
    let one = |(deploy, functions): (&String, &std::collections::BTreeSet<String>)| {
        let functions: Vec<&str> = functions.iter().map(String::as_str).collect();
        format!("\n  {deploy}: {}", functions.join(", "))
    };
    let deploys: String = plan.deploys.iter().map(one).collect();
    Err(Error::Usage(format!(
        "the selected functions were moved by {} deploys: say which is meant with `--deploy ID`, or name the functions{deploys}",
        plan.deploys.len()
    )))
}
