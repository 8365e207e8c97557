//! Limits and usage of the account.

use serde_json::json;

use super::{Account, Code, Object};

/// How many executions there may be at once ("Lambda quotas").
pub(super) const CONCURRENT_EXECUTIONS: u32 = 1000;
/// What of it must stay with no function in particular ("Configuring reserved concurrency").
pub(super) const UNRESERVED_AT_LEAST: u32 = 100;
/// How much code there may be in all ("Lambda quotas": 300 GB).
const TOTAL_CODE_SIZE: u64 = 300 * 1024 * 1024 * 1024;

impl Account {
    /// The length of all code: of every `$LATEST`, every published version and every layer version.
    ///
    /// Recorded: publishing counts the same code once more. What is used by reference does not count
    /// ("Self-managed code storage").
    fn code_size(&self) -> u64 {
        let functions = self.functions.values().flat_map(|function| {
            let all = function.versions.values().chain([&function.latest]);
            all.map(|version| (&version.code, &version.code_settings))
        });
        let layers = self.layers.values().flat_map(|layer| layer.versions.values());
        let layers = layers.map(|version| (&version.code, &version.code_settings));
        let copied = |(_, settings): &(&Code, &Object)| !settings.contains_key("ResolvedS3Object");
        functions.chain(layers).filter(copied).map(|(code, _)| code.size()).sum()
    }
}

/// `GetAccountSettings`.
pub(super) fn get(account: &Account) -> Object {
    let limit = json!({
        "TotalCodeSize": TOTAL_CODE_SIZE,
        "CodeSizeUnzipped": 262_144_000,
        "CodeSizeZipped": 52_428_800,
        "ConcurrentExecutions": CONCURRENT_EXECUTIONS,
        "UnreservedConcurrentExecutions": account.unreserved(),
    });
    let usage = json!({
        "TotalCodeSize": account.code_size(),
        "FunctionCount": account.functions.len(),
    });
    Object::from_iter([("AccountLimit".to_owned(), limit), ("AccountUsage".to_owned(), usage)])
}

#[cfg(test)]
mod tests;
