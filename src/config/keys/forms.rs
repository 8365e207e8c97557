//! The forms of strings, as the API's model has them.

use super::Form;

/// The beginning of `LayerName` of `PublishLayerVersion`, with room for the rest (`layer::LONGEST_PREFIX`).
pub(super) static LAYER_PREFIX: Form = Form::new(
    r"[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,30}[a-zA-Z0-9_])?",
    "the beginning of layers' names: up to 32 letters, digits, hyphens and underscores, no hyphen first or last",
);
/// A repository of images (OCI distribution specification, "Pulling manifests": `<name>`), with or without
/// its registry.
pub(super) static REPOSITORY: Form = Form::new(
    r"([a-zA-Z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*",
    "a repository without a tag (`orders`, `123456789012.dkr.ecr.eu-west-1.amazonaws.com/orders`)",
)
.at_most(512);
/// `RoleArn`.
pub(super) static ROLE: Form = Form::new(
    r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+",
    "a role's ARN (`arn:aws:iam::123456789012:role/name`)",
);
/// `KMSKeyArn`; the model takes any ARN, the service a key's.
pub(super) static KMS_KEY: Form = Form::new(
    r"arn:(aws[a-zA-Z-]*)?:kms:[a-z0-9-]+:\d{12}:(key|alias)/.+",
    "a key's ARN (`arn:aws:kms:eu-west-1:123456789012:key/id`)",
);
/// `DeadLetterConfig`: "an Amazon SQS queue or Amazon SNS topic".
pub(super) static DEAD_LETTER: Form = Form::new(
    r"arn:(aws[a-zA-Z-]*)?:(sqs|sns):[a-z0-9-]+:\d{12}:.+",
    "the ARN of an SQS queue or an SNS topic (`arn:aws:sqs:eu-west-1:123456789012:name`)",
);
/// `LayerVersionArn`.
pub(super) static LAYER: Form = Form::new(
    r"arn:(aws[a-zA-Z-]*)?:lambda:[a-z0-9-]+:\d{12}:layer:[a-zA-Z0-9\-_]+:[0-9]+|arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9\-_]+",
    "the ARN of a layer's version (`arn:aws:lambda:eu-west-1:123456789012:layer:name:1`)",
);
/// `SubnetId`.
pub(super) static SUBNET: Form =
    Form::new("subnet-[0-9a-z]+", "a subnet's id (`subnet-0123456789abcdef0`)");
/// `SecurityGroupId`.
pub(super) static GROUP: Form =
    Form::new("sg-[0-9a-zA-Z]+", "a security group's id (`sg-0123456789abcdef0`)");
/// `LogGroup`.
pub(super) static LOG_GROUP: Form = Form::new(
    r"[.\-_/#A-Za-z0-9]{1,512}",
    "a log group's name: up to 512 letters, digits and `. - _ / #`",
);

/// `Alias`: not all digits, which is a version.
pub(super) static ALIAS: Form = Form::new(
    "[0-9]*[a-zA-Z_-][a-zA-Z0-9_-]*",
    "an alias: up to 128 letters, digits, hyphens and underscores, not all digits",
)
.at_most(128);
/// `CodeSigningConfigArn`.
pub(super) static CODE_SIGNING: Form = Form::new(
    r"arn:(aws[a-zA-Z-]*)?:lambda:[a-z0-9-]+:\d{12}:code-signing-config:csc-[a-z0-9]{17}",
    "the ARN of a code signing configuration \
     (`arn:aws:lambda:eu-west-1:123456789012:code-signing-config:csc-0123456789abcdef0`)",
);
/// `FileSystemArn`.
pub(super) static FILE_SYSTEM: Form = Form::new(
    r"arn:aws[a-zA-Z-]*:elasticfilesystem:[a-z0-9-]+:\d{12}:access-point/fsap-[a-f0-9]{17}|arn:aws[a-zA-Z-]*:s3files:[0-9a-z:-]+:file-system/fs-[0-9a-f]{17,40}/access-point/fsap-[0-9a-f]{17,40}",
    "the ARN of an access point of EFS or S3 Files \
     (`arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-0123456789abcdef0`)",
);
/// `LocalMountPath`.
pub(super) static MOUNT_PATH: Form =
    Form::new("/mnt/[a-zA-Z0-9_.-]+", "a folder under /mnt (`/mnt/data`)").at_most(160);
