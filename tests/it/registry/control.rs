//! `push` to Amazon ECR: what its control API refuses and tells, beside a registry that has the image.

use std::path::Path;

use lambda_pack::digest::Sha256;
use serde_json::{Value, json};

use super::fake::{Asked, Fake, Reply, status};
use super::real::layout;
use crate::support::{Run, lambda_pack, run};

const HOST: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com";

fn answer(status: u16, body: &Value) -> Reply {
    let kind = "application/x-amz-json-1.1".to_owned();
    Reply::Whole(status, vec![("Content-Type", kind)], body.to_string().into())
}

fn refused(code: &str) -> Reply {
    answer(400, &json!({ "__type": code, "message": "so it is" }))
}

fn repository() -> Reply {
    let uri = format!("{HOST}/orders");
    let repository = json!({ "repositoryUri": uri, "imageTagMutability": "MUTABLE" });
    answer(200, &json!({ "repositories": [repository] }))
}

/// Pushes an image that is there already, to ECR whose operations answer so; others as where nothing is set.
fn push(ecr: impl Fn(&str, usize) -> Option<Reply> + Send + Sync + 'static, words: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let digest = Sha256::of(&layout(folder.path()));
    let server = Fake::new(move |asked: &Asked, number| {
        let target = asked.header("x-amz-target").rsplit('.').next().unwrap();
        match (target, ecr(target, number)) {
            (_, Some(reply)) => reply,
            ("", None) if asked.line.contains("/blobs/") => status(200, &[]),
            ("", None) => status(200, &[("Docker-Content-Digest", &digest.to_string())]),
            ("DescribeRepositories", None) => repository(),
            ("GetAuthorizationToken", None) => {
                let token = json!({ "authorizationToken": "QVdTOnBhc3N3b3Jk" });
                answer(200, &json!({ "authorizationData": [token] }))
            }
            ("GetRepositoryPolicy", None) => refused("RepositoryPolicyNotFoundException"),
            ("GetLifecyclePolicy", None) => refused("LifecyclePolicyNotFoundException"),
            (target, None) => panic!("{target}"),
        }
    });
    let mut command = lambda_pack(folder.path());
    command.args(["push", ".", &format!("{HOST}/orders:1"), "--no-check"]).args(words);
    command.args(["--endpoint-url", &format!("http://{}", server.host)]);
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", Path::new(folder.path()));
    run(&mut command)
}

#[test]
fn what_a_repository_is_and_what_cannot_be_seen_of_it_is_said() {
    let rule = json!({
        "rulePriority": 1, "action": { "type": "transition", "targetStorageClass": "archive" },
        "selection": {
            "tagStatus": "tagged", "tagPatternList": ["*"], "countType": "sinceImagePushed",
            "countUnit": "days", "countNumber": 1,
        },
    });
    let lifecycle = json!({ "rules": [rule] }).to_string();
    // Somebody else makes it between the two calls.
    let pushed = push(
        move |operation, number| match operation {
            "DescribeRepositories" if number == 1 => Some(refused("RepositoryNotFoundException")),
            "CreateRepository" => Some(refused("RepositoryAlreadyExistsException")),
            "GetRepositoryPolicy" => Some(refused("AccessDeniedException")),
            "GetLifecyclePolicy" => Some(answer(200, &json!({ "lifecyclePolicyText": lifecycle }))),
            _ => None,
        },
        &["--create-repository", "--immutable-tags", "--kms-key", "arn:aws:kms:::key/1"],
    );
    let pushed = pushed.code(0).says("Unchanged");
    let pushed = pushed.says("the repository orders was there already and stays as it is: its tags can be moved (`--immutable-tags`); it is encrypted with ECR's own key (`--kms-key`)");
    let pushed = pushed.says("it cannot be seen whether Lambda may read orders: GetRepositoryPolicy: AccessDeniedException: so it is");
    let pushed = pushed.says("(rule 1 archives images after 1 day)");
    for word in ["Created", "Tagged"] {
        assert!(!pushed.stderr.contains(word), "{}", pushed.stderr);
    }
}

#[test]
fn what_denies_is_not_said_to_be_allowed_and_quotas_come_with_what_to_do() {
    let deny = json!({ "Sid": "no", "Effect": "Deny", "Principal": "*", "Action": "ecr:Batch*" });
    let policy = json!({ "Statement": deny }).to_string();
    let pushed = push(
        move |operation, _| {
            let is_it = operation == "GetRepositoryPolicy";
            is_it.then(|| answer(200, &json!({ "policyText": policy })))
        },
        &["--set-policy"],
    );
    let pushed = pushed.code(0).says("keeps Lambda from reading it (its statement `no`)");
    assert!(!pushed.stderr.contains("Allowed"), "{}", pushed.stderr);
    let full = push(
        |operation, _| match operation {
            "DescribeRepositories" => Some(refused("RepositoryNotFoundException")),
            "CreateRepository" => Some(refused("LimitExceededException")),
            _ => None,
        },
        &["--create-repository", "--output", "json"],
    );
    let full = full.code(4).says("Service Quotas");
    let error = full.records().pop().unwrap();
    assert_eq!(
        (&error["reason"], &error["code"]),
        (&json!("error"), &json!("LimitExceededException"))
    );
}
