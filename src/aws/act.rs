//! Carries out one change, as one call.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::s3::Upload;
use super::{Aws, AwsError, send};
use crate::release::Object;
use crate::release::change::{Action, Attach, Attachment, Change, Place, Sent};
use crate::release::shift::Write;

/// A request's JSON.
fn body(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}

/// With a member, if there is a value for it.
fn with(members: &mut Object, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        members.insert(name.to_owned(), value.into());
    }
}

impl Aws {
    /// Makes the call of a change. `zip`: where the function's code lies, or the layer's.
    ///
    /// # Errors
    ///
    /// What AWS refuses with. After [`AwsError::Unanswered`] nobody knows whether it had its effect;
    /// after one that [is a conflict](AwsError::is_conflict) the state is not what it was decided on. In
    /// both cases: observe again.
    pub async fn act(&self, change: &Change, zip: &Path) -> Result<Value, AwsError> {
        let name = change.function.as_str();
        match &change.action {
            Action::CreateRole { .. } | Action::AttachPolicy { .. } => {
                self.role_action(&change.action).await
            }
            Action::Upload { bucket, key, size, sha256, .. } => {
                let upload = Upload { bucket, key, size: *size, sha256 };
                let stored = self.upload(&upload, zip).await?;
                Ok(json!({ "VersionId": stored.version }))
            }
            Action::Push { uri, .. } => {
                self.push(uri, zip).await?;
                Ok(Value::Null)
            }
            Action::PublishLayer(new) => self.publish_layer(new, zip).await,
            Action::Create { members, code } => self.create(members, code, zip).await,
            Action::Configure { fields, revision } => {
                let mut members: Object = fields
                    .iter()
                    .map(|field| (field.member.to_owned(), field.new.clone()))
                    .collect();
                with(&mut members, "RevisionId", revision.clone());
                let body = body(&Value::Object(members));
                let request = || self.client.update_function_configuration().function_name(name);
                send!(self.calls, "UpdateFunctionConfiguration", request(), body)
            }
            Action::UpdateCode { code, source_kms_key, revision, .. } => {
                let mut members = code_members(code, zip).await?;
                members.insert("Architectures".to_owned(), json!([code.architecture]));
                with(&mut members, "SourceKMSKeyArn", source_kms_key.clone());
                with(&mut members, "RevisionId", revision.clone());
                let body = body(&Value::Object(members));
                let request = || self.client.update_function_code().function_name(name);
                send!(self.calls, "UpdateFunctionCode", request(), body)
            }
            Action::Publish { sha256, description, revision } => {
                let mut members = Object::new();
                with(&mut members, "CodeSha256", Some(sha256.as_str()));
                with(
                    &mut members,
                    "Description",
                    Some(description.as_str()).filter(|text| !text.is_empty()),
                );
                with(&mut members, "RevisionId", revision.clone());
                let body = body(&Value::Object(members));
                let request = || self.client.publish_version().function_name(name);
                send!(self.calls, "PublishVersion", request(), body)
            }
            Action::CreateAlias { .. } | Action::MoveAlias { .. } => {
                self.alias_action(name, &change.action).await
            }
            Action::Attach(attach) => self.attach(name, attach).await,
            _ => self.of_the_function(name, &change.action).await,
        }
    }

    async fn create(&self, members: &Object, code: &Sent, zip: &Path) -> Result<Value, AwsError> {
        let mut members = members.clone();
        let mut code = code_members(code, zip).await?;
        code.extend(members.remove_entry("SourceKMSKeyArn"));
        members.insert("Code".to_owned(), Value::Object(code));
        let body = body(&Value::Object(members));
        // The SDK demands what the request has; the body above is what is sent.
        let request = || {
            self.client
                .create_function()
                .function_name("f")
                .role("r")
                .code(aws_sdk_lambda::types::FunctionCode::builder().build())
        };
        send!(self.calls, "CreateFunction", request(), body)
    }

