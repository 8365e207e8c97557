//! Which version an invocation is for.

use super::qualifier::LATEST;
use super::{Account, ApiError, Code, Configuration, Function};

/// What an invocation runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target<'a> {
    /// The function.
    pub function: &'a Function,
    /// What runs: while an update is in progress, and after one that failed, what was before it.
    pub configuration: &'a Configuration,
    /// The qualifier that was asked for; none if there was none.
    pub qualifier: Option<&'a str>,
}

impl Target<'_> {
    /// `X-Amz-Executed-Version`.
    #[must_use]
    pub fn version(&self) -> String {
        self.configuration.version_text()
    }
}

impl Account {
    /// Who is meant by an invocation; `chance` in 0..1 decides between the versions of a weighted alias.
    ///
    /// Refuses what is not there and what is not Active. What is due must have been settled before.
    pub fn target<'a>(
        &'a self,
        name: &'a str,
        qualifier: Option<&'a str>,
        chance: f64,
    ) -> Result<Target<'a>, ApiError> {
        let named = self.named(name, qualifier)?;
        let wanted = named.qualifier.unwrap_or(LATEST);
        // A function that is missing is said to lack `$LATEST` (recorded answers).
        let missing = || self.no_function(named.name, Some(wanted));
        let function = self.functions.get(named.name).ok_or_else(missing)?;
        let configuration = function.chosen(wanted, chance).ok_or_else(missing)?;
        configuration.invocable()?;
        Ok(Target { function, configuration, qualifier: named.qualifier })
    }
}

impl Function {
    /// What runs as `$LATEST` or as a version: while an update is in progress, and after one that
    /// failed, what was before it.
    #[must_use]
    pub fn running(&self, version: &str) -> Option<&Configuration> {
        match &self.serving {
            Some(serving) if version == LATEST => Some(serving),
            _ => self.version(version),
        }
    }

    /// What runs under a qualifier.
    fn chosen(&self, qualifier: &str, chance: f64) -> Option<&Configuration> {
        let version = match self.aliases.get(qualifier) {
            None => qualifier,
            Some(alias) => match alias.second {
                Some((second, weight)) if chance < weight => return self.versions.get(&second),
                _ => &alias.version,
            },
        };
        self.running(version)
    }
}

impl Configuration {
    /// Refuses what is not Active. Code that is an image has errors of its own.
    fn invocable(&self) -> Result<(), ApiError> {
        let state = self.state.value.as_str();
        match (state, &self.code) {
            ("Active", _) => Ok(()),
            ("Pending", Code::Image { .. }) => Err(ApiError::new(
                "CodeArtifactUserPendingException",
                409,
                "Lambda is initializing your function. It will be ready to invoke shortly.",
            )),
            ("Failed", Code::Image { .. }) => Err(ApiError::new(
                "CodeArtifactUserFailedException",
                409,
                "Lambda could not prepare the image of your function.",
            )),
            _ => Err(ApiError::conflict(format!(
                "The operation cannot be performed at this time. The function is currently in the \
                 following state: {state}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests;
