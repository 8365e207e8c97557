//! What each read and each change needs.

use serde_json::Value;

use super::Grants;
use crate::release::Object;
use crate::release::change::{Action, Attach, Attachment, Change, Place, Sent};
use crate::release::content::{current, text};
use crate::release::desired::Desired;
use crate::release::ecr::Ecr;
use crate::release::guard;
use crate::release::layers::{name_of, unclear};
use crate::release::next::next;
use crate::release::observed::{Observed, points_at};
use crate::release::role::policy_arn;

/// The reads of a function: those that are always made, and one for each other thing that is
/// configured.
pub(super) fn of_observing(desired: &Desired, observed: &Observed, grants: &mut Grants) {
    let wanted = &desired.wanted;
    let name = desired.name.as_str();
    let function = grants.function(name, None);
    let mut on_function = |action: &str| grants.allow(&[action], [function.clone()]);
    on_function("lambda:GetFunction");
    if !wanted.aliases.is_empty() {
        on_function("lambda:GetAlias");
    }
    if asks_for_versions(desired, observed) {
        on_function("lambda:ListVersionsByFunction");
    }
    if wanted.code_signing.is_some() {
        on_function("lambda:GetFunctionCodeSigningConfig");
    }
    if !wanted.tags.is_empty() || wanted.tags_replace {
        // Without it GetFunction answers no tags (`GetFunction`, "Tags").
        on_function("lambda:ListTags");
    }
    if desired.publishes() {
        // Versions that are not there yet, and what aliases point at.
        let versions = grants.function(name, Some("*"));
        grants.allow(&["lambda:GetFunction"], [versions]);
    }
    of_observing_attachments(desired, grants);
    if desired.shifts() {
        of_watching(desired, grants);
    }
    for layer in desired.layers.iter().flatten() {
        let (layer, versions) = (grants.layer(&layer.name), grants.layer_versions(&layer.name));
        grants.allow(&["lambda:ListLayerVersions"], [layer]);
        grants.allow(&["lambda:GetLayerVersion"], [versions]);
    }
    grants.allow(&["lambda:GetLayerVersion"], unclear(desired, observed));
    if let Some(image) = desired.code.image() {
        of_observing_image(&image.uri, grants);
    }
    if let Some(role) = desired.own_role() {
        let role = grants.role(&role);
        grants.allow(&["iam:GetRole", "iam:ListAttachedRolePolicies"], [role]);
    }
    let key = observed.latest().map(|latest| current(latest, "KMSKeyArn"));
    if let Some(key) = key.as_ref().and_then(Value::as_str).filter(|key| !key.is_empty())
        && wanted.environment.is_some()
    {
        // AWS: "Securing Lambda environment variables".
        grants.allow(&["kms:Decrypt"], [key.to_owned()]);
    }
}

/// What is watched while traffic shifts. Neither of CloudWatch's reads is restricted to less than all metrics;
/// alarms could be, by names that nobody else has.
fn of_watching(desired: &Desired, grants: &mut Grants) {
    let watch = &desired.wanted.watch;
    if watch.counts() {
        grants.allow(&["cloudwatch:GetMetricData"], ["*".to_owned()]);
    }
    if !watch.alarms.is_empty() {
        grants.allow(&["cloudwatch:DescribeAlarms"], ["*".to_owned()]);
    }
    if watch.probe.is_some() {
        let versions = grants.function(&desired.name, Some("*"));
        grants.allow(&["lambda:InvokeFunction"], [versions]);
    }
}

/// Versions are listed where a version is wanted and no alias shows it, and before one is published
/// first of all: then the newest is known, or there is none.
fn asks_for_versions(desired: &Desired, observed: &Observed) -> bool {
    if desired.wanted.aliases.is_empty() {
        return desired.publishes();
    }
    let shown: Vec<_> = observed.aliases.values().map(points_at).collect();
    let first = next([(desired, observed)]).changes.into_iter().next();
    observed.versions.keys().any(|number| !shown.contains(&number.as_str()))
        || first.is_some_and(|change| matches!(change.action, Action::Publish { .. }))
}

