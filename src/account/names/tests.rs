use proptest::prelude::*;

use super::super::testing::{assert_invalid, assert_not_found};
use super::*;

fn account() -> Account {
    Account::new("111111111111", "us-east-1")
}

#[test]
fn names_of_every_form_are_taken_apart() {
    let account = account();
    for (text, name, qualifier) in [
        ("fn", "fn", None),
        ("fn:1", "fn", Some("1")),
        ("fn:$LATEST", "fn", Some("$LATEST")),
        ("function:fn", "fn", None),
        ("function", "function", None),
        ("111111111111:function:fn", "fn", None),
        ("111111111111:fn:live", "fn", Some("live")),
        ("us-east-1:111111111111:function:fn:live", "fn", Some("live")),
        ("arn:aws:lambda:us-east-1:111111111111:function:fn", "fn", None),
        ("arn:aws:lambda:us-east-1:111111111111:function:fn:2", "fn", Some("2")),
        // A part of an ARN that could be a name is one (recorded answers).
        ("arn:aws:lambda:us-east-1:111111111111:function", "function", None),
    ] {
        assert_eq!(account.named(text, None), Ok(Named { name, qualifier }), "{text}");
    }
}

#[test]
fn a_function_of_another_region_is_not_reachable() {
    let arn = "arn:aws:lambda:ap-southeast-1:111111111111:function:fn";
    let error = account().named(arn, None).unwrap_err();
    assert_not_found(
        &error,
        "Functions from 'ap-southeast-1' are not reachable in this region ('us-east-1')",
    );
    let eu = Account::new("111111111111", "eusc-de-east-1");
    assert!(eu.named("eusc-de-east-1:fn", None).is_ok());
}

#[test]
fn a_function_of_another_account_is_denied() {
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:fn";
    let error = account().named(arn, None).unwrap_err();
    assert_eq!((error.code, error.status), ("AccessDeniedException", 403));
    assert!(!error.body().contains_key("Type"));
}

#[test]
fn two_qualifiers_must_be_the_same() {
    let account = account();
    let arn = "arn:aws:lambda:us-east-1:111111111111:function:fn:$LATEST";
    assert_invalid(
        &account.named(arn, Some("1")).unwrap_err(),
        "The derived qualifier from the function name does not match the specified qualifier.",
    );
    assert_eq!(account.named(arn, Some("$LATEST")).unwrap().qualifier, Some("$LATEST"));
}

proptest! {
    #[test]
    fn every_way_to_name_a_function_leads_to_it(
        name in "[a-zA-Z0-9_-]{1,64}",
        qualifier in proptest::option::of("[a-zA-Z_-][a-zA-Z0-9_-]{0,20}"),
    ) {
        let account = account();
        let arn = account.function_arn(&name, qualifier.as_deref());
        let expected = Named { name: &name, qualifier: qualifier.as_deref() };
        // From its name on backwards: `function:`, the account, the Region, the rest.
        for at in [0, 15, 25, 38] {
            prop_assert_eq!(account.named(&arn[at..], None), Ok(expected));
        }
    }

    #[test]
    fn no_text_is_too_odd(text in ".{0,80}", qualifier in proptest::option::of(".{0,8}")) {
        let _ = account().named(&text, qualifier.as_deref());
    }
}
