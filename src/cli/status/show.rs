//! A function for people, and as a record.

use serde_json::Value;

use super::Found;
use crate::cli::deploy::show::{lines, trigger};
use crate::cli::lower;
use crate::cli::remote::{Scope, say};
use crate::cli::shift::point;
use crate::error::Error;
use crate::message::{AliasShift, AliasStatus, Drifted, Message, Status, bytes};
use crate::release::Object;
use crate::release::advice;
use crate::release::attach::unnamed;
use crate::release::content::{current, text};
use crate::release::describe::{Detail, details};
use crate::release::marker::{LastMove, Marker};
use crate::release::observed::{State, state};
use crate::release::status::{Alias, numbers, unknown};
use crate::shell::Shell;

/// One function, whole.
pub(super) fn function(found: &Found<'_>, scope: &Scope, shell: &Shell) -> Result<(), Error> {
    if shell.is_json() {
        return Ok(shell.record(&Message::Status(&record(found)))?);
    }
    shell.answer(&found.named.name)?;
    let Some(latest) = found.looked.observed.latest() else {
        let meant =
            if found.drift.is_none() { scope.suggestion(&found.named.name) } else { String::new() };
        say("state", format!("not there; {meant}").trim_end_matches("; "), shell)?;
        return drift(found, shell);
    };
    say("state", &state_line(latest), shell)?;
    if let Some(advice) = advice_on(latest) {
        say("", advice, shell)?;
    }
    let image = found.looked.observed.function.as_ref().and_then(|it| it.image.as_deref());
    say("code", &code_line(latest, image), shell)?;
    let numbers = numbers(&found.looked.versions);
    say("versions", &versions_line(&numbers), shell)?;
    for alias in &found.looked.aliases {
        say("alias", &alias_line(alias, target(found, &alias.version)), shell)?;
    }
    if let Some(url) = text_of_url(found) {
        say("url", url, shell)?;
    }
    drift(found, shell)?;
    if shell.is_verbose() {
        for (name, value) in unknown(latest) {
            say("unknown", &format!("{name}: {value}"), shell)?;
        }
    }
    Ok(())
}

/// A version that an alias points at, with its state.
fn target<'f>(found: &'f Found<'_>, version: &str) -> Option<&'f Object> {
    found.looked.targets.iter().find(|one| text(one, "Version") == Some(version))
}

/// `Active; last update Successful, 2026-11-28T04:25:00.000+0000`.
fn state_line(latest: &Object) -> String {
    let with_reason = |prefix: &str, name: &str| {
        let state = text(latest, name)?;
        let code = text(latest, &format!("{prefix}ReasonCode"));
        let reason = text(latest, &format!("{prefix}Reason"));
        let why: Vec<&str> = code.into_iter().chain(reason).filter(|it| !it.is_empty()).collect();
        let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join(": ")) };
        Some(format!("{state}{why}"))
    };
    // AWS leaves the state of what has always been there away.
    let mut line = with_reason("State", "State").unwrap_or_else(|| "Active".to_owned());
    if let Some(update) = with_reason("LastUpdateStatus", "LastUpdateStatus") {
        line.push_str(&format!("; last update {update}"));
    }
    if let Some(when) = text(latest, "LastModified") {
        line.push_str(&format!(", {when}"));
    }
    line
}

fn text_of_url<'f>(found: &'f Found<'_>) -> Option<&'f str> {
    found.looked.observed.attached.url.as_ref().and_then(|url| text(url, "FunctionUrl"))
}

/// What to do about a failure, or about what keeps it from being active.
fn advice_on(latest: &Object) -> Option<&'static str> {
    let inactive = text(latest, "State") == Some("Inactive");
    match state(latest) {
        State::Failed { code, .. } => Some(advice::of_reason(&code)),
        State::Ready if inactive && text(latest, "StateReasonCode") != Some("Idle") => {
            text(latest, "StateReasonCode").map(advice::of_reason)
        }
        _ => None,
    }
}

/// `provided.al2023 on x86_64, 1.23 MB, CodeSha256 …`; of an image, whose size AWS does not tell, where it is.
fn code_line(latest: &Object, image: Option<&str>) -> String {
    let runtime = text(latest, "Runtime").filter(|runtime| !runtime.is_empty()).map_or_else(
        || current(latest, "PackageType").as_str().unwrap_or_default().to_lowercase(),
        str::to_owned,
    );
    let architecture = current(latest, "Architectures");
    if let Some(image) = image {
        return format!("{runtime} on {}, {image}", architecture[0].as_str().unwrap_or_default());
    }
    let size = latest.get("CodeSize").and_then(Value::as_u64).unwrap_or_default();
    format!(
        "{runtime} on {}, {}, CodeSha256 {}",
        architecture[0].as_str().unwrap_or_default(),
        bytes(size),
        text(latest, "CodeSha256").unwrap_or_default()
    )
}