fn of_observing_attachments(desired: &Desired, grants: &mut Grants) {
    let wanted = &desired.wanted.attachments;
    let resources = on(desired.qualifier(), &desired.name, grants);
    let mut read = |asked: bool, action: &str| {
        if asked {
            grants.allow(&[action], resources.clone());
        }
    };
    let url = wanted.url.is_some();
    read(url, "lambda:GetFunctionUrlConfig");
    read(url || wanted.permissions.is_some(), "lambda:GetPolicy");
    read(wanted.event_invoke.is_some(), "lambda:GetFunctionEventInvokeConfig");
    let provisioned = wanted.provisioned.is_some() && desired.qualifier().is_some();
    read(provisioned, "lambda:GetProvisionedConcurrencyConfig");
    if wanted.triggers.is_some() {
        // It knows neither resources nor conditions.
        grants.allow(&["lambda:ListEventSourceMappings"], ["*".to_owned()]);
    }
}

/// A function, and its alias where a call names one: AWS judges such calls by either.
fn on(qualifier: Option<&str>, name: &str, grants: &Grants) -> Vec<String> {
    let alias = qualifier.map(|_| grants.function(name, qualifier));
    [grants.function(name, None)].into_iter().chain(alias).collect()
}

/// Keys are made of the content: the next plan has another one below the same prefix.
fn objects(bucket: &str, key: &str, grants: &Grants) -> String {
    let prefix = key.rsplit_once('/').map(|(prefix, _)| format!("{prefix}/")).unwrap_or_default();
    format!("arn:{}:s3:::{bucket}/{prefix}*", grants.partition)
}

/// Lambda reads an object in the caller's name, and asking for it (`HeadObject`) needs the same.
fn of_code(code: &Sent, grants: &mut Grants) {
    match &code.place {
        Place::Call => {}
        Place::Bucket { bucket, key, .. } => {
            let objects = objects(bucket, key, grants);
            grants.allow(&["s3:GetObject", "s3:GetObjectVersion"], [objects]);
        }
        Place::Image(uri) => {
            if let Some(repository) = repository(uri, grants) {
                // AWS: "Create a Lambda function using a container image", permissions: with these Lambda
                // lets itself in where the repository's policy does not.
                let actions = ["ecr:GetRepositoryPolicy", "ecr:SetRepositoryPolicy"];
                grants.allow(&actions, [repository]);
            }
        }
    }
}

/// The ARN of the repository of ECR that an image is in.
fn repository(uri: &str, grants: &Grants) -> Option<String> {
    let (host, path) = uri.split_once('/')?;
    let ecr = Ecr::of_host(host)?;
    let name = path.split(['@', ':']).next()?;
    let (region, account) = (ecr.region, ecr.account);
    Some(format!("arn:{}:ecr:{region}:{account}:repository/{name}", grants.partition))
}

/// Where a repository is, whether the image is in it, who may read it, and what its rules take away.
fn of_observing_image(uri: &str, grants: &mut Grants) {
    if let Some(repository) = repository(uri, grants) {
        grants.allow(&["ecr:GetAuthorizationToken"], ["*".to_owned()]);
        let actions = [
            "ecr:BatchGetImage",
            "ecr:DescribeRepositories",
            "ecr:GetLifecyclePolicy",
            "ecr:GetRepositoryPolicy",
        ];
        grants.allow(&actions, [repository]);
    }
}

/// What a push asks of ECR (Amazon ECR User Guide, "IAM permissions for pushing an image").
fn of_push(uri: &str, grants: &mut Grants) {
    if let Some(repository) = repository(uri, grants) {
        grants.allow(&["ecr:GetAuthorizationToken"], ["*".to_owned()]);
        let actions = [
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:CompleteLayerUpload",
            "ecr:GetDownloadUrlForLayer",
            "ecr:InitiateLayerUpload",
            "ecr:PutImage",
            "ecr:UploadLayerPart",
        ];
        grants.allow(&actions, [repository]);
    }
}

