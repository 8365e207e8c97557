//! `template.toml`.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde::Deserialize;
use toml::Spanned;

use super::TemplateError;
use super::render::check_expression;

/// What a template says of itself.
#[derive(Debug)]
pub struct Manifest {
    /// One line, for `new --list`.
    pub description: String,
    /// What is asked, in this order.
    pub prompts: Vec<Prompt>,
    /// Files that are not always written.
    pub files: Vec<Condition>,
    /// Events that a function of it can be tried with, the first one first.
    pub samples: Vec<Sample>,
}

/// Something that is asked.
#[derive(Debug)]
pub struct Prompt {
    /// The variable that the answer goes to.
    pub key: String,
    /// What is asked.
    pub question: String,
    /// What can be answered.
    pub kind: Kind,
    /// What is taken where nobody answers.
    pub default: Option<String>,
    /// It is only asked where this holds.
    pub when: Option<String>,
}

/// What can be answered.
#[derive(Debug)]
pub enum Kind {
    /// One of these.
    Choice(Vec<String>),
    /// `true` or `false`.
    Bool,
    /// A text, that the pattern matches as a whole.
    Text(Option<Regex>),
}

/// A file or folder that is written only where an expression holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Its path in the template.
    pub path: String,
    /// The expression.
    pub when: String,
}

impl Condition {
    /// Whether a file of the template is this one, or below it.
    pub(super) fn covers(&self, path: &str) -> bool {
        let below = path.strip_prefix(self.path.trim_end_matches('/'));
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// An event and what is answered. It counts where its file is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The file with the event, as it is written.
    pub event: String,
    /// The function that it is for, where the template has several.
    #[serde(default)]
    pub function: Option<String>,
    /// JSON that the answer holds (members that it has more do not matter), for the tests of templates.
    #[serde(default)]
    pub answer: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    description: String,
    #[serde(default)]
    prompts: BTreeMap<Spanned<String>, RawPrompt>,
    #[serde(default)]
    files: Vec<Condition>,
    #[serde(default)]
    samples: Vec<Sample>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPrompt {
    question: String,
    #[serde(default)]
    choices: Option<Vec<String>>,
    #[serde(default)]
    kind: Option<RawKind>,
    #[serde(default)]
    pattern: Option<String>,
    #[serde(default)]
    default: Option<RawDefault>,
    #[serde(default)]
    when: Option<String>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum RawKind {
    Text,
    Bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawDefault {
    Bool(bool),
    Text(String),
}

impl Manifest {
    /// Reads `template.toml`.
    pub(super) fn parse(text: &str) -> Result<Self, TemplateError> {
        let raw: Raw = toml::from_str(text)?;
        // A table has no order of its own: that of the text is meant.
        let mut prompts: Vec<_> = raw.prompts.into_iter().collect();
        prompts.sort_by_key(|(key, _)| key.span().start);
        let prompts = prompts.into_iter().map(|(key, raw)| Prompt::new(key.into_inner(), raw));
        for Condition { path, when } in &raw.files {
            check_expression(path, when)?;
        }
        Ok(Self {
            description: one_line(&raw.description),
            prompts: prompts.collect::<Result<_, _>>()?,
            files: raw.files,
            samples: raw.samples,
        })
    }
}

impl Prompt {
    fn new(key: String, raw: RawPrompt) -> Result<Self, TemplateError> {
        let wrong = |why: &str| TemplateError::Prompt { key: key.clone(), why: why.to_owned() };
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !key.starts_with(|c: char| c.is_ascii_lowercase()) || !key.chars().all(is_word) {
            return Err(wrong("a variable has letters, digits and `_`, a lower-case letter first"));
        }
        if super::answers::ALWAYS.contains(&&*key) {
            return Err(wrong("this variable is always there"));
        }
        let kind = match (raw.choices, raw.kind, raw.pattern) {
            (Some(choices), None, None) if !choices.is_empty() => Kind::Choice(choices),
            (None, Some(RawKind::Bool), None) => Kind::Bool,
            (None, None | Some(RawKind::Text), pattern) => {
                let whole = pattern.map(|pattern| Regex::new(&format!("^(?:{pattern})$")));
                Kind::Text(whole.transpose().map_err(|error| wrong(&error.to_string()))?)
            }
            _ => return Err(wrong("it has `choices`, `kind = \"bool\"`, or a text's `pattern`")),
        };
        let default = raw.default.map(|default| match default {
            RawDefault::Bool(yes) => yes.to_string(),
            RawDefault::Text(text) => text,
        });
        let prompt = Self { question: one_line(&raw.question), kind, default, when: raw.when, key };
        if let Some(default) = &prompt.default {
            prompt.accepts(default)?;
        }
        if let Some(when) = &prompt.when {
            check_expression(&prompt.key, when)?;
        }
        Ok(prompt)
    }

    /// What a text has to match as a whole, as the template has it.
    #[must_use]
    pub fn pattern(&self) -> Option<&str> {
        let Kind::Text(Some(pattern)) = &self.kind else { return None };
        // Without what was put around it.
        pattern.as_str().strip_prefix("^(?:").and_then(|it| it.strip_suffix(")$"))
    }

    /// Whether this is an answer.
    ///
    /// # Errors
    ///
    /// What it has to be.
    pub fn accepts(&self, value: &str) -> Result<(), TemplateError> {
        let why = match &self.kind {
            Kind::Choice(choices) if choices.iter().any(|it| it == value) => return Ok(()),
            Kind::Choice(choices) => {
                crate::nearest::suggestion(value, choices.iter().map(String::as_str))
            }
            Kind::Bool if matches!(value, "true" | "false") => return Ok(()),
            Kind::Bool => "it is `true` or `false`".to_owned(),
            Kind::Text(_) if value.chars().any(char::is_control) => "it is one line".to_owned(),
            Kind::Text(Some(pattern)) if !pattern.is_match(value) => {
                format!("it has to match {}", self.pattern().unwrap_or_default())
            }
            Kind::Text(_) => return Ok(()),
        };
        Err(TemplateError::Answer { key: self.key.clone(), value: value.to_owned(), why })
    }
}

/// What is shown of a text from outside: no control characters, which a terminal would obey.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
