//! Which function a caller means: a name, `name:qualifier`, a partial ARN or an ARN.

use super::{Account, ApiError};

/// A function that was named, whether it exists or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<'a> {
    /// Its name.
    pub name: &'a str,
    /// The qualifier, from the name or from the parameter; none if there is neither.
    pub qualifier: Option<&'a str>,
}

impl Account {
    /// Takes apart what stands under `FunctionName`, beside what stands under `Qualifier`.
    ///
    /// Refuses another Region, another account, and two qualifiers that differ, with the service's own
    /// texts. The text has been checked against the model's pattern.
    pub fn named<'a>(
        &self,
        text: &'a str,
        qualifier: Option<&'a str>,
    ) -> Result<Named<'a>, ApiError> {
        let parts = Parts::of(text);
        if let Some(region) = parts.region.filter(|region| *region != self.region) {
            return Err(ApiError::not_found(format!(
                "Functions from '{region}' are not reachable in this region ('{}')",
                self.region
            )));
        }
        if parts.account.is_some_and(|account| account != self.id) {
            return Err(self.denied(text));
        }
        let qualifier = match (parts.qualifier, qualifier) {
            (Some(derived), Some(given)) if derived != given => {
                return Err(ApiError::invalid(
                    "The derived qualifier from the function name does not match the specified \
                     qualifier.",
                ));
            }
            (derived, given) => derived.or(given),
        };
        Ok(Named { name: parts.name, qualifier })
    }
}

/// The parts of a name: `[arn:aws:lambda:][region:][account:][function:]name[:qualifier]`.
struct Parts<'a> {
    region: Option<&'a str>,
    account: Option<&'a str>,
    name: &'a str,
    qualifier: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let mut rest = text;
        if rest.starts_with("arn:") {
            // `arn`, the partition and `lambda`.
            rest = rest.splitn(4, ':').nth(3).unwrap_or_default();
        }
        let region = take(&mut rest, is_region);
        let account = take(&mut rest, is_account);
        let _ = take(&mut rest, |part| part == "function");
        let (name, qualifier) = match rest.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (rest, None),
        };
        Self { region, account, name, qualifier }
    }
}

/// Takes the first part off, if another follows and it is of the kind.
fn take<'a>(rest: &mut &'a str, is: impl Fn(&str) -> bool) -> Option<&'a str> {
    let (first, after) = rest.split_once(':')?;
    is(first).then(|| {
        *rest = after;
        first
    })
}

/// `us-east-1`: lower-case words, and one digit at the end.
fn is_region(part: &str) -> bool {
    let mut words = part.rsplit('-');
    let number = words.next().is_some_and(|word| word.len() == 1 && is_digits(word));
    number && words.count() >= 2 && part.bytes().all(|b| !b.is_ascii_uppercase() && b != b'_')
}

fn is_account(part: &str) -> bool {
    part.len() == 12 && is_digits(part)
}

fn is_digits(part: &str) -> bool {
    part.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests;
