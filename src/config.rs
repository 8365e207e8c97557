//! What the manifests say: `[package.metadata.lambda-pack]`, its `handlers.<name>` tables, and
//! `[workspace.metadata.lambda-pack]`.
//!
//! Every setting is an `Option`: absent means "leave alone". Unknown keys and wrong values are
//! refused, all of one manifest at once. Handler tables win over the package, the package over the
//! workspace; defaults are applied later, in the plan.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::function::{FunctionName, IncludeRoot, IncludeRule, Role};
use crate::nearest::suggestion;
use crate::target::Runtime;

/// Settings of one scope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether this is a handler at all, whatever it depends on.
    pub handler: Option<bool>,
    /// Function, or which kind of extension.
    pub role: Option<Role>,
    /// The function's name; the binary's by default.
    pub name: Option<FunctionName>,
    /// The AWS runtime.
    pub runtime: Option<Runtime>,
    /// Files beside the executable.
    pub include: Option<Vec<IncludeRule>>,
}

impl Settings {
    /// These settings, and where they are silent, those of the scope below.
    #[must_use]
    pub fn over(self, below: &Self) -> Self {
        Self {
            handler: self.handler.or(below.handler),
            role: self.role.or(below.role),
            name: self.name.or_else(|| below.name.clone()),
            runtime: self.runtime.or(below.runtime),
            include: self.include.or_else(|| below.include.clone()),
        }
    }
}

/// A package's settings, and those of single handlers in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageSettings {
    /// What stands directly in `[package.metadata.lambda-pack]`.
    pub package: Settings,
    /// `[package.metadata.lambda-pack.handlers.<name>]`.
    pub handlers: BTreeMap<String, Settings>,
}

impl PackageSettings {
    /// The settings of one handler: its own table over the package's over the workspace's.
    #[must_use]
    pub fn of_handler(&self, target: &str, workspace: &Settings) -> Settings {
        let own = self.handlers.get(target).cloned().unwrap_or_default();
        own.over(&self.package).over(workspace)
    }
}

/// One mistake in one table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{table}: {what}")]
pub struct Mistake {
    /// The table as it is written in the manifest, with the package's name.
    pub table: String,
    /// What is wrong, and the nearest right.
    pub what: String,
}

/// Reads `[package.metadata.lambda-pack]` out of a package's metadata.
pub fn of_package(package: &str, metadata: &Value) -> Result<PackageSettings, Vec<Mistake>> {
    let mut reader = Reader::default();
    let table = format!("package `{package}`: [package.metadata.lambda-pack]");
    let mut settings = PackageSettings::default();
    if let Some(map) = reader.section(metadata, &table) {
        settings.package = reader.settings(map, &table, Scope::Package);
        if let Some(handlers) = map.get("handlers") {
            let table = format!("package `{package}`: [package.metadata.lambda-pack.handlers]");
            for (name, value) in reader.table(handlers, &table).into_iter().flatten() {
                let table = table.replace("handlers]", &format!("handlers.{name}]"));
                if let Some(map) = reader.table(value, &table) {
                    let own = reader.settings(map, &table, Scope::Handler);
                    settings.handlers.insert(name.clone(), own);
                }
            }
        }
    }
    reader.finish(settings)
}

/// Reads `[workspace.metadata.lambda-pack]` out of the workspace's metadata.
pub fn of_workspace(metadata: &Value) -> Result<Settings, Vec<Mistake>> {
    let mut reader = Reader::default();
    let table = "[workspace.metadata.lambda-pack]";
    let settings = reader
        .section(metadata, table)
        .map_or_else(Settings::default, |map| reader.settings(map, table, Scope::Workspace));
    reader.finish(settings)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Workspace,
    Package,
    Handler,
}

impl Scope {
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Workspace => &["include", "runtime"],
            Self::Package => &["extension", "handler", "handlers", "include", "name", "runtime"],
            Self::Handler => &["extension", "handler", "include", "name", "runtime"],
        }
    }

    fn root(self) -> IncludeRoot {
        match self {
            Self::Workspace => IncludeRoot::Workspace,
            Self::Package | Self::Handler => IncludeRoot::Package,
        }
    }
}

