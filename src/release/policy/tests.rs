use serde_json::json;

use super::*;
use crate::release::desired::{Code, Image, Object, Source};
use crate::release::predict::unfold;
use crate::release::wanted::{Attachments, Environment, Wanted};

const ROLE: &str = "arn:aws:iam::123456789012:role/r";

fn desired(name: &str) -> Desired {
    Desired {
        name: name.to_owned(),
        code: Code {
            sha256: "new=".to_owned(),
            size: 1000,
            architecture: "arm64".to_owned(),
            source: Source::Call,
        },
        runtime: "provided.al2023".to_owned(),
        wanted: Wanted {
            configuration: BTreeMap::from([("Role", json!(ROLE))]),
            aliases: vec!["live".to_owned()],
            ..Wanted::default()
        },
        deploy: "d1".to_owned(),
        ..Desired::default()
    }
}

fn statements(all: &[(Desired, Observed)], account: Option<&str>) -> Value {
    let (changes, end) = unfold(all);
    assert_eq!(end.refused, []);
    let account = account.map(str::to_owned);
    let place = Place { region: "eu-west-1".to_owned(), account, ..Place::default() };
    policy(all, &changes, &place)["Statement"].take()
}

fn function(name: &str) -> String {
    format!("arn:aws:lambda:eu-west-1:123456789012:function:{name}")
}

#[test]
fn two_new_functions_with_an_alias() {
    let all = [(desired("a"), Observed::default()), (desired("b"), Observed::default())];
    assert_eq!(
        statements(&all, None),
        json!([
            {
                "Effect": "Allow",
                "Action": "iam:PassRole",
                "Resource": ROLE,
                "Condition": { "StringEquals": { "iam:PassedToService": "lambda.amazonaws.com" } },
            },
            {
                "Effect": "Allow",
                "Action": [
                    "lambda:CreateAlias", "lambda:CreateFunction", "lambda:GetAlias",
                    "lambda:GetFunction", "lambda:PublishVersion",
                ],
                "Resource": [function("a"), function("b")],
            },
            {
                "Effect": "Allow",
                "Action": "lambda:GetFunction",
                "Resource": [function("a:*"), function("b:*")],
            },
        ])
    );
}

#[test]
fn what_is_unchanged_is_only_read() {
    let mut desired = desired("a");
    desired.wanted.aliases.clear();
    let mut observed = Observed::default();
    for change in unfold(&[(desired.clone(), observed.clone())]).0 {
        crate::release::predict::apply(&change.action, &mut observed);
    }
    let all = [(desired, observed)];
    assert_eq!(
        statements(&all, Some("123456789012")),
        json!([
            { "Effect": "Allow", "Action": "lambda:GetFunction", "Resource": function("a") },
        ])
    );
}

#[test]
fn what_is_watched_may_be_read() {
    let mut desired = desired("a");
    let watch = &mut desired.wanted.watch;
    watch.error_rate = Some(0.01);
    watch.alarms = vec!["late".to_owned()];
    watch.probe = Some(crate::release::shift::watch::Probe::default());
    let of = |desired: &Desired| statements(&[(desired.clone(), Observed::default())], None);
    let all = |desired: &Desired| of(desired).to_string();
    assert!(!all(&desired).contains("cloudwatch"));
    desired.wanted.shift = Some("canary:10%/5m".parse().unwrap());
    for action in ["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "lambda:InvokeFunction"]
    {
        assert!(all(&desired).contains(action), "{action}: {:#}", of(&desired));
    }
}

fn object(value: &Value) -> crate::release::Object {
    match value {
        Value::Object(object) => object.clone(),
        other => panic!("{other}"),
    }
}

/// A function with everything that wants a permission of its own.
fn everything() -> Desired {
    let mut all = desired("a");
    let (bucket, key) = ("b".to_owned(), "code/x.zip".to_owned());
    all.code.source = Source::Bucket(Object { bucket, key });
    let wanted = &mut all.wanted;
    let layer = "arn:aws:lambda:eu-west-1:210987654321:layer:theirs:3";
    wanted.configuration.insert("Layers", json!([layer]));
    wanted.configuration.insert("KMSKeyArn", json!("arn:aws:kms:eu-west-1:123456789012:key/1"));
    let vpc = json!({ "SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"] });
    wanted.configuration.insert("VpcConfig", vpc);
    wanted.environment = Some(Environment::default());
    wanted.tags = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
    wanted.reserved = Some(Some(1));
    let queue = json!({ "EventSourceArn": "arn:aws:sqs:eu-west-1:123456789012:q" });
    wanted.attachments = Attachments {
        url: Some(Some(object(&json!({ "AuthType": "NONE" })))),
        permissions: None,
        event_invoke: Some(Some(object(&json!({ "MaximumRetryAttempts": 0 })))),
        provisioned: Some(Some(1)),
        triggers: Some(vec![object(&queue)]),
    };
    all
}

