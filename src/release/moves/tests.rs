use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::release::observed::Observed;
use crate::release::predict;

fn object(value: &Value) -> Object {
    value.as_object().cloned().unwrap()
}

fn alias(version: &str, description: &str) -> Object {
    object(&json!({
        "Name": "live", "FunctionVersion": version, "Description": description, "RevisionId": "r1",
    }))
}

fn shifting(alias: &Object) -> Object {
    split(alias, "9")
}

fn split(alias: &Object, version: &str) -> Object {
    let mut alias = alias.clone();
    let routing = json!({ "AdditionalVersionWeights": { version: 0.1 } });
    alias.insert("RoutingConfig".to_owned(), routing);
    alias
}

/// From version 7, which deploy `d2` moved it to, back to 6.
fn back() -> Move {
    Move {
        function: "api".to_owned(),
        alias: "live".to_owned(),
        seen: Some(alias("7", "shop [lp1 prev=6 dep=d2 sha=s7]")),
        to: "6".to_owned(),
        back: true,
        deploy: "r1".to_owned(),
        clear_weights: false,
    }
}

/// The call that is needed now.
#[track_caller]
fn call(one: &Move, alias: Option<&Object>, sha256: &str) -> Action {
    match one.step(alias, sha256) {
        Ok(Step::Act(action)) => *action,
        other => panic!("{other:?}"),
    }
}

/// As AWS has the alias after a call.
fn after(action: &Action) -> Object {
    let mut observed = Observed::default();
    predict::apply(action, &mut observed);
    observed.aliases.remove("live").unwrap()
}

#[test]
fn a_way_back_is_one_call_and_its_marker_is_read_back() {
    let one = back();
    let action = call(&one, one.seen.as_ref(), "s6");
    let Action::MoveAlias { from, to, description, revision, weights, .. } = &action else {
        panic!("{action:?}")
    };
    assert_eq!((from.as_str(), to.as_str(), revision.as_deref()), ("7", "6", Some("r1")));
    assert_eq!((description.as_str(), weights.len()), ("shop [lp1 from=7 to=6 dep=r1 sha=s6]", 0));
    let made = after(&action);
    assert_eq!(one.step(Some(&made), "s6"), Ok(Step::Done));
    // Along with provisioned concurrency AWS shifts by itself: these weights are nobody else's.
    assert_eq!(one.step(Some(&shifting(&made)), "s6"), Ok(Step::Wait));
}

#[test]
fn a_way_on_remembers_what_was_before_and_makes_what_is_not_there() {
    let one = Move { back: false, ..back() };
    let action = call(&one, one.seen.as_ref(), "s6");
    let said = "shop [lp1 prev=7 to=6 dep=r1 sha=s6]";
    assert!(matches!(&action, Action::MoveAlias { description, .. } if description == said));
    let new = Move { seen: None, ..one };
    let action = call(&new, None, "s6");
    let Action::CreateAlias { name, version, description } = &action else { panic!() };
    assert_eq!((name.as_str(), version.as_str()), ("live", "6"));
    assert_eq!(description, "[lp1 to=6 dep=r1 sha=s6]");
    assert_eq!(new.step(Some(&after(&action)), "s6"), Ok(Step::Done));
}

/// Another revision alone is no other state; everything else that is not ours is.
#[test]
fn it_goes_on_from_what_it_was_decided_on_and_from_nothing_else() {
    let one = back();
    let mut touched = alias("7", "other words [lp1 prev=6 dep=d2 sha=s7]");
    touched.insert("RevisionId".to_owned(), "r2".into());
    let Action::MoveAlias { revision, description, .. } = call(&one, Some(&touched), "s6") else {
        panic!()
    };
    assert_eq!(revision.as_deref(), Some("r2"));
    assert!(description.starts_with("other words [lp1 from=7"), "{description}");
    for theirs in [
        alias("8", "shop [lp1 prev=7 dep=d3 sha=s8]"),
        alias("7", "shop [lp1 prev=6 dep=d3 sha=s7]"),
        alias("7", "shop"),
        // Another rollback was faster.
        alias("6", "shop [lp1 from=7 dep=r2 sha=s6]"),
    ] {
        assert_eq!(one.step(Some(&theirs), "s6"), Ok(Step::Overtaken), "{theirs:?}");
    }
    assert_eq!(one.step(None, "s6"), Ok(Step::Overtaken));
    let new = Move { seen: None, ..one };
    assert_eq!(new.step(Some(&alias("6", "")), "s6"), Ok(Step::Overtaken));
}

