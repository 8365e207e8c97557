//! Why there is no selection, and what to do about it.

use crate::config::Mistake;
use crate::function::InvalidName;

/// Why there is no selection. Every mistake of a kind is reported at once.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// `--exclude` alone.
    #[error("--exclude can only be used together with --workspace")]
    ExcludeAlone,
    /// Names or patterns that match nothing.
    #[error("{}", lines(.0))]
    Unknown(Vec<String>),
    /// `--bin` names a binary that is no handler.
    #[error("{} not a handler: {why}", what_are(.handlers))]
    NotAHandler {
        /// The binaries that the name or pattern stands for.
        handlers: Vec<String>,
        /// Which rule says so.
        why: &'static str,
    },
    /// Nothing to do.
    #[error("no handler is selected; {0}")]
    Nothing(String),
    /// AWS could not name a function so.
    #[error("{handler} cannot give its function its name")]
    Name {
        /// The handler.
        handler: String,
        /// What is wrong with it.
        source: InvalidName,
    },
    /// Several handlers want one function.
    #[error("{} handlers have the function name `{name}`: {}", .handlers.len(), .handlers.join(", "))]
    SameName {
        /// The name.
        name: String,
        /// The handlers.
        handlers: Vec<String>,
    },
    /// Mistakes in the settings of what is selected.
    #[error("{}", lines(.0))]
    Settings(Vec<Mistake>),
}

fn what_are(handlers: &[String]) -> String {
    let verb = if handlers.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", handlers.join(", "))
}

fn lines<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join("\n")
}

impl SelectError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotAHandler { why, .. } if why.contains("dependency") => Some(
                "if it speaks the Runtime API by itself, set `handler = true` in \
                 [package.metadata.lambda-pack]"
                    .to_owned(),
            ),
            Self::SameName { handlers, .. } => handlers.last().map(|last| {
                format!(
                    "give all but one a name of its own: `name = \"…\"` in \
                     [package.metadata.lambda-pack.handlers.<binary>] of {last}"
                )
            }),
            Self::Name { .. } => {
                Some("set `name = \"…\"` in [package.metadata.lambda-pack]".to_owned())
            }
            _ => None,
        }
    }
}
