//! Another deployer, who changes a function between two calls of the first.

use super::Begun;
use crate::account::{ApiError, Code, Input, Object};
use crate::digest::Sha256;
use crate::local::Server;
use crate::local::store::Taken;

/// What another deployer changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::local) enum Action {
    /// The description.
    Configuration,
    /// The code: the same files in a zip of another digest, so that the function still runs.
    Code,
    /// The first alias: it points to another version if there is one, else it is described anew.
    Alias,
}

impl Action {
    /// All of them by name.
    pub(super) const ALL: [(&'static str, Self); 3] =
        [("configuration", Self::Configuration), ("code", Self::Code), ("alias", Self::Alias)];
}

/// One call of the other deployer.
struct Call {
    operation: &'static str,
    input: Object,
    taken: Option<Taken>,
}

impl Server {
    /// Another deployer acts on a function, after so many calls. It is refused as anybody would be.
    pub(super) fn deploy(&self, action: Action, function: &str, number: u64) {
        let who = format!("another deployer, after call {number}");
        let done = match self.planned(action, function, &who) {
            Ok(call) => {
                let Call { operation, input, taken } = call;
                let input = Input::new(input);
                self.decide(operation, &input, taken, &Begun::default()).map(|_| operation)
            }
            Err(error) => Err(error),
        };
        self.note(&match done {
            Ok(operation) => format!("{who}: {operation} of {function}"),
            Err(error) => format!("{who}, could not change {function}: {}", error.message),
        });
    }

    fn planned(&self, action: Action, function: &str, who: &str) -> Result<Call, ApiError> {
        let account = self.account.borrow();
        let target = account.target(function, None, 0.0)?;
        let function = target.function;
        let mut input = Object::new();
        let mut set = |name: &str, value: &str| drop(input.insert(name.to_owned(), value.into()));
        set("FunctionName", &function.name);
        let (operation, taken) = match action {
            Action::Configuration => {
                set("Description", who);
                ("UpdateFunctionConfiguration", None)
            }
            Action::Code => {
                let taken = self.other_code(&function.latest.code, who)?;
                match &taken.code {
                    Code::Image { uri, .. } => set("ImageUri", uri),
                    Code::Zip { .. } => set("ZipFile", ""),
                }
                ("UpdateFunctionCode", Some(taken))
            }
            Action::Alias => {
                let Some((name, alias)) = function.aliases.first_key_value() else {
                    return Err(ApiError::not_found("it has no alias"));
                };
                set("Name", name);
                let versions = function.versions.keys().rev().map(u64::to_string);
                match versions.into_iter().find(|version| *version != alias.version) {
                    Some(version) => set("FunctionVersion", &version),
                    None => set("Description", who),
                }
                ("UpdateAlias", None)
            }
        };
        Ok(Call { operation, input, taken })
    }

    /// Code that does the same and is another.
    fn other_code(&self, code: &Code, who: &str) -> Result<Taken, ApiError> {
        match code {
            Code::Zip { sha256, .. } => {
                let failed = |why: &str| ApiError::service(why);
                let zip = std::fs::read(self.store.zip(sha256));
                let zip = zip.map_err(|error| failed(&error.to_string()))?;
                let zip = remarked(&zip, who).ok_or_else(|| failed("its zip has no end"))?;
                self.store.take_any(&zip)
            }
            Code::Image { uri, .. } => {
                let digest = Sha256::of(format!("{uri} {who}").as_bytes()).hex();
                let repository = uri.split('@').next().unwrap_or(uri);
                let uri = format!("{repository}@sha256:{digest}");
                let code = Code::Image { resolved: uri.clone(), uri };
                Ok(Taken { code, hold: None })
            }
        }
    }
}

/// A zip with another remark at its end (APPNOTE 4.3.16: end of central directory record).
fn remarked(zip: &[u8], remark: &str) -> Option<Vec<u8>> {
    const FIXED: usize = 20;
    let is_end = |at: &usize| {
        let length =
            zip.get(at + FIXED..at + FIXED + 2).map(|it| u16::from_le_bytes([it[0], it[1]]));
        zip.get(*at..).is_some_and(|rest| rest.starts_with(b"PK\x05\x06"))
            && length.is_some_and(|length| at + FIXED + 2 + usize::from(length) == zip.len())
    };
    let last = zip.len().checked_sub(FIXED + 2)?;
    let end = (last.saturating_sub(usize::from(u16::MAX))..=last).rev().find(is_end)?;
    let mut other = zip.get(..end + FIXED)?.to_vec();
    other.extend_from_slice(&u16::try_from(remark.len()).ok()?.to_le_bytes());
    other.extend_from_slice(remark.as_bytes());
    Some(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zip_with_another_remark_is_another_zip() {
        let mut empty = b"PK\x05\x06".to_vec();
        empty.resize(22, 0);
        let once = remarked(&empty, "once").unwrap();
        assert_eq!(&once[20..], b"\x04\0once");
        let twice = remarked(&once, "again").unwrap();
        assert_eq!(&twice[20..], b"\x05\0again");
        assert_eq!(remarked(&empty[..21], "x"), None);
        assert_eq!(remarked(b"no zip at all, but long enough to be one", "x"), None);
    }
}
