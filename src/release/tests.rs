use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::change::{Action, Attachment, Change, Phase};
use super::desired::{Code, Desired, Image, Source};
use super::next::{Next, Refusal, next};
use super::observed::Observed;
use super::predict::{apply, unfold};
use super::wanted::{Attachments, Environment, Wanted};
use super::{Object, content};

mod check;
mod images;
mod layers;
mod random;
mod shift;

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        other => panic!("{other}"),
    }
}

/// A function that was packaged, with a role and nothing else.
fn desired() -> Desired {
    Desired {
        name: "orders".to_owned(),
        code: Code {
            sha256: "new=".to_owned(),
            size: 1000,
            architecture: "arm64".to_owned(),
            source: Source::Call,
        },
        runtime: "provided.al2023".to_owned(),
        wanted: Wanted {
            configuration: BTreeMap::from([("Role", json!("arn:aws:iam::123456789012:role/r"))]),
            ..Wanted::default()
        },
        deploy: "d1".to_owned(),
        ..Desired::default()
    }
}

/// What AWS has of it after it was deployed.
fn deployed(desired: &Desired) -> Observed {
    let (changes, end) = unfold(&[(desired.clone(), Observed::default())]);
    assert_eq!(end, Next::default());
    let mut observed = Observed::default();
    for change in changes {
        apply(&change.action, &mut observed);
    }
    observed.acted = false;
    observed.checked.clear();
    // By its number, as AWS would say.
    if let Some(mut version) = observed.versions.remove("new") {
        version.insert("Version".to_owned(), "7".into());
        observed.versions.insert("7".to_owned(), version);
        for alias in observed.aliases.values_mut() {
            alias.insert("FunctionVersion".to_owned(), "7".into());
            let said = alias["Description"].as_str().unwrap().replace("to=new", "to=7");
            alias.insert("Description".to_owned(), said.into());
        }
    }
    observed
}

fn one(desired: &Desired, observed: &Observed) -> Next {
    next([(desired, observed)])
}

fn operations(desired: &Desired, observed: &Observed) -> Vec<&'static str> {
    let (changes, end) = unfold(&[(desired.clone(), observed.clone())]);
    assert_eq!(end, Next::default());
    changes.iter().map(|change| change.action.operation()).collect()
}

fn latest(observed: &mut Observed) -> &mut Object {
    &mut observed.function.as_mut().unwrap().configuration
}

#[test]
fn what_is_there_needs_nothing() {
    let mut desired = desired();
    desired.wanted.aliases = vec!["live".to_owned()];
    desired.wanted.configuration.insert("MemorySize", json!(512));
    assert_eq!(one(&desired, &deployed(&desired)), Next::default());
}

#[test]
fn a_first_deploy_creates_publishes_and_points() {
    let mut desired = desired();
    desired.wanted.aliases = vec!["live".to_owned()];
    desired.wanted.reserved = Some(Some(5));
    assert_eq!(
        operations(&desired, &Observed::default()),
        ["CreateFunction", "PutFunctionConcurrency", "PublishVersion", "CreateAlias"]
    );
}

#[test]
fn without_a_role_nothing_is_created() {
    let mut desired = desired();
    desired.wanted.configuration.clear();
    let why = &one(&desired, &Observed::default()).refused[..];
    assert!(matches!(why, [(_, Refusal::NoRole { role, .. })] if role == "orders-role"), "{why:?}");
}

/// Everything that a role needs a policy for.
fn without_a_role() -> Desired {
    let mut desired = desired();
    desired.create_role = true;
    let vpc = json!({ "SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"] });
    desired.wanted.configuration = BTreeMap::from([("VpcConfig", vpc)]);
    let queue = json!({ "EventSourceArn": "arn:aws:sqs:eu-west-1:123456789012:q" });
    desired.wanted.attachments.triggers = Some(vec![object(queue)]);
    desired
}

