//! What the settings of one handler want of AWS: keys become members of the Lambda API.
//!
//! A key that is absent gives no member. One that is cleared gives the value that clears it: the empty
//! one, or what AWS takes where nothing is said ("Lambda quotas"; `CreateFunction` and its like).

mod member;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Merged;
use super::check::NONE;
use super::located::{Located, Mistake, Node, Table};
use super::{include, together};
use crate::digest::Sha256;
use crate::function::FunctionName;
use crate::release::check::{Rules, Wish};
use crate::release::shift::watch::{OnUnknown, Probe, Watch, rate};
use crate::release::wanted::{Attachments, Environment, Wanted};
use member::Member;

/// What `"none"` or an empty text takes away: nothing is in it then.
type Clearable<T> = Option<T>;

/// What was merged for a handler, as what is wanted of the function of this name; or all that stands
/// in the way of deploying it. What is wrong for every command is said by `Settings` and here again.
pub fn wanted(merged: &Merged, function: &FunctionName) -> Result<Wanted, Vec<Mistake>> {
    let mut mistakes = together::mistakes(merged);
    mistakes.extend(together::halves(merged));
    if !mistakes.is_empty() {
        mistakes.sort();
        mistakes.dedup();
        return Err(mistakes);
    }
    let said = Said(merged);
    let (tags, tags_replace) = tags(said);
    Ok(Wanted {
        configuration: configuration(said, function),
        environment: environment(said),
        tags,
        tags_replace,
        reserved: said.count("reserved-concurrency"),
        code_signing: said.text("code-signing").map(|arn| not_empty(arn).map(str::to_owned)),
        source_kms_key: said.text("source-kms-key").map(str::to_owned),
        publish: said.boolean("publish"),
        aliases: aliases(said),
        check: check(said),
        shift: said.own("shift").and_then(|text| text.parse().ok()),
        watch: watch(said),
        attachments: Attachments {
            url: url(said),
            permissions: permissions(said),
            event_invoke: event_invoke(said),
            provisioned: said.count("provisioned-concurrency"),
            triggers: said.node("triggers").map(|_| said.tables("triggers").map(trigger).collect()),
        },
        repository: said.own("image.repository"),
        s3_bucket: said.own("s3-bucket"),
        s3_prefix: said.own("s3-prefix"),
        account: said.own("account"),
        region: said.own("region"),
    })
}

/// What was merged, read by key.
#[derive(Clone, Copy)]
struct Said<'a>(&'a Merged);

impl<'a> Said<'a> {
    fn node(self, key: &str) -> Option<&'a Node> {
        self.0.get(key).map(|value| &value.node)
    }

    fn text(self, key: &str) -> Option<&'a str> {
        match self.node(key)? {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A text that is not cleared.
    fn own(self, key: &str) -> Option<String> {
        self.text(key).and_then(not_empty).map(str::to_owned)
    }

    fn boolean(self, key: &str) -> Option<bool> {
        match self.node(key)? {
            Node::Boolean(boolean) => Some(*boolean),
            _ => None,
        }
    }

    /// A number that `"none"` takes away.
    fn count(self, key: &str) -> Option<Clearable<u32>> {
        match self.node(key)? {
            Node::Integer(number) => u32::try_from(*number).ok().map(Some),
            _ => Some(None),
        }
    }

    fn texts(self, key: &str) -> impl Iterator<Item = &'a str> {
        self.node(key).map_or(&[][..], Node::items).iter().map(Located::text)
    }

    fn table(self, key: &str) -> Option<&'a Table> {
        match self.node(key)? {
            Node::Table(table) => Some(table),
            _ => None,
        }
    }

    fn tables(self, key: &str) -> impl Iterator<Item = &'a Table> {
        let items = self.node(key).map_or(&[][..], Node::items).iter();
        items.filter_map(|item| match &item.node {
            Node::Table(table) => Some(table),
            _ => None,
        })
    }

    /// The members of these keys.
    fn members(self, members: &[Member]) -> Map<String, Value> {
        member::all(members, |key| self.node(key))
    }
}

