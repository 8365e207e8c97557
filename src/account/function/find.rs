//! Which function, and which of its configurations, is meant.

use crate::account::names::Named;
use crate::account::qualifier::LATEST;
use crate::account::{Account, ApiError, Configuration, Function, Input};

impl Function {
    /// The configuration that a qualifier stands for; of an alias, that of its main version.
    #[must_use]
    pub fn configuration(&self, qualifier: &str) -> Option<&Configuration> {
        let alias = self.aliases.get(qualifier).map(|alias| alias.version.as_str());
        self.version(alias.unwrap_or(qualifier))
    }

    /// `$LATEST` or a published version.
    #[must_use]
    pub fn version(&self, version: &str) -> Option<&Configuration> {
        if version == LATEST {
            return Some(&self.latest);
        }
        self.versions.get(&number(version)?)
    }
}

impl Account {
    /// A function by its name.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.get(name)
    }

    /// The functions in the order of their names.
    pub fn functions(&self) -> impl Iterator<Item = &Function> {
        self.functions.values()
    }

    /// Every configuration that may run: of each `$LATEST`, of what serves in its place, and of each
    /// published version.
    pub fn configurations(&self) -> impl Iterator<Item = &Configuration> {
        self.functions().flat_map(|function| function.all().chain(function.serving.as_deref()))
    }

    /// A function that is to be changed as a whole, for which no qualifier is taken.
    pub(in crate::account) fn whole<'a>(&self, input: &'a Input) -> Result<&'a str, ApiError> {
        let named = self.named(input.required("FunctionName")?, input.text("Qualifier"))?;
        if !self.functions.contains_key(named.name) {
            return Err(self.no_function(named.name, None));
        }
        if named.qualifier.is_some_and(|qualifier| qualifier != LATEST) {
            return Err(ApiError::invalid(
                "This operation is permitted on Lambda functions only. Aliases and versions do not \
                 support this operation. Please specify either a function name or an unqualified \
                 function ARN.",
            ));
        }
        Ok(named.name)
    }

    /// The function, and the configuration under its qualifier.
    pub(in crate::account) fn meant(
        &self,
        named: Named<'_>,
    ) -> Result<(&Function, &Configuration), ApiError> {
        let function = self.functions.get(named.name);
        let qualifier = named.qualifier.unwrap_or(LATEST);
        let found = function.and_then(|it| Some((it, it.configuration(qualifier)?)));
        found.ok_or_else(|| self.no_function(named.name, named.qualifier))
    }

    /// 404 for a function, or for a version or alias of it. It says the ARN that was asked for.
    pub(in crate::account) fn no_function(&self, name: &str, qualifier: Option<&str>) -> ApiError {
        ApiError::not_found(format!("Function not found: {}", self.function_arn(name, qualifier)))
    }
}

/// The number of a published version, written as AWS writes it.
pub(in crate::account) fn number(version: &str) -> Option<u64> {
    version.parse().ok().filter(|number: &u64| number.to_string() == version)
}