fn versions_line(numbers: &[&str]) -> String {
    match numbers.last() {
        Some(newest) => format!("{}, the newest is {newest}", numbers.len()),
        None => "none is published".to_owned(),
    }
}

/// `live → 3, 10 % to 4; shop; by deploy k3v9x2c1, before it 2; differs from $LATEST in MemorySize`.
fn alias_line(alias: &Alias, version: Option<&Object>) -> String {
    let mut line = format!("{} → {}", alias.name, alias.version);
    if let Some(state) = version.and_then(|one| text(one, "State")).filter(|it| *it != "Active") {
        line.push_str(&format!(" ({state})"));
    }
    for (other, weight) in &alias.weights {
        line.push_str(&format!(", {} % to {other}", weight * 100.0));
    }
    if !alias.text.is_empty() {
        line.push_str(&format!("; {}", alias.text));
    }
    if let Some(stale) = &alias.stale {
        line.push_str(&format!("; {stale}"));
    }
    if let Some(marker) = &alias.marker {
        line.push_str(&shift_line(marker));
        let LastMove { deploy, prev, from } = marker.last_move();
        if let Some(deploy) = deploy {
            line.push_str(&format!("; by deploy {deploy}"));
        }
        if let Some(previous) = prev {
            line.push_str(&format!(", before it {previous}"));
        }
        if let Some(from) = from {
            line.push_str(&format!(", rolled back from {from}"));
        }
    }
    if !alias.differs.is_empty() {
        line.push_str(&format!("; differs from $LATEST in {}", alias.differs.join(", ")));
    }
    line
}

/// `; deploy d3 shifts traffic to 7 by canary:10%/5m, step 1 of 1 since 2026-11-29T00:14:33Z`.
fn shift_line(marker: &Marker) -> String {
    let Some(shift) = &marker.shift else { return String::new() };
    let (strategy, steps) = (&shift.strategy, shift.strategy.stages().count());
    format!(
        "; deploy {} shifts traffic to {} by {strategy}, step {} of {steps} since {}",
        marker.deploy,
        shift.new,
        shift.step,
        point(shift.at)
    )
}

/// What a deploy would change, line by line.
fn drift(found: &Found<'_>, shell: &Shell) -> Result<(), Error> {
    let Some((_, refused)) = &found.drift else {
        return say("drift", "not compared: the workspace has no such function", shell);
    };
    let mut label = "drift";
    let mut line = |text: &str| say(std::mem::take(&mut label), text, shell);
    for change in found.drift.iter().flat_map(|(changes, _)| changes) {
        // Of a function that is not there, and for which nothing is packaged, there is no digest.
        for text in lines(change).iter().filter(|text| *text != "CodeSha256: \"\"") {
            line(text)?;
        }
    }
    if let Some(refused) = refused {
        line(&refused.to_string())?;
    }
    let code = match &found.bundle {
        Some(bundle) if found.is_deployed() => {
            format!("the code is that of {}", lower::shown(&bundle.folder))
        }
        Some(bundle) => format!("the code is not that of {}", lower::shown(&bundle.folder)),
        None => "nothing is packaged that code could be compared with".to_owned(),
    };
    if found.differences() > 0 {
        line(&code)?;
    } else {
        line(&format!("none; {code}"))?;
    }
    let wanted = found.meant().map(|(_, wanted)| &wanted.attachments);
    let there = &found.looked.observed.attached;
    for mapping in wanted.into_iter().flat_map(|wanted| unnamed(wanted, there)) {
        say("left alone", &trigger(mapping), shell)?;
    }
    Ok(())
}

/// Everything that would change, each with the operation that would change it.
fn differences(found: &Found<'_>) -> Vec<(&'static str, Detail)> {
    let changes = found.drift.iter().flat_map(|(changes, _)| changes);
    let of_change =
        |change| details(change).into_iter().map(|detail| (change.action.operation(), detail));
    changes.flat_map(of_change).collect()
}

