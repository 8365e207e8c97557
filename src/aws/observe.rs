//! What AWS holds of a function.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::Value;

use super::s3::Upload;
use super::{Aws, AwsError, object, send};
use crate::release::Object;
use crate::release::change::Action;
use crate::release::content::{text, with_digest};
use crate::release::desired::Desired;
use crate::release::next::next;
use crate::release::observed::{Attached, Function, Observed, points_at, weights};
use crate::release::predict::unfold;

/// What is not there is nothing.
pub(super) fn if_there<T>(answer: Result<T, AwsError>) -> Result<Option<T>, AwsError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

impl Aws {
    /// All that this deploy decides on, at once: three reads for code, settings, tags, concurrency and
    /// an alias, and one more for each other thing that is configured.
    pub async fn observe(&self, desired: &Desired) -> Result<Observed, AwsError> {
        Box::pin(self.look_at_all(desired)).await
    }

    async fn look_at_all(&self, desired: &Desired) -> Result<Observed, AwsError> {
        if desired.only_layers {
            let layers = self.wanted_layers(desired).await?;
            let mut observed = Observed { layers, ..Observed::default() };
            self.ask_first(desired, &mut observed).await?;
            return Ok(observed);
        }
        let name = desired.name.as_str();
        let aliases = join_all(desired.wanted.aliases.iter().map(|alias| async move {
            let (there, version) =
                tokio::join!(self.alias(name, alias), self.function(name, Some(alias)));
            Ok::<_, AwsError>((alias.clone(), there?, version?))
        }));
        let role = async {
            match desired.own_role() {
                Some(name) => self.role(&name).await,
                None => Ok(None),
            }
        };
        let (latest, aliases, attached, signing, newest, role, layers) = tokio::join!(
            self.function(name, None),
            aliases,
            self.attached(desired),
            self.code_signing(desired),
            self.newest_version(desired),
            role,
            self.wanted_layers(desired),
        );
        let mut observed = Observed { function: latest?, ..Observed::default() };
        (observed.role, observed.layers) = (role?, layers?);
        if let Some(function) = &mut observed.function {
            function.code_signing = signing?;
        }
        observed.attached = attached?;
        if let Some(version) = newest? {
            let number = text(&version, "Version").unwrap_or_default().to_owned();
            observed.versions.insert(number, version);
        }
        for alias in aliases {
            let (name, Some(there), version) = alias? else { continue };
            if let Some(version) = version {
                let number = text(&version.configuration, "Version").unwrap_or_default().to_owned();
                observed.versions.insert(number, version.configuration);
            }
            observed.aliases.insert(name, there);
        }
        self.pointed_at(name, &mut observed).await?;
        self.know_ours(desired, &mut observed).await?;
        self.ask_first(desired, &mut observed).await?;
        self.remember_secrets(&observed);
        Ok(observed)
    }

    /// What the first change wants to be known before it is planned; where it is there already, the
    /// next one.
    async fn ask_first(&self, desired: &Desired, observed: &mut Observed) -> Result<(), AwsError> {
        let mut step = next([(desired, &*observed)]);
        while let Some(change) = step.changes.first() {
            match &change.action {
                Action::Upload { layer, bucket, key, size, sha256 } => {
                    let upload = Upload { bucket, key, size: *size, sha256 };
                    let Some(stored) = self.stored(&upload).await? else { return Ok(()) };
                    match layer {
                        Some(layer) => drop(observed.layers.objects.insert(layer.clone(), stored)),
                        None => observed.object = Some(stored),
                    }
                }
                Action::Push { uri, .. } => {
                    let asked = self.is_pushed(uri).await;
                    observed.pushed = true;
                    match asked {
                        Ok(there) => observed.pushed = there,
                        Err(error) if sends_code(desired, observed) => return Err(error),
                        // It runs from there: nothing says that it cannot go on.
                        Err(error) => self.warn(&unseen(&desired.name, &error)),
                    }
                    if !observed.pushed {
                        return Ok(());
                    }
                }
                // `PublishVersion` makes none where the newest is the same already: a plan must not say
                // that it would.
                Action::Publish { .. } if !desired.wanted.aliases.is_empty() => {
                    return self.observe_newest(&desired.name, observed).await;
                }
                _ => return Ok(()),
            }
            step = next([(desired, &*observed)]);
        }
        Ok(())
    }

