//! What `new` and `init` write: templates, those of this program and others.
//!
//! A template is a set of files and a `template.toml` that says what is asked and which files depend on the
//! answers. Files that end in `.jinja` are rendered (Jinja2's syntax) and lose that ending; all others are
//! copied. Pure: files and answers in, files out.
//!
//! Templates are hostile until read otherwise. Nothing of one can be written outside of its place, into `.git`
//! (whose hooks git runs) or under a name that some system has no file for; there are limits of sizes and
//! counts; and what is rendered can neither read files nor go on for ever.

mod answers;
mod builtin;
mod manifest;
mod origin;
mod place;
mod render;

use std::collections::BTreeMap;
use std::io;

pub use answers::{Answers, Given};
pub use builtin::{DEFAULT, builtin, described, names};
pub use manifest::{Kind, Manifest, Prompt, Sample};
pub use origin::{Git, Origin};
pub use place::{Gathered, MAX_ALL, MAX_FILE, MAX_FILES};

use crate::crate_name::NameRefused;
use crate::tree::{ArchivePath, PathRefused};

/// The file that says what a template is.
pub const MANIFEST: &str = "template.toml";
/// The end of the names of files that are rendered.
const RENDERED: &str = ".jinja";

/// Why there is nothing to write.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// No template of ours.
    #[error("there is no template `{name}`: {hint}")]
    Unknown {
        /// What was said.
        name: String,
        /// What could have been meant.
        hint: String,
    },
    /// What was given has no `template.toml`.
    #[error("no {MANIFEST} in it: it is no template")]
    NoManifest,
    /// Its `template.toml` is not as it has to be.
    #[error("{MANIFEST} of the template is not understood")]
    Manifest(#[from] toml::de::Error),
    /// A pattern, default or condition in `template.toml`.
    #[error("{MANIFEST} of the template: `{key}`: {why}")]
    Prompt {
        /// The prompt or file.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// A path that is not written.
    #[error("the template has a path that is not written: {path:?}")]
    Path {
        /// The path, as the template has it or as it was rendered.
        path: String,
        /// Why not.
        source: PathRefused,
    },
    /// A path that not every system has, or that means something to git.
    #[error("the template has a path that is not written: {path:?} ({why})")]
    Name {
        /// The path.
        path: String,
        /// Why not.
        why: &'static str,
    },
    /// Two files for one place.
    #[error("two files of the template want one place: {first:?} and {second:?}")]
    Clash {
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// Larger than templates are.
    #[error("the template is too large: {0}")]
    Large(String),
    /// It could not be read.
    #[error("cannot read {path:?} of the template")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It could not be rendered.
    #[error("cannot render {path:?} of the template")]
    Render {
        /// The file.
        path: String,
        /// Why.
        source: Box<minijinja::Error>,
    },
    /// A name that is none for a package.
    #[error("`{name}` cannot be the name of the package")]
    PackageName {
        /// The name.
        name: String,
        /// Why not.
        source: NameRefused,
    },
    /// `--set` of something that is not asked.
    #[error("the template asks for no `{key}`: {hint}")]
    NotAsked {
        /// What was given.
        key: String,
        /// What could have been meant.
        hint: String,
    },
    /// An answer that is none.
    #[error("`{key}` cannot be `{value}`: {why}")]
    Answer {
        /// What was asked for.
        key: String,
        /// The answer.
        value: String,
        /// What it has to be.
        why: String,
    },
    /// There is no default, and nobody to ask.
    #[error(
        "the template asks for `{key}` ({question}), which has no default: say `--set {key}=…`"
    )]
    Unanswered {
        /// What is asked for.
        key: String,
        /// The question.
        question: String,
    },
}

/// A file of a template, or one that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether it may be run.
    pub executable: bool,
}

/// Files by path: relative, `/` between the parts.
pub type Files = BTreeMap<String, File>;

/// A template that was read.
#[derive(Debug)]
pub struct Template {
    /// What `template.toml` says.
    pub manifest: Manifest,
    files: Files,
}

impl Template {
    /// Takes the files of a template.
    ///
    /// # Errors
    ///
    /// If there is no `template.toml` among them, or it is not understood.
    pub fn of(gathered: Gathered) -> Result<Self, TemplateError> {
        let mut files = gathered.into_files();
        let manifest = files.remove(MANIFEST).ok_or(TemplateError::NoManifest)?;
        let manifest = Manifest::parse(&String::from_utf8_lossy(&manifest.bytes))?;
        let template = Self { manifest, files };
        template.check()?;
        Ok(template)
    }

    /// Whether what `template.toml` names can be there.
    fn check(&self) -> Result<(), TemplateError> {
        let wrong = |key: &str, why: &str| {
            Err(TemplateError::Prompt { key: key.to_owned(), why: why.to_owned() })
        };
        for condition in &self.manifest.files {
            if !self.files.keys().any(|path| condition.covers(path)) {
                return wrong(
                    &condition.path,
                    "no file of the template has this path or is below it",
                );
            }
        }
        for Sample { event, .. } in &self.manifest.samples {
            let refused = |source| TemplateError::Path { path: event.clone(), source };
            ArchivePath::new(event).map_err(refused)?;
            // What a name with an answer in it becomes nobody knows yet.
            let becomes = |path: &String| {
                path.contains('{') || path.strip_suffix(RENDERED).unwrap_or(path) == event
            };
            if !self.files.keys().any(becomes) {
                return wrong(event, "no file of the template becomes this event");
            }
        }
        Ok(())
    }

    /// The files with these answers, each of which may be written below the place of the package. A file that
    /// is rendered to nothing but blanks is none.
    ///
    /// # Errors
    ///
    /// If something cannot be rendered, or may not be written.
    pub fn render(&self, answers: &Answers) -> Result<Files, TemplateError> {
        let renderer = render::Renderer::new(answers);
        let mut written = Gathered::default();
        for (path, file) in &self.files {
            if !self.wants(path, &renderer)? {
                continue;
            }
            let place = renderer.text(path, path)?;
            let Some(place) = place.strip_suffix(RENDERED) else {
                written.add(&place, file.executable, &mut &*file.bytes)?;
                continue;
            };
            let source = String::from_utf8_lossy(&file.bytes);
            let text = renderer.text(path, &source)?;
            if !text.trim().is_empty() {
                written.add(place, file.executable, &mut text.as_bytes())?;
            }
        }
        written.check_names()?;
        Ok(written.into_files())
    }

    /// The samples whose events are among these files.
    ///
    /// # Errors
    ///
    /// If the name of a function cannot be rendered.
    pub fn samples(&self, answers: &Answers, files: &Files) -> Result<Vec<Sample>, TemplateError> {
        let renderer = render::Renderer::new(answers);
        let there = self.manifest.samples.iter().filter(|it| files.contains_key(&it.event));
        let whole = |sample: &Sample| {
            let function = sample.function.as_ref().map(|name| renderer.text(MANIFEST, name));
            Ok(Sample { function: function.transpose()?, ..sample.clone() })
        };
        there.map(whole).collect()
    }

    /// Whether all conditions of a file, and of the folders above it, hold.
    fn wants(&self, path: &str, renderer: &render::Renderer) -> Result<bool, TemplateError> {
        for condition in &self.manifest.files {
            if condition.covers(path) && !renderer.holds(&condition.path, &condition.when)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