/// Reads tables and gathers every mistake on the way.
#[derive(Default)]
struct Reader {
    mistakes: Vec<Mistake>,
}

impl Reader {
    fn finish<T>(self, value: T) -> Result<T, Vec<Mistake>> {
        if self.mistakes.is_empty() { Ok(value) } else { Err(self.mistakes) }
    }

    fn mistake(&mut self, table: &str, what: String) {
        self.mistakes.push(Mistake { table: table.to_owned(), what });
    }

    fn section<'v>(&mut self, metadata: &'v Value, table: &str) -> Option<&'v Map<String, Value>> {
        let value = metadata.get("lambda-pack")?;
        self.table(value, table)
    }

    fn table<'v>(&mut self, value: &'v Value, table: &str) -> Option<&'v Map<String, Value>> {
        if let Value::Object(map) = value {
            return Some(map);
        }
        self.mistake(table, format!("must be a table, not {}", kind_of(value)));
        None
    }

    fn known_keys(&mut self, map: &Map<String, Value>, table: &str, known: &[&str]) {
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            let near = suggestion(key, known.iter().copied());
            self.mistake(table, format!("unknown key `{key}`; {near}"));
        }
    }

    fn settings(&mut self, map: &Map<String, Value>, table: &str, scope: Scope) -> Settings {
        self.known_keys(map, table, scope.keys());
        Settings {
            handler: map.get("handler").and_then(|value| self.boolean(value, table, "handler")),
            role: self.parsed(map, table, "extension", |text| match text {
                "external" => Ok(Role::ExternalExtension),
                "internal" => Ok(Role::InternalExtension),
                other => Err(format!("`{other}` is neither \"external\" nor \"internal\"")),
            }),
            name: self.parsed(map, table, "name", |text| {
                FunctionName::new(text).map_err(|error| error.to_string())
            }),
            runtime: self.parsed(map, table, "runtime", |text| {
                text.parse::<Runtime>().map_err(|error| error.to_string())
            }),
            include: map.get("include").and_then(|value| self.includes(value, table, scope)),
        }
    }

    fn boolean(&mut self, value: &Value, table: &str, key: &str) -> Option<bool> {
        let boolean = value.as_bool();
        if boolean.is_none() {
            self.mistake(table, format!("`{key}` must be true or false, not {}", kind_of(value)));
        }
        boolean
    }

    fn string<'v>(&mut self, value: &'v Value, table: &str, key: &str) -> Option<&'v str> {
        let text = value.as_str();
        if text.is_none() {
            self.mistake(table, format!("`{key}` must be a string, not {}", kind_of(value)));
        }
        text
    }

    fn parsed<T>(
        &mut self,
        map: &Map<String, Value>,
        table: &str,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.string(map.get(key)?, table, key)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(what) => {
                self.mistake(table, format!("`{key}`: {what}"));
                None
            }
        }
    }

    fn strings(&mut self, value: &Value, table: &str, key: &str) -> Option<Vec<String>> {
        let Value::Array(items) = value else {
            self.mistake(
                table,
                format!("`{key}` must be a list of strings, not {}", kind_of(value)),
            );
            return None;
        };
        let texts = items.iter().filter_map(|item| self.string(item, table, key));
        Some(texts.map(str::to_owned).collect())
    }

    fn includes(&mut self, value: &Value, table: &str, scope: Scope) -> Option<Vec<IncludeRule>> {
        let Value::Array(items) = value else {
            self.mistake(
                table,
                format!("`include` must be a list of paths or tables, not {}", kind_of(value)),
            );
            return None;
        };
        Some(items.iter().filter_map(|item| self.include(item, table, scope)).collect())
    }

    fn include(&mut self, value: &Value, table: &str, scope: Scope) -> Option<IncludeRule> {
        let root = scope.root();
        let map = match value {
            Value::String(from) => {
                return Some(IncludeRule {
                    from: from.clone(),
                    to: None,
                    exclude: Vec::new(),
                    root,
                });
            }
            Value::Object(map) => map,
            other => {
                self.mistake(
                    table,
                    format!("`include` holds paths or tables, not {}", kind_of(other)),
                );
                return None;
            }
        };
        self.known_keys(map, table, &["exclude", "from", "root", "to"]);
        let Some(from) = map.get("from") else {
            self.mistake(table, "an `include` table needs `from`".to_owned());
            return None;
        };
        let root = self.parsed(map, table, "root", |text| match text {
            "package" => Ok(IncludeRoot::Package),
            "workspace" => Ok(IncludeRoot::Workspace),
            other => Err(format!("`{other}` is neither \"package\" nor \"workspace\"")),
        });
        Some(IncludeRule {
            from: self.string(from, table, "from")?.to_owned(),
            to: self.parsed(map, table, "to", |text| Ok(text.to_owned())),
            exclude: match map.get("exclude") {
                Some(value) => self.strings(value, table, "exclude")?,
                None => Vec::new(),
            },
            root: root.unwrap_or(scope.root()),
        })
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_said_is_nothing_set() {
        assert_eq!(of_package("p", &Value::Null), Ok(PackageSettings::default()));
        assert_eq!(of_package("p", &json!({"other": 1})), Ok(PackageSettings::default()));
        assert_eq!(of_workspace(&Value::Null), Ok(Settings::default()));
    }

    #[test]
    fn handler_over_package_over_workspace() {
        let package = of_package(
            "p",
            &json!({"lambda-pack": {
                "runtime": "provided.al2", "include": ["a"],
                "handlers": {"x": {"name": "x-fn", "include": []}},
            }}),
        )
        .unwrap();
        let workspace =
            of_workspace(&json!({"lambda-pack": {"runtime": "provided.al2023", "include": ["w"]}}))
                .unwrap();
        let x = package.of_handler("x", &workspace);
        assert_eq!(x.runtime, Some(Runtime::ProvidedAl2));
        assert_eq!(x.name.unwrap().as_str(), "x-fn");
        assert_eq!(x.include, Some(Vec::new()), "empty clears, it does not fall through");
        let other = package.of_handler("y", &workspace);
        assert_eq!(other.include.unwrap()[0].root, IncludeRoot::Package);
        let bare = PackageSettings::default().of_handler("z", &workspace);
        assert_eq!(bare.include.unwrap()[0].root, IncludeRoot::Workspace);
    }

    #[test]
    fn every_mistake_at_once_with_the_nearest_key() {
        let mistakes = of_package(
            "p",
            &json!({"lambda-pack": {
                "includes": [], "handler": "no", "extension": "outside", "name": "a b",
                "include": [1, {"form": "x"}, {"from": "x", "root": "here"}],
                "handlers": {"x": {"handlers": {}}, "y": 3},
            }}),
        )
        .unwrap_err();
        let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        let table = "package `p`: [package.metadata.lambda-pack]";
        assert_eq!(
            lines,
            [
                format!("{table}: unknown key `includes`; did you mean `include`?"),
                format!("{table}: `handler` must be true or false, not a string"),
                format!("{table}: `extension`: `outside` is neither \"external\" nor \"internal\""),
                format!(
                    "{table}: `name`: `a b` cannot name a Lambda function: AWS takes 1 to 64 \
                     letters, digits, hyphens and underscores"
                ),
                format!("{table}: `include` holds paths or tables, not a number"),
                format!("{table}: unknown key `form`; did you mean `from`?"),
                format!("{table}: an `include` table needs `from`"),
                format!("{table}: `root`: `here` is neither \"package\" nor \"workspace\""),
                "package `p`: [package.metadata.lambda-pack.handlers.x]: unknown key \
                     `handlers`; did you mean `handler`?"
                    .to_string(),
                "package `p`: [package.metadata.lambda-pack.handlers.y]: must be a table, not \
                     a number"
                    .to_string(),
            ]
        );
    }
}