    async fn alias_action(&self, name: &str, action: &Action) -> Result<Value, AwsError> {
        match action {
            Action::CreateAlias { name: alias, version, description } => {
                let request = || {
                    self.client
                        .create_alias()
                        .function_name(name)
                        .name(alias)
                        .function_version(version)
                        .description(description)
                };
                send!(self.calls, "CreateAlias", request())
            }
            Action::MoveAlias { name: alias, to, description, revision, .. } => {
                let write = Write {
                    version: to.clone(),
                    weights: BTreeMap::new(),
                    description: description.clone(),
                    revision: revision.clone(),
                };
                self.update_alias(name, alias, &write).await
            }
            _ => Ok(Value::Null),
        }
    }

    /// Points an alias, with or without weights. Gives it as it is then.
    pub(super) async fn update_alias(
        &self,
        name: &str,
        alias: &str,
        write: &Write,
    ) -> Result<Value, AwsError> {
        let body = body(&Value::Object(write.members()));
        let request = || self.client.update_alias().function_name(name).name(alias);
        send!(self.calls, "UpdateAlias", request(), body)
    }

    /// What belongs to the function as a whole.
    async fn of_the_function(&self, name: &str, action: &Action) -> Result<Value, AwsError> {
        match action {
            Action::Sign { new: Some(arn), .. } => {
                let request = || {
                    self.client
                        .put_function_code_signing_config()
                        .function_name(name)
                        .code_signing_config_arn(arn)
                };
                send!(self.calls, "PutFunctionCodeSigningConfig", request())
            }
            Action::Sign { new: None, .. } => {
                let request =
                    || self.client.delete_function_code_signing_config().function_name(name);
                send!(self.calls, "DeleteFunctionCodeSigningConfig", request())
            }
            Action::Tag { set, arn } => {
                let tags = set.iter().map(|(key, (_, value))| (key.clone(), value.clone()));
                let request = || {
                    let tags = Some(tags.clone().collect());
                    self.client.tag_resource().resource(arn).set_tags(tags)
                };
                send!(self.calls, "TagResource", request())
            }
            Action::Untag { keys, arn } => {
                let keys: Vec<String> = keys.iter().cloned().collect();
                let request =
                    || self.client.untag_resource().resource(arn).set_tag_keys(Some(keys.clone()));
                send!(self.calls, "UntagResource", request())
            }
            Action::Reserve { new: Some(count), .. } => {
                let count = i32::try_from(*count).unwrap_or(i32::MAX);
                let request = || {
                    self.client
                        .put_function_concurrency()
                        .function_name(name)
                        .reserved_concurrent_executions(count)
                };
                send!(self.calls, "PutFunctionConcurrency", request())
            }
            Action::Reserve { new: None, .. } => {
                let request = || self.client.delete_function_concurrency().function_name(name);
                send!(self.calls, "DeleteFunctionConcurrency", request())
            }
            _ => Ok(Value::Null),
        }
    }

    async fn attach(&self, name: &str, attach: &Attach) -> Result<Value, AwsError> {
        let qualifier = || attach.qualifier.clone();
        match &attach.what {
            Attachment::CreateUrl(members) => {
                let body = body(&Value::Object(members.clone()));
                let request = || {
                    self.client
                        .create_function_url_config()
                        .function_name(name)
                        .set_qualifier(qualifier())
                        .auth_type(aws_sdk_lambda::types::FunctionUrlAuthType::AwsIam)
                };
                send!(self.calls, "CreateFunctionUrlConfig", request(), body)
            }
            Attachment::UpdateUrl { new, .. } => {
                let body = body(&Value::Object(new.clone()));
                let request = || {
                    self.client
                        .update_function_url_config()
                        .function_name(name)
                        .set_qualifier(qualifier())
                };
                send!(self.calls, "UpdateFunctionUrlConfig", request(), body)
            }
            Attachment::DeleteUrl => {
                let request = || {
                    self.client
                        .delete_function_url_config()
                        .function_name(name)
                        .set_qualifier(qualifier())
                };
                send!(self.calls, "DeleteFunctionUrlConfig", request())
            }
            Attachment::Permit(members) => {
                let body = body(&Value::Object(members.clone()));
                let request = || {
                    self.client
                        .add_permission()
                        .function_name(name)
                        .set_qualifier(qualifier())
                        .statement_id("s")
                        .action("a")
                        .principal("p")
                };
                send!(self.calls, "AddPermission", request(), body)
            }
            Attachment::Forbid(id) => {
                let request = || {
                    self.client
                        .remove_permission()
                        .function_name(name)
                        .set_qualifier(qualifier())
                        .statement_id(id)
                };
                send!(self.calls, "RemovePermission", request())
            }
            Attachment::PutEventInvoke { new, .. } => {
                let body = body(&Value::Object(new.clone()));
                let request = || {
                    self.client
                        .put_function_event_invoke_config()
                        .function_name(name)
                        .set_qualifier(qualifier())
                };
                send!(self.calls, "PutFunctionEventInvokeConfig", request(), body)
            }
            Attachment::DeleteEventInvoke => {
                let request = || {
                    self.client
                        .delete_function_event_invoke_config()
                        .function_name(name)
                        .set_qualifier(qualifier())
                };
                send!(self.calls, "DeleteFunctionEventInvokeConfig", request())
            }
            _ => self.provision_or_map(name, attach).await,
        }
    }

