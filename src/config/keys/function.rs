//! What the function is on AWS: limits are those of the Lambda API (`CreateFunction` and its like,
//! "Lambda quotas").

use super::Kind::{Boolean, Choice, Integer, Map, Tables, Text, Texts};
use super::Scope::{Package, Workspace};
use super::forms::{
    ACCOUNT, ALIAS, BUCKET, CODE_SIGNING, DEAD_LETTER, FILE_SYSTEM, GROUP, KEY_PREFIX, KMS_KEY,
    LAYER, LOG_GROUP, METHOD, MOUNT_PATH, ON_FAILURE, ON_SUCCESS, RATE, REGION, ROLE, STATISTIC,
    SUBNET, TIME,
};
use super::shapes::{PERMISSION, TRIGGER};
use super::{Check, Key, Kind, key, of_all};

/// A key for all functions that leaves alone what is there, where nothing is said.
const fn kept(name: &'static str, kind: Kind, meaning: &'static str) -> Key {
    key(name, kind, Workspace, "left alone", meaning)
}

pub(super) static KEYS: &[Key] = &[
    key(
        "account",
        Text(Check::Form(&ACCOUNT)),
        Workspace,
        "any",
        "The account that is deployed to, 12 digits; with another one, `deploy` stops at once.",
    ),
    key(
        "alarms",
        Texts(100, Check::Length(255)),
        Workspace,
        "none",
        "The names of CloudWatch alarms, composite ones too, that are watched while traffic shifts: one in ALARM takes it back.",
    ),
    key(
        "alias",
        Texts(64, Check::Form(&ALIAS)),
        Workspace,
        "none",
        "The aliases that are moved to what is published; URL, permissions and triggers live on the first, else on `$LATEST`.",
    ),
    kept(
        "async.max-age",
        Integer(60, 21_600),
        "How long an asynchronous event is kept, in seconds.",
    ),
    kept(
        "async.on-failure",
        Text(Check::Form(&ON_FAILURE)),
        "The ARN of what takes asynchronous events which failed, with the answer.",
    ),
    kept(
        "async.on-success",
        Text(Check::Form(&ON_SUCCESS)),
        "The ARN of what takes asynchronous events which succeeded, with the answer.",
    ),
    kept(
        "async.retries",
        Integer(0, 2),
        "How often an asynchronous event that failed is tried again.",
    ),
    kept(
        "code-signing",
        Text(Check::Form(&CODE_SIGNING)),
        "The ARN of the code signing configuration; an empty string detaches it.",
    ),
    kept(
        "dead-letter",
        Text(Check::Form(&DEAD_LETTER)),
        "The ARN of the queue or topic that takes asynchronous events which failed.",
    ),
    kept("description", Text(Check::Length(256)), "The function's description."),
    key(
        "env-file",
        Text(Check::Any),
        Workspace,
        "none",
        "A file of `NAME=value` lines for `environment`, which wins over it; relative to the file that names it, else to the workspace.",
    ),
    kept("environment", Map(Check::Variables), "The function's environment variables."),
    key(
        "environment-mode",
        Choice(&["merge", "replace"]),
        Workspace,
        "merge",
        "Whether variables on AWS that `environment` does not name stay.",
    ),
    kept("environment-unset", Texts(100, Check::Variables), "Variables that are removed on AWS."),
    kept("ephemeral-storage", Integer(512, 10_240), "The size of /tmp in MB."),
    kept(
        "file-system.arn",
        Text(Check::Form(&FILE_SYSTEM)),
        "The ARN of the access point, of EFS or S3 Files, that is mounted; an empty string unmounts it.",
    ),
    kept(
        "file-system.path",
        Text(Check::Form(&MOUNT_PATH)),
        "Where it is mounted: a folder under /mnt.",
    ),
    key(
        "invoke.target",
        Choice(&["aws", "local"]),
        Workspace,
        "aws",
        "What `invoke` calls: the function on AWS, or the embedded Lambda.",
    ),
    kept(
        "kms-key",
        Text(Check::Form(&KMS_KEY)),
        "The ARN of the key that encrypts the environment.",
    ),
    kept(
        "layers",
        Texts(5, Check::Form(&LAYER)),
        "The ARNs of layer versions of others, in the order in which they are unpacked; in a table, `arns`. The layers that the function was packaged with come behind them, without being named.",
    ),
    kept("logging.format", Choice(&["json", "text"]), "The format of the function's logs."),
    kept("logging.group", Text(Check::Form(&LOG_GROUP)), "The log group."),
    kept(
        "logging.level",
        Choice(&["trace", "debug", "info", "warn", "error", "fatal"]),
        "The lowest level of the function's own logs; only with format json.",
    ),
    kept(
        "logging.system-level",
        Choice(&["debug", "info", "warn"]),
        "The lowest level of Lambda's own logs; only with format json.",
    ),
    kept("memory", Integer(128, 10_240), "Memory in MB."),
    kept(
        "permissions",
        Tables(&PERMISSION),
        "Services and accounts that may invoke the function; the action is `lambda:InvokeFunction` unless said, the id is made of the rest. What leaves the list is taken back, unless it had an `id` of its own.",
    ),
    kept(
        "provisioned-concurrency",
        Integer(1, 100_000),
        "How many environments are kept ready, on the first alias.",
    ),
    key(
        "publish",
        Boolean,
        Workspace,
        "true with an alias, else false",
        "Whether a version is published.",
    ),
    key(
        "region",
        Text(Check::Form(&REGION)),
        Workspace,
        "that of the AWS profile",
        "The Region that is deployed to.",
    ),
    kept(
        "reserved-concurrency",
        Integer(0, 100_000),
        "How many environments are reserved, and the most there may be.",
    ),
    kept("role", Text(Check::Form(&ROLE)), "The ARN of the execution role."),
    of_all(
        "routes",
        Map(Check::Routes),
        "none",
        "Which function a request is for, where the Lambda on this machine stands for an HTTP API of API Gateway: `\"GET /orders/{id}\" = \"orders-api\"`; also `ANY /{proxy+}` and `$default`.",
    ),
    key(
        "s3-bucket",
        Text(Check::Form(&BUCKET)),
        Workspace,
        "none",
        "The bucket that code goes through; without one it goes to Lambda itself, up to 50 MB.",
    ),
    key(
        "s3-prefix",
        Text(Check::Form(&KEY_PREFIX)),
        Workspace,
        "none",
        "What the keys of code in `s3-bucket` begin with.",
    ),
    key(
        "shift",
        Text(Check::Strategy),
        Workspace,
        "all-at-once",
        "How traffic goes over when an alias moves: `all-at-once`, `canary:10%/5m`, `linear:10%/1m`, `steps:1%/1m,10%/5m,50%/5m`, or a name of CodeDeploy's (`Canary10Percent5Minutes`).",
    ),
    kept(
        "source-kms-key",
        Text(Check::Form(&KMS_KEY)),
        "The ARN of the key that encrypts the code.",
    ),
    kept("tags", Map(Check::Tags), "The function's tags."),
    key(
        "tags-mode",
        Choice(&["merge", "replace"]),
        Workspace,
        "merge",
        "Whether tags on AWS that `tags` does not name stay.",
    ),
    kept("timeout", Integer(1, 900), "The longest time of one invocation, in seconds."),
    kept("tracing", Choice(&["active", "pass-through"]), "Whether X-Ray traces are made."),
    key(
        "triggers",
        Tables(&TRIGGER),
        Package,
        "left alone",
        "Queues and streams whose events invoke the function: `window` gathers for so many seconds, `filters` are JSON patterns of which one must fit, `max-concurrency` is of queues, and what stands behind it of streams.",
    ),
    kept(
        "url.auth",
        Choice(&["iam", "public"]),
        "Who may call the function's URL: who has the right to, or everybody; `none` removes the URL.",
    ),
    kept("url.cors.credentials", Boolean, "Whether browsers may send cookies to the URL."),
    kept(
        "url.cors.expose-headers",
        Texts(100, Check::Length(1_024)),
        "Headers of the answer that pages may read.",
    ),
    kept("url.cors.headers", Texts(100, Check::Length(1_024)), "Headers that pages may send."),
    kept(
        "url.cors.max-age",
        Integer(0, 86_400),
        "How long browsers may keep what CORS says, in seconds.",
    ),
    kept("url.cors.methods", Texts(6, Check::Form(&METHOD)), "Methods that pages may use."),
    kept(
        "url.cors.origins",
        Texts(100, Check::Length(253)),
        "Origins whose pages may call the URL.",
    ),
    kept(
        "url.invoke-mode",
        Choice(&["buffered", "stream"]),
        "Whether the URL gives the answer as a whole or as it is made.",
    ),
    kept("vpc.dual-stack", Boolean, "Whether IPv6 goes out to subnets that have both."),
    kept("vpc.security-groups", Texts(5, Check::Form(&GROUP)), "The security groups in the VPC."),
    kept(
        "vpc.subnets",
        Texts(16, Check::Form(&SUBNET)),
        "The subnets; an empty list takes the function out of its VPC.",
    ),
    key(
        "watch.duration",
        Text(Check::Form(&TIME)),
        Workspace,
        "not watched",
        "How long invocations of the new version may take while traffic shifts, by `watch.statistic`.",
    ),
    key(
        "watch.error-rate",
        Text(Check::Form(&RATE)),
        Workspace,
        "not watched",
        "The part of the new version's invocations that may fail while traffic shifts.",
    ),
    key(
        "watch.min-invocations",
        Integer(0, 1_000_000),
        Workspace,
        "20",
        "With fewer invocations of the new version a step says nothing.",
    ),
    key(
        "watch.on-unknown",
        Choice(&["extend", "pass", "back"]),
        Workspace,
        "extend",
        "What becomes of a step that says nothing when it ends: it lasts up to three times as long again and traffic then goes back, the next one begins, or traffic goes back.",
    ),
    key(
        "watch.poll",
        Text(Check::Form(&TIME)),
        Workspace,
        "10s",
        "How often alarms, metrics and the probe are looked at while traffic shifts.",
    ),
    key(
        "watch.probe",
        Text(Check::Any),
        Workspace,
        "none",
        "A file with an event that the new version is invoked with at each poll, and must answer without an error; relative to the workspace.",
    ),
    key(
        "watch.statistic",
        Text(Check::Form(&STATISTIC)),
        Workspace,
        "p99",
        "Which statistic of the duration counts: `Average`, `Maximum`, or a percentile.",
    ),
    key(
        "watch.throttle-rate",
        Text(Check::Form(&RATE)),
        Workspace,
        "not watched",
        "The part of calls of the new version that may be throttled while traffic shifts.",
    ),
];
