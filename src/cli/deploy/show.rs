//! A plan, and what goes on, for people and as records.

pub(in crate::cli) mod checks;

use super::session::Session;
use crate::error::Error;
use crate::message::{Message, bytes, clean};
use crate::release::Object;
use crate::release::attach::unnamed;
use crate::release::change::{Action, Attachment, Change, NewLayer};
use crate::release::check::with_events;
use crate::release::content::text;
use crate::release::describe::{self, Detail, details, line};
use crate::release::desired::Desired;
use crate::release::next::Refusal;
use crate::release::observed::Observed;
use crate::release::status::unknown;
use crate::shell::Shell;

/// Every change, by function and phase.
pub(super) fn plan(
    session: &Session,
    all: &[(Desired, Observed)],
    (changes, refused): (&[Change], &[(String, Refusal)]),
    shell: &Shell,
) -> Result<(), Error> {
    let observed: Vec<Observed> = all.iter().map(|(_, observed)| observed.clone()).collect();
    if shell.is_json() {
        for change in changes {
            shell.record(&record(change))?;
            let of_it = all.iter().find(|(desired, _)| desired.name == change.function);
            if let Some(plan) =
                of_it.and_then(|(desired, seen)| super::shift::steps(desired, seen, change))
            {
                shell.record(&Message::ShiftPlan(&plan))?;
            }
        }
        for (desired, observed) in all {
            let members = newer(observed);
            if !members.is_empty() {
                shell.record(&Message::LeftAlone { function: &desired.name, members })?;
            }
        }
    } else {
        for (desired, observed) in all {
            let why = refused.iter().find(|(name, _)| *name == desired.name).map(|(_, why)| why);
            of_function(desired, observed, (changes, why), shell)?;
        }
    }
    let of = |name: &str| changes.iter().any(|change| change.function == name);
    let touched = all.iter().filter(|(desired, _)| of(&desired.name)).count();
    let created =
        changes.iter().filter(|change| matches!(change.action, Action::Create { .. })).count();
    let unchanged = all.len() - touched - refused.iter().filter(|(name, _)| !of(name)).count();
    let sent = super::bytes(changes);
    if shell.is_json() {
        shell.record(&Message::Plan {
            region: &session.aws.region,
            create: created,
            change: touched - created,
            unchanged,
            refused: refused.len(),
            calls: changes.len(),
            bytes: sent,
        })?;
    } else {
        let impossible = match refused.len() {
            0 => String::new(),
            count => format!(", {count} that cannot be deployed"),
        };
        let nothing = changes.is_empty() && refused.is_empty();
        shell.answer(format_args!(
            "{} {}: {created} to create, {} to change, {unchanged} unchanged{impossible}; {} {}, {} to send",
            if nothing { "Nothing to do" } else { "To do" },
            session.place(&observed),
            touched - created,
            changes.len(),
            if changes.len() == 1 { "call" } else { "calls" },
            bytes(sent),
        ))?;
    }
    Ok(())
}

fn of_function(
    desired: &Desired,
    observed: &Observed,
    (changes, refused): (&[Change], Option<&Refusal>),
    shell: &Shell,
) -> Result<(), Error> {
    let own: Vec<&Change> =
        changes.iter().filter(|change| change.function == desired.name).collect();
    if let Some(refused) = refused {
        shell.answer(format_args!("{}: {}", desired.name, clean(&refused.to_string())))?;
    } else if own.is_empty() {
        shell.answer(format_args!("{}: unchanged", desired.name))?;
    }
    if own.is_empty() {
        return left_alone(desired, observed, shell);
    }
    let new = if observed.function.is_none() { " (new)" } else { "" };
    shell.answer(format_args!("{}{new}", desired.name))?;
    for change in own {
        let phase = change.action.phase().name();
        let sent = describe::bytes(change);
        let sent = if sent > 0 { format!(", {}", bytes(sent)) } else { String::new() };
        shell.answer(format_args!("  {phase:<14}{}{sent}", change.action.operation()))?;
        for line in lines(change) {
            shell.answer(format_args!("  {:<14}  {}", "", clean(&line)))?;
        }
        for line in super::shift::lines(desired, observed, change) {
            shell.answer(format_args!("  {:<14}  {line}", ""))?;
        }
    }
    for (name, value) in newer(observed) {
        shell.answer(format_args!(
            "  {:<14}{}",
            "left alone",
            clean(&format!("{name}: {value}"))
        ))?;
    }
    if !desired.publishes() && observed.function.is_some() {
        let layers = if desired.layers.iter().flatten().next().is_some() {
            "; those between its layers and its code have the new ones of the one and the old of the other, and may fail"
        } else {
            ""
        };
        shell.warn(format!(
            "{}: no version is published and no alias moved: calls of $LATEST see each step at once{layers}",
            desired.name
        ));
    }
    Ok(())
}

/// `publish layer NAME (2.14 MB, 3 files, for a, b)`; without the numbers where the zip was not looked at.
fn layer(new: &NewLayer) -> String {
    let files = if new.files == 1 { "file" } else { "files" };
    let zip = match new.files {
        0 => String::new(),
        count => format!("{}, {count} {files}, ", bytes(new.code.size)),
    };
    format!("publish layer {} ({zip}for {})", new.name, new.functions.join(", "))
}

