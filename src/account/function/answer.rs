//! A function as the API shows it.

use serde_json::{Value, json};

use super::{Status, UsedLayer};
use crate::account::{Account, Code, Configuration, Function, Object, date};

/// How much is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::account) enum View {
    /// Everything.
    Whole,
    /// What lists show: no states (recorded answers).
    Listed,
}

impl Account {
    /// `FunctionConfiguration`, with the ARN of the function under this qualifier.
    ///
    /// What has no value is left out.
    pub(in crate::account) fn shown(
        &self,
        name: &str,
        configuration: &Configuration,
        qualifier: Option<&str>,
        view: View,
    ) -> Object {
        let mut answer = configuration.settings.clone();
        let mut set = |member: &str, value: Value| drop(answer.insert(member.to_owned(), value));
        set("FunctionName", name.into());
        set("FunctionArn", self.function_arn(name, qualifier).into());
        set("Version", configuration.version_text().into());
        set("CodeSha256", configuration.code.sha256().into());
        set("CodeSize", configuration.code.size().into());
        set("LastModified", date::text(configuration.modified).into());
        set("RevisionId", configuration.revision.as_str().into());
        if !configuration.layers.is_empty() {
            let layer = |it: &UsedLayer| json!({ "Arn": it.arn, "CodeSize": it.code.size() });
            set("Layers", configuration.layers.iter().map(layer).collect());
        }
        if configuration.version.is_some() && configuration.snaps() {
            set("SnapStart", json!({"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}));
        }
        if view == View::Whole {
            show_status(&mut answer, "State", Some(&configuration.state));
            show_status(&mut answer, "LastUpdateStatus", configuration.update.as_ref());
        }
        answer
    }

    /// `GetFunction`. Where a zip lies (`Location`), the edge says.
    pub(in crate::account) fn shown_with_code(
        &self,
        function: &Function,
        configuration: &Configuration,
        qualifier: Option<&str>,
    ) -> Object {
        let mut code = configuration.code_settings.clone();
        let mut set =
            |member: &str, value: &str| drop(code.insert(member.to_owned(), value.into()));
        match &configuration.code {
            Code::Zip { .. } => set("RepositoryType", "S3"),
            Code::Image { uri, resolved } => {
                set("RepositoryType", "ECR");
                set("ImageUri", uri);
                set("ResolvedImageUri", resolved);
            }
        }
        let shown = self.shown(&function.name, configuration, qualifier, View::Whole);
        let mut answer = Object::new();
        answer.insert("Configuration".to_owned(), shown.into());
        answer.insert("Code".to_owned(), code.into());
        if !function.tags.is_empty() {
            answer.insert("Tags".to_owned(), json!(function.tags));
        }
        if let Some(reserved) = function.reserved_concurrency {
            let concurrency = json!({ "ReservedConcurrentExecutions": reserved });
            answer.insert("Concurrency".to_owned(), concurrency);
        }
        answer
    }
}

fn show_status(answer: &mut Object, member: &str, status: Option<&Status>) {
    let Some(status) = status else { return };
    answer.insert(member.to_owned(), status.value.as_str().into());
    if let Some((reason, code)) = &status.reason {
        answer.insert(format!("{member}Reason"), reason.as_str().into());
        answer.insert(format!("{member}ReasonCode"), code.as_str().into());
    }
}

impl Configuration {
    /// `Version`: the number, or `$LATEST`.
    #[must_use]
    pub fn version_text(&self) -> String {
        self.version.map_or_else(|| "$LATEST".to_owned(), |number| number.to_string())
    }

    /// Whether published versions of it start from a snapshot.
    pub(in crate::account) fn snaps(&self) -> bool {
        self.settings.get("SnapStart").and_then(|it| it.get("ApplyOn")).and_then(Value::as_str)
            == Some("PublishedVersions")
    }

    /// A setting, `Timeout` say, as `GetFunctionConfiguration` shows it.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&Value> {
        self.settings.get(name)
    }
}