    async fn provision_or_map(&self, name: &str, attach: &Attach) -> Result<Value, AwsError> {
        let qualifier = attach.qualifier.clone().unwrap_or_default();
        match &attach.what {
            Attachment::Provision { new, .. } => {
                let count = i32::try_from(*new).unwrap_or(i32::MAX);
                let request = || {
                    self.client
                        .put_provisioned_concurrency_config()
                        .function_name(name)
                        .qualifier(&qualifier)
                        .provisioned_concurrent_executions(count)
                };
                send!(self.calls, "PutProvisionedConcurrencyConfig", request())
            }
            Attachment::Unprovision { .. } => {
                let request = || {
                    self.client
                        .delete_provisioned_concurrency_config()
                        .function_name(name)
                        .qualifier(&qualifier)
                };
                send!(self.calls, "DeleteProvisionedConcurrencyConfig", request())
            }
            Attachment::CreateMapping(members) => {
                let mut members = members.clone();
                let target = match &attach.qualifier {
                    Some(qualifier) => format!("{name}:{qualifier}"),
                    None => name.to_owned(),
                };
                with(&mut members, "FunctionName", Some(target));
                let body = body(&Value::Object(members));
                let request = || self.client.create_event_source_mapping().function_name(name);
                send!(self.calls, "CreateEventSourceMapping", request(), body)
            }
            Attachment::UpdateMapping { id, new, .. } => {
                let body = body(&Value::Object(new.clone()));
                let request = || self.client.update_event_source_mapping().uuid(id);
                send!(self.calls, "UpdateEventSourceMapping", request(), body)
            }
            _ => Ok(Value::Null),
        }
    }
}

/// The members that name the code: a place in S3 or in a registry, or the zip itself.
pub(super) async fn code_members(code: &Sent, zip: &Path) -> Result<Object, AwsError> {
    let mut members = Object::new();
    match &code.place {
        Place::Call => {}
        Place::Bucket { bucket, key, version } => {
            with(&mut members, "S3Bucket", Some(bucket.as_str()));
            with(&mut members, "S3Key", Some(key.as_str()));
            with(&mut members, "S3ObjectVersion", version.clone());
            return Ok(members);
        }
        Place::Image(uri) => {
            with(&mut members, "ImageUri", Some(uri.as_str()));
            return Ok(members);
        }
    }
    let path = zip.to_path_buf();
    let encoded = tokio::task::spawn_blocking(move || {
        std::fs::read(&path).map(|bytes| STANDARD.encode(bytes))
    });
    let why = |why: String| AwsError::Start(format!("cannot read {}: {why}", zip.display()));
    let encoded = encoded.await.map_err(|error| why(error.to_string()))?;
    let encoded = encoded.map_err(|error| why(error.to_string()))?;
    members.insert("ZipFile".to_owned(), Value::String(encoded));
    Ok(members)
}
