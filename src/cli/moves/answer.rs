//! What becomes of aliases, and what would.

use std::collections::BTreeSet;

use super::{How, Lane};
use crate::aws::Stop;
use crate::cli::deploy::session::Session;
use crate::cli::deploy::shift::of_strategy;
use crate::cli::deploy::show;
use crate::cli::releases;
use crate::error::Error;
use crate::message::{Keep, Message, Moved, Table, clean};
use crate::release::change::{Action, Change};
use crate::release::next::Refusal;
use crate::shell::Shell;

/// The versions that could be meant, of every function for which that is the question.
pub(super) async fn list(
    session: &Session,
    stopped: &[(String, Stop)],
    shell: &Shell,
) -> Result<(), Error> {
    let asks = |why: &Stop| match why {
        Stop::Refused(Refusal::Unmoved(why)) => why.wants_list(),
        _ => false,
    };
    let names: BTreeSet<&str> =
        stopped.iter().filter(|(_, why)| asks(why)).map(|(name, _)| name.as_str()).collect();
    for (name, error) in
        releases::list(session, names.into_iter(), |_| String::new(), shell).await?
    {
        shell.warn(format!("{name}: its versions cannot be listed: {error}"));
    }
    Ok(())
}

/// A row or a record for each alias.
pub(super) fn rows(lanes: &[Lane], shell: &Shell) -> Result<(), Error> {
    let mut rows = Vec::new();
    for lane in lanes {
        let (one, state) = (&lane.one, lane.state());
        if shell.is_json() {
            let stopped = lane.outcome.as_ref().and_then(|it| it.as_ref().err());
            shell.record(&Message::Moved(&Moved {
                function: &one.function,
                alias: &one.alias,
                state,
                from: one.from(),
                to: &one.to,
                code_sha256: &lane.target.sha256,
                deploy: (state == "moved").then_some(one.deploy.as_str()),
                stopped: stopped.map(ToString::to_string),
            }))?;
            continue;
        }
        rows.push(vec![
            one.function.clone(),
            one.alias.clone(),
            state.to_owned(),
            one.from().unwrap_or("-").to_owned(),
            one.to.clone(),
            lane.target.sha256.clone(),
        ]);
    }
    if rows.is_empty() {
        return Ok(());
    }
    let table = Table::new(&["FUNCTION", "ALIAS", "STATE", "FROM", "TO", "CODESHA256"], rows);
    for line in table.fit(shell.stdout_width(), 5, 8, Keep::Start).lines(&[3, 4]) {
        shell.answer(line)?;
    }
    Ok(())
}

/// What comes before each move, and how it goes: the check, as a record of `plan` too, and the steps of a shift.
pub(super) fn steps(how: &How, lanes: &[Lane], shell: &Shell) -> Result<(), Error> {
    for lane in lanes {
        let one = &lane.one;
        let mut shown = Vec::new();
        if let Some(check) = how.check(lane) {
            let action = Action::Check {
                version: one.to.clone(),
                events: check.events.iter().map(|event| event.name.clone()).collect(),
                warm_up: check.rules.warm_up,
            };
            let change = Change { function: one.function.clone(), action };
            if shell.is_json() {
                shell.record(&show::record(&change))?;
            }
            shown.extend(show::lines(&change));
        }
        if let Some(plan) = how.shift(lane) {
            shown.extend(of_strategy(&plan.strategy, &plan.watch));
        }
        for line in shown.iter().filter(|_| !shell.is_json()) {
            let line = format!("{}:{}: {line}", one.function, one.alias);
            shell.answer(clean(&line))?;
        }
    }
    Ok(())
}
