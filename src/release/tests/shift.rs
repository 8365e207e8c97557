//! A deploy whose alias goes over step by step: it is held where it is until the version is there.

use super::*;
use crate::release::shift::course::Step;
use crate::release::shift::guard::Refused;
use crate::release::shift::{moves, under_way};

/// `live` points at version 7, with older code than what is to be deployed.
fn site() -> (Desired, Observed) {
    let mut desired = desired();
    desired.wanted.aliases = vec!["live".to_owned()];
    let mut observed = deployed(&desired);
    desired.code.sha256 = "newer=".to_owned();
    desired.deploy = "d2".to_owned();
    desired.wanted.shift = Some("canary:10%/5m".parse().unwrap());
    alias(&mut observed).insert("Name".to_owned(), "live".into());
    (desired, observed)
}

fn alias(observed: &mut Observed) -> &mut Object {
    observed.aliases.get_mut("live").unwrap()
}

/// Everything up to the version, which has the number 8 then.
fn held() -> (Desired, Observed) {
    let (mut desired, mut observed) = site();
    desired.hold_alias = true;
    let (changes, end) = unfold(&[(desired.clone(), observed.clone())]);
    assert_eq!(end, Next::default());
    for change in &changes {
        apply(&change.action, &mut observed);
    }
    let operations: Vec<_> = changes.iter().map(|change| change.action.operation()).collect();
    assert_eq!(operations, ["UpdateFunctionCode", "PublishVersion"]);
    let mut version = observed.versions.remove("new").unwrap();
    version.insert("Version".to_owned(), "8".into());
    observed.versions.insert("8".to_owned(), version);
    (desired, observed)
}

fn refusal(desired: &Desired, observed: &Observed) -> Refused {
    let (changes, end) = unfold(&[(desired.clone(), observed.clone())]);
    match end.refused.into_iter().next() {
        Some((_, Refusal::Shift(why))) => why,
        other => panic!("{other:?} after {changes:#?}"),
    }
}

#[test]
fn what_is_held_stays_and_what_lives_on_it_too() {
    let (mut desired, mut observed) = held();
    desired.wanted.attachments.url = Some(Some(object(json!({ "AuthType": "NONE" }))));
    assert_eq!(one(&desired, &observed), Next::default());
    let all = moves(&desired, &observed);
    let [plan] = &all[..] else { panic!("{all:?}") };
    assert_eq!((plan.from.as_str(), plan.to.as_str(), plan.begun), ("7", "8", false));
    assert_eq!(plan.marker.to_string(), "[lp1 prev=7 to=8 dep=d2 sha=newer=]");
    // When all traffic is over, the rest follows.
    desired.hold_alias = false;
    alias(&mut observed).insert("FunctionVersion".to_owned(), "8".into());
    assert_eq!(
        operations(&desired, &observed),
        ["CreateFunctionUrlConfig", "AddPermission", "AddPermission"]
    );
    assert_eq!(moves(&desired, &observed), []);
}

#[test]
fn the_plan_shows_where_it_goes_and_a_first_release_is_all_at_once() {
    let (mut desired, observed) = site();
    assert_eq!(
        operations(&desired, &observed),
        ["UpdateFunctionCode", "PublishVersion", "UpdateAlias"]
    );
    desired.hold_alias = true;
    assert_eq!(
        operations(&desired, &Observed::default()),
        ["CreateFunction", "PublishVersion", "CreateAlias"]
    );
}

#[test]
fn what_aws_would_not_split_is_refused_before_anything_is_done() {
    let (mut desired, mut observed) = site();
    desired.wanted.configuration.insert("DeadLetterConfig", json!({ "TargetArn": "q" }));
    let Refused::Differs { what, old, new, .. } = refusal(&desired, &observed) else { panic!() };
    assert_eq!((what, old.as_str(), new.as_str()), ("the dead letter queue", "none", "q"));
    let (mut desired, _) = site();
    desired.wanted.configuration.insert("Role", json!("arn:aws:iam::123456789012:role/other"));
    assert!(matches!(refusal(&desired, &observed), Refused::Differs { what: "the role", .. }));
    // All at once it may.
    desired.wanted.shift = Some("all-at-once".parse().unwrap());
    assert!(operations(&desired, &observed).contains(&"UpdateAlias"));

    let (mut desired, _) = site();
    desired.wanted.attachments.provisioned = Some(Some(5));
    assert_eq!(refusal(&desired, &observed), Refused::Provisioned);
    let member = "RequestedProvisionedConcurrentExecutions";
    observed.attached.provisioned = Some(object(json!({ member: 5, "Status": "READY" })));
    assert!(operations(&desired, &observed).contains(&"UpdateAlias"));

    let latest = observed.latest().unwrap().clone();
    observed.versions.insert("$LATEST".to_owned(), latest);
    alias(&mut observed).insert("FunctionVersion".to_owned(), "$LATEST".into());
    assert_eq!(refusal(&desired, &observed), Refused::Latest("live".to_owned()));
}

