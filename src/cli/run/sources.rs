//! Which files a program was made of, as cargo has written it down beside the program: also those that
//! git ignores, `include_str!` and what build scripts name.

use std::fs;
use std::path::{Path, PathBuf};

/// The sources of an executable in the workspace and in packages beside it; none where cargo tells
/// nothing.
pub(super) fn of(executable: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(executable.with_extension("d")).unwrap_or_default();
    text.lines().flat_map(of_line).collect()
}

/// `PROGRAM: SOURCE SOURCE…`, with a backslash before each space in a name (make's own form).
fn of_line(line: &str) -> Vec<PathBuf> {
    let mut words = vec![String::new()];
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.peek() == Some(&' ') => {
                letters.next();
                words.last_mut().into_iter().for_each(|word| word.push(' '));
            }
            ' ' => words.push(String::new()),
            _ => words.last_mut().into_iter().for_each(|word| word.push(letter)),
        }
    }
    let mut words = words.into_iter();
    match words.next() {
        Some(program) if program.ends_with(':') => {
            words.filter(|word| !word.is_empty()).map(PathBuf::from).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_in_names_divide_nothing() {
        let sources = of_line(r"/a\ b/hello: /a\ b/src/main.rs /c.txt");
        assert_eq!(sources, [Path::new("/a b/src/main.rs"), Path::new("/c.txt")]);
        assert!(of_line("").is_empty());
        assert!(of_line("/a b").is_empty());
    }
}
