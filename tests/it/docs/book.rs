//! The pages, cut into blocks.

use std::fs;
use std::path::Path;

use crate::support::repository;

/// A file of the documentation.
pub(super) struct Page {
    /// Its path in the repository.
    pub(super) name: String,
    text: String,
    pub(super) blocks: Vec<Block>,
    /// Lines with marks before no block.
    pub(super) stray: Vec<usize>,
}

/// A fenced block.
pub(super) struct Block {
    /// The number of its first line.
    pub(super) line: usize,
    pub(super) language: String,
    /// The comments right before it.
    pub(super) marks: Vec<(String, String)>,
    pub(super) text: String,
}

/// All of them, in a fixed order.
pub(super) fn pages() -> Vec<Page> {
    let mut names = vec!["README.md".to_owned(), "CONTRIBUTING.md".into(), "SECURITY.md".into()];
    for folder in ["docs", "docs/recipes"] {
        let items = fs::read_dir(repository().join(folder)).unwrap();
        let items = items.map(|item| item.unwrap().file_name().into_string().unwrap());
        let pages = items.filter(|name| Path::new(name).extension().is_some_and(|e| e == "md"));
        let mut found: Vec<_> = pages.map(|name| format!("{folder}/{name}")).collect();
        found.sort();
        names.append(&mut found);
    }
    names.into_iter().map(Page::read).collect()
}

/// `<!-- NAME: WORDS -->`
fn mark(line: &str) -> Option<(String, String)> {
    let (name, words) = line.strip_prefix("<!-- ")?.strip_suffix(" -->")?.split_once(": ")?;
    Some((name.to_owned(), words.to_owned()))
}

impl Page {
    fn read(name: String) -> Self {
        let text = fs::read_to_string(repository().join(&name)).unwrap();
        let (mut blocks, mut marks, mut stray) = (Vec::new(), Vec::new(), Vec::new());
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            if let Some(language) = line.trim_start().strip_prefix("```") {
                let inside = lines.by_ref().map(|(_, line)| line);
                let inside = inside.take_while(|line| !line.trim_start().starts_with("```"));
                blocks.push(Block {
                    line: number + 2,
                    language: language.to_owned(),
                    marks: std::mem::take(&mut marks),
                    text: inside.fold(String::new(), |all, line| all + line + "\n"),
                });
            } else if let Some(mark) = mark(line) {
                marks.push(mark);
            } else if !std::mem::take(&mut marks).is_empty() {
                stray.push(number);
            }
        }
        Self { name, text, blocks, stray }
    }

    /// What is no block and no code, where a link may stand.
    pub(super) fn prose(&self) -> String {
        let outside = self.text.split("```").step_by(2);
        outside.flat_map(|part| part.split('`').step_by(2)).collect::<Vec<_>>().join("`")
    }
}

impl Block {
    pub(super) fn is_shell(&self) -> bool {
        self.language == "sh"
    }

    /// What a mark says.
    pub(super) fn mark(&self, name: &str) -> Option<&str> {
        self.marks(name).next()
    }

    pub(super) fn marks(&self, name: &str) -> impl Iterator<Item = &str> {
        self.marks.iter().filter(move |(mark, _)| mark == name).map(|(_, words)| words.as_str())
    }

    /// Its command lines, each with its number; one that goes on with `\` is one.
    pub(super) fn lines(&self) -> Vec<(usize, String)> {
        let mut all: Vec<(usize, String)> = Vec::new();
        let mut goes_on = false;
        for (number, line) in self.text.lines().enumerate() {
            if goes_on {
                let (_, last) = all.last_mut().unwrap();
                *last += &format!("\n{line}");
            } else if line.trim().is_empty() || line.trim_start().starts_with('#') {
                continue;
            } else {
                all.push((self.line + number, line.to_owned()));
            }
            goes_on = line.ends_with('\\');
        }
        all
    }
}
