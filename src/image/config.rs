//! Image configurations (OCI image specification, "Image Configuration"). What we do not know of one is
//! kept as it is.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::digest::Sha256;
use crate::target::Arch;

/// What Lambda sets itself (AWS: "Defined runtime environment variables", reserved ones): an image's own
/// value for them counts for nothing.
pub const RESERVED: [&str; 12] = [
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "_HANDLER",
];

/// Go's name of an architecture, which images use.
#[must_use]
pub const fn go_name(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "amd64",
        Arch::Arm64 => "arm64",
    }
}

/// The configuration of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Config(Value);

/// A value for people: text as it is, anything else as JSON has it.
#[must_use]
pub fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A layer that is put on top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added<'a> {
    /// The digest of its tar.
    pub diff_id: Sha256,
    /// What is in it, for people.
    pub what: &'a str,
}

impl Config {
    /// One without any layer.
    #[must_use]
    pub fn empty(arch: Arch) -> Self {
        Self(json!({
            "architecture": go_name(arch),
            "os": "linux",
            "config": {},
            "rootfs": { "type": "layers", "diff_ids": [] },
            "history": [],
        }))
    }

    /// What was read; none if it is no JSON object.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(Value::is_object).map(Self)
    }

    /// A member at the top, as text.
    #[must_use]
    pub fn text(&self, member: &str) -> &str {
        self.0[member].as_str().unwrap_or_default()
    }

    /// A member at the top.
    #[must_use]
    pub fn member(&self, member: &str) -> &Value {
        &self.0[member]
    }

    /// What it says of running a container.
    #[must_use]
    pub fn run(&self) -> &Value {
        &self.0["config"]
    }

    /// The folder that it is started in, if it says one.
    #[must_use]
    pub fn working_folder(&self) -> Option<&str> {
        self.run()["WorkingDir"].as_str().filter(|folder| !folder.is_empty())
    }

    /// The members that are of another type than they must be, and what they must be (image-spec,
    /// "Image Configuration"; what is null is not there).
    #[must_use]
    pub fn mistyped(&self) -> Vec<(&'static str, &'static str)> {
        let words = |value: &Value| {
            value.as_array().is_some_and(|all| all.iter().all(Value::is_string)) || value.is_null()
        };
        let text = |value: &Value| value.is_string() || value.is_null();
        let time = |value: &Value| value.as_str().map_or(value.is_null(), is_time);
        let object = |value: &Value| value.is_object() || value.is_null();
        let objects = |value: &Value| {
            value.as_array().is_some_and(|all| all.iter().all(Value::is_object)) || value.is_null()
        };
        let labels = |value: &Value| {
            value.as_object().is_some_and(|all| all.values().all(Value::is_string))
                || value.is_null()
        };
        let (all, run) = (&self.0, self.run());
        let members = [
            ("config", object(run), "an object"),
            ("config.Entrypoint", words(&run["Entrypoint"]), "a list of strings"),
            ("config.Cmd", words(&run["Cmd"]), "a list of strings"),
            ("config.Env", words(&run["Env"]), "a list of strings"),
            ("config.WorkingDir", text(&run["WorkingDir"]), "a string"),
            ("config.User", text(&run["User"]), "a string"),
            ("config.Labels", labels(&run["Labels"]), "an object of strings"),
            ("config.Volumes", object(&run["Volumes"]), "an object"),
            ("config.ExposedPorts", object(&run["ExposedPorts"]), "an object"),
            ("config.OnBuild", words(&run["OnBuild"]), "a list of strings"),
            ("history", objects(&all["history"]), "a list of objects"),
            ("created", time(&all["created"]), "a time (RFC 3339)"),
        ];
        members.into_iter().filter(|it| !it.1).map(|(name, _, wanted)| (name, wanted)).collect()
    }

    /// A list of words (`Entrypoint`, `Cmd`, `Env`); what is none is empty.
    #[must_use]
    pub fn words(&self, member: &str) -> Vec<&str> {
        let all = self.run()[member].as_array().into_iter().flatten();
        all.filter_map(Value::as_str).collect()
    }

    /// The value of a variable; the last one, as `execve` has it.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        let all = self.words("Env").into_iter().rev();
        all.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, v)| v)
    }

    /// All variables; of two of one name the last one.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<String, String> {
        let pairs = self.words("Env").into_iter().filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The digests of its layers' tars, as they stand there.
    #[must_use]
    pub fn diff_ids(&self) -> Vec<&str> {
        let all = self.0["rootfs"]["diff_ids"].as_array().into_iter().flatten();
        all.map(|id| id.as_str().unwrap_or_default()).collect()
    }

    /// The architecture, if Lambda has it.
    #[must_use]
    pub fn arch(&self) -> Option<Arch> {
        Arch::ALL.into_iter().find(|arch| go_name(*arch) == self.text("architecture"))
    }

    /// Changes what it says of running a container.
    fn change(&mut self, change: impl FnOnce(&mut Map<String, Value>)) {
        let mut run = self.run().as_object().cloned().unwrap_or_default();
        change(&mut run);
        self.0["config"] = Value::Object(run);
    }

    /// Sets what is started. Setting an entry point takes away a command that was for another one.
    pub fn start(&mut self, entrypoint: &[String], command: &[String]) {
        self.change(|run| {
            run.insert("Entrypoint".to_owned(), json!(entrypoint));
            run.remove("Cmd");
            if !command.is_empty() {
                run.insert("Cmd".to_owned(), json!(command));
            }
        });
    }

    /// Sets the folder that it is started in.
    pub fn work_in(&mut self, folder: &str) {
        self.change(|run| drop(run.insert("WorkingDir".to_owned(), folder.into())));
    }

    /// Sets variables: each keeps its place in the list, and stands there once.
    pub fn set_variables(&mut self, variables: &BTreeMap<String, String>) {
        let mut list: Vec<String> = self.words("Env").into_iter().map(str::to_owned).collect();
        for (name, value) in variables {
            let prefix = format!("{name}=");
            let place = list.iter().position(|pair| pair.starts_with(&prefix));
            list.retain(|pair| !pair.starts_with(&prefix));
            // The first of a name has only others before it.
            list.insert(place.unwrap_or(list.len()), format!("{prefix}{value}"));
        }
        self.change(|run| drop(run.insert("Env".to_owned(), json!(list))));
    }

    /// Adds labels; those that are there stay, unless they have the same name.
    pub fn label(&mut self, labels: &BTreeMap<String, String>) {
        if labels.is_empty() {
            return;
        }
        let mut all = self.run()["Labels"].as_object().cloned().unwrap_or_default();
        all.extend(labels.iter().map(|(name, value)| (name.clone(), value.as_str().into())));
        self.change(|run| drop(run.insert("Labels".to_owned(), Value::Object(all))));
    }

    /// Replaces the digests of the layers' tars.
    pub fn set_diff_ids(&mut self, diff_ids: &[Sha256]) {
        let all: Vec<String> = diff_ids.iter().map(Sha256::to_string).collect();
        self.0["rootfs"] = json!({ "type": "layers", "diff_ids": all });
    }

    /// Puts layers on top. `created` is a time as RFC 3339 has it. History is told of every layer or of
    /// none (image-spec, "history"): where the base tells nothing, its layers get entries as well.
    pub fn add(&mut self, layers: &[Added<'_>], created: &str) {
        let below = self.diff_ids().len();
        let mut ids: Vec<Value> = self.diff_ids().into_iter().map(Value::from).collect();
        ids.extend(layers.iter().map(|layer| Value::from(layer.diff_id.to_string())));
        self.0["rootfs"] = json!({ "type": "layers", "diff_ids": ids });
        let mut history = self.0["history"].as_array().cloned().unwrap_or_default();
        if history.is_empty() {
            let entry = json!({ "created": created, "created_by": "the base image" });
            history = vec![entry; below];
        }
        history.extend(layers.iter().map(|layer| {
            json!({
                "created": created,
                "created_by": format!("cargo lambda-pack: {}", layer.what),
            })
        }));
        self.0["history"] = Value::Array(history);
        self.0["created"] = created.into();
    }

    /// Tells of so many layers anew, of which nothing is known but that they are there.
    pub fn tell_again(&mut self, layers: usize, created: &str) {
        let entry = json!({ "created": created, "created_by": "unknown" });
        self.0["history"] = Value::Array(vec![entry; layers]);
    }

    /// How many layers the history tells of; none if it tells nothing.
    #[must_use]
    pub fn layers_told(&self) -> Option<usize> {
        let history = self.0["history"].as_array().filter(|history| !history.is_empty())?;
        Some(history.iter().filter(|entry| entry["empty_layer"] != true).count())
    }

    /// The bytes, with sorted members.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        self.0.to_string().into_bytes()
    }
}

