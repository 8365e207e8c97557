//! Files of `NAME=value` lines, as `env-file` names them; none is ever loaded by itself.

use std::sync::Arc;

use super::located::{Located, Mistake, Node, Origin, Table};

/// Reads `NAME=value` lines: blank lines and `#` comments are passed over, `export` in front and
/// quotes around a value are taken away; `\n` and `\"` count inside double quotes.
pub(super) fn parse(file: &Arc<str>, text: &str) -> Result<Table, Vec<Mistake>> {
    let mut table = Table::new();
    let mut mistakes = Vec::new();
    // Some editors put a byte order mark first.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in text.lines().enumerate() {
        let origin = Origin::File { file: Arc::clone(file), line: number + 1 };
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // The line itself may be a secret: it is not shown.
        let Some((name, value)) = line.split_once('=') else {
            mistakes.push(Mistake { origin, what: "the line is not `NAME=value`".to_owned() });
            continue;
        };
        match unquoted(value.trim()) {
            Some(value) => {
                let name = name.trim().to_owned();
                if let Some(first) = table.get(&name) {
                    let what = format!("`{name}` stands in {} already", first.origin);
                    mistakes.push(Mistake { origin, what });
                    continue;
                }
                table.insert(name, Located { node: Node::Text(value), origin });
            }
            None => {
                mistakes.push(Mistake { origin, what: "the closing quote is missing".to_owned() });
            }
        }
    }
    if mistakes.is_empty() { Ok(table) } else { Err(mistakes) }
}

fn unquoted(value: &str) -> Option<String> {
    if let Some(rest) = value.strip_prefix('\'') {
        return rest.strip_suffix('\'').map(str::to_owned);
    }
    if let Some(rest) = value.strip_prefix('"') {
        let inside = rest.strip_suffix('"')?;
        return Some(inside.replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\"));
    }
    // A comment behind a plain value.
    Some(value.split(" #").next().unwrap_or(value).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_names_and_values() {
        let text = "# c\n\nA=1\nexport B = two words # c\nC='a # b'\nD=\"x\\ny\"\nE=\n";
        let table = parse(&"e".into(), text).unwrap();
        let shown: Vec<_> = table
            .iter()
            .map(|(name, value)| format!("{name} {:?} {}", value.node, value.origin))
            .collect();
        assert_eq!(
            shown,
            [
                "A Text(\"1\") e:3",
                "B Text(\"two words\") e:4",
                "C Text(\"a # b\") e:5",
                "D Text(\"x\\ny\") e:6",
                "E Text(\"\") e:7"
            ]
        );
    }

    #[test]
    fn a_byte_order_mark_is_no_name_and_a_name_stands_once() {
        assert!(parse(&"e".into(), "\u{feff}A=1\n").unwrap().contains_key("A"));
        let mistakes = parse(&"e".into(), "A=hunter2\nB=1\nA=2\n").unwrap_err();
        assert_eq!(mistakes[0].to_string(), "e:3: `A` stands in e:1 already");
    }

    #[test]
    fn mistakes_never_show_the_line() {
        let mistakes = parse(&"e".into(), "hunter2\nA=\"hunter2\n").unwrap_err();
        let shown: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            ["e:1: the line is not `NAME=value`", "e:2: the closing quote is missing"]
        );
    }
}
