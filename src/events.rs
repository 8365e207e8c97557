//! Sample events: what AWS sends to a function, one of each source, by the name that `--event` takes.
//!
//! The shapes are those of AWS's documentation, the values our own: one shop, one account
//! (`123456789012` in `us-east-1`), one moment. They agree with each other: the four HTTP events are
//! the same request, the object in S3 is the order in the queue, and checksums fit what they are of.
//! The URL that a custom resource answers to has a host that does not exist: a test must not reach
//! AWS.

/// A sample event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// What it is called by, which is its file's name.
    pub name: &'static str,
    /// What sends such an event.
    pub about: &'static str,
    /// The event: ASCII, with two spaces a level and a line feed at the end.
    pub json: &'static str,
}

macro_rules! sample {
    ($name:literal, $about:literal) => {
        Sample {
            name: $name,
            about: $about,
            json: include_str!(concat!("../templates/events/", $name, ".json")),
        }
    };
}

/// Every sample, in the order of the names. AWS describes them here:
///
/// - `alb`: <https://docs.aws.amazon.com/lambda/latest/dg/services-alb.html>
/// - `apigw-v1`: <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>
/// - `apigw-v2`: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
/// - `authorizer-v1`: <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html>
/// - `authorizer-v2`: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>
/// - `cloudformation-custom-resource`: <https://docs.aws.amazon.com/lambda/latest/dg/services-cloudformation.html>
/// - `cloudwatch-logs`: <https://docs.aws.amazon.com/lambda/latest/dg/services-cloudwatchlogs.html>
/// - `codepipeline`: <https://docs.aws.amazon.com/lambda/latest/dg/services-codepipeline.html>
/// - `cognito-pre-signup`: <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-sign-up.html>
/// - `config`: <https://docs.aws.amazon.com/config/latest/developerguide/evaluate-config_develop-rules_example-events.html>
/// - `connect`: <https://docs.aws.amazon.com/connect/latest/adminguide/connect-lambda-functions.html>
/// - `dynamodb`: <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>
/// - `empty`: nobody sends it.
/// - `eventbridge`: <https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html>
/// - `firehose`: <https://docs.aws.amazon.com/lambda/latest/dg/services-kinesisfirehose.html>, as it
///   is where producers write to the stream directly, without what is known of a Kinesis record
/// - `function-url`: <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>
/// - `iot`: <https://docs.aws.amazon.com/lambda/latest/dg/services-iot.html>; a rule's SQL decides
/// - `kafka`: <https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html>
/// - `kinesis`: <https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html>
/// - `lex-v2`: <https://docs.aws.amazon.com/lexv2/latest/dg/lambda-input-format.html>
/// - `mq`: <https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html>, but with `correlationID` and
///   a number for `expiration`, as brokers send them and as AWS's own types for Go and Rust read them
/// - `s3`: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
/// - `s3-batch`: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html>
/// - `s3-eventbridge`: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>
/// - `schedule`: <https://docs.aws.amazon.com/lambda/latest/dg/services-cloudwatchevents.html>
/// - `ses`: <https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-lambda-event.html>
/// - `sns`: <https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html>
/// - `sqs`, `sqs-fifo`: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
/// - `websocket`: <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html>
pub const SAMPLES: [Sample; 30] = [
    sample!("alb", "Application Load Balancer, an HTTP request"),
    sample!("apigw-v1", "API Gateway, REST API: an HTTP request, payload format 1.0"),
    sample!("apigw-v2", "API Gateway, HTTP API: an HTTP request, payload format 2.0, with a JWT"),
    sample!("authorizer-v1", "API Gateway, REST API: Lambda authorizer of the type REQUEST"),
    sample!("authorizer-v2", "API Gateway, HTTP API: Lambda authorizer, payload format 2.0"),
    sample!("cloudformation-custom-resource", "CloudFormation, a custom resource is created"),
    sample!("cloudwatch-logs", "CloudWatch Logs, a subscription filter (gzip in base64)"),
    sample!("codepipeline", "CodePipeline, a job of an invoke action"),
    sample!("cognito-pre-signup", "Cognito user pool, before a user signs up"),
    sample!("config", "Config, a custom rule: a resource changed"),
    sample!("connect", "Connect, a contact flow"),
    sample!("dynamodb", "DynamoDB stream: INSERT, MODIFY and REMOVE"),
    sample!("empty", "{}"),
    sample!("eventbridge", "EventBridge, an event of one's own application"),
    sample!("firehose", "Firehose, records to transform"),
    sample!("function-url", "Function URL, an HTTP request signed by an IAM user"),
    sample!("iot", "IoT Core, the message that a rule selected"),
    sample!("kafka", "Managed Kafka (MSK), two records"),
    sample!("kinesis", "Kinesis data stream, two records"),
    sample!("lex-v2", "Lex V2, the code hook of a dialog"),
    sample!("mq", "Amazon MQ, a message of an ActiveMQ queue"),
    sample!("s3", "S3 notification, ObjectCreated:Put"),
    sample!("s3-batch", "S3 Batch Operations, one object"),
    sample!("s3-eventbridge", "S3 by way of EventBridge, Object Created"),
    sample!("schedule", "EventBridge, a rule that runs on a schedule"),
    sample!("ses", "SES, a mail that was received"),
    sample!("sns", "SNS, a notification"),
    sample!("sqs", "SQS, two messages, one with attributes"),
    sample!("sqs-fifo", "SQS FIFO queue, two messages of one group"),
    sample!("websocket", "API Gateway, WebSocket API: a message"),
];

