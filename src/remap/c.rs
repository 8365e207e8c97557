//! The same names for C and C++, through the variables that crates which compile C read.
//!
//! The `cc` crate, and what is built on it, reads `CFLAGS_<triple>`, the same with underscores,
//! `TARGET_CFLAGS` or `HOST_CFLAGS`, and `CFLAGS`. Older versions take the first that is set and
//! newer ones join them, the first last. So ours are put behind the user's in that first one.

use super::{Place, Remap};

/// The variables of C and of C++.
const LANGUAGES: [&str; 2] = ["CFLAGS", "CXXFLAGS"];
/// Makes `cc` split those variables as a shell does.
const QUOTED: &str = "CC_SHELL_ESCAPED_FLAGS";

/// A C compiler, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CCompiler {
    /// It knows `-ffile-prefix-map` (GCC 8, clang 10); older ones remap debug information only.
    pub remaps_macros: bool,
}

impl CCompiler {
    /// What the first line of `--version` tells; one that tells nothing counts as new.
    #[must_use]
    pub fn of_version(line: &str) -> Self {
        // `gcc (GCC) 7.3.1 20180712 (Red Hat 7.3.1-17)`, `clang version 9.0.1`: the version stands
        // outside of brackets, which hold the distribution's own.
        let mut depth = 0_u32;
        let outside: String = line
            .chars()
            .filter(|c| {
                depth = match c {
                    '(' => depth + 1,
                    ')' => depth.saturating_sub(1),
                    _ => depth,
                };
                depth == 0 && *c != ')'
            })
            .collect();
        let major = outside.split_whitespace().find_map(|word| {
            let (major, _) = word.split_once('.')?;
            major.parse::<u32>().ok()
        });
        let least = if line.contains("clang") { 10 } else { 8 };
        Self { remaps_macros: major.is_none_or(|major| major >= least) }
    }
}

impl Remap {
    /// The variables, with their values. `of` gives those that are set for cargo already.
    #[must_use]
    pub fn c_variables(
        &self,
        triple: &str,
        native: bool,
        compiler: CCompiler,
        of: impl Fn(&str) -> Option<String>,
    ) -> Vec<(String, String)> {
        let flag = if compiler.remaps_macros { "-ffile-prefix-map" } else { "-fdebug-prefix-map" };
        // GCC and clang divide at the first `=`.
        let tells = |place: &&Place| !place.from.as_os_str().as_encoded_bytes().contains(&b'=');
        let words: Vec<String> = self
            .places
            .iter()
            .filter(tells)
            .map(|place| format!("{flag}={}={}", place.from.display(), place.to))
            .collect();
        let kind = if native { "HOST" } else { "TARGET" };
        let underscored = triple.replace(['-', '.'], "_");
        let names = |language: &str| {
            [
                format!("{language}_{triple}"),
                format!("{language}_{underscored}"),
                format!("{kind}_{language}"),
                language.to_owned(),
            ]
        };
        let set = |language: &str| {
            names(language).into_iter().find_map(|name| of(&name).map(|value| (name, value)))
        };
        let asked = of(QUOTED);
        let quoted = words.iter().any(|word| word.contains(char::is_whitespace))
            || asked.as_ref().is_some_and(|v| !matches!(v.as_str(), "" | "0" | "false" | "no"));
        // What the user has written for one way of splitting would be split in the other.
        let spoils = |value: &str| quoted && asked.is_none() && value.contains(['"', '\'', '\\']);
        if LANGUAGES.iter().any(|language| set(language).is_some_and(|(_, v)| spoils(&v))) {
            return Vec::new();
        }
        let ours = words.iter().map(|word| if quoted { quote(word) } else { word.clone() });
        let ours = ours.collect::<Vec<_>>().join(" ");
        let mut variables: Vec<_> = LANGUAGES
            .iter()
            .map(|language| match set(language) {
                // The last prefix that matches counts: the user's, where there is one.
                Some((name, value)) if value.contains("-prefix-map=") => {
                    (name, format!("{ours} {value}"))
                }
                Some((name, value)) => (name, format!("{value} {ours}").trim_start().to_owned()),
                None => (format!("{language}_{underscored}"), ours.clone()),
            })
            .collect();
        if quoted {
            variables.push((QUOTED.to_owned(), "1".to_owned()));
        }
        variables
    }
}

/// As a POSIX shell reads it.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