#[test]
fn a_role_is_made_with_what_the_function_needs() {
    let mut desired = without_a_role();
    let (changes, end) = unfold(&[(desired.clone(), Observed::default())]);
    assert_eq!(end, Next::default());
    let attached: Vec<_> = changes
        .iter()
        .filter_map(|change| match &change.action {
            Action::AttachPolicy { policy, .. } => policy.strip_prefix("service-role/AWSLambda"),
            _ => None,
        })
        .collect();
    assert_eq!(attached, ["BasicExecutionRole", "VPCAccessExecutionRole", "SQSQueueExecutionRole"]);
    let Action::Create { members, .. } = &changes[4].action else { panic!("{changes:#?}") };
    assert_eq!(members["Role"], "orders-role");
    let mut observed = deployed(&desired);
    assert_eq!(one(&desired, &observed), Next::default());
    // A trigger of another kind needs one more.
    desired.wanted.attachments.triggers.as_mut().unwrap()[0]
        .insert("EventSourceArn".to_owned(), "arn:aws:kinesis:eu-west-1:123456789012:s".into());
    assert_eq!(operations(&desired, &observed), ["AttachRolePolicy", "CreateEventSourceMapping"]);
    // What others have made is theirs, also if it has the name.
    observed.role.as_mut().unwrap().description = "by hand".to_owned();
    assert_eq!(operations(&desired, &observed), ["CreateEventSourceMapping"]);
    latest(&mut observed).insert("Role".to_owned(), "arn:aws:iam::123456789012:role/r".into());
    observed.role = None;
    assert_eq!(operations(&desired, &observed), ["CreateEventSourceMapping"]);
}

#[test]
fn a_role_that_is_there_is_taken_if_lambda_may() {
    let desired = without_a_role();
    let mut observed = Observed::default();
    let role = super::role::Role {
        arn: "arn:aws:iam::123456789012:role/orders-role".to_owned(),
        trust: "%22lambda.amazonaws.com%22".to_owned(),
        ..super::role::Role::default()
    };
    observed.role = Some(role);
    assert_eq!(operations(&desired, &observed)[0], "CreateFunction");
    observed.role.as_mut().unwrap().trust = "ec2.amazonaws.com".to_owned();
    assert!(matches!(&one(&desired, &observed).refused[..], [(_, Refusal::ForeignRole(_))]));
}

#[test]
fn code_alone_goes_with_its_architecture() {
    let before = desired();
    let observed = deployed(&before);
    let mut after = before;
    after.code.sha256 = "other=".to_owned();
    after.code.architecture = "x86_64".to_owned();
    let next = one(&after, &observed);
    let [Change { action: Action::UpdateCode { code, old_architecture, .. }, .. }] =
        &next.changes[..]
    else {
        panic!("{next:?}")
    };
    assert_eq!((old_architecture.as_str(), code.architecture.as_str()), ("arm64", "x86_64"));
}

#[test]
fn a_field_that_nobody_names_is_never_sent() {
    let mut desired = desired();
    let mut observed = deployed(&desired);
    latest(&mut observed).insert("Timeout".to_owned(), json!(77));
    latest(&mut observed).insert("SomethingNew".to_owned(), json!({ "Mode": "Warp" }));
    assert_eq!(one(&desired, &observed), Next::default());
    desired.wanted.configuration.insert("MemorySize", json!(512));
    let next = one(&desired, &observed);
    let [Change { action: Action::Configure { fields, .. }, .. }] = &next.changes[..] else {
        panic!("{next:?}")
    };
    assert_eq!(fields.iter().map(|field| field.member).collect::<Vec<_>>(), ["MemorySize"]);
}

