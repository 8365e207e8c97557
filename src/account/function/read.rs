//! `GetFunction`, `GetFunctionConfiguration` and `ListFunctions`.

use super::answer::View;
use crate::account::names::Named;
use crate::account::page::{number, page};
use crate::account::{Account, ApiError, Configuration, Function, Input, Object};

/// How many functions a page has at most (`ListFunctions`).
const PAGE: usize = 50;

fn named<'a>(account: &Account, input: &'a Input) -> Result<Named<'a>, ApiError> {
    account.named(input.required("FunctionName")?, input.text("Qualifier"))
}

/// `GetFunction`.
pub(in crate::account) fn get(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let named = named(account, input)?;
    let (function, configuration) = account.meant(named)?;
    Ok(account.shown_with_code(function, configuration, named.qualifier))
}

/// `GetFunctionConfiguration`.
pub(in crate::account) fn configuration(
    account: &Account,
    input: &Input,
) -> Result<Object, ApiError> {
    let named = named(account, input)?;
    let (_, configuration) = account.meant(named)?;
    Ok(account.shown(named.name, configuration, named.qualifier, View::Whole))
}

/// `ListFunctions`: `$LATEST` of each, or every version.
pub(in crate::account) fn list(account: &Account, input: &Input) -> Object {
    // Only functions that are replicated from another Region have a master there; there are none.
    let here = |region: &str| region == "ALL" || region == account.region;
    let functions = account.functions.values();
    let functions = functions.filter(|_| input.text("MasterRegion").is_none_or(here));
    if input.text("FunctionVersion") != Some("ALL") {
        let items = functions.map(|it| (it.name.clone(), it));
        let show = |it: &Function| account.shown(&it.name, &it.latest, None, View::Listed);
        return page(input, "Functions", PAGE, items, show);
    }
    let items = functions.flat_map(|function| {
        let key = |version: &Configuration| {
            // A blank sorts before all that a name is made of.
            format!("{} {}", function.name, number(version.version.unwrap_or(0)))
        };
        function.all().map(move |version| (key(version), (function, version)))
    });
    page(input, "Functions", PAGE, items, |(function, version)| account.listed(function, version))
}