#[test]
fn everything_is_restricted_as_far_as_it_can_be() {
    let all = [(everything(), Observed::default())];
    assert_eq!(
        statements(&all, Some("123456789012")),
        json!([
            {
                "Effect": "Allow",
                "Action": [
                    "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
                    "lambda:ListEventSourceMappings",
                ],
                "Resource": "*",
            },
            {
                "Effect": "Allow",
                "Action": "iam:PassRole",
                "Resource": ROLE,
                "Condition": { "StringEquals": { "iam:PassedToService": "lambda.amazonaws.com" } },
            },
            {
                "Effect": "Allow",
                "Action": ["kms:CreateGrant", "kms:Decrypt", "kms:Encrypt"],
                "Resource": "arn:aws:kms:eu-west-1:123456789012:key/1",
            },
            {
                "Effect": "Allow",
                "Action": [
                    "lambda:AddPermission", "lambda:CreateAlias", "lambda:CreateFunction",
                    "lambda:CreateFunctionUrlConfig", "lambda:GetAlias", "lambda:GetFunction",
                    "lambda:GetFunctionEventInvokeConfig", "lambda:GetFunctionUrlConfig",
                    "lambda:GetPolicy", "lambda:GetProvisionedConcurrencyConfig", "lambda:ListTags",
                    "lambda:PublishVersion", "lambda:PutFunctionConcurrency",
                    "lambda:PutFunctionEventInvokeConfig", "lambda:PutProvisionedConcurrencyConfig",
                    "lambda:TagResource",
                ],
                "Resource": function("a"),
            },
            {
                "Effect": "Allow",
                "Action": [
                    "lambda:AddPermission", "lambda:CreateFunctionUrlConfig",
                    "lambda:GetFunctionEventInvokeConfig", "lambda:GetFunctionUrlConfig",
                    "lambda:GetPolicy", "lambda:GetProvisionedConcurrencyConfig",
                    "lambda:PutFunctionEventInvokeConfig", "lambda:PutProvisionedConcurrencyConfig",
                ],
                "Resource": function("a:live"),
            },
            {
                "Effect": "Allow",
                "Action": "lambda:CreateEventSourceMapping",
                "Resource": "*",
                "Condition": {
                    "ArnLike": { "lambda:FunctionArn": [function("a"), function("a:live")] }
                },
            },
            { "Effect": "Allow", "Action": "lambda:GetFunction", "Resource": function("a:*") },
            {
                "Effect": "Allow",
                "Action": "lambda:GetLayerVersion",
                "Resource": "arn:aws:lambda:eu-west-1:210987654321:layer:theirs:3",
            },
            {
                "Effect": "Allow",
                "Action": [
                    "s3:AbortMultipartUpload", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject",
                ],
                "Resource": "arn:aws:s3:::b/code/*",
            },
        ])
    );
}

#[test]
fn an_image_needs_its_repository() {
    let mut image = desired("a");
    let uri = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/orders@sha256:aa";
    image.code.source = Source::Image(Image { uri: uri.to_owned(), ..Image::default() });
    let all = [(image, Observed::default())];
    let (changes, _) = unfold(&all);
    let place = Place {
        region: "eu-west-1".to_owned(),
        account: Some("123456789012".to_owned()),
        repositories: Vec::new(),
    };
    let made = Place { repositories: vec!["team/orders".to_owned()], ..place.clone() };
    let making = policy(&all, &changes, &made).to_string();
    let policy = policy(&all, &changes, &place).to_string();
    assert!(!policy.contains("ecr:CreateRepository") && making.contains("ecr:CreateRepository"));
    assert!(
        policy.contains("arn:aws:ecr:eu-west-1:123456789012:repository/team/orders"),
        "{policy}"
    );
    for action in ["ecr:PutImage", "ecr:GetAuthorizationToken", "ecr:DescribeRepositories"] {
        assert!(policy.contains(action), "{policy}");
    }
}