/// Triggers that are there and not in the settings.
fn left_alone(desired: &Desired, observed: &Observed, shell: &Shell) -> Result<(), Error> {
    for mapping in unnamed(&desired.wanted.attachments, &observed.attached) {
        shell.answer(format_args!("  {:<14}{}", "left alone", clean(&trigger(mapping))))?;
    }
    Ok(())
}

/// A trigger that nobody names here, and what takes it away.
pub(in crate::cli) fn trigger(mapping: &Object) -> String {
    let member = |name: &str| text(mapping, name).unwrap_or_default();
    format!(
        "the trigger {}, which the settings do not name: `aws lambda delete-event-source-mapping --uuid {}` removes it",
        member("EventSourceArn"),
        member("UUID")
    )
}

/// What a function has of features that this program does not know.
fn newer(observed: &Observed) -> Object {
    observed.latest().map(unknown).unwrap_or_default()
}

/// A policy, to be attached to whoever deploys.
pub(super) fn policy(policy: &serde_json::Value, shell: &Shell) -> Result<(), Error> {
    if shell.is_json() {
        return Ok(shell.record(&Message::IamPolicy { policy })?);
    }
    Ok(shell.answer(format_args!("{policy:#}"))?)
}

/// What a change changes, a line each.
pub(in crate::cli) fn lines(change: &Change) -> Vec<String> {
    match &change.action {
        Action::PublishLayer(new) => vec![layer(new)],
        Action::Check { version, events, warm_up } => {
            vec![checks::planned(version, events, *warm_up)]
        }
        _ => details(change).iter().map(shortened).collect(),
    }
}

/// A line; `Version` has no value but the next number.
fn shortened(detail: &Detail) -> String {
    match detail.name.as_str() {
        "Version" => match detail.new.as_str() {
            Some(text) if !text.is_empty() => format!("a new version: {text}"),
            _ => "a new version".to_owned(),
        },
        _ => line(detail),
    }
}

/// A change as a record.
pub(in crate::cli) fn record(change: &Change) -> Message<'_> {
    let details = details(change).into_iter().map(
        |detail| serde_json::json!({ "name": detail.name, "old": detail.old, "new": detail.new }),
    );
    Message::Change {
        function: &change.function,
        phase: change.action.phase().name(),
        operation: change.action.operation(),
        details: details.collect(),
        bytes: describe::bytes(change),
    }
}

/// Code in a bucket was sent before.
fn of_bytes(sent: u64) -> String {
    if sent > 0 { format!(", {}", bytes(sent)) } else { String::new() }
}

fn of_source(arn: Option<&str>) -> String {
    format!(": trigger {}", arn.unwrap_or_default())
}

/// What begins, in cargo's manner.
pub(super) fn begins(change: &Change) -> (&'static str, String) {
    let name = &change.function;
    let sent = describe::bytes(change);
    let (verb, more) = match &change.action {
        Action::CreateRole { name: role, .. } => ("Creating", format!(": role {role}")),
        Action::AttachPolicy { role, policy } => ("Attaching", format!(": {policy} to {role}")),
        Action::Upload { bucket, .. } => ("Uploading", format!(" to {bucket}, {}", bytes(sent))),
        Action::Push { uri, .. } => {
            let repository = uri.split('@').next().unwrap_or_default();
            ("Pushing", format!(" to {repository}, {} at most", bytes(sent)))
        }
        Action::PublishLayer(new) => {
            ("Publishing", format!(": layer {}{}", new.name, of_bytes(sent)))
        }
        Action::Create { .. } => ("Creating", of_bytes(sent)),
        Action::Configure { fields, .. } => {
            let members: Vec<_> = fields.iter().map(|field| field.member).collect();
            ("Configuring", format!(": {}", members.join(", ")))
        }
        Action::UpdateCode { .. } => ("Updating", of_bytes(sent)),
        Action::Publish { .. } => ("Publishing", String::new()),
        Action::Check { version, events, warm_up } => {
            let with = with_events(events.len(), *warm_up);
            ("Checking", format!(": version {version} {with}"))
        }
        Action::CreateAlias { name, version, .. } => {
            ("Pointing", format!(": {name} to version {version}"))
        }
        Action::MoveAlias { name, from, to, .. } if from == to => {
            ("Pointing", format!(": {name} to version {to} alone"))
        }
        Action::MoveAlias { name, from, to, .. } => {
            ("Pointing", format!(": {name} from version {from} to {to}"))
        }
        Action::Attach(attach) => match &attach.what {
            Attachment::Forbid(id) => ("Detaching", format!(": permission {id}")),
            Attachment::CreateMapping(members) => {
                ("Attaching", of_source(text(members, "EventSourceArn")))
            }
            Attachment::UpdateMapping { source, .. } => ("Setting", of_source(Some(source))),
            what => match what.operation() {
                name if name.starts_with("Delete") => ("Detaching", format!(": {name}")),
                name => ("Attaching", format!(": {name}")),
            },
        },
        other => ("Setting", format!(": {}", other.operation())),
    };
    (verb, format!("{name}{more}"))
}
