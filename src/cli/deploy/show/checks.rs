//! Checks, as they are planned and as they end.

use crate::aws::Failed;
use crate::cli::log_line;
use crate::logs::Figures;
use crate::message::{CheckedEvent, Message};
use crate::release::check::{Checked, with_events};
use crate::shell::Shell;

/// `check version 7 with 3 events (a.json, b.json, c.json)`.
pub(super) fn planned(version: &str, events: &[String], warm_up: u32) -> String {
    let with = with_events(events.len(), warm_up);
    format!("check version {version} {with} ({})", events.join(", "))
}

/// A version that is as it must be, event by event.
pub(in crate::cli) fn passed(function: &str, checked: &Checked, unseen: &[&str], shell: &Shell) {
    for passed in &checked.events {
        let record =
            CheckedEvent::passed(function, &checked.version, &passed.event, passed.figures);
        if shell.is_json() {
            told(shell, &record);
            continue;
        }
        let time = |what: &str, ms: Option<f64>| ms.map(|ms| format!(", {what}{ms} ms"));
        let times = [time("", record.duration_ms), time("init ", record.init_ms)];
        let times: String = times.into_iter().flatten().collect();
        let (version, event) = (&checked.version, &passed.event);
        shell.detail("Checked", format!("{function}: version {version} with {event}{times}"));
    }
    if !unseen.is_empty() {
        shell.warn(format!(
            "{function}: nothing was seen of what {} limits, since version {} had run before or logs no report",
            unseen.join(" and "),
            checked.version
        ));
    }
}

/// A version that is not, with the end of its log.
pub(in crate::cli) fn failed(function: &str, failed: &Failed, shell: &Shell) {
    for line in &failed.log {
        shell.stream(function, &log_line::text(line));
    }
    if shell.is_json() {
        let mut record =
            CheckedEvent::passed(function, &failed.version, &failed.event, Figures::default());
        (record.passed, record.log) = (false, &failed.log);
        record.why = Some(failed.why.to_string());
        told(shell, &record);
    }
}

/// Whoever reads the records may be gone: a release under way goes on.
fn told(shell: &Shell, record: &CheckedEvent<'_>) {
    let _ = shell.record(&Message::CheckedEvent(record));
}
