//! A line of a function's log, for people.

use anstream::adapter::strip_str;
use anstyle::{AnsiColor, Style};

use crate::logs::Line;
use crate::message::clean;

pub(super) const FAINT: Style = Style::new().dimmed();
const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const GREEN: Style = AnsiColor::Green.on_default();
const CYAN: Style = AnsiColor::Cyan.on_default();

/// Level, message and fields; the shell takes the colours out where they are not wanted.
pub(super) fn text(written: &str) -> String {
    // Programs that think they write to a terminal.
    let line = Line::read(&strip_str(written).to_string());
    let mut text = String::new();
    if let Some(level) = &line.level {
        let style = style(level);
        text.push_str(&format!("{style}{:<5}{style:#} ", clean(level)));
    }
    let message = line.message.replace('\t', "  ");
    let message = message.lines().map(clean).collect::<Vec<_>>().join("\n  ");
    if line.is_platform {
        text.push_str(&format!("{FAINT}{message}{FAINT:#}"));
    } else {
        text.push_str(&message);
    }
    for (name, value) in &line.fields {
        text.push_str(&format!(" {FAINT}{}={FAINT:#}{}", clean(name), clean(value)));
    }
    text.trim_end().to_owned()
}

fn style(level: &str) -> Style {
    match level {
        "ERROR" | "FATAL" | "CRITICAL" => RED,
        "WARN" | "WARNING" => YELLOW,
        "INFO" => GREEN,
        _ => CYAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_readable_and_steers_no_terminal() {
        let plain = |written: &str| strip_str(&text(written)).to_string();
        for (written, shown) in [
            ("a\tb\n", "a  b"),
            ("\x1b[31mred\x1b[0m \x07", "red"),
            (r#"{"level":"warn","message":"slow","ms":812}"#, "WARN  slow ms=812"),
            ("one\ntwo", "one\n  two"),
        ] {
            assert_eq!(plain(written), shown);
        }
    }
}