    async fn observe_newest(&self, name: &str, observed: &mut Observed) -> Result<(), AwsError> {
        let newest = self.newest_of(name).await?;
        let number = newest.as_ref().and_then(|newest| text(newest, "Version"));
        match number.map(str::to_owned) {
            Some(number) => self.observe_version(name, &number, observed).await,
            None => Ok(()),
        }
    }

    /// An alias may have moved between the two reads.
    async fn pointed_at(&self, name: &str, observed: &mut Observed) -> Result<(), AwsError> {
        let missing: Vec<String> = observed
            .aliases
            .values()
            .flat_map(|alias| {
                // A version that gets a part of the traffic counts where a shift is gone on with.
                weights(alias).into_keys().chain([points_at(alias).to_owned()])
            })
            .filter(|number| !observed.versions.contains_key(number))
            .collect();
        for number in missing {
            self.observe_version(name, &number, observed).await?;
        }
        Ok(())
    }

    fn remember_secrets(&self, observed: &Observed) {
        let all = observed.latest().into_iter().chain(observed.versions.values());
        for configuration in all {
            if let Ok(variables) = crate::release::content::variables(configuration) {
                self.keep_secret(variables.into_values());
            }
        }
    }

    /// Keeps the values of a version's environment secret; whether they could be read.
    pub(super) async fn keep_values_of(&self, function: &str, version: &str) -> bool {
        let Ok(Some(answer)) = self.get_function(function, Some(version)).await else {
            return false;
        };
        let configuration = answer.get("Configuration").and_then(Value::as_object);
        let variables = configuration.map(crate::release::content::variables);
        let Some(Ok(variables)) = variables else { return false };
        self.keep_secret(variables.into_values());
        true
    }

    /// A text of AWS's or of a function without what is secret.
    pub(super) fn scrub(&self, text: &str) -> String {
        let text = self.calls.secrets.borrow().scrub(text);
        self.calls.tell_hidden();
        text
    }

    /// `$LATEST` again: its state, its revision.
    pub async fn observe_latest(
        &self,
        name: &str,
        observed: &mut Observed,
    ) -> Result<(), AwsError> {
        let signing = observed.function.take().and_then(|function| function.code_signing);
        observed.function = self.function(name, None).await?;
        if let Some(function) = &mut observed.function {
            function.code_signing = signing;
        }
        Ok(())
    }

    /// One version again.
    pub async fn observe_version(
        &self,
        name: &str,
        number: &str,
        observed: &mut Observed,
    ) -> Result<(), AwsError> {
        match self.function(name, Some(number)).await? {
            Some(version) => observed.versions.insert(number.to_owned(), version.configuration),
            None => observed.versions.remove(number),
        };
        Ok(())
    }

    /// One alias again.
    pub async fn observe_alias(
        &self,
        name: &str,
        alias: &str,
        observed: &mut Observed,
    ) -> Result<(), AwsError> {
        match self.alias(name, alias).await? {
            Some(there) => observed.aliases.insert(alias.to_owned(), there),
            None => observed.aliases.remove(alias),
        };
        self.pointed_at(name, observed).await
    }

    async fn function(
        &self,
        name: &str,
        qualifier: Option<&str>,
    ) -> Result<Option<Function>, AwsError> {
        let answer = self.get_function(name, qualifier).await?;
        Ok(answer.map(|answer| {
            let tags = answer["Tags"].as_object().into_iter().flatten();
            let reserved = answer["Concurrency"]["ReservedConcurrentExecutions"].as_u64();
            let image = answer["Code"]["ResolvedImageUri"].as_str().map(str::to_owned);
            let mut configuration =
                answer["Configuration"].as_object().cloned().unwrap_or_default();
            with_digest(&mut configuration, image.as_deref());
            Function {
                tags: tags
                    .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                    .collect(),
                reserved: reserved.and_then(|count| u32::try_from(count).ok()),
                code_signing: None,
                source_kms_key: answer["Code"]["SourceKMSKeyArn"].as_str().map(str::to_owned),
                image,
                configuration,
            }
        }))
    }

