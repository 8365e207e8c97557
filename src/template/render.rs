//! Rendering, with nothing within reach but the answers.

use std::io::{self, Write};

use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, escape_formatter};

use super::place::MAX_FILE;
use super::{Answers, TemplateError};

/// How many instructions one file may take: a thousand times those of the longest of ours.
const FUEL: u64 = 1_000_000;

/// Whether an expression of `template.toml` can be read, whatever is answered.
pub(super) fn check_expression(key: &str, expression: &str) -> Result<(), TemplateError> {
    let compiled = Environment::new().compile_expression(expression).map(drop);
    compiled.map_err(|error| wrong(key, expression, &error))
}

fn wrong(key: &str, expression: &str, error: &Error) -> TemplateError {
    let why = format!("`when = {expression:?}`: {error}");
    TemplateError::Prompt { key: key.to_owned(), why }
}

/// Jinja2 with these variables. It has no loader: `include` and `import` find nothing.
pub(super) struct Renderer<'a> {
    environment: Environment<'static>,
    answers: &'a Answers,
}

impl<'a> Renderer<'a> {
    pub(super) fn new(answers: &'a Answers) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_keep_trailing_newline(true);
        environment.set_fuel(Some(FUEL));
        // As TOML, JSON and Rust spell them; Jinja2 has `True`.
        environment.set_formatter(|out, state, value| match value.kind() {
            ValueKind::Bool => Ok(out.write_str(if value.is_true() { "true" } else { "false" })?),
            _ => escape_formatter(out, state, value),
        });
        Self { environment, answers }
    }

    /// A text of the template (that of a file, or a path), rendered; at most as long as a file may be.
    pub(super) fn text(&self, path: &str, text: &str) -> Result<String, TemplateError> {
        let failed =
            |source| TemplateError::Render { path: path.to_owned(), source: Box::new(source) };
        let template = self.environment.template_from_str(text).map_err(failed)?;
        let mut out = Bounded(Vec::new());
        template.render_captured_to(self.answers, &mut out).map_err(failed)?;
        String::from_utf8(out.0)
            .map_err(|_| failed(Error::new(ErrorKind::BadSerialization, "no UTF-8")))
    }

    /// Whether an expression of `template.toml` is true.
    pub(super) fn holds(&self, key: &str, expression: &str) -> Result<bool, TemplateError> {
        let wrong = |error: Error| wrong(key, expression, &error);
        let compiled = self.environment.compile_expression(expression).map_err(wrong)?;
        let value = compiled.eval(self.answers).map_err(wrong)?;
        if value.is_undefined() {
            return Err(wrong(Error::from(ErrorKind::UndefinedError)));
        }
        Ok(value.is_true())
    }
}

/// Takes as much as a file may hold.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if (self.0.len() + bytes.len()) as u64 > MAX_FILE {
            return Err(io::Error::other("more than a file of a template may hold"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
