//! What every function has become.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::session::Session;
use crate::aws::{Job, Outcome};
use crate::error::Error;
use crate::message::{Keep, Message, Table};
use crate::release::change::{Action, Change};
use crate::release::content::text;
use crate::release::observed::{Attached, Observed, points_at};
use crate::shell::Shell;

/// A row or a record for each function.
pub(super) fn answer(
    session: &Session,
    jobs: &[Job],
    outcomes: &[Outcome],
    shell: &Shell,
) -> Result<(), Error> {
    let mut rows = Vec::new();
    for (job, outcome) in jobs.iter().zip(outcomes) {
        let none = Observed::default();
        let observed = outcome.observed.as_ref().unwrap_or(&none);
        if shell.is_json() {
            record(job, outcome, observed, shell)?;
        } else {
            rows.push(row(outcome, observed));
        }
    }
    if shell.is_json() || rows.is_empty() {
        return Ok(());
    }
    let table = Table::new(&["FUNCTION", "STATE", "VERSION", "ALIAS", "CODESHA256"], rows);
    for line in table.fit(shell.stdout_width(), 4, 8, Keep::Start).lines(&[]) {
        shell.answer(line)?;
    }
    for outcome in outcomes {
        let observed = outcome.observed.as_ref();
        if let Some(attached) = observed.map(|seen| &seen.attached)
            && let Some(url) = url(attached)
        {
            let local = session.local.map(|server| local_url(server, &outcome.function, attached));
            let url = local.as_deref().unwrap_or(url);
            shell.answer(format_args!("{}  {url}", outcome.function))?;
        }
    }
    let seen: Vec<Observed> =
        outcomes.iter().filter_map(|outcome| outcome.observed.clone()).collect();
    if outcomes.iter().any(|outcome| outcome.stopped.is_some()) {
        return Ok(());
    }
    if outcomes.iter().all(|outcome| outcome.changes.is_empty()) {
        shell.status("Unchanged", session.place(&seen));
    } else {
        // Several where shifts of others were gone on with.
        let names: BTreeSet<_> = jobs.iter().map(|job| job.desired.deploy.as_str()).collect();
        let deploys = names.into_iter().collect::<Vec<_>>().join(", ");
        shell.status("Deployed", format!("to {}: deploy {deploys}", session.name(&seen)));
    }
    Ok(())
}

/// Where a function's URL leads.
pub(super) fn url(attached: &Attached) -> Option<&str> {
    attached.url.as_ref().and_then(|url| text(url, "FunctionUrl"))
}

/// Where it leads on this machine, where nobody knows the name of its host.
fn local_url(server: SocketAddr, function: &str, attached: &Attached) -> String {
    let arn = attached.url.as_ref().and_then(|url| text(url, "FunctionArn"));
    // `arn:aws:lambda:REGION:ACCOUNT:function:NAME[:ALIAS]`
    let alias = arn.and_then(|arn| arn.split(':').nth(7));
    let alias = alias.map_or_else(String::new, |alias| format!(":{alias}"));
    format!("http://{server}/url/{function}{alias}/")
}

/// `unchanged`, `created`, `updated`, or why neither.
pub(super) fn state(outcome: &Outcome) -> &'static str {
    if outcome.stopped.is_some() {
        return if outcome.changes.is_empty() { "stopped" } else { "incomplete" };
    }
    let created = |change: &Change| matches!(change.action, Action::Create { .. });
    match outcome.changes.as_slice() {
        [] => "unchanged",
        all if all.iter().any(created) => "created",
        _ => "updated",
    }
}

/// The version that it was all for: what the aliases point at, else the newest that is known.
pub(super) fn version(outcome: &Outcome, observed: &Observed) -> Option<String> {
    let of_alias = observed.aliases.values().map(|alias| points_at(alias).to_owned()).next();
    if outcome.stopped.is_none() && of_alias.is_some() {
        return of_alias;
    }
    observed.same_as_latest().map(|(number, _)| number.to_owned())
}

fn aliases(observed: &Observed) -> Vec<String> {
    observed.aliases.iter().map(|(name, alias)| format!("{name} → {}", points_at(alias))).collect()
}

fn row(outcome: &Outcome, observed: &Observed) -> Vec<String> {
    let sha = observed.latest().and_then(|latest| text(latest, "CodeSha256"));
    let aliases = aliases(observed);
    let other = if outcome.observed.is_some() { "$LATEST" } else { "-" };
    vec![
        outcome.function.clone(),
        state(outcome).to_owned(),
        version(outcome, observed).unwrap_or_else(|| other.to_owned()),
        if aliases.is_empty() { "-".to_owned() } else { aliases.join(", ") },
        sha.unwrap_or("-").to_owned(),
    ]
}

fn record(job: &Job, outcome: &Outcome, observed: &Observed, shell: &Shell) -> Result<(), Error> {
    let latest = observed.latest();
    let member = |name: &str| latest.and_then(|latest| text(latest, name));
    let aliases = observed.aliases.iter();
    let url = url(&observed.attached);
    shell.record(&Message::Deployed {
        function: &outcome.function,
        state: state(outcome),
        arn: member("FunctionArn"),
        version: version(outcome, observed),
        aliases: aliases.map(|(name, alias)| (name.as_str(), points_at(alias))).collect(),
        code_sha256: member("CodeSha256"),
        deploy: &job.desired.deploy,
        url,
        changes: outcome.changes.iter().map(|change| change.action.operation()).collect(),
        stopped: outcome.stopped.as_ref().map(ToString::to_string),
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_on_this_machine_names_its_alias() {
        let url = |arn: &str| {
            let url = [("FunctionArn".to_owned(), arn.into())].into_iter().collect();
            let attached = Attached { url: Some(url), ..Attached::default() };
            local_url(([127, 0, 0, 1], 9720).into(), "hello", &attached)
        };
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:hello";
        assert_eq!(url(arn), "http://127.0.0.1:9720/url/hello/");
        assert_eq!(url(&format!("{arn}:live")), "http://127.0.0.1:9720/url/hello:live/");
    }
}