    /// `GetFunction`, as it is answered.
    pub(super) async fn get_function(
        &self,
        name: &str,
        qualifier: Option<&str>,
    ) -> Result<Option<Value>, AwsError> {
        let request = || {
            let qualifier = qualifier.map(str::to_owned);
            self.client.get_function().function_name(name).set_qualifier(qualifier)
        };
        if_there(send!(self.calls, "GetFunction", request()))
    }

    /// `GetAlias`; none if there is no such alias or function.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer.
    pub async fn alias(&self, name: &str, alias: &str) -> Result<Option<Object>, AwsError> {
        let request = || self.client.get_alias().function_name(name).name(alias);
        Ok(if_there(send!(self.calls, "GetAlias", request()))?.map(object))
    }

    async fn code_signing(&self, desired: &Desired) -> Result<Option<String>, AwsError> {
        if desired.wanted.code_signing.is_none() {
            return Ok(None);
        }
        let request =
            || self.client.get_function_code_signing_config().function_name(&desired.name);
        let answer = if_there(send!(self.calls, "GetFunctionCodeSigningConfig", request()))?;
        let arn =
            answer.and_then(|answer| answer["CodeSigningConfigArn"].as_str().map(str::to_owned));
        Ok(arn.filter(|arn| !arn.is_empty()))
    }

    /// The newest version, where a version is wanted and no alias shows it.
    async fn newest_version(&self, desired: &Desired) -> Result<Option<Object>, AwsError> {
        if !desired.publishes() || !desired.wanted.aliases.is_empty() {
            return Ok(None);
        }
        self.newest_of(&desired.name).await
    }

    /// The newest version of a function, as the list has it: without its state.
    pub async fn newest_of(&self, name: &str) -> Result<Option<Object>, AwsError> {
        let all = self.versions(name).await?;
        let number =
            |version: &Object| text(version, "Version").and_then(|text| text.parse::<u64>().ok());
        Ok(all.into_iter().filter(|version| number(version).is_some()).max_by_key(number))
    }

    /// Every version, `$LATEST` too, as `ListVersionsByFunction` has them: without states.
    pub async fn versions(&self, name: &str) -> Result<Vec<Object>, AwsError> {
        self.pages("Versions", async |marker| {
            let request = || {
                let marker = marker.clone();
                self.client.list_versions_by_function().function_name(name).set_marker(marker)
            };
            send!(self.calls, "ListVersionsByFunction", request())
        })
        .await
    }

    /// Every alias of a function.
    pub async fn aliases(&self, name: &str) -> Result<Vec<Object>, AwsError> {
        self.whole_pages("ListAliases", "Aliases", async |marker| {
            let request =
                || self.client.list_aliases().function_name(name).set_marker(marker.clone());
            send!(self.calls, "ListAliases", request())
        })
        .await
    }

    /// What lives on the alias, as far as the configuration says anything of it.
    pub async fn attached(&self, desired: &Desired) -> Result<Attached, AwsError> {
        Box::pin(self.look_at_attached(desired)).await
    }

    async fn look_at_attached(&self, desired: &Desired) -> Result<Attached, AwsError> {
        let wanted = &desired.wanted.attachments;
        let (name, qualifier) = (desired.name.as_str(), desired.qualifier());
        let (url, policy, event_invoke, provisioned, mappings) = tokio::join!(
            only(wanted.url.is_some(), self.url(name, qualifier)),
            only(
                wanted.url.is_some() || wanted.permissions.is_some(),
                self.statements(name, qualifier)
            ),
            only(wanted.event_invoke.is_some(), self.event_invoke(name, qualifier)),
            only(wanted.provisioned.is_some(), self.provisioned(name, qualifier)),
            only(wanted.triggers.is_some(), self.mappings(name, qualifier)),
        );
        Ok(Attached {
            url: url?,
            statements: policy?,
            event_invoke: event_invoke?,
            provisioned: provisioned?,
            mappings: mappings?,
        })
    }