#[test]
fn of_an_object_what_is_not_named_stays() {
    let mut desired = desired();
    let mut observed = deployed(&desired);
    let logging = json!({ "LogFormat": "JSON", "SystemLogLevel": "WARN", "LogGroup": "/own" });
    latest(&mut observed).insert("LoggingConfig".to_owned(), logging);
    desired.wanted.configuration.insert("LoggingConfig", json!({ "ApplicationLogLevel": "DEBUG" }));
    let next = one(&desired, &observed);
    let [Change { action: Action::Configure { fields, .. }, .. }] = &next.changes[..] else {
        panic!("{next:?}")
    };
    assert_eq!(
        fields[0].new,
        json!({ "LogFormat": "JSON", "SystemLogLevel": "WARN", "LogGroup": "/own",
            "ApplicationLogLevel": "DEBUG" })
    );
}

#[test]
fn levels_do_not_go_with_text() {
    let mut desired = desired();
    let mut observed = deployed(&desired);
    let logging = json!({ "LogFormat": "JSON", "SystemLogLevel": "WARN", "LogGroup": "/own" });
    latest(&mut observed).insert("LoggingConfig".to_owned(), logging);
    desired.wanted.configuration.insert("LoggingConfig", json!({ "LogFormat": "Text" }));
    let (old, new) = content::change(
        observed.latest().unwrap(),
        "LoggingConfig",
        &desired.wanted.configuration["LoggingConfig"],
    )
    .unwrap();
    assert_eq!(old["LogFormat"], "JSON");
    assert_eq!(new, json!({ "LogFormat": "Text", "LogGroup": "/own" }));
}

#[test]
fn variables_are_merged_replaced_and_unset() {
    let mut desired = desired();
    let mut observed = deployed(&desired);
    let variables = json!({ "Variables": { "KEPT": "1", "OLD": "2", "SET": "3" } });
    latest(&mut observed).insert("Environment".to_owned(), variables);
    let set = BTreeMap::from([("SET".to_owned(), "4".to_owned())]);
    let unset = ["OLD".to_owned()].into();
    let new = |desired: &Desired, observed: &Observed| match &one(desired, observed).changes[..] {
        [Change { action: Action::Configure { fields, .. }, .. }] => fields[0].new.clone(),
        other => panic!("{other:?}"),
    };
    desired.wanted.environment = Some(Environment { set, unset, replace: false });
    assert_eq!(new(&desired, &observed), json!({ "Variables": { "KEPT": "1", "SET": "4" } }));
    desired.wanted.environment.as_mut().unwrap().replace = true;
    assert_eq!(new(&desired, &observed), json!({ "Variables": { "SET": "4" } }));
    // What cannot be read would be lost.
    let error = json!({ "Error": { "ErrorCode": "AccessDeniedException", "Message": "no" } });
    latest(&mut observed).insert("Environment".to_owned(), error);
    assert_eq!(
        new(&desired, &observed),
        json!({ "Variables": { "SET": "4" } }),
        "all of it is sent"
    );
    observed.acted = true;
    assert_eq!(one(&desired, &observed).changes, [], "once");
    desired.wanted.environment.as_mut().unwrap().replace = false;
    assert!(matches!(&one(&desired, &observed).refused[..], [(_, Refusal::Environment(_))]));
}

#[test]
fn the_order_of_layers_counts() {
    let mut desired = desired();
    let mut observed = deployed(&desired);
    latest(&mut observed)
        .insert("Layers".to_owned(), json!([{ "Arn": "a:1" }, { "Arn": "b:1", "CodeSize": 5 }]));
    desired.wanted.configuration.insert("Layers", json!(["a:1", "b:1"]));
    assert_eq!(one(&desired, &observed), Next::default());
    desired.wanted.configuration.insert("Layers", json!(["b:1", "a:1"]));
    assert_eq!(operations(&desired, &observed), ["UpdateFunctionConfiguration"]);
}

#[test]
fn an_alias_that_serves_an_old_configuration_is_moved() {
    let mut desired = desired();
    desired.wanted.aliases = vec!["live".to_owned()];
    let mut observed = deployed(&desired);
    latest(&mut observed).insert("MemorySize".to_owned(), json!(1024));
    assert_eq!(operations(&desired, &observed), ["PublishVersion", "UpdateAlias"]);
}