/// `DestinationConfig` of `PutFunctionEventInvokeConfig`: "queue, topic, event bus, function".
pub(super) static ON_SUCCESS: Form = Form::new(
    r"arn:(aws[a-zA-Z-]*)?:(sqs|sns|lambda|events):[a-z0-9-]+:\d{12}:.+",
    "the ARN of an SQS queue, an SNS topic, a function or an event bus",
)
.at_most(350);
/// The same; "S3 bucket" is there for failures only.
pub(super) static ON_FAILURE: Form = Form::new(
    r"arn:(aws[a-zA-Z-]*)?:((sqs|sns|lambda|events):[a-z0-9-]+:\d{12}:.+|s3:::.+)",
    "the ARN of an SQS queue, an SNS topic, a function, an event bus or an S3 bucket",
)
.at_most(350);
/// `DestinationConfig` of `CreateEventSourceMapping`, for streams.
pub(super) static STREAM_ON_FAILURE: Form = Form::new(
    r"arn:(aws[a-zA-Z-]*)?:((sqs|sns):[a-z0-9-]+:\d{12}:.+|s3:::.+)",
    "the ARN of an SQS queue, an SNS topic or an S3 bucket",
)
.at_most(350);
/// `AllowMethodsList` of a function URL's `Cors`; six characters at most, so no OPTIONS.
pub(super) static METHOD: Form =
    Form::new(r"GET|HEAD|POST|PUT|PATCH|DELETE|\*", "GET, HEAD, POST, PUT, PATCH, DELETE or `*`");
/// `Principal` of `AddPermission`, as the service reads it.
pub(super) static PRINCIPAL: Form = Form::new(
    r"\*|\d{12}|arn:\S+|\S+\.(amazonaws\.com|amazonaws\.com\.cn|amazon\.com)",
    "a service (`s3.amazonaws.com`), an account, the ARN of a user or role, or `*`",
);
/// `Action` of `AddPermission`.
pub(super) static ACTION: Form =
    Form::new(r"lambda:\*|lambda:[a-zA-Z]+|\*", "an action (`lambda:InvokeFunction`)");
/// `Arn`.
pub(super) static ANY_ARN: Form = Form::new(
    r"arn:aws[a-zA-Z0-9-]*:[a-zA-Z0-9-]+:[a-z0-9-]*:(\d{12})?:.*",
    "an ARN (`arn:aws:s3:::bucket`)",
);
/// `SourceOwner`, and accounts everywhere.
pub(super) static ACCOUNT: Form = Form::new(r"\d{12}", "an account: 12 digits");
/// `PrincipalOrgID`.
pub(super) static ORGANIZATION: Form =
    Form::new("o-[a-z0-9]{10,32}", "an organization (`o-a1b2c3d4e5`)");
/// `StatementId`.
pub(super) static STATEMENT: Form = Form::new(
    "[a-zA-Z0-9_-]+",
    "a statement's id: up to 100 letters, digits, hyphens and underscores",
)
.at_most(100);
/// `EventSourceArn`, of the sources that a trigger can have here.
pub(super) static SOURCE: Form = Form::new(
    r"arn:aws[a-zA-Z-]*:(sqs:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_-]+(\.fifo)?|kinesis:[a-z0-9-]+:\d{12}:stream/\S+|dynamodb:[a-z0-9-]+:\d{12}:table/\S+/stream/\S+)",
    "the ARN of an SQS queue, a Kinesis stream or a DynamoDB stream",
);
/// `S3Bucket`.
pub(super) static BUCKET: Form =
    Form::new("[0-9A-Za-z._-]{2,62}[0-9A-Za-z_-]", "a bucket's name: 3 to 63 characters");
/// What S3 keys hold everywhere ("Object key naming guidelines", safe characters).
pub(super) static KEY_PREFIX: Form = Form::new(
    r"[A-Za-z0-9!_.*'()/-]+",
    "the beginning of an S3 key: up to 512 letters, digits and `! - _ . * ' ( ) /`",
)
.at_most(512);
/// A part of all calls; all of them would limit nothing.
pub(super) static RATE: Form =
    Form::new(r"\d{1,2}(\.\d{1,2})?%", "a part of all calls, less than 100% (`1%`, `0.5%`)");
/// A time as `humantime` reads it, of one unit.
pub(super) static TIME: Form =
    Form::new(r"[1-9]\d{0,6}(ms|s|m|h)", "a time (`500ms`, `10s`, `5m`)");
/// `Stat` of `GetMetricData` (CloudWatch User Guide, "Statistics definitions").
pub(super) static STATISTIC: Form = Form::new(
    r"Average|Maximum|Minimum|p(\d{1,2}(\.\d{1,10})?|100)",
    "a statistic: `Average`, `Maximum`, or a percentile such as `p99` or `p99.9`",
);
/// The Region in the model's ARNs.
pub(super) static REGION: Form =
    Form::new(r"(eusc-)?[a-z]{2}(-gov|-iso[a-z]?)?-[a-z]+-\d", "a Region (`eu-west-1`)");
