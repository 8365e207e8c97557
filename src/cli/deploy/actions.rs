//! For jobs of GitHub Actions: a summary of the step, and outputs (GitHub: "Workflow commands").

use std::env;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::report::{state, url, version};
use crate::aws::Outcome;
use crate::error::Error;
use crate::files;
use crate::message::clean;
use crate::release::content::text;
use crate::release::observed::{Observed, points_at};

/// Writes both, where the variables that name the files are set.
pub(super) fn write(outcomes: &[Outcome]) -> Result<(), Error> {
    if let Some(path) = file("GITHUB_STEP_SUMMARY") {
        files::append(&path, &summary(outcomes))?;
    }
    if let Some(path) = file("GITHUB_OUTPUT") {
        files::append(&path, &outputs(outcomes))?;
    }
    Ok(())
}

fn file(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn summary(outcomes: &[Outcome]) -> String {
    let mut out =
        "| function | state | version | alias | CodeSha256 |\n|---|---|---|---|---|\n".to_owned();
    let none = Observed::default();
    for outcome in outcomes {
        let observed = outcome.observed.as_ref().unwrap_or(&none);
        let aliases: Vec<String> = observed
            .aliases
            .iter()
            .map(|(name, alias)| format!("{name} → {}", points_at(alias)))
            .collect();
        let sha = observed.latest().and_then(|latest| text(latest, "CodeSha256"));
        out.push_str(&format!(
            "| {} | {} | {} | {} | `{}` |\n",
            outcome.function,
            state(outcome),
            version(outcome, observed).unwrap_or_default(),
            aliases.join(", "),
            sha.unwrap_or_default(),
        ));
    }
    out.push('\n');
    for outcome in outcomes {
        if let Some(why) = &outcome.stopped {
            // What AWS says is text, whatever signs are in it.
            let why = clean(&why.to_string()).replace('`', "'");
            out.push_str(&format!("- {}: `{why}`\n", outcome.function));
        }
    }
    out.push('\n');
    out
}

/// `functions`: name → version, aliases, URL, ARN and digest, as JSON; `changed`: whether anything was.
fn outputs(outcomes: &[Outcome]) -> String {
    let none = Observed::default();
    let mut functions = serde_json::Map::new();
    for outcome in outcomes {
        let observed = outcome.observed.as_ref().unwrap_or(&none);
        let latest = observed.latest();
        let member = |name: &str| latest.and_then(|latest| text(latest, name)).map(Value::from);
        let aliases: serde_json::Map<String, Value> = observed
            .aliases
            .iter()
            .map(|(name, alias)| (name.clone(), points_at(alias).into()))
            .collect();
        let one = json!({
            "state": state(outcome),
            "version": version(outcome, observed),
            "aliases": aliases,
            "url": url(&observed.attached),
            "arn": member("FunctionArn"),
            "code_sha256": member("CodeSha256"),
        });
        functions.insert(outcome.function.clone(), one);
    }
    let changed = outcomes.iter().any(|outcome| !outcome.changes.is_empty());
    format!("functions={}\nchanged={changed}\n", Value::Object(functions))
}
