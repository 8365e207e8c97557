use super::super::check::{Check, Event, Rules};
use super::*;

/// With an alias, and a check of one event.
fn checked() -> Desired {
    let mut desired = desired();
    desired.wanted.aliases = vec!["live".to_owned(), "beta".to_owned()];
    let event = Event { name: "a.json".to_owned(), ..Event::default() };
    let rules = Rules { warm_up: 2, ..Rules::default() };
    desired.check = Some(Check { events: vec![event], rules, timeout: None });
    desired
}

/// Other code than what is there.
fn changed(desired: &Desired) -> Desired {
    let mut changed = desired.clone();
    changed.code.sha256 = "newer=".to_owned();
    changed.deploy = "d2".to_owned();
    changed
}

#[test]
fn a_version_is_checked_once_before_any_alias_moves_to_it() {
    let desired = checked();
    assert_eq!(
        operations(&desired, &Observed::default()),
        ["CreateFunction", "PublishVersion", "Invoke", "CreateAlias", "CreateAlias"]
    );
    let there = deployed(&desired);
    assert_eq!(one(&desired, &there), Next::default());
    assert_eq!(
        operations(&changed(&desired), &there),
        ["UpdateFunctionCode", "PublishVersion", "Invoke", "UpdateAlias", "UpdateAlias"]
    );
    let (changes, _) = unfold(&[(changed(&desired), there)]);
    let Action::Check { version, events, warm_up } = &changes[2].action else { panic!() };
    assert_eq!(
        (version.as_str(), events.as_slice(), *warm_up),
        ("new", &["a.json".to_owned()][..], 2)
    );
    assert_eq!(changes[2].action.phase().name(), "check");
}

#[test]
fn without_events_or_an_alias_nothing_is_checked() {
    let mut desired = checked();
    desired.check.as_mut().unwrap().events.clear();
    assert!(!operations(&desired, &Observed::default()).contains(&"Invoke"));
    let mut desired = checked();
    desired.wanted.aliases.clear();
    desired.wanted.publish = Some(true);
    assert_eq!(operations(&desired, &Observed::default()), ["CreateFunction", "PublishVersion"]);
}

#[test]
fn a_run_that_begins_anew_checks_anew() {
    let desired = checked();
    let mut observed = deployed(&desired);
    let newer = changed(&desired);
    // Killed between check and alias.
    let (changes, _) = unfold(&[(newer.clone(), observed.clone())]);
    for change in &changes[..3] {
        apply(&change.action, &mut observed);
    }
    assert_eq!(operations(&newer, &observed), ["UpdateAlias", "UpdateAlias"]);
    observed.checked.clear();
    assert_eq!(operations(&newer, &observed), ["Invoke", "UpdateAlias", "UpdateAlias"]);
}

#[test]
fn what_only_loses_its_weights_is_not_checked() {
    let mut desired = checked();
    desired.clear_weights = true;
    let mut observed = deployed(&desired);
    desired.deploy = "d2".to_owned();
    let weights = json!({ "AdditionalVersionWeights": { "1": 0.5 } });
    observed.aliases.get_mut("live").unwrap().insert("RoutingConfig".to_owned(), weights);
    assert_eq!(operations(&desired, &observed), ["UpdateAlias"]);
}

#[test]
fn what_may_not_run_is_not_checked_in_vain() {
    let mut desired = checked();
    desired.wanted.reserved = Some(Some(0));
    let (_, end) = unfold(&[(desired.clone(), Observed::default())]);
    assert_eq!(end.refused, [(desired.name.clone(), Refusal::NoConcurrency)]);
    desired.check = None;
    assert!(operations(&desired, &Observed::default()).contains(&"CreateAlias"));
}

#[test]
fn all_are_checked_before_an_alias_moves() {
    let (one, two) = (checked(), Desired { name: "b".to_owned(), check: None, ..checked() });
    let (changes, _) = unfold(&[(one, Observed::default()), (two, Observed::default())]);
    let operations: Vec<_> = changes.iter().map(|change| change.action.operation()).collect();
    assert_eq!(
        operations[..5],
        ["CreateFunction", "CreateFunction", "PublishVersion", "PublishVersion", "Invoke"]
    );
}
