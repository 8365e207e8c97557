//! Amazon ECR: logins, repositories, and whether Lambda may read them.

use aws_sdk_ecr::types::{
    EncryptionConfiguration, EncryptionType, ImageTagMutability, Repository as Answered,
};
#[cfg(feature = "registry")]
use base64::Engine as _;
#[cfg(feature = "registry")]
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::observe::if_there;
use super::{Aws, AwsError};
use crate::release::ecr::lifecycle;
use crate::release::ecr::policy::{self, Readers, Reading};

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

/// A repository that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Its name, with that of its registry.
    pub uri: String,
    /// How it was made.
    pub how: NewRepository,
}

impl NewRepository {
    /// In what a repository that is there is not as one would be made, in words.
    #[must_use]
    pub fn unmet(&self, there: &Self) -> Vec<String> {
        let mut all = Vec::new();
        if self.immutable && !there.immutable {
            all.push("its tags can be moved (`--immutable-tags`)".to_owned());
        }
        if self.scan && !there.scan {
            all.push("images are not scanned when they are pushed (`--scan-on-push`)".to_owned());
        }
        let key = there.kms_key.as_deref().unwrap_or("ECR's own key");
        // A key goes by its ARN or by its id.
        if self.kms_key.as_deref().is_some_and(|wanted| !key.ends_with(wanted)) {
            all.push(format!("it is encrypted with {key} (`--kms-key`)"));
        }
        all
    }
}

fn read(answered: Answered) -> Option<Repository> {
    let mutability = answered.image_tag_mutability;
    let scanning = answered.image_scanning_configuration;
    let how = NewRepository {
        immutable: mutability.is_some_and(|it| it != ImageTagMutability::Mutable),
        scan: scanning.is_some_and(|it| it.scan_on_push),
        kms_key: answered.encryption_configuration.and_then(|it| it.kms_key),
    };
    Some(Repository { uri: answered.repository_uri?, how })
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

    /// A repository of this Region, and of this account or another (`registry`); none if there is none of that
    /// name.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer.
    pub async fn repository(
        &self,
        name: &str,
        registry: Option<&str>,
    ) -> Result<Option<Repository>, AwsError> {
        let operation = "DescribeRepositories";
        let answer = self.calls.repeat(operation, async || {
            let request = self.ecr().describe_repositories().repository_names(name);
            let answer = request.set_registry_id(registry.map(str::to_owned)).send().await;
            answer.map_err(|error| self.failure(operation, &error))
        });
        let all = if_there(answer.await)?.and_then(|answer| answer.repositories);
        Ok(all.and_then(|all| read(all.into_iter().next()?)))
    }

    /// Makes a repository, unless it is there; and whether it was made.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer.
    pub async fn create_repository(
        &self,
        name: &str,
        registry: Option<&str>,
        how: &NewRepository,
    ) -> Result<(Option<Repository>, bool), AwsError> {
        let operation = "CreateRepository";
        let answer = self.calls.repeat(operation, async || {
            let scan = aws_sdk_ecr::types::ImageScanningConfiguration::builder();
            let scan = scan.scan_on_push(how.scan).build();
            let mut request = self.ecr().create_repository().repository_name(name);
            request = request.image_scanning_configuration(scan);
            request = request.set_registry_id(registry.map(str::to_owned));
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
            Ok(answer) => Ok((answer.repository.and_then(read), true)),
            // Somebody was faster, or we were, and the answer got lost.
            Err(error) if error.code() == Some("RepositoryAlreadyExistsException") => {
                Ok((self.repository(name, registry).await?, false))
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

    /// Whether the policy of a repository, of this account or another, lets Lambda read images for functions
    /// of this account.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer.
    pub async fn lets_lambda_read(
        &self,
        repository: &str,
        registry: Option<&str>,
        functions: &[&str],
    ) -> Result<Reading, AwsError> {
        let policy = self.repository_policy(repository, registry).await?;
        Ok(self.judge(&policy.unwrap_or_default(), functions).await)
    }

    /// Conditions ask for the account, and nothing else does.
    async fn judge(&self, policy: &Value, functions: &[&str]) -> Reading {
        let mut account = None;
        if policy::has_conditions(policy) {
            account = self.account().await.ok().filter(|account| !account.is_empty());
        }
        let readers = Readers { account: account.as_deref(), region: &self.region, functions };
        policy::judge(policy, &readers)
    }

    /// Lets Lambda read the images of a repository; what else its policy says stays. Whether anything was
    /// done, and whether it may now.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer.
    pub async fn let_lambda_read(
        &self,
        repository: &str,
        registry: Option<&str>,
        functions: &[&str],
    ) -> Result<(bool, Reading), AwsError> {
        let old = self.repository_policy(repository, registry).await?;
        let reading = match &old {
            Some(old) => self.judge(old, functions).await,
            None => Reading::Nobody,
        };
        // What is denied stays denied, whatever is allowed besides.
        if matches!(reading, Reading::Allowed | Reading::Denied(_)) {
            return Ok((false, reading));
        }
        let text = policy::with_lambda(old).to_string();
        let operation = "SetRepositoryPolicy";
        let answer = self.calls.repeat(operation, async || {
            let request = self.ecr().set_repository_policy().repository_name(repository);
            let request = request.set_registry_id(registry.map(str::to_owned));
            let answer = request.policy_text(&text).send().await;
            answer.map_err(|error| self.failure(operation, &error))
        });
        answer.await.map(|_| (true, Reading::Allowed))
    }

    /// The rules of a repository's lifecycle policy that may take an image with these tags away, in words.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer.
    pub async fn expiring_rules(
        &self,
        repository: &str,
        registry: Option<&str>,
        tags: &[&str],
    ) -> Result<Vec<String>, AwsError> {
        let operation = "GetLifecyclePolicy";
        let answer = self.calls.repeat(operation, async || {
            let request = self.ecr().get_lifecycle_policy().repository_name(repository);
            let answer = request.set_registry_id(registry.map(str::to_owned)).send().await;
            answer.map_err(|error| self.failure(operation, &error))
        });
        let text = if_there(answer.await)?.and_then(|answer| answer.lifecycle_policy_text);
        let policy: Value = serde_json::from_str(&text.unwrap_or_default()).unwrap_or_default();
        Ok(lifecycle::expiring(&policy, tags))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_new_repositories_alone_is_told() {
        let key = "arn:aws:kms:eu-west-1:123456789012:key/12ab";
        let wanted = NewRepository { immutable: true, scan: true, kms_key: Some(key.to_owned()) };
        assert_eq!(wanted.unmet(&wanted), [""; 0]);
        assert_eq!(NewRepository::default().unmet(&wanted), [""; 0]);
        let told = wanted.unmet(&NewRepository::default());
        assert_eq!(told.len(), 3);
        assert_eq!(told[2], "it is encrypted with ECR's own key (`--kms-key`)");
        let by_id = NewRepository { kms_key: Some("12ab".to_owned()), ..NewRepository::default() };
        assert_eq!(by_id.unmet(&wanted), [""; 0]);
    }
}