#[test]
fn weights_of_somebody_else_are_an_error_unless_they_are_to_go() {
    let mut desired = desired();
    desired.wanted.aliases = vec!["live".to_owned()];
    let mut observed = deployed(&desired);
    let alias = observed.aliases.get_mut("live").unwrap();
    alias.insert("Description".to_owned(), "by hand".into());
    alias.insert("RoutingConfig".to_owned(), json!({ "AdditionalVersionWeights": { "3": 0.1 } }));
    assert!(matches!(&one(&desired, &observed).refused[..], [(_, Refusal::Weights { .. })]));
    desired.clear_weights = true;
    assert_eq!(operations(&desired, &observed), ["UpdateAlias"]);
}

#[test]
fn a_version_is_waited_for_and_a_failed_one_stops() {
    let mut desired = desired();
    desired.wanted.aliases = vec!["live".to_owned()];
    let mut observed = deployed(&desired);
    observed.aliases.clear();
    let version = observed.versions.get_mut("7").unwrap();
    version.insert("State".to_owned(), "Pending".into());
    let waiting = one(&desired, &observed);
    assert_eq!(waiting.waiting, [("orders".to_owned(), "version 7 is Pending".to_owned())]);
    assert!(waiting.changes.is_empty());
    let version = observed.versions.get_mut("7").unwrap();
    version.insert("State".to_owned(), "Hibernating".into());
    assert_eq!(one(&desired, &observed).waiting[0].1, "version 7 is Hibernating");
    let version = observed.versions.get_mut("7").unwrap();
    version.insert("State".to_owned(), "Failed".into());
    version.insert("StateReasonCode".to_owned(), "ImageDeleted".into());
    assert!(matches!(&one(&desired, &observed).refused[..], [(_, Refusal::Failed { .. })]));
}

#[test]
fn a_failed_update_of_before_is_made_again_and_one_of_ours_stops() {
    let desired = desired();
    let mut observed = deployed(&desired);
    latest(&mut observed).insert("LastUpdateStatus".to_owned(), "Failed".into());
    assert_eq!(operations(&desired, &observed), ["UpdateFunctionCode"]);
    observed.acted = true;
    assert!(matches!(&one(&desired, &observed).refused[..], [(_, Refusal::Failed { .. })]));
}

#[test]
fn a_function_without_its_code_takes_code_first() {
    let mut desired = desired();
    let mut observed = deployed(&desired);
    desired.wanted.configuration.insert("MemorySize", json!(512));
    desired.code.sha256 = "other=".to_owned();
    latest(&mut observed).insert("State".to_owned(), "Inactive".into());
    latest(&mut observed).insert("StateReasonCode".to_owned(), "ImageDeleted".into());
    assert_eq!(
        operations(&desired, &observed),
        ["UpdateFunctionCode", "UpdateFunctionConfiguration"]
    );
}

#[test]
fn an_image_is_not_sent_a_zip() {
    let desired = desired();
    let mut observed = deployed(&desired);
    latest(&mut observed).insert("PackageType".to_owned(), "Image".into());
    assert!(matches!(&one(&desired, &observed).refused[..], [(_, Refusal::PackageType { .. })]));
}

#[test]
fn code_that_was_signed_is_known_by_the_marker() {
    let mut desired = desired();
    desired.wanted.aliases = vec!["live".to_owned()];
    let signing =
        Some("arn:aws:lambda:eu-west-1:123456789012:code-signing-config:csc-1".to_owned());
    desired.wanted.code_signing = Some(signing.clone());
    let mut observed = deployed(&desired);
    for configuration in [0, 1] {
        let configuration = match configuration {
            0 => latest(&mut observed),
            _ => observed.versions.get_mut("7").unwrap(),
        };
        configuration.insert("CodeSha256".to_owned(), "signed=".into());
    }
    assert_eq!(one(&desired, &observed), Next::default());
    desired.code.sha256 = "other=".to_owned();
    assert_eq!(operations(&desired, &observed)[0], "UpdateFunctionCode");
}