    async fn url(&self, name: &str, qualifier: Option<&str>) -> Result<Option<Object>, AwsError> {
        let request = || {
            let qualifier = qualifier.map(str::to_owned);
            self.client.get_function_url_config().function_name(name).set_qualifier(qualifier)
        };
        Ok(if_there(send!(self.calls, "GetFunctionUrlConfig", request()))?.map(object))
    }

    pub(super) async fn statements(
        &self,
        name: &str,
        qualifier: Option<&str>,
    ) -> Result<BTreeMap<String, Value>, AwsError> {
        let request = || {
            let qualifier = qualifier.map(str::to_owned);
            self.client.get_policy().function_name(name).set_qualifier(qualifier)
        };
        let Some(answer) = if_there(send!(self.calls, "GetPolicy", request()))? else {
            return Ok(BTreeMap::new());
        };
        let policy: Value =
            serde_json::from_str(answer["Policy"].as_str().unwrap_or_default()).unwrap_or_default();
        let all = policy["Statement"].as_array().cloned().unwrap_or_default();
        Ok(all
            .into_iter()
            .filter_map(|statement| Some((statement["Sid"].as_str()?.to_owned(), statement)))
            .collect())
    }

    async fn event_invoke(
        &self,
        name: &str,
        qualifier: Option<&str>,
    ) -> Result<Option<Object>, AwsError> {
        let request = || {
            let qualifier = qualifier.map(str::to_owned);
            self.client
                .get_function_event_invoke_config()
                .function_name(name)
                .set_qualifier(qualifier)
        };
        Ok(if_there(send!(self.calls, "GetFunctionEventInvokeConfig", request()))?.map(object))
    }

    /// `GetProvisionedConcurrencyConfig`; none where there is none.
    pub(super) async fn provisioned(
        &self,
        name: &str,
        qualifier: Option<&str>,
    ) -> Result<Option<Object>, AwsError> {
        let Some(qualifier) = qualifier else { return Ok(None) };
        let request = || {
            self.client
                .get_provisioned_concurrency_config()
                .function_name(name)
                .qualifier(qualifier)
        };
        Ok(if_there(send!(self.calls, "GetProvisionedConcurrencyConfig", request()))?.map(object))
    }

    async fn mappings(&self, name: &str, qualifier: Option<&str>) -> Result<Vec<Object>, AwsError> {
        let name = match qualifier {
            Some(qualifier) => format!("{name}:{qualifier}"),
            None => name.to_owned(),
        };
        self.pages("EventSourceMappings", async |marker| {
            let request = || {
                let marker = marker.clone();
                self.client.list_event_source_mappings().function_name(&name).set_marker(marker)
            };
            send!(self.calls, "ListEventSourceMappings", request())
        })
        .await
    }
}

/// Whether a deploy gives the function code, and not settings alone.
fn sends_code(desired: &Desired, observed: &Observed) -> bool {
    let (changes, _) = unfold(&[(desired.clone(), observed.clone())]);
    let is_code =
        |action: &Action| matches!(action, Action::Create { .. } | Action::UpdateCode { .. });
    changes.iter().any(|change| is_code(&change.action))
}

fn unseen(function: &str, error: &AwsError) -> String {
    format!(
        "`{function}`: it cannot be seen whether its image is still where it runs from, and it is taken to be there: {error}"
    )
}

/// Asks only where something is wanted.
async fn only<T: Default>(
    wanted: bool,
    asking: impl Future<Output = Result<T, AwsError>>,
) -> Result<T, AwsError> {
    if wanted { asking.await } else { Ok(T::default()) }
}
