//! What functions write, as one stream: each line with its function, invocations with what they took.

use anstyle::{AnsiColor, Style};

use crate::cli::log_line;
use crate::local::Event;
use crate::logs::field;
use crate::shell::Shell;

/// Says what goes on at the server.
pub(super) fn talk(shell: Shell) -> impl Fn(Event<'_>) + Send + 'static {
    move |event| match event {
        Event::Line { function, text } => {
            if let Some(text) = line(text, shell.is_verbose()) {
                shell.stream(function, &text);
            }
        }
        Event::Note(text) => shell.warn(text),
        Event::Started { function, process } => {
            shell.status("Started", format!("{function}, process {process}"));
        }
    }
}

const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();

/// A line for people; none for those that say nothing new.
fn line(text: &str, verbose: bool) -> Option<String> {
    let begins = |start| text.starts_with(start);
    if !verbose && (begins("START RequestId: ") || begins("END RequestId: ")) {
        return None;
    }
    match text.strip_prefix("REPORT ").filter(|_| !verbose).and_then(report) {
        Some(report) => Some(report),
        None => Some(log_line::text(text)),
    }
}

/// `3.21 ms, 18 of 128 MB` of a REPORT line.
fn report(text: &str) -> Option<String> {
    let fields = |name: &str| field(text, name);
    let memory = fields("Memory Size")?.trim_end_matches(" MB");
    let mut said = format!(
        "{}, {} of {memory} MB",
        fields("Duration")?,
        fields("Max Memory Used")?.trim_end_matches(" MB")
    );
    if let Some(init) = fields("Init Duration") {
        said.push_str(&format!(", init {init}"));
    }
    let style = match fields("Status") {
        Some(status) => {
            said.push_str(&format!(", {status}"));
            if let Some(kind) = fields("Error Type") {
                said.push_str(&format!(" {kind}"));
            }
            RED
        }
        None => GREEN,
    };
    Some(format!("{style}{said}{style:#}"))
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;

    #[test]
    fn an_invocation_is_one_line() {
        let shown = |text: &str| line(text, false).map(|text| strip_str(&text).to_string());
        assert_eq!(shown("START RequestId: 1 Version: $LATEST\n"), None);
        assert_eq!(shown("END RequestId: 1\n"), None);
        let report = "REPORT RequestId: 1\tDuration: 3.21 ms\tBilled Duration: 30 ms\tMemory Size: 128 MB\tMax Memory Used: 18 MB\tInit Duration: 25.00 ms\t\n";
        assert_eq!(shown(report).as_deref(), Some("3.21 ms, 18 of 128 MB, init 25.00 ms"));
        let failed = "REPORT RequestId: 1\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\tMax Memory Used: 18 MB\tStatus: timeout\n";
        assert_eq!(shown(failed).as_deref(), Some("3000.00 ms, 18 of 128 MB, timeout"));
        let failed = failed.replace("Status: timeout", "Status: error\tError Type: Mine.Late");
        let shown_ = shown(&failed);
        assert_eq!(shown_.as_deref(), Some("3000.00 ms, 18 of 128 MB, error Mine.Late"));
        assert_eq!(shown("REPORT of the year\n").as_deref(), Some("REPORT of the year"));
        assert!(line(report, true).is_some_and(|text| text.contains("RequestId")));
    }
}