/// Whether that has the form of RFC 3339: `2026-01-31T12:00:00.5Z`.
fn is_time(text: &str) -> bool {
    let form = "0000-00-00T00:00:00";
    let fits = |(is, wanted): (char, char)| match wanted {
        '0' => is.is_ascii_digit(),
        other => is.eq_ignore_ascii_case(&other),
    };
    let Some((time, zone)) = text.split_at_checked(form.len()) else { return false };
    let zone = zone.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = |zone: &str| zone.starts_with(['+', '-']) && zone.len() == 6;
    time.chars().zip(form.chars()).all(fits) && (zone.eq_ignore_ascii_case("z") || offset(zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &Value) -> Config {
        Config::read(value.to_string().as_bytes()).unwrap()
    }

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn variables_keep_their_places_and_stand_there_once() {
        let env = json!(["B=1", "A=1", "A=2", "AB=3", "B=4"]);
        let mut config = read(&json!({ "config": { "Env": env } }));
        assert_eq!(config.variable("A"), Some("2"));
        config.set_variables(&variables(&[("A", "x=y"), ("C", "")]));
        assert_eq!(config.words("Env"), ["B=1", "A=x=y", "AB=3", "B=4", "C="]);
        assert_eq!((config.variable("A"), config.variable("D")), (Some("x=y"), None));
    }

    #[test]
    fn an_entry_point_takes_the_command_of_another_away() {
        let mut config = read(&json!({ "config": { "Entrypoint": ["/a"], "Cmd": ["b"] } }));
        config.start(&["/c".to_owned()], &[]);
        assert_eq!(config.run(), &json!({ "Entrypoint": ["/c"] }));
        config.start(&["/c".to_owned()], &["d".to_owned()]);
        assert_eq!(config.words("Cmd"), ["d"]);
    }

    #[test]
    fn what_is_unknown_stays() {
        let text = json!({
            "architecture": "arm64", "variant": "v8", "x": [1, 2.5, null],
            "config": { "Healthcheck": { "Test": ["NONE"] }, "Labels": { "a": "1", "b": "2" } },
        });
        let mut config = read(&text);
        config.label(&variables(&[("b", "3"), ("c", "4")]));
        config.work_in("/w");
        config.add(&[], "1980-01-01T00:00:00Z");
        let written: Value = serde_json::from_slice(&config.write()).unwrap();
        assert_eq!((&written["x"], &written["variant"]), (&text["x"], &text["variant"]));
        assert_eq!(written["config"]["Healthcheck"], text["config"]["Healthcheck"]);
        assert_eq!(written["config"]["Labels"], json!({ "a": "1", "b": "3", "c": "4" }));
        assert_eq!(config.arch(), Some(Arch::Arm64));
    }

    #[test]
    fn history_is_told_of_all_layers_or_of_none() {
        let ids = ["sha256:1", "sha256:2"];
        let id = Sha256::of(b"");
        let top = [Added { diff_id: id, what: "functions" }];
        // Of a base that tells nothing, that tells, and that tells of empty layers too.
        for (history, told) in [
            (Value::Null, None),
            (json!([]), None),
            (json!([{}, { "empty_layer": true }, {}]), Some(2)),
        ] {
            let mut config =
                read(&json!({ "rootfs": { "diff_ids": ids }, "history": history.clone() }));
            assert_eq!(config.layers_told(), told);
            config.add(&top, "1980-01-01T00:00:00Z");
            assert_eq!(config.layers_told(), Some(3));
            assert_eq!(config.diff_ids(), ["sha256:1", "sha256:2", &id.to_string()]);
            assert_eq!(config.member("rootfs")["type"], "layers");
            let last = config.member("history").as_array().unwrap().last().unwrap();
            assert_eq!(last["created_by"], "cargo lambda-pack: functions");
            assert_eq!(last["created"], "1980-01-01T00:00:00Z");
        }
    }

    #[test]
    fn the_bytes_follow_from_the_contents() {
        let one = Config::read(br#"{"b":1,"a":{"d":2,"c":3}}"#).unwrap();
        assert_eq!(one.write(), br#"{"a":{"c":3,"d":2},"b":1}"#);
        for bad in ["", "[]", "1", "{", "null"] {
            assert_eq!(Config::read(bad.as_bytes()), None, "{bad}");
        }
    }
}