#[test]
fn weights_of_others_are_taken_off_only_where_that_is_said() {
    let one = back();
    let weighted = shifting(one.seen.as_ref().unwrap());
    let refused = one.step(Some(&weighted), "s6");
    assert!(matches!(refused, Err(Refusal::Weights { .. })), "{refused:?}");
    let clearing = Move { clear_weights: true, ..one };
    let Action::MoveAlias { weights, .. } = call(&clearing, Some(&weighted), "s6") else {
        panic!()
    };
    assert_eq!(weights.get("9").map(String::as_str), Some("0.1"));
    // Where it stays where it is, what it came from stays as well.
    let stays = Move { to: "7".to_owned(), ..clearing };
    assert_eq!(stays.step(stays.seen.as_ref(), "s7"), Ok(Step::Done));
    let Action::MoveAlias { from, to, description, .. } = call(&stays, Some(&weighted), "s7")
    else {
        panic!()
    };
    assert_eq!((from, to), ("7".to_owned(), "7".to_owned()));
    assert_eq!(description, "shop [lp1 prev=6 to=7 dep=r1 sha=s7]");
}

#[test]
fn a_version_runs_unless_its_state_says_otherwise() {
    let judged = |state: &str, code: &str| {
        can_run("6", &object(&json!({ "State": state, "StateReasonCode": code })))
    };
    assert_eq!(can_run("6", &Object::new()), Ok(()));
    for (state, code) in [("Active", ""), ("Inactive", ""), ("Inactive", "Idle")] {
        assert_eq!(judged(state, code), Ok(()), "{state} {code}");
    }
    for (state, code) in [
        ("Inactive", "ImageDeleted"),
        ("Inactive", "ImageAccessDenied"),
        ("Failed", "InvalidConfiguration"),
    ] {
        let why = judged(state, code).unwrap_err();
        assert_eq!(why.to_string(), format!("version 6 cannot run: it is {state}, {code}"));
        assert_eq!(why.hint(), advice::of_reason(code));
    }
    for state in ["Pending", "Hibernating"] {
        let why = judged(state, "").unwrap_err();
        assert_eq!(why.to_string(), format!("version 6 is {state}"));
    }
}

/// Whoever moves the alias: reads and calls in turn, until it is done or overtaken.
struct Mover {
    one: Move,
    view: Option<Object>,
    looks: bool,
    end: Option<Step>,
}

impl Mover {
    fn new(deploy: &str, to: &str) -> Self {
        let one = Move { deploy: deploy.to_owned(), to: to.to_owned(), ..back() };
        Self { view: one.seen.clone(), one, looks: false, end: None }
    }

    /// One call; a write has its effect if nobody has written since it was read.
    fn turn(&mut self, aws: &mut Observed) {
        if self.end.is_some() {
            return;
        }
        if std::mem::take(&mut self.looks) {
            self.view = aws.aliases.get("live").cloned();
        }
        match self.one.step(self.view.as_ref(), "s") {
            Ok(Step::Act(action)) => {
                self.looks = true;
                let Action::MoveAlias { revision, .. } = action.as_ref() else { panic!() };
                if text(&aws.aliases["live"], "RevisionId") == revision.as_deref() {
                    predict::apply(&action, aws);
                    revise(aws);
                }
            }
            Ok(end) => self.end = Some(end),
            Err(why) => panic!("{why}"),
        }
    }
}