/// A change: its own action, and what AWS wants for what goes with it.
pub(super) fn of_change(change: &Change, grants: &mut Grants) {
    let name = change.function.as_str();
    let function = grants.function(name, None);
    let action = guard::find(change.action.operation()).map(guard::Call::action);
    let action = action.as_deref().unwrap_or_default();
    match &change.action {
        Action::CreateRole { name, .. } => {
            let role = grants.role(name);
            grants.allow(&[action], [role]);
        }
        Action::AttachPolicy { role, policy } => {
            let (role, policy) = (grants.role(role), policy_arn(&grants.partition, policy));
            grants.allow_if(&[action], role, "ArnEquals", "iam:PolicyARN", [policy]);
        }
        Action::Upload { bucket, key, .. } => {
            let objects = objects(bucket, key, grants);
            grants.allow(&[action, "s3:AbortMultipartUpload"], [objects]);
        }
        Action::Push { uri, .. } => of_push(uri, grants),
        Action::PublishLayer(new) => {
            of_code(&new.code, grants);
            let layer = grants.layer(&new.name);
            grants.allow(&[action], [layer]);
        }
        Action::Check { .. } => {
            // The next plan has another version.
            let versions = grants.function(name, Some("*"));
            grants.allow(&[action], [versions]);
        }
        Action::Attach(attach) => of_attachment(name, action, attach, grants),
        Action::Sign { new, .. } => {
            // Putting takes both resources, deleting the function alone.
            grants.allow(&[action], [function].into_iter().chain(new.clone()));
        }
        Action::Create { members, code } => {
            of_code(code, grants);
            grants.allow(&[action], [function.clone()]);
            if members.contains_key("Tags") {
                grants.allow(&["lambda:TagResource"], [function]);
            }
            if let Some(key) = members.get("SourceKMSKeyArn").and_then(Value::as_str) {
                of_key(key, grants);
            }
            of_configuration(members, grants);
        }
        Action::Configure { fields, .. } => {
            grants.allow(&[action], [function]);
            let members = fields.iter().map(|field| (field.member.to_owned(), field.new.clone()));
            of_configuration(&members.collect(), grants);
        }
        Action::UpdateCode { code, source_kms_key, .. } => {
            of_code(code, grants);
            grants.allow(&[action], [function]);
            if let Some(key) = source_kms_key.as_deref().filter(|key| !key.is_empty()) {
                of_key(key, grants);
            }
        }
        _ => grants.allow(&[action], [function]),
    }
}

/// AWS: "Encrypting Lambda .zip deployment packages".
fn of_key(key: &str, grants: &mut Grants) {
    grants.allow(&["kms:Decrypt", "kms:GenerateDataKey"], [key.to_owned()]);
}

fn of_attachment(name: &str, action: &str, attach: &Attach, grants: &mut Grants) {
    let resources = on(attach.qualifier.as_deref(), name, grants);
    match &attach.what {
        // A mapping has its ARN when it is made; until then only its function is known.
        Attachment::CreateMapping(_) | Attachment::UpdateMapping { .. } => {
            grants.allow_if(&[action], "*", "ArnLike", "lambda:FunctionArn", resources);
        }
        _ => grants.allow(&[action], resources),
    }
}

/// What members of `CreateFunction` and `UpdateFunctionConfiguration` need.
fn of_configuration(members: &Object, grants: &mut Grants) {
    if let Some(role) = text(members, "Role") {
        let role = grants.role(role);
        let service = ["lambda.amazonaws.com".to_owned()];
        // IAM User Guide: "Grant a user permissions to pass a role to an AWS service".
        let action = ["iam:PassRole"];
        grants.allow_if(&action, role, "StringEquals", "iam:PassedToService", service);
    }
    let layers = members.get("Layers").and_then(Value::as_array).into_iter().flatten();
    // What is published first has no ARN yet.
    let arn = |arn: &str| {
        if arn.starts_with("arn:") { arn.to_owned() } else { grants.layer_versions(name_of(arn)) }
    };
    let layers: Vec<String> = layers.filter_map(Value::as_str).map(arn).collect();
    grants.allow(&["lambda:GetLayerVersion"], layers);
    let subnets = members.get("VpcConfig").and_then(|vpc| vpc["SubnetIds"].as_array());
    if subnets.is_some_and(|subnets| !subnets.is_empty()) {
        // AWS: "Giving Lambda functions access to resources in an Amazon VPC", required permissions.
        let actions = ["ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"];
        grants.allow(&actions, ["*".to_owned()]);
    }
    let mounts = members.get("FileSystemConfigs").and_then(Value::as_array);
    if mounts.is_some_and(|mounts| !mounts.is_empty()) {
        // AWS: "Configuring file system access", user permissions.
        grants.allow(&["elasticfilesystem:DescribeMountTargets"], ["*".to_owned()]);
    }
    if let Some(key) = text(members, "KMSKeyArn").filter(|key| !key.is_empty()) {
        // AWS: "Securing Lambda environment variables", to configure a customer managed key.
        let actions = ["kms:CreateGrant", "kms:Decrypt", "kms:Encrypt"];
        grants.allow(&actions, [key.to_owned()]);
    }
}
