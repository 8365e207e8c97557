//! The variables of a template.

use std::collections::BTreeMap;

use minijinja::Value;

use super::manifest::{Kind, Prompt};
use super::render::Renderer;
use super::{Template, TemplateError};
use crate::crate_name;
use crate::nearest::suggestion;

/// The variables that are always there.
pub(super) const ALWAYS: [&str; 4] = ["name", "crate_name", "workspace", "edition"];
/// The edition of what is written (The Rust Edition Guide).
const EDITION: &str = "2024";

/// Variables and their values.
pub type Answers = BTreeMap<String, Value>;

/// What was said on the command line.
#[derive(Debug, Default)]
pub struct Given {
    /// The name of the package.
    pub name: String,
    /// Whether it becomes a member of a workspace.
    pub workspace: bool,
    /// `--set`.
    pub set: BTreeMap<String, String>,
}

impl Template {
    /// All variables: what was given, what `ask` answers (nothing, if nobody is there), and defaults.
    ///
    /// # Errors
    ///
    /// If the name is none, an answer is none, or one is missing; and those of `ask`.
    pub fn answers<E: From<TemplateError>>(
        &self,
        given: &Given,
        mut ask: impl FnMut(&Prompt) -> Result<Option<String>, E>,
    ) -> Result<Answers, E> {
        let refused = |source| TemplateError::PackageName { name: given.name.clone(), source };
        crate_name::check(&given.name).map_err(refused)?;
        self.check_keys(&given.set)?;
        let mut answers = Answers::from([
            ("name".to_owned(), Value::from(given.name.clone())),
            ("crate_name".to_owned(), Value::from(given.name.replace('-', "_"))),
            ("workspace".to_owned(), Value::from(given.workspace)),
            ("edition".to_owned(), Value::from(EDITION)),
        ]);
        for prompt in &self.manifest.prompts {
            let wanted = match &prompt.when {
                Some(when) => Renderer::new(&answers).holds(&prompt.key, when)?,
                None => true,
            };
            let said = match given.set.get(&prompt.key) {
                Some(said) => Some(said.clone()),
                None if wanted => ask(prompt)?,
                None => None,
            };
            let value = match said.or_else(|| prompt.default.clone()) {
                Some(value) => value,
                // It means nothing, but other files may look at it.
                None if !wanted => String::new(),
                None => {
                    let (key, question) = (prompt.key.clone(), prompt.question.clone());
                    return Err(TemplateError::Unanswered { key, question }.into());
                }
            };
            if wanted {
                prompt.accepts(&value)?;
            }
            let value = match prompt.kind {
                Kind::Bool => Value::from(value == "true"),
                _ => Value::from(value),
            };
            answers.insert(prompt.key.clone(), value);
        }
        Ok(answers)
    }

    fn check_keys(&self, set: &BTreeMap<String, String>) -> Result<(), TemplateError> {
        let known = || self.manifest.prompts.iter().map(|prompt| &*prompt.key);
        match set.keys().find(|key| !known().any(|it| it == *key)) {
            Some(key) => {
                let hint = suggestion(key, known());
                Err(TemplateError::NotAsked { key: key.clone(), hint })
            }
            None => Ok(()),
        }
    }
}
