//! Every key there is: what it takes, where it may stand, what it means. The reference, the checks
//! and the nearest names all come from this one table.

use std::sync::OnceLock;

use regex_lite::Regex;

use crate::compile::LinkerRequest;

/// Where a key may be said, from the lowest to the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// For all functions.
    Workspace,
    /// For the functions of one package.
    Package,
    /// For one function.
    Handler,
}

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A whole number in a range. It has no empty value, so `"none"` clears it.
    Integer(i64, i64),
    /// One of these words; `"none"` clears it.
    Choice(&'static [&'static str]),
    /// A string; an empty one clears it.
    Text(Check),
    /// A list of strings, at most so many; an empty one clears it.
    Texts(usize, Check),
    /// Strings by name, merged key by key.
    Map(Check),
    /// Files that go into the bundle.
    Includes,
}

/// What a string must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// At most so many characters.
    Length(usize),
    /// The name of a function, after `{…}` was put in.
    FunctionName,
    /// What AWS's own pattern for it says.
    Form(&'static Form),
    /// Any text.
    Any,
    /// A library that some runtime has without a promise.
    Trusted,
    /// Variables of a function: names that Lambda takes and does not reserve; 4 KB in all.
    Variables,
    /// Tags: at most 50, names up to 128 characters and values up to 256, no `aws:`.
    Tags,
}