/// Whether the new version stays is not known before.
#[test]
fn an_alias_that_is_new_is_made_after_the_shift() {
    let (mut desired, mut observed) = held();
    desired.wanted.aliases = vec!["beta".to_owned(), "live".to_owned()];
    assert_eq!(one(&desired, &observed), Next::default());
    let all = moves(&desired, &observed);
    assert_eq!(all.iter().map(|plan| plan.alias.as_str()).collect::<Vec<_>>(), ["live"]);
    // Also where only what was killed is gone on with.
    let mut killed = observed.clone();
    shifting(&mut killed);
    desired.wanted.shift = None;
    assert_eq!(one(&desired, &killed), Next::default());
    desired.hold_alias = false;
    alias(&mut observed).insert("FunctionVersion".to_owned(), "8".into());
    assert_eq!(operations(&desired, &observed), ["CreateAlias"]);
    // Where none shifts it is made at once.
    observed.aliases.clear();
    desired.hold_alias = true;
    assert_eq!(operations(&desired, &observed), ["CreateAlias", "CreateAlias"]);
}

/// AWS has another digest of what is signed: ours stands in the marker.
#[test]
fn a_killed_shift_of_signed_code_is_gone_on_with() {
    let (mut desired, mut observed) = held();
    desired.wanted.code_signing = Some(Some("arn:signing".to_owned()));
    observed.function.as_mut().unwrap().code_signing = Some("arn:signing".to_owned());
    let signed = |version: &mut Object| {
        version.insert("CodeSha256".to_owned(), "signed=".into());
    };
    signed(latest(&mut observed));
    signed(observed.versions.get_mut("8").unwrap());
    let plan = moves(&desired, &observed).remove(0);
    let step = Step::Weight { step: 1, percent: "10%".parse().unwrap() };
    let write = plan.write(&step, &observed.aliases["live"], 5).unwrap();
    alias(&mut observed).extend(write.members());
    assert_eq!(one(&desired, &observed), Next::default());
    let again = moves(&desired, &observed).remove(0);
    assert_eq!((again.begun, again.marker.to_string()), (true, plan.marker.to_string()));
    // Other code is another release all the same.
    desired.code.sha256 = "third=".to_owned();
    assert!(matches!(refusal(&desired, &observed), Refused::UnderWay { .. }));
}

/// What a shift from 7 to 8 has put on the alias.
fn shifting(observed: &mut Observed) {
    let marker = "[lp1 prev=7 dep=killed shift=canary:50%/1m step=1 at=5 new=8]";
    let alias = alias(observed);
    alias.insert("Description".to_owned(), marker.into());
    let weights = json!({ "AdditionalVersionWeights": { "8": 0.5 } });
    alias.insert("RoutingConfig".to_owned(), weights);
}

#[test]
fn a_killed_deploy_goes_on_and_another_one_does_not_come_between() {
    let (mut desired, mut observed) = held();
    shifting(&mut observed);
    assert_eq!(one(&desired, &observed), Next::default());
    let plan = moves(&desired, &observed).remove(0);
    assert_eq!((plan.begun, plan.strategy.to_string().as_str()), (true, "canary:50%/1m"));
    assert_eq!(plan.marker.to_string(), "[lp1 prev=7 to=8 dep=killed sha=newer=]");
    // Also where nothing says any more that it is to shift.
    desired.wanted.shift = None;
    assert_eq!((one(&desired, &observed), moves(&desired, &observed).len()), (Next::default(), 1));
    // Other code, other settings, or a version of somebody else's.
    desired.wanted.configuration.insert("MemorySize", json!(512));
    assert!(matches!(refusal(&desired, &observed), Refused::UnderWay { step: 1, .. }));
    desired.wanted.configuration.remove("MemorySize");
    desired.code.sha256 = "third=".to_owned();
    assert!(matches!(refusal(&desired, &observed), Refused::UnderWay { .. }));
    desired.code.sha256 = "newer=".to_owned();
    observed.versions.remove("8");
    assert!(matches!(refusal(&desired, &observed), Refused::UnderWay { .. }));
}

#[test]
fn weights_that_are_to_go_go_first() {
    let (mut desired, mut observed) = held();
    shifting(&mut observed);
    desired.clear_weights = true;
    let next = one(&desired, &observed);
    let [Change { action: Action::MoveAlias { from, to, description, .. }, .. }] =
        &next.changes[..]
    else {
        panic!("{next:#?}")
    };
    assert_eq!((from.as_str(), to.as_str()), ("7", "7"));
    assert_eq!(description, "[lp1 to=7 dep=d2 sha=newer=]");
    apply(&next.changes[0].action, &mut observed);
    assert_eq!(one(&desired, &observed), Next::default());
    assert_eq!(under_way(&observed.aliases["live"]), None);
    assert!(!moves(&desired, &observed)[0].begun);
}

#[test]
fn provisioned_concurrency_that_moves_over_is_waited_for() {
    let (desired, mut observed) = held();
    let member = "RequestedProvisionedConcurrentExecutions";
    observed.attached.provisioned = Some(object(json!({ member: 5, "Status": "IN_PROGRESS" })));
    let weights = json!({ "AdditionalVersionWeights": { "6": 0.5 } });
    alias(&mut observed).insert("RoutingConfig".to_owned(), weights);
    let next = one(&desired, &observed);
    assert_eq!((next.phase, next.waiting.len()), (Some(Phase::Alias), 1), "{next:?}");
    // The plan takes it to end well; weights of anybody else are refused as ever.
    assert_eq!(operations(&desired, &observed), Vec::<&str>::new());
    observed.attached.provisioned = Some(object(json!({ member: 5, "Status": "READY" })));
    assert!(matches!(one(&desired, &observed).refused[..], [(_, Refusal::Weights { .. })]));
}
