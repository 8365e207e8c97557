//! The operations beside functions, versions and aliases: layers, URLs, policies, tags, concurrency,
//! event invoke configurations, event source mappings, code signing and the settings of the account.

use super::{Account, ApiError, Input, Moment, Object};

/// The answer of one of these operations; none if it is not one of them.
pub(super) fn call(
    _account: &mut Account,
    _operation: &str,
    _input: &Input,
    _moment: &mut Moment<'_>,
) -> Option<Result<Object, ApiError>> {
    None
}

/// Lets happen what is due at `now`, and schedules what is due later.
pub(super) fn settle(_account: &mut Account, _now: i64) {}