/// The form of a string, as the API's model has it (`CreateFunction`, the shapes of those names).
#[derive(Debug)]
pub struct Form {
    /// A regular expression for all of it, of the kind that Rust and JSON schemas share.
    pub pattern: &'static str,
    /// What it is, with an example.
    pub what: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Form {
    const fn new(pattern: &'static str, what: &'static str) -> Self {
        Self { pattern, what, compiled: OnceLock::new() }
    }

    /// Whether the whole text is of the form.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        let compile = || Regex::new(&format!("^(?:{})$", self.pattern)).ok();
        self.compiled.get_or_init(compile).as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

impl PartialEq for Form {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

impl Eq for Form {}

/// `RoleArn`.
static ROLE: Form = Form::new(
    r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+",
    "a role's ARN (`arn:aws:iam::123456789012:role/name`)",
);
/// `KMSKeyArn`; the model takes any ARN, the service a key's.
static KMS_KEY: Form = Form::new(
    r"arn:(aws[a-zA-Z-]*)?:kms:[a-z0-9-]+:\d{12}:(key|alias)/.+",
    "a key's ARN (`arn:aws:kms:eu-west-1:123456789012:key/id`)",
);
/// `DeadLetterConfig`: "an Amazon SQS queue or Amazon SNS topic".
static DEAD_LETTER: Form = Form::new(
    r"arn:(aws[a-zA-Z-]*)?:(sqs|sns):[a-z0-9-]+:\d{12}:.+",
    "the ARN of an SQS queue or an SNS topic (`arn:aws:sqs:eu-west-1:123456789012:name`)",
);
/// `LayerVersionArn`.
static LAYER: Form = Form::new(
    r"arn:(aws[a-zA-Z-]*)?:lambda:[a-z0-9-]+:\d{12}:layer:[a-zA-Z0-9\-_]+:[0-9]+|arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9\-_]+",
    "the ARN of a layer's version (`arn:aws:lambda:eu-west-1:123456789012:layer:name:1`)",
);
/// `SubnetId`.
static SUBNET: Form = Form::new("subnet-[0-9a-z]+", "a subnet's id (`subnet-0123456789abcdef0`)");
/// `SecurityGroupId`.
static GROUP: Form = Form::new("sg-[0-9a-zA-Z]+", "a security group's id (`sg-0123456789abcdef0`)");
/// `LogGroup`.
static LOG_GROUP: Form = Form::new(
    r"[.\-_/#A-Za-z0-9]{1,512}",
    "a log group's name: up to 512 letters, digits and `. - _ / #`",
);

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name; a dot stands for a table.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// The lowest scope that it may stand in; the higher ones take it too.
    pub from: Scope,
    /// What holds where nothing is said.
    pub default: &'static str,
    /// What it means, in a sentence.
    pub meaning: &'static str,
    /// The version that had it first.
    pub since: &'static str,
}

const fn key(
    name: &'static str,
    kind: Kind,
    from: Scope,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    Key { name, kind, from, default, meaning, since: "0.1" }
}

use Kind::{Boolean, Choice, Includes, Integer, Map, Text, Texts};
use Scope::{Package, Workspace};

/// The keys, by name. Limits are those of the Lambda API (`CreateFunction`, "Lambda quotas").
pub static KEYS: &[Key] = &[
    key(
        "arch",
        Choice(&["x86_64", "arm64", "both"]),
        Workspace,
        "the host's",
        "The architecture; with both, a bundle for each.",
    ),
    key(
        "compression",
        Choice(&["fast", "best"]),
        Workspace,
        "best; fast in dev builds",
        "How hard the zip is compressed: `fast` is deflate level 6, `best` level 12.",
    ),
    key(
        "dead-letter",
        Text(Check::Form(&DEAD_LETTER)),
        Workspace,
        "left alone",
        "The ARN of the queue or topic that takes asynchronous events which failed.",
    ),
    key(
        "description",
        Text(Check::Length(256)),
        Workspace,
        "left alone",
        "The function's description.",
    ),
    key(
        "dlopen",
        Texts(64, Check::Any),
        Workspace,
        "nothing",
        "Libraries that the program opens by itself (`libfoo.so.1`): bundled as if it were linked with them.",
    ),
    key(
        "env-file",
        Text(Check::Any),
        Workspace,
        "none",
        "A file of `NAME=value` lines for `environment`, which wins over it; relative to the file that names it, else to the workspace.",
    ),
    key(
        "environment",
        Map(Check::Variables),
        Workspace,
        "left alone",
        "The function's environment variables.",
    ),
    key(
        "ephemeral-storage",
        Integer(512, 10_240),
        Workspace,
        "left alone",
        "The size of /tmp in MB.",
    ),
    key(
        "extension",
        Choice(&["external", "internal"]),
        Package,
        "external if the package has only lambda-extension, else none",
        "The handler is an extension, not a function.",
    ),
    key(
        "handler",
        Boolean,
        Package,
        "by dependency",
        "Whether this is a handler at all, whatever it depends on.",
    ),
    key("include", Includes, Workspace, "nothing", "Files that go into the bundle."),
    key(
        "kms-key",
        Text(Check::Form(&KMS_KEY)),
        Workspace,
        "left alone",
        "The ARN of the key that encrypts the environment.",
    ),
    key(
        "layers",
        Texts(5, Check::Form(&LAYER)),
        Workspace,
        "left alone",
        "The ARNs of layer versions, in the order in which they are unpacked.",
    ),
    key(
        "libc",
        Choice(&["gnu", "musl"]),
        Workspace,
        "gnu",
        "The C library: the runtime's glibc, or musl, linked statically.",
    ),
    key(
        "library-paths",
        Texts(64, Check::Any),
        Workspace,
        "nothing",
        "Folders with shared libraries that may be bundled, searched before the system's; relative to the workspace.",
    ),
    key(
        "linker",
        Choice(&LinkerRequest::NAMES),
        Workspace,
        "auto",
        "What links: the host's C compiler, zig, a cross gcc, a gcc for musl, or the best that is there.",
    ),
    key(
        "logging.format",
        Choice(&["json", "text"]),
        Workspace,
        "left alone",
        "The format of the function's logs.",
    ),
    key("logging.group", Text(Check::Form(&LOG_GROUP)), Workspace, "left alone", "The log group."),
    key(
        "logging.level",
        Choice(&["trace", "debug", "info", "warn", "error", "fatal"]),
        Workspace,
        "left alone",
        "The lowest level of the function's own logs; only with format json.",
    ),
    key("memory", Integer(128, 10_240), Workspace, "left alone", "Memory in MB."),
    key(
        "name",
        Text(Check::FunctionName),
        Package,
        "{handler}",
        "The function's name; may hold {handler}, {package}, {env}, {branch} and {commit}.",
    ),
    key(
        "optimize",
        Choice(&["speed", "size"]),
        Workspace,
        "speed",
        "`size` sets opt-level `z` in release builds, unless a profile says otherwise.",
    ),
    key(
        "reserved-concurrency",
        Integer(0, 100_000),
        Workspace,
        "left alone",
        "How many environments are reserved, and the most there may be.",
    ),
    key(
        "role",
        Text(Check::Form(&ROLE)),
        Workspace,
        "left alone",
        "The ARN of the execution role.",
    ),
    key(
        "runtime",
        Choice(&["provided.al2023", "provided.al2"]),
        Workspace,
        "provided.al2023",
        "The AWS runtime.",
    ),
    key(
        "sysroot",
        Text(Check::Any),
        Workspace,
        "this machine's own folders",
        "The root of another system whose libraries may be bundled; relative to the workspace.",
    ),
    key("tags", Map(Check::Tags), Workspace, "left alone", "The function's tags."),
    key(
        "target-cpu",
        Text(Check::Any),
        Workspace,
        "x86-64-v3 or neoverse-n1",
        "The processor that is compiled for, as rustc names it; `generic` for any.",
    ),
    key(
        "timeout",
        Integer(1, 900),
        Workspace,
        "left alone",
        "The longest time of one invocation, in seconds.",
    ),
    key(
        "tracing",
        Choice(&["active", "pass-through"]),
        Workspace,
        "left alone",
        "Whether X-Ray traces are made.",
    ),
    key(
        "trust-system",
        Texts(64, Check::Trusted),
        Workspace,
        "nothing",
        "Libraries that AWS has today without a promise and that the audit accepts.",
    ),
    key(
        "vpc.dual-stack",
        Boolean,
        Workspace,
        "left alone",
        "Whether IPv6 goes out to subnets that have both.",
    ),
    key(
        "vpc.security-groups",
        Texts(5, Check::Form(&GROUP)),
        Workspace,
        "left alone",
        "The security groups in the VPC.",
    ),
    key(
        "vpc.subnets",
        Texts(16, Check::Form(&SUBNET)),
        Workspace,
        "left alone",
        "The subnets; an empty list takes the function out of its VPC.",
    ),
];

/// The key of a full name.
#[must_use]
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Environment variables that Lambda reserves (AWS, "Defined runtime environment variables").
pub const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];