fn not_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// Members of `UpdateFunctionConfiguration`.
fn configuration(said: Said<'_>, function: &FunctionName) -> BTreeMap<&'static str, Value> {
    let mut members = said.members(member::CONFIGURATION);
    // A function always has a role.
    if members.get("Role").is_some_and(|role| role == "") {
        members.remove("Role");
    }
    if let Some(Value::Object(logging)) = members.get_mut("LoggingConfig") {
        if logging.get("LogGroup").is_some_and(|group| group == "") {
            // What it is where nothing is said.
            logging.insert("LogGroup".to_owned(), format!("/aws/lambda/{function}").into());
        }
        if logging.get("LogFormat").is_some_and(|format| format == "Text") {
            // There are none then.
            logging.retain(|member, _| !member.ends_with("LogLevel"));
        }
    }
    if let Some(Value::Object(network)) = members.get_mut("VpcConfig")
        && network.get("SubnetIds") == Some(&json!([]))
    {
        // Out of the VPC with everything that is of it, whoever says that.
        *network =
            Map::from_iter(["SubnetIds", "SecurityGroupIds"].map(|it| (it.into(), json!([]))));
    }
    match (said.own("file-system.arn"), said.own("file-system.path")) {
        (Some(arn), Some(path)) => {
            let mount = json!([{ "Arn": arn, "LocalMountPath": path }]);
            members.insert("FileSystemConfigs".to_owned(), mount);
        }
        _ if said.node("file-system.arn").is_some() => {
            members.insert("FileSystemConfigs".to_owned(), json!([]));
        }
        _ => {}
    }
    member::by_static_name(members)
}

fn environment(said: Said<'_>) -> Option<Environment> {
    let set = said.table("environment");
    let unset: BTreeSet<String> = said.texts("environment-unset").map(str::to_owned).collect();
    let Some(table) = set else {
        // A mode alone says nothing of variables.
        return (!unset.is_empty()).then(|| Environment { unset, ..Environment::default() });
    };
    // An empty one clears.
    let replace = table.is_empty() || said.text("environment-mode") == Some("replace");
    Some(Environment { set: texts(table), unset, replace })
}

fn tags(said: Said<'_>) -> (BTreeMap<String, String>, bool) {
    let Some(table) = said.table("tags") else { return (BTreeMap::new(), false) };
    (texts(table), table.is_empty() || said.text("tags-mode") == Some("replace"))
}

fn texts(table: &Table) -> BTreeMap<String, String> {
    table.iter().map(|(name, value)| (name.clone(), value.text().to_owned())).collect()
}

/// Each once, in the order in which they were said.
fn aliases(said: Said<'_>) -> Vec<String> {
    let mut aliases: Vec<String> = Vec::new();
    for alias in said.texts("alias") {
        if !aliases.iter().any(|known| known == alias) {
            aliases.push(alias.to_owned());
        }
    }
    aliases
}

/// A check has events.
fn check(said: Said<'_>) -> Option<Wish> {
    let events = said.node("check.events").map_or(&[][..], Node::items);
    let time = |key| said.own(key).and_then(|text| humantime::parse_duration(&text).ok());
    let json = said.text("check.expect.json").and_then(|json| serde_json::from_str(json).ok());
    let rules = Rules {
        status: said.count("check.expect.status").flatten().and_then(|it| u16::try_from(it).ok()),
        json: json.filter(|json| *json != json!({})),
        max_init: time("check.max-init"),
        max_duration: time("check.max-duration"),
        warm_up: said.count("check.warm-up").flatten().unwrap_or_default(),
    };
    let events: Vec<_> = events.iter().filter_map(include::rule).collect();
    (!events.is_empty()).then_some(Wish { events, rules })
}

/// What is watched while traffic shifts; forms were checked where they were said.
fn watch(said: Said<'_>) -> Watch {
    let default = Watch::default();
    let time = |key| said.own(key).and_then(|text| humantime::parse_duration(&text).ok());
    let part = |key| said.own(key).and_then(|text| rate(&text));
    Watch {
        alarms: said.texts("alarms").map(str::to_owned).collect(),
        error_rate: part("watch.error-rate"),
        throttle_rate: part("watch.throttle-rate"),
        duration: time("watch.duration"),
        statistic: said.own("watch.statistic").unwrap_or(default.statistic),
        min_invocations: said.count("watch.min-invocations").flatten().map(u64::from),
        on_unknown: match said.text("watch.on-unknown") {
            Some("pass") => OnUnknown::Pass,
            Some("back") => OnUnknown::Back,
            _ => OnUnknown::Extend,
        },
        probe: said.own("watch.probe").map(|file| Probe { file, ..Probe::default() }),
        poll: time("watch.poll").unwrap_or(default.poll),
    }
}

fn url(said: Said<'_>) -> Option<Clearable<Map<String, Value>>> {
    let auth = said.text("url.auth")?;
    Some((auth != NONE).then(|| said.members(member::URL)))
}

fn event_invoke(said: Said<'_>) -> Option<Clearable<Map<String, Value>>> {
    let cleared = |member: &Member| match said.node(member.key) {
        Some(Node::Text(text)) => text.is_empty() || text == NONE,
        _ => false,
    };
    if member::EVENT_INVOKE.iter().all(cleared) {
        return Some(None);
    }
    let members = said.members(member::EVENT_INVOKE);
    (!members.is_empty()).then_some(Some(members))
}

/// Statements with the ids that they were given, else ones that are made of what they say; each once.
fn permissions(said: Said<'_>) -> Option<Vec<Map<String, Value>>> {
    said.node("permissions")?;
    let mut statements: Vec<_> = Vec::new();
    for statement in said.tables("permissions").map(permission) {
        if !statements.contains(&statement) {
            statements.push(statement);
        }
    }
    Some(statements)
}

fn permission(table: &Table) -> Map<String, Value> {
    let mut members =
        member::all(member::PERMISSION, |key| table.get(key).map(|value| &value.node));
    members.retain(|_, value| *value != "");
    members.entry("Action").or_insert_with(|| "lambda:InvokeFunction".into());
    if !members.contains_key("StatementId") {
        // Sorted by name, so that one and the same statement has one id.
        let sorted: BTreeMap<&String, &Value> = members.iter().collect();
        let digest = Sha256::of(json!(sorted).to_string().as_bytes()).hex();
        let id = format!("lambda-pack-{}", digest.get(..12).unwrap_or(&digest));
        members.insert("StatementId".to_owned(), id.into());
    }
    members
}

fn trigger(table: &Table) -> Map<String, Value> {
    let node = |key: &str| table.get(key).map(|value| &value.node);
    let mut members = member::all(member::TRIGGER, node);
    let source = table.get("source").map_or("", Located::text);
    if members.get("BatchSize") == Some(&json!(0)) {
        // "Default value: Varies by service."
        let size = if source.split(':').nth(2) == Some("sqs") { 10 } else { 100 };
        members.insert("BatchSize".to_owned(), json!(size));
    }
    members
}
