//! What came of an invocation: the payload on standard output, the rest on standard error; or all of it
//! in one record.

use std::io::{self, Write as _};

use serde_json::Value;

use crate::error::{Error, InvokeError};
use crate::invocation::{Invocation, Invoked, Kind};
use crate::logs::{divided, field};
use crate::message::Message;
use crate::shell::Shell;

/// Who ran it, as far as that is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum By {
    /// AWS, or a server that goes on.
    Another,
    /// A server for this one call: an event is over.
    ThisCall,
    /// A server that goes on, and one call of several: the answer is told apart by its function.
    OneOfSeveral,
}

pub(in crate::cli) fn show(
    invocation: &Invocation<'_>,
    invoked: &Invoked,
    (by, with_log): (By, bool),
    shell: &Shell,
) -> Result<(), Error> {
    let function = invocation.function;
    let log = String::from_utf8_lossy(&invoked.log);
    let (log, report) = divided(&log);
    if with_log {
        log.lines().for_each(|line| shell.asked_log(function, line));
    }
    match invocation.kind {
        Kind::DryRun => shell.status("Checked", format!("{function} can be invoked")),
        Kind::Event if by == By::ThisCall => {
            shell.status("Ran", format!("the event of {function}"));
        }
        Kind::Event => shell.status("Queued", format!("for {function}")),
        Kind::Wait => {
            let version = invoked.version.as_deref().map(|version| format!(", version {version}"));
            let figures = figures(report);
            shell.status("Invoked", format!("{function}{}{figures}", version.unwrap_or_default()));
        }
    }
    if shell.is_json() {
        shell.record(&record(invocation, invoked, log, report))?;
    } else {
        if by == By::OneOfSeveral {
            write!(io::stdout(), "{function} ")?;
        }
        payload(&invoked.payload)?;
    }
    if invoked.failed { Err(InvokeError::Function(function.to_owned()).into()) } else { Ok(()) }
}

fn payload(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn record<'a>(
    invocation: &'a Invocation<'_>,
    invoked: &'a Invoked,
    log: &'a str,
    report: &str,
) -> Message<'a> {
    let text = || String::from_utf8_lossy(&invoked.payload).into_owned();
    let payload = match serde_json::from_slice(&invoked.payload) {
        _ if invoked.payload.is_empty() => Value::Null,
        Ok(value) => value,
        Err(_) => Value::from(text()),
    };
    let number = |name: &str| field(report, name)?.split(' ').next()?.parse::<f64>().ok();
    let waited = invocation.kind == Kind::Wait;
    Message::Invoked {
        function: invocation.function,
        version: invoked.version.as_deref(),
        status: match invocation.kind {
            Kind::DryRun => "checked",
            Kind::Event => "queued",
            Kind::Wait if invoked.failed => "failed",
            Kind::Wait => "succeeded",
        },
        failed: invoked.failed,
        payload,
        log: waited.then_some(log),
        duration_ms: number(DURATION),
        billed_ms: number("Billed Duration"),
        init_ms: number(INIT),
        memory_mb: number(MEMORY),
    }
}

const DURATION: &str = "Duration";
const INIT: &str = "Init Duration";
const MEMORY: &str = "Max Memory Used";

/// `, 1.51 ms, init 9.20 ms, 4 MB` of a line that reports an invocation.
fn figures(report: &str) -> String {
    let mut text = String::new();
    for (what, name) in [("", DURATION), ("init ", INIT), ("", MEMORY)] {
        if let Some(value) = field(report, name) {
            text.push_str(&format!(", {what}{value}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambdas_own_report_is_the_last() {
        let log = "START RequestId: a Version: 1\nREPORT of the day\nREPORT RequestId: a\tDuration: 9 \
                   ms\nEND RequestId: a\nREPORT RequestId: a\tDuration: 1.51 ms\tBilled Duration: 2 \
                   ms\tMax Memory Used: 4 MB\tInit Duration: 9.20 ms\t\nXRAY TraceId: 1\n";
        let (rest, report) = divided(log);
        assert!(rest.ends_with("\tDuration: 9 ms\nEND RequestId: a\n"), "{rest}");
        assert_eq!(figures(report), ", 1.51 ms, init 9.20 ms, 4 MB");
        assert_eq!(divided("REPORT of the day\n"), ("REPORT of the day\n", ""));
        assert_eq!(figures(""), "");
    }
}