fn record<'f>(found: &'f Found<'_>) -> Status<'f> {
    let drift = found.drift.as_ref().map(|_| differences(found));
    let mut record = Status {
        function: &found.named.name,
        bundle: found.bundle.as_ref().map(|bundle| bundle.folder.display().to_string()),
        drift: drift.map(|all| all.into_iter().map(drifted).collect()),
        refused: found.drift.as_ref().and_then(|(_, why)| Some(why.as_ref()?.to_string())),
        ..Status::default()
    };
    let Some(latest) = found.looked.observed.latest() else { return record };
    let numbers = numbers(&found.looked.versions);
    record.exists = true;
    record.arn = text(latest, "FunctionArn");
    record.state = text(latest, "State");
    record.state_code = text(latest, "StateReasonCode");
    record.state_reason = text(latest, "StateReason");
    record.last_update = text(latest, "LastUpdateStatus");
    record.last_update_code = text(latest, "LastUpdateStatusReasonCode");
    record.last_update_reason = text(latest, "LastUpdateStatusReason");
    record.advice = advice_on(latest);
    record.last_modified = text(latest, "LastModified");
    record.runtime = text(latest, "Runtime");
    let architectures = latest.get("Architectures").and_then(Value::as_array);
    record.architecture = architectures.and_then(|all| all.first()?.as_str());
    record.package_type = text(latest, "PackageType");
    let function = found.looked.observed.function.as_ref();
    record.image_uri = function.and_then(|function| function.image.as_deref());
    record.code_size = latest.get("CodeSize").and_then(Value::as_u64);
    record.code_sha256 = text(latest, "CodeSha256");
    record.versions = numbers.len();
    record.newest_version = numbers.last().copied();
    record.aliases = found.looked.aliases.iter().map(|alias| of_alias(alias, found)).collect();
    record.bundle_deployed = found.bundle.as_ref().map(|_| found.is_deployed());
    record.unknown = unknown(latest);
    record
}

fn of_alias<'f>(alias: &'f Alias, found: &'f Found<'_>) -> AliasStatus<'f> {
    let marker = alias.marker.as_ref();
    let LastMove { deploy, prev, from } = marker.map(Marker::last_move).unwrap_or_default();
    let shift = marker.and_then(|marker| marker.shift.as_ref().map(|shift| (marker, shift)));
    AliasStatus {
        name: &alias.name,
        version: &alias.version,
        state: target(found, &alias.version).and_then(|version| text(version, "State")),
        weights: &alias.weights,
        description: &alias.text,
        previous: prev,
        rolled_back_from: from,
        deploy,
        stale: alias.stale.as_ref().map(ToString::to_string),
        marked_sha256: marker
            .filter(|marker| marker.shift.is_none())
            .map(|marker| marker.sha.as_str())
            .filter(|sha| !sha.is_empty()),
        shift: shift.map(|(marker, shift)| AliasShift {
            deploy: &marker.deploy,
            to: &shift.new,
            strategy: shift.strategy.to_string(),
            step: shift.step,
            steps: shift.strategy.stages().count(),
            since: shift.at,
        }),
        differs: &alias.differs,
    }
}

fn drifted((operation, Detail { name, old, new }): (&'static str, Detail)) -> Drifted {
    Drifted { operation, name, old, new }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_image_is_told_by_where_it_is() {
        let latest = json!({
            "PackageType": "Image", "Architectures": ["arm64"], "CodeSize": 0, "State": "Active",
            "StateReason": "", "StateReasonCode": "", "LastUpdateStatus": "Successful",
            "LastUpdateStatusReason": "because", "LastUpdateStatusReasonCode": "",
        });
        let latest = latest.as_object().unwrap();
        assert_eq!(state_line(latest), "Active; last update Successful (because)");
        assert_eq!(code_line(latest, Some("a/b@sha256:aa")), "image on arm64, a/b@sha256:aa");
    }

    #[test]
    fn an_alias_tells_where_it_came_from() {
        let line = |marker: &str, weights: Value| {
            let alias = json!({
                "Name": "live", "FunctionVersion": "6", "Description": marker,
                "RoutingConfig": { "AdditionalVersionWeights": weights },
            });
            let none = Object::new();
            alias_line(&Alias::read(alias.as_object().unwrap(), &none, &[]), None)
        };
        assert_eq!(
            line("shop [lp1 prev=5 dep=d2 sha=s]", json!({})),
            "live → 6; shop; by deploy d2, before it 5"
        );
        assert_eq!(
            line(
                "[lp1 prev=6 dep=d3 shift=canary:10%/5m step=1 at=1764400000 new=7 was=5 by=d2]",
                json!({ "7": 0.1 })
            ),
            "live → 6, 10 % to 7; deploy d3 shifts traffic to 7 by canary:10%/5m, step 1 of 1 since \
             2025-11-29T07:06:40Z; by deploy d2, before it 5"
        );
        assert_eq!(
            line("[lp1 from=7 to=6 dep=r1 sha=s]", json!({})),
            "live → 6; by deploy r1, rolled back from 7"
        );
        let stale = line("[lp1 from=7 to=5 dep=r1 sha=s]", json!({}));
        assert!(stale.contains("tells of version 5") && !stale.contains("rolled back"), "{stale}");
    }
}
