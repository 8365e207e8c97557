//! Texts of others, for a terminal.

/// The longest text of a server's that is shown, in characters.
const LONGEST: usize = 300;

/// One line without control characters and without those that turn the direction of text, cut.
pub(super) fn clean(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let plain: String = text
        .chars()
        .take(4 * LONGEST)
        .map(|c| if c.is_control() || turns(c) { ' ' } else { c })
        .collect();
    let mut words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((at, _)) = words.char_indices().nth(LONGEST) {
        words.truncate(at);
        words.push('…');
    }
    words
}

/// An error and what it comes from, each once.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<String> = Vec::new();
    for text in all.map(ToString::to_string) {
        // What hyper says of every connection.
        let empty = text.starts_with("client error (");
        if !empty && !texts.iter().any(|before| before.contains(&text)) {
            texts.push(text);
        }
    }
    clean(&texts.join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_it_steers_a_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\r\nc\u{202e}d\u{9b}e  f"), "a [2Jb c d e f");
        let long = clean(&"ü".repeat(1000));
        assert_eq!(long.chars().count(), LONGEST + 1);
        assert!(long.ends_with("ü…"));
    }
}
