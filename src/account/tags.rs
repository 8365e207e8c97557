//! Tags of functions, event source mappings and code signing configurations.

use std::collections::BTreeMap;

use serde_json::Value;

use super::qualifier::{LATEST, no_resource};
use super::{Account, ApiError, Input, Key, Moment, Object, signing};

/// How many tags a resource may have ("Tagging AWS resources").
const MOST: usize = 50;

/// Tags by key.
pub(super) type Tags = BTreeMap<String, String>;

/// The tags that a request sends under `Tags`.
pub(super) fn sent(input: &Input) -> Result<Tags, ApiError> {
    let tags = input.object("Tags").into_iter().flatten();
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    checked(tags.filter_map(text).collect())
}

/// Refuses more tags than a resource may have, and those that only AWS sets ("Tagging AWS resources"; the
/// text is a guess).
fn checked(tags: Tags) -> Result<Tags, ApiError> {
    if tags.len() > MOST {
        return Err(ApiError::invalid("Number of tags exceeds resource tag limit."));
    }
    let reserved = |key: &String| key.get(..4).is_some_and(|it| it.eq_ignore_ascii_case("aws:"));
    match tags.keys().find(|key| reserved(key)) {
        Some(key) => Err(ApiError::invalid(format!(
            "Tag keys that begin with aws: are reserved for system use: {key}"
        ))),
        None => Ok(tags),
    }
}

/// What has the ARN, if it is here and may have tags.
fn key(account: &Account, arn: &str) -> Result<Key, ApiError> {
    let mut parts = arn.splitn(7, ':').skip(3);
    let mut part = || parts.next().unwrap_or_default();
    let (region, id, kind, name) = (part(), part(), part(), part());
    let here = region == account.region && id == account.id;
    if kind == "function" {
        let named = account.named(arn, None)?;
        if named.qualifier.is_some() {
            return Err(ApiError::invalid(
                "Tags on function aliases and versions are not supported. Please specify a \
                 function ARN.",
            ));
        }
        account.found(named)?;
        return Ok(Key::Function(named.name.to_owned()));
    }
    let missing = |what| Err(ApiError::not_found(format!("{what} not found: {arn}")));
    match kind {
        "event-source-mapping" if here && account.mappings.contains_key(name) => {
            Ok(Key::Mapping(name.to_owned()))
        }
        "event-source-mapping" => missing("Event source mapping"),
        "code-signing-config" if here && account.signing.contains_key(name) => {
            Ok(Key::Signing(name.to_owned()))
        }
        "code-signing-config" => Err(signing::none(arn)),
        "capacity-provider" => missing("Capacity provider"),
        _ => Err(no_resource()),
    }
}

impl Account {
    fn tags(&self, key: &Key) -> Option<&Tags> {
        match key {
            Key::Function(name) => self.functions.get(name).map(|it| &it.tags),
            Key::Mapping(id) => self.mappings.get(id).map(|it| &it.tags),
            Key::Signing(id) => self.signing.get(id).map(|it| &it.tags),
            Key::Layer(_) => None,
        }
    }

    /// Sets the tags. Recorded: a function gets another `RevisionId` with them.
    fn set_tags(&mut self, key: Key, tags: Tags, moment: &mut Moment<'_>) {
        match &key {
            Key::Function(name) => {
                if let Some(function) = self.functions.get_mut(name) {
                    function.tags = tags;
                    function.revise(LATEST, (moment.uuid)());
                }
            }
            Key::Mapping(id) => {
                if let Some(mapping) = self.mappings.get_mut(id) {
                    mapping.tags = tags;
                }
            }
            Key::Signing(id) => {
                if let Some(signing) = self.signing.get_mut(id) {
                    signing.tags = tags;
                }
            }
            Key::Layer(_) => return,
        }
        self.change(key);
    }
}

/// `TagResource`: what is there already stays or gets another value.
pub(super) fn tag(
    account: &mut Account,
    input: &Input,
    moment: &mut Moment<'_>,
) -> Result<Object, ApiError> {
    let key = key(account, input.required("Resource")?)?;
    let mut tags = account.tags(&key).cloned().unwrap_or_default();
    let more = sent(input)?;
    if more.is_empty() {
        return Err(ApiError::invalid("An error occurred and the request cannot be processed."));
    }
    tags.extend(more);
    let tags = checked(tags)?;
    account.set_tags(key, tags, moment);
    Ok(Object::new())
}

/// `UntagResource`: keys that are not there do no harm.
pub(super) fn untag(
    account: &mut Account,
    input: &Input,
    moment: &mut Moment<'_>,
) -> Result<Object, ApiError> {
    let key = key(account, input.required("Resource")?)?;
    let keys = input.texts("TagKeys").filter(|keys| !keys.is_empty()).ok_or_else(|| {
        ApiError::validation(
            "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: \
             Member must not be null",
        )
    })?;
    let mut tags = account.tags(&key).cloned().unwrap_or_default();
    tags.retain(|key, _| !keys.contains(&key.as_str()));
    account.set_tags(key, tags, moment);
    Ok(Object::new())
}

/// `ListTags`.
pub(super) fn list(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let key = key(account, input.required("Resource")?)?;
    let tags = account.tags(&key).into_iter().flatten();
    let tags: Object = tags.map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    Ok(Object::from_iter([("Tags".to_owned(), tags.into())]))
}

#[cfg(test)]
mod tests;