fn revise(aws: &mut Observed) {
    let alias = aws.aliases.get_mut("live").unwrap();
    let revision = format!("{}+", text(alias, "RevisionId").unwrap());
    alias.insert("RevisionId".to_owned(), revision.into());
}

proptest! {
    /// Two at once, and a third who only writes the same again: one has it, whole, and the other knows.
    #[test]
    fn of_two_one_wins_whatever_the_order(turns in vec(0..3_u8, 0..24), same in any::<bool>()) {
        let mut movers = [Mover::new("r1", "6"), Mover::new("r2", if same { "6" } else { "5" })];
        let mut aws = Observed::default();
        aws.aliases.insert("live".to_owned(), back().seen.unwrap());
        for turn in turns.into_iter().chain([0, 1].repeat(4)) {
            match movers.get_mut(usize::from(turn)) {
                Some(mover) => mover.turn(&mut aws),
                None => revise(&mut aws),
            }
        }
        let ends = movers.each_ref().map(|mover| mover.end.clone());
        let winner = ends.iter().position(|end| *end == Some(Step::Done)).unwrap();
        prop_assert_eq!(&ends[1 - winner], &Some(Step::Overtaken));
        let (alias, won) = (&aws.aliases["live"], &movers[winner].one);
        prop_assert_eq!(points_at(alias), won.to.as_str());
        prop_assert_eq!(of_alias(alias).unwrap().deploy, won.deploy.clone());
    }
}

#[test]
fn taken_back_in_the_middle_of_a_shift_it_says_what_it_came_away_from() {
    let said = "shop [lp1 prev=6 dep=d2 shift=canary:10%/5m step=1 at=5 new=7 was=5 by=d1]";
    let seen = split(&alias("6", said), "7");
    let one = Move { seen: Some(seen.clone()), clear_weights: true, ..back() };
    let there = after(&call(&one, Some(&seen), "s6"));
    assert_eq!(text(&there, "Description"), Some("shop [lp1 from=7 to=6 dep=r1 sha=s6]"));
    // What goes on is no rollback.
    let one = Move { back: false, ..one };
    let there = after(&call(&one, Some(&seen), "s6"));
    assert_eq!(text(&there, "Description"), Some("shop [lp1 prev=5 to=6 dep=r1 sha=s6]"));
}

#[test]
fn what_is_to_shift_is_cleared_first_where_it_is() {
    let bare = back();
    assert_eq!(bare.cleared(), None);
    assert_eq!(Move { seen: None, ..back() }.cleared(), None);
    let weighted = shifting(bare.seen.as_ref().unwrap());
    let one = Move { seen: Some(weighted.clone()), clear_weights: true, ..back() };
    let cleared = one.cleared().unwrap();
    let there = after(&call(&cleared, Some(&weighted), "s7"));
    assert_eq!((points_at(&there), weights(&there).len()), ("7", 0));
    assert_eq!(text(&there, "Description"), Some("shop [lp1 prev=6 to=7 dep=r1 sha=s7]"));
    assert_eq!(cleared.step(Some(&there), "s7"), Ok(Step::Done));
    // The shift of a deploy, too; one whose weights somebody has taken off is none any more.
    let said = "shop [lp1 prev=6 dep=d2 shift=canary:10%/5m step=1 at=5 new=7 was=5 by=d1]";
    let seen = split(&alias("6", said), "7");
    let one = Move { seen: Some(seen.clone()), to: "7".to_owned(), back: false, ..one };
    let bare = Move { seen: Some(alias("6", said)), ..one.clone() };
    assert_eq!(bare.cleared(), None);
    let there = after(&call(&one.cleared().unwrap(), Some(&seen), "s6"));
    assert_eq!(text(&there, "Description"), Some("shop [lp1 prev=5 to=6 dep=r1 sha=s6]"));
    assert!(one.goes() && !one.cleared().unwrap().goes());
}
