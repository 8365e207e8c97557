//! What hangs on a qualifier: on `$LATEST`, on a published version or on an alias.

use super::function::number;
use super::names::Named;
use super::{Account, ApiError, Function, Key};

/// The version that is not published.
pub(super) const LATEST: &str = "$LATEST";

impl Named<'_> {
    /// The key under which something hangs: what has no qualifier hangs on `$LATEST`.
    pub(super) fn key(&self) -> &str {
        self.qualifier.unwrap_or(LATEST)
    }
}

impl Account {
    /// A function that has what its qualifier names.
    pub(super) fn find(&self, named: Named<'_>) -> Option<&Function> {
        self.functions.get(named.name).filter(|function| function.has(named.key()))
    }

    /// The same, or the error of most operations.
    pub(super) fn found(&self, named: Named<'_>) -> Result<&Function, ApiError> {
        self.find(named).ok_or_else(|| self.missing(named))
    }

    /// A function that is there, to be changed; the change is noted.
    pub(super) fn changing(&mut self, name: &str) -> Option<&mut Function> {
        let function = self.functions.get_mut(name)?;
        self.changed.insert(Key::Function(name.to_owned()));
        Some(function)
    }

    /// 404 for a function, a version or an alias that is not there. A missing function does not
    /// hide behind its missing alias: the text goes by what the qualifier looks like.
    pub(super) fn missing(&self, named: Named<'_>) -> ApiError {
        if named.qualifier.is_some_and(is_alias_name) {
            let arn = self.function_arn(named.name, named.qualifier);
            ApiError::not_found(format!("Cannot find alias arn: {arn}"))
        } else {
            self.no_function(named.name, named.qualifier)
        }
    }

    /// 403 for what belongs to another account.
    pub(super) fn denied(&self, resource: &str) -> ApiError {
        let text = format!(
            "User: arn:aws:iam::{}:root is not authorized to perform this operation on resource: \
             {resource}",
            self.id
        );
        ApiError::new("AccessDeniedException", 403, text)
    }
}

impl Function {
    /// Whether there is such a version or alias.
    pub(super) fn has(&self, qualifier: &str) -> bool {
        self.revision(qualifier).is_some()
    }

    /// The `RevisionId` of what a qualifier names.
    pub(super) fn revision(&self, qualifier: &str) -> Option<&str> {
        if qualifier == LATEST {
            return Some(&self.latest.revision);
        }
        let alias = self.aliases.get(qualifier).map(|alias| &alias.revision);
        let version = || Some(&self.versions.get(&number(qualifier)?)?.revision);
        alias.or_else(version).map(String::as_str)
    }

    /// Gives another `RevisionId` to what a qualifier names.
    pub(super) fn revise(&mut self, qualifier: &str, revision: String) {
        if qualifier == LATEST {
            self.latest.revision = revision;
        } else if let Some(alias) = self.aliases.get_mut(qualifier) {
            alias.revision = revision;
        } else if let Some(version) = number(qualifier).and_then(|it| self.versions.get_mut(&it)) {
            version.revision = revision;
        }
    }

    /// Lets go of all that hangs on a version or an alias that is deleted.
    ///
    /// Recorded for provisioned concurrency and URLs of aliases; the rest cannot be reached either.
    pub(super) fn release(&mut self, qualifier: &str) {
        self.policies.remove(qualifier);
        self.urls.remove(qualifier);
        self.event_invoke.remove(qualifier);
        self.provisioned.remove(qualifier);
        self.runtime_management.remove(qualifier);
    }
}

/// 404 as several operations say it, whatever is missing.
pub(super) fn no_resource() -> ApiError {
    ApiError::not_found("The resource you requested does not exist.")
}

/// Whether a qualifier could be the name of an alias: not `$LATEST`, not a number.
pub(super) fn is_alias_name(qualifier: &str) -> bool {
    let letters = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    qualifier.bytes().all(letters) && !qualifier.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests;
