//! Amazon ECR: logins, repositories, and whether Lambda may read them.

use aws_sdk_ecr::types::{EncryptionConfiguration, EncryptionType, ImageTagMutability};
#[cfg(feature = "registry")]
use base64::Engine as _;
#[cfg(feature = "registry")]
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::observe::if_there;
use super::{Aws, AwsError};
use crate::release::ecr::policy;

/// How a repository is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewRepository {
    /// Whether a tag, once given, stays where it is.
    pub immutable: bool,
    /// Whether images are looked through when they are pushed.
    pub scan: bool,
    /// The key that encrypts it; none: ECR's own.
    pub kms_key: Option<String>,
}

/// A login of a registry: who, and the password.
#[cfg(feature = "registry")]
pub(super) type Login = (String, String);

impl Aws {
    fn ecr(&self) -> &aws_sdk_ecr::Client {
        self.ecr.get_or_init(|| aws_sdk_ecr::Client::new(&self.config))
    }

    /// `GetAuthorizationToken`: a login for 12 hours, for every registry that these credentials may enter.
    #[cfg(feature = "registry")]
    pub(super) async fn ecr_login(&self) -> Result<Option<Login>, AwsError> {
        let operation = "GetAuthorizationToken";
        let answer = self.calls.repeat(operation, async || {
            let answer = self.ecr().get_authorization_token().send().await;
            answer.map_err(|error| self.failure(operation, &error))
        });
        let data = answer.await?.authorization_data.unwrap_or_default();
        let Some(data) = data.into_iter().next() else { return Ok(None) };
        let token = data.authorization_token.unwrap_or_default();
        let both = STANDARD.decode(&token).unwrap_or_default();
        let both = String::from_utf8(both).unwrap_or_default();
        let Some((user, password)) = both.split_once(':') else { return Ok(None) };
        self.keep_secret([token.clone(), password.to_owned()]);
        Ok(Some((user.to_owned(), password.to_owned())))
    }

    /// The URI of a repository of this Region, and of this account or another (`registry`); none if there is
    /// none of that name.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer.
    pub async fn repository(
        &self,
        name: &str,
        registry: Option<&str>,
    ) -> Result<Option<String>, AwsError> {
        let operation = "DescribeRepositories";
        let answer = self.calls.repeat(operation, async || {
            let request = self.ecr().describe_repositories().repository_names(name);
            let answer = request.set_registry_id(registry.map(str::to_owned)).send().await;
            answer.map_err(|error| self.failure(operation, &error))
        });
        let all = if_there(answer.await)?.and_then(|answer| answer.repositories);
        Ok(all.and_then(|all| all.into_iter().next()?.repository_uri))
    }

    /// Makes a repository, unless it is there; its URI.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer.
    pub async fn create_repository(
        &self,
        name: &str,
        how: &NewRepository,
    ) -> Result<Option<String>, AwsError> {
        let operation = "CreateRepository";
        let answer = self.calls.repeat(operation, async || {
            let scan = aws_sdk_ecr::types::ImageScanningConfiguration::builder();
            let scan = scan.scan_on_push(how.scan).build();
            let mut request = self.ecr().create_repository().repository_name(name);
            request = request.image_scanning_configuration(scan);
            if how.immutable {
                request = request.image_tag_mutability(ImageTagMutability::Immutable);
            }
            if let Some(key) = &how.kms_key {
                let encryption = EncryptionConfiguration::builder().kms_key(key);
                let encryption = encryption.encryption_type(EncryptionType::Kms).build();
                let encryption = encryption.map_err(|error| {
                    self.failure(
                        operation,
                        &aws_sdk_ecr::error::SdkError::<
                            aws_sdk_ecr::operation::create_repository::CreateRepositoryError,
                        >::construction_failure(error),
                    )
                })?;
                request = request.encryption_configuration(encryption);
            }
            request.send().await.map_err(|error| self.failure(operation, &error))
        });
        match answer.await {
            Ok(answer) => Ok(answer.repository.and_then(|repository| repository.repository_uri)),
            // Somebody was faster, or we were, and the answer got lost.
            Err(error) if error.code() == Some("RepositoryAlreadyExistsException") => {
                self.repository(name, None).await
            }
            Err(error) => Err(error),
        }
    }

    /// The policy of a repository; none if it has none.
    async fn repository_policy(
        &self,
        name: &str,
        registry: Option<&str>,
    ) -> Result<Option<Value>, AwsError> {
        let operation = "GetRepositoryPolicy";
        let answer = self.calls.repeat(operation, async || {
            let request = self.ecr().get_repository_policy().repository_name(name);
            let answer = request.set_registry_id(registry.map(str::to_owned)).send().await;
            answer.map_err(|error| self.failure(operation, &error))
        });
        let text = if_there(answer.await)?.and_then(|answer| answer.policy_text);
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Whether the policy of a repository, of this account or another, lets Lambda read images.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer.
    pub async fn lets_lambda_read(
        &self,
        repository: &str,
        registry: Option<&str>,
    ) -> Result<bool, AwsError> {
        let found = self.repository_policy(repository, registry).await?;
        Ok(found.is_some_and(|it| policy::lets_lambda_read(&it)))
    }

    /// Lets Lambda read the images of a repository; what else its policy says stays. Whether anything was
    /// to be done.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer.
    pub async fn let_lambda_read(
        &self,
        repository: &str,
        registry: Option<&str>,
    ) -> Result<bool, AwsError> {
        let old = self.repository_policy(repository, registry).await?;
        if old.as_ref().is_some_and(policy::lets_lambda_read) {
            return Ok(false);
        }
        let text = policy::with_lambda(old).to_string();
        let operation = "SetRepositoryPolicy";
        let answer = self.calls.repeat(operation, async || {
            let request = self.ecr().set_repository_policy().repository_name(repository);
            let request = request.set_registry_id(registry.map(str::to_owned));
            let answer = request.policy_text(&text).send().await;
            answer.map_err(|error| self.failure(operation, &error))
        });
        answer.await.map(|_| true)
    }

    /// The rules of a repository's lifecycle policy that may take an image with this tag away, in words.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer.
    pub async fn expiring_rules(
        &self,
        repository: &str,
        registry: Option<&str>,
        tag: &str,
    ) -> Result<Vec<String>, AwsError> {
        let operation = "GetLifecyclePolicy";
        let answer = self.calls.repeat(operation, async || {
            let request = self.ecr().get_lifecycle_policy().repository_name(repository);
            let answer = request.set_registry_id(registry.map(str::to_owned)).send().await;
            answer.map_err(|error| self.failure(operation, &error))
        });
        let text = if_there(answer.await)?.and_then(|answer| answer.lifecycle_policy_text);
        let policy: Value = serde_json::from_str(&text.unwrap_or_default()).unwrap_or_default();
        Ok(policy::expiring(&policy, tag))
    }
}
