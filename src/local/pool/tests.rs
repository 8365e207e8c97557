use serde_json::json;

use super::*;

fn configuration(set_with: &str, revision: &str) -> Configuration {
    serde_json::from_value(json!({
        "version": null, "settings": {}, "code_settings": {}, "layers": [],
        "code": { "Zip": { "sha256": "digest", "size": 1, "unzipped": 1 } },
        "revision": revision, "set_with": set_with, "modified": 0, "update": null, "pending": null,
        "state": { "value": "Active", "reason": null },
    }))
    .unwrap()
}

/// Even in the same millisecond, and with the same code.
#[test]
fn each_configuration_that_is_set_has_environments_of_its_own() {
    let store = Store::open(None, None).unwrap();
    let pools = Pools::default();
    let of = |set_with: &str, revision: &str| {
        pools.of("fn", &configuration(set_with, revision), "us-east-1", &store)
    };
    let first = of("one", "one");
    assert!(Rc::ptr_eq(&first, &of("one", "tagged since")), "it is the same configuration");
    let second = of("two", "two");
    assert!(!Rc::ptr_eq(&first, &second));
    assert!(first.retired.get() && !second.retired.get());
}

#[test]
fn what_is_reserved_is_counted_apart() {
    let pools = Rc::new(Pools::default());
    let (two, one) = (Limit::Reserved(2), Limit::Unreserved(1));
    let turns = [pools.turn("own", two).unwrap(), pools.turn("own", two).unwrap()];
    assert_eq!(pools.turn("own", two).err(), Some(two));
    // It takes nothing from the others, who have one for all of them.
    let turn = pools.turn("a", one).unwrap();
    assert_eq!(pools.turn("b", one).err(), Some(one));
    assert_eq!(pools.turn("own", Limit::Reserved(0)).err(), Some(Limit::Reserved(0)));
    drop(turn);
    drop(pools.turn("b", one).unwrap());
    drop(turns);
    pools.turn("own", two).unwrap();
    assert!(pools.busy.borrow().is_empty());
    assert_eq!(pools.unreserved.get(), 0);
}