/// Other names that a sample is found by.
const ALIASES: [(&str, &str); 50] = [
    ("activemq", "mq"),
    ("amazon-mq", "mq"),
    ("api-gateway", "apigw-v1"),
    ("apigateway", "apigw-v1"),
    ("apigw", "apigw-v1"),
    ("apigw-http", "apigw-v2"),
    ("apigw-rest", "apigw-v1"),
    ("apigw-websocket", "websocket"),
    ("authorizer", "authorizer-v1"),
    ("cfn", "cloudformation-custom-resource"),
    ("cloudformation", "cloudformation-custom-resource"),
    ("cloudwatch", "cloudwatch-logs"),
    ("cognito", "cognito-pre-signup"),
    ("cognito-pre-sign-up", "cognito-pre-signup"),
    ("config-rule", "config"),
    ("cron", "schedule"),
    ("custom-resource", "cloudformation-custom-resource"),
    ("ddb", "dynamodb"),
    ("dynamodb-stream", "dynamodb"),
    ("dynamodb-streams", "dynamodb"),
    ("elb", "alb"),
    ("email", "ses"),
    ("event-bridge", "eventbridge"),
    ("fifo", "sqs-fifo"),
    ("http", "apigw-v2"),
    ("http-api", "apigw-v2"),
    ("http-api-authorizer", "authorizer-v2"),
    ("iot-rule", "iot"),
    ("kinesis-firehose", "firehose"),
    ("kinesis-stream", "kinesis"),
    ("kinesis-streams", "kinesis"),
    ("lambda-url", "function-url"),
    ("lex", "lex-v2"),
    ("load-balancer", "alb"),
    ("logs", "cloudwatch-logs"),
    ("msk", "kafka"),
    ("none", "empty"),
    ("pre-signup", "cognito-pre-signup"),
    ("rest", "apigw-v1"),
    ("rest-api", "apigw-v1"),
    ("rest-api-authorizer", "authorizer-v1"),
    ("s3-batch-operations", "s3-batch"),
    ("s3-put", "s3"),
    ("scheduled", "schedule"),
    ("scheduled-event", "schedule"),
    ("url", "function-url"),
    ("websocket-api", "websocket"),
    ("websockets", "websocket"),
    ("ws", "websocket"),
    ("{}", "empty"),
];

