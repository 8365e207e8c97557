//! Keys and the members of the API that they stand for: one table a request.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::check::NONE;
use super::super::located::{Located, Node};

/// A key and its member.
pub(super) struct Member {
    /// The key.
    pub(super) key: &'static str,
    /// The member; a dot stands for a structure.
    name: &'static str,
    how: How,
}

/// How a value becomes the API's.
enum How {
    /// A number, a boolean or one of words; and what `"none"` stands for.
    OrNone(fn(&str) -> String, Cleared),
    /// A text or a list of texts as it stands; the empty one clears.
    Plain,
    /// A text or a number in a structure under this name; what clears it leaves that empty.
    Inside(&'static str),
    /// Each text of a list, in a structure under this name.
    Each(&'static str),
    /// A list of this word or of none.
    Flag(&'static str),
}

/// What `"none"` stands for.
enum Cleared {
    Number(i64),
    Boolean(bool),
    Word(&'static str),
}

const fn plain(key: &'static str, name: &'static str) -> Member {
    Member { key, name, how: How::Plain }
}

const fn inside(key: &'static str, name: &'static str, member: &'static str) -> Member {
    Member { key, name, how: How::Inside(member) }
}

const fn number(key: &'static str, name: &'static str, none: i64) -> Member {
    Member { key, name, how: How::OrNone(str::to_owned, Cleared::Number(none)) }
}

const fn boolean(key: &'static str, name: &'static str, none: bool) -> Member {
    Member { key, name, how: How::OrNone(str::to_owned, Cleared::Boolean(none)) }
}

const fn word(
    key: &'static str,
    name: &'static str,
    ours: fn(&str) -> String,
    none: &'static str,
) -> Member {
    Member { key, name, how: How::OrNone(ours, Cleared::Word(none)) }
}

/// `UpdateFunctionConfiguration`. What is cleared is what `CreateFunction` gives a function that says
/// nothing; levels are INFO with JSON.
pub(super) static CONFIGURATION: &[Member] = &[
    plain("dead-letter", "DeadLetterConfig.TargetArn"),
    plain("description", "Description"),
    number("ephemeral-storage", "EphemeralStorage.Size", 512),
    plain("kms-key", "KMSKeyArn"),
    plain("layers", "Layers"),
    word("logging.format", "LoggingConfig.LogFormat", format, "Text"),
    plain("logging.group", "LoggingConfig.LogGroup"),
    word("logging.level", "LoggingConfig.ApplicationLogLevel", capitals, "INFO"),
    word("logging.system-level", "LoggingConfig.SystemLogLevel", capitals, "INFO"),
    number("memory", "MemorySize", 128),
    plain("role", "Role"),
    number("timeout", "Timeout", 3),
    word("tracing", "TracingConfig.Mode", tracing, "PassThrough"),
    boolean("vpc.dual-stack", "VpcConfig.Ipv6AllowedForDualStack", false),
    plain("vpc.security-groups", "VpcConfig.SecurityGroupIds"),
    plain("vpc.subnets", "VpcConfig.SubnetIds"),
];

/// `PutFunctionEventInvokeConfig`: six hours and two retries where nothing is said.
pub(super) static EVENT_INVOKE: &[Member] = &[
    number("async.max-age", "MaximumEventAgeInSeconds", 21_600),
    inside("async.on-failure", "DestinationConfig.OnFailure", "Destination"),
    inside("async.on-success", "DestinationConfig.OnSuccess", "Destination"),
    number("async.retries", "MaximumRetryAttempts", 2),
];

/// `CreateFunctionUrlConfig`.
pub(super) static URL: &[Member] = &[
    word("url.auth", "AuthType", auth, "NONE"),
    boolean("url.cors.credentials", "Cors.AllowCredentials", false),
    plain("url.cors.expose-headers", "Cors.ExposeHeaders"),
    plain("url.cors.headers", "Cors.AllowHeaders"),
    number("url.cors.max-age", "Cors.MaxAge", 0),
    plain("url.cors.methods", "Cors.AllowMethods"),
    plain("url.cors.origins", "Cors.AllowOrigins"),
    word("url.invoke-mode", "InvokeMode", invoke_mode, "BUFFERED"),
];

/// `AddPermission`.
pub(super) static PERMISSION: &[Member] = &[
    plain("action", "Action"),
    plain("id", "StatementId"),
    plain("principal", "Principal"),
    plain("principal-org-id", "PrincipalOrgID"),
    plain("source-account", "SourceAccount"),
    plain("source-arn", "SourceArn"),
];

/// `CreateEventSourceMapping`; -1 is "without end".
pub(super) static TRIGGER: &[Member] = &[
    number("batch-size", "BatchSize", 0),
    boolean("bisect", "BisectBatchOnFunctionError", false),
    boolean("enabled", "Enabled", true),
    Member { key: "filters", name: "FilterCriteria.Filters", how: How::Each("Pattern") },
    number("max-age", "MaximumRecordAgeInSeconds", -1),
    inside("max-concurrency", "ScalingConfig", "MaximumConcurrency"),
    inside("on-failure", "DestinationConfig.OnFailure", "Destination"),
    number("parallelization", "ParallelizationFactor", 1),
    Member {
        key: "report-item-failures",
        name: "FunctionResponseTypes",
        how: How::Flag("ReportBatchItemFailures"),
    },
    number("retries", "MaximumRetryAttempts", -1),
    plain("source", "EventSourceArn"),
    word("starting-position", "StartingPosition", capitals, "LATEST"),
    number("timestamp", "StartingPositionTimestamp", 0),
    number("tumbling-window", "TumblingWindowInSeconds", 0),
    number("window", "MaximumBatchingWindowInSeconds", 0),
];

/// AWS's enumerations: `trim-horizon` is `TRIM_HORIZON`.
fn capitals(word: &str) -> String {
    word.to_ascii_uppercase().replace('-', "_")
}

fn format(word: &str) -> String {
    if word == "json" { "JSON" } else { "Text" }.to_owned()
}

fn tracing(word: &str) -> String {
    if word == "active" { "Active" } else { "PassThrough" }.to_owned()
}

fn auth(word: &str) -> String {
    if word == "iam" { "AWS_IAM" } else { "NONE" }.to_owned()
}

fn invoke_mode(word: &str) -> String {
    if word == "stream" { "RESPONSE_STREAM" } else { "BUFFERED" }.to_owned()
}

/// The members of all keys that are there.
pub(super) fn all<'a>(
    members: &[Member],
    node: impl Fn(&str) -> Option<&'a Node>,
) -> Map<String, Value> {
    let mut request = Map::new();
    for member in members {
        if let Some(value) = node(member.key).and_then(|node| member.value(node)) {
            set(&mut request, member.name, value);
        }
    }
    request
}

/// Those of a function's configuration, by the names in the table.
pub(super) fn by_static_name(mut members: Map<String, Value>) -> BTreeMap<&'static str, Value> {
    let names =
        CONFIGURATION.iter().map(|member| member.name.split('.').next().unwrap_or_default());
    let names = names.chain(["FileSystemConfigs"]);
    names.filter_map(|name| Some((name, members.remove(name)?))).collect()
}

/// Puts a value at its place, in structures that are made where they are missing.
fn set(request: &mut Map<String, Value>, name: &str, value: Value) {
    let Some((outer, inner)) = name.split_once('.') else {
        request.insert(name.to_owned(), value);
        return;
    };
    if let Value::Object(structure) = request.entry(outer).or_insert_with(|| json!({})) {
        set(structure, inner, value);
    }
}

impl Member {
    fn value(&self, node: &Node) -> Option<Value> {
        let texts = |items: &[Located], one: &dyn Fn(&str) -> Value| {
            Some(items.iter().map(|item| one(item.text())).collect())
        };
        match (&self.how, node) {
            (How::OrNone(_, cleared), Node::Text(text)) if text == NONE => Some(match cleared {
                Cleared::Number(number) => json!(number),
                Cleared::Boolean(boolean) => json!(boolean),
                Cleared::Word(word) => json!(word),
            }),
            (How::OrNone(ours, _), Node::Text(text)) => Some(ours(text).into()),
            (How::OrNone(..), Node::Integer(number)) => Some(json!(number)),
            (How::OrNone(..), Node::Boolean(boolean)) => Some(json!(boolean)),
            (How::Plain, Node::Text(text)) => Some(text.as_str().into()),
            (How::Plain, Node::List(items)) => texts(items, &|text| text.into()),
            (How::Inside(_), Node::Text(text)) if text.is_empty() || text == NONE => {
                Some(json!({}))
            }
            (How::Inside(name), Node::Text(text)) => Some(json!({ *name: text })),
            (How::Inside(name), Node::Integer(number)) => Some(json!({ *name: number })),
            (How::Each(name), Node::List(items)) => texts(items, &|text| json!({ *name: text })),
            (How::Flag(word), Node::Boolean(true)) => Some(json!([word])),
            (How::Flag(_), Node::Boolean(false) | Node::Text(_)) => Some(json!([])),
            _ => None,
        }
    }
}