#[test]
fn phases_go_over_all_functions() {
    let first = desired();
    let observed = deployed(&first);
    let mut busy = Desired { name: "a".to_owned(), ..first.clone() };
    busy.code.sha256 = "other=".to_owned();
    let mut other = Desired { name: "b".to_owned(), ..first };
    other.wanted.configuration.insert("MemorySize", json!(512));
    let mut in_progress = observed.clone();
    latest(&mut in_progress).insert("LastUpdateStatus".to_owned(), "InProgress".into());
    let next = next([(&busy, &in_progress), (&other, &observed)]);
    assert_eq!(next.changes.len(), 1);
    assert_eq!(next.changes[0].action.phase(), Phase::Configuration);
    assert_eq!(next.waiting[0].0, "a");
}

#[test]
fn a_public_url_needs_both_statements() {
    let mut desired = desired();
    desired.wanted.aliases = vec!["live".to_owned()];
    let url = object(json!({ "AuthType": "NONE", "Cors": { "AllowOrigins": ["https://a"] } }));
    desired.wanted.attachments.url = Some(Some(url));
    let observed = deployed(&desired);
    assert_eq!(observed.attached.statements.len(), 2);
    let mut private = desired.clone();
    private.wanted.attachments.url = Some(Some(object(json!({ "AuthType": "AWS_IAM" }))));
    assert_eq!(
        operations(&private, &observed),
        ["UpdateFunctionUrlConfig", "RemovePermission", "RemovePermission"]
    );
    private.wanted.attachments.url = Some(None);
    assert_eq!(
        operations(&private, &observed),
        ["DeleteFunctionUrlConfig", "RemovePermission", "RemovePermission"]
    );
}

#[test]
fn statements_of_others_stay() {
    let mut desired = desired();
    let mut observed = deployed(&desired);
    let theirs = json!({ "Effect": "Allow", "Action": "lambda:InvokeFunction", "Principal": "*" });
    observed.attached.statements.insert("theirs".to_owned(), theirs.clone());
    observed.attached.statements.insert("lambda-pack-0123456789ab".to_owned(), theirs);
    assert_eq!(one(&desired, &observed), Next::default());
    desired.wanted.attachments.permissions = Some(Vec::new());
    assert_eq!(operations(&desired, &observed), ["RemovePermission"]);
}

#[test]
fn a_mapping_between_states_is_waited_for() {
    let mut desired = desired();
    let queue = "arn:aws:sqs:eu-west-1:123456789012:orders";
    let trigger = json!({ "EventSourceArn": queue, "BatchSize": 10, "Enabled": true });
    desired.wanted.attachments.triggers = Some(vec![object(trigger)]);
    let mut observed = deployed(&desired);
    assert_eq!(one(&desired, &observed), Next::default());
    desired.wanted.attachments.triggers.as_mut().unwrap()[0]
        .insert("BatchSize".to_owned(), json!(5));
    observed.attached.mappings[0].insert("State".to_owned(), "Creating".into());
    assert_eq!(one(&desired, &observed).waiting.len(), 1);
    observed.attached.mappings[0].insert("State".to_owned(), "Enabled".into());
    let next = one(&desired, &observed);
    let [Change { action: Action::Attach(attach), .. }] = &next.changes[..] else {
        panic!("{next:?}")
    };
    let Attachment::UpdateMapping { new, .. } = &attach.what else { panic!("{attach:?}") };
    assert_eq!(new, &object(json!({ "BatchSize": 5 })));
}

#[test]
fn every_operation_has_its_guard() {
    let unique: std::collections::BTreeSet<_> =
        super::guard::CALLS.iter().map(|call| call.operation).collect();
    assert_eq!(unique.len(), super::guard::CALLS.len());
    assert_eq!(super::guard::find("UpdateAlias").unwrap().action(), "lambda:UpdateAlias");
}