/// The sample of that name, or of another name that it goes by, such as `http-api` or `cron`.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Sample> {
    // A constant has no place of its own.
    static ALL: [Sample; SAMPLES.len()] = SAMPLES;
    let name = ALIASES.iter().find(|&&(alias, _)| alias == name).map_or(name, |&(_, meant)| meant);
    ALL.iter().find(|sample| sample.name == name)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::path::Path;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::Value;

    use super::*;

    fn value(name: &str) -> Value {
        serde_json::from_str(by_name(name).unwrap().json).unwrap()
    }

    /// What a string of base64 is of.
    fn decoded(data: &Value) -> Vec<u8> {
        STANDARD.decode(data.as_str().unwrap()).unwrap()
    }

    #[test]
    fn each_is_json_as_we_write_it() {
        for sample in &SAMPLES {
            let value: Value = serde_json::from_str(sample.json).unwrap();
            assert!(value.is_object(), "{}", sample.name);
            assert!(
                sample.json.is_ascii() && !sample.json.contains(['\r', '\t']),
                "{}",
                sample.name
            );
            assert!(sample.json.ends_with("}\n"), "{}", sample.name);
            assert!(!sample.about.is_empty(), "{}", sample.name);
        }
    }

    #[test]
    fn names_are_sorted_and_unique() {
        assert!(SAMPLES.is_sorted_by(|a, b| a.name < b.name));
        assert!(ALIASES.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn every_name_and_alias_finds_one() {
        for sample in &SAMPLES {
            assert_eq!(by_name(sample.name), Some(sample));
        }
        for (alias, meant) in ALIASES {
            assert!(SAMPLES.iter().all(|sample| sample.name != alias), "{alias} is a name");
            assert_eq!(by_name(alias).map(|sample| sample.name), Some(meant));
        }
        assert_eq!(by_name("apigw").unwrap().name, "apigw-v1");
        assert_eq!(by_name("http-api").unwrap().name, "apigw-v2");
        assert_eq!(by_name("rest-api").unwrap().name, "apigw-v1");
        assert_eq!(by_name("cron").unwrap().name, "schedule");
        assert_eq!(by_name("sqs-standard"), None);
        assert_eq!(by_name(""), None);
    }

    #[test]
    fn every_file_is_a_sample() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/events");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort_unstable();
        let mut names = SAMPLES.map(|sample| format!("{}.json", sample.name));
        names.sort_unstable();
        assert_eq!(files, names);
    }

    #[test]
    fn what_is_encoded_is_an_order() {
        let (kinesis, firehose) = (value("kinesis"), value("firehose"));
        let (kafka, mq) = (value("kafka"), value("mq"));
        for data in [
            &kinesis["Records"][0]["kinesis"]["data"],
            &firehose["records"][0]["data"],
            &kafka["records"]["orders-0"][0]["value"],
            &mq["messages"][0]["data"],
        ] {
            let order: Value = serde_json::from_slice(&decoded(data)).unwrap();
            assert_eq!(order["order"], 17);
        }
    }

    #[test]
    fn the_log_is_gzip() {
        let data = decoded(&value("cloudwatch-logs")["awslogs"]["data"]);
        let mut text = String::new();
        flate2::read::GzDecoder::new(data.as_slice()).read_to_string(&mut text).unwrap();
        let log: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(log["messageType"], "DATA_MESSAGE");
        assert_eq!(log["logEvents"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn the_object_is_the_message() {
        let queue = value("sqs");
        let (s3, bridge) = (value("s3"), value("s3-eventbridge"));
        let (message, object) = (&queue["Records"][0], &s3["Records"][0]["s3"]["object"]);
        assert_eq!(object["eTag"], message["md5OfBody"]);
        assert_eq!(object["size"], message["body"].as_str().unwrap().len());
        assert_eq!(bridge["detail"]["object"]["etag"], object["eTag"]);
        assert_eq!(bridge["detail"]["object"]["key"], object["key"]);
    }

    #[test]
    fn http_requests_are_the_same() {
        let first = value("apigw-v1");
        for name in ["apigw-v2", "function-url", "alb"] {
            assert_eq!(value(name)["body"], first["body"], "{name}");
        }
    }
}
