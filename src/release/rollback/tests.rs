use serde_json::{Value, json};

use super::*;

fn object(value: &Value) -> Object {
    value.as_object().cloned().unwrap()
}

fn alias(name: &str, version: &str, description: &str) -> Object {
    object(&json!({ "Name": name, "FunctionVersion": version, "Description": description }))
}

fn released(aliases: Vec<Object>) -> Released {
    let version = |number: &str, commit: &str| {
        object(&json!({ "Version": number, "Description": format!("[commit {commit}]") }))
    };
    let versions =
        vec![version("5", "aaaaaaa5"), version("6", "aaaaaaa6"), version("7", "bbbbbbb7")];
    Released { exists: true, aliases, versions }
}

fn asked(to: To) -> Asked {
    Asked { to, by: "r1".to_owned(), ..Asked::default() }
}

/// One function whose settings name `live`.
fn one(there: &Released, asked: &Asked) -> Plan {
    let aliases = ["live".to_owned()];
    plan(&[Function { name: "api", aliases: &aliases, released: there }], asked)
}

#[track_caller]
fn refused(plan: &Plan) -> String {
    assert_eq!(plan.moves, []);
    plan.refused.iter().map(|(name, why)| format!("{name}: {why}")).collect::<Vec<_>>().join("\n")
}

#[test]
fn back_to_where_the_deploy_found_it() {
    let there = released(vec![alias("live", "7", "[lp1 prev=6 dep=d2 sha=s]")]);
    let plan = one(&there, &asked(To::Before));
    assert_eq!(plan.refused, []);
    let [moved] = plan.moves.as_slice() else { panic!("{plan:?}") };
    assert_eq!((moved.from(), moved.to.as_str(), moved.back), (Some("7"), "6", true));
    assert_eq!((moved.deploy.as_str(), moved.seen.as_ref()), ("r1", there.aliases.first()));
    assert_eq!(plan.deploys, [("d2".to_owned(), ["api".to_owned()].into())].into());
}

#[test]
fn what_tells_of_no_way_back_is_refused() {
    for (said, why) in [
        ("", "api: alias live says of no deploy where it came from"),
        ("[lp1 dep=d1 sha=s]", "api: alias live was made by deploy d1: there is nothing before"),
        (
            "[lp1 prev=$LATEST dep=d1 sha=s]",
            "api: alias live came from $LATEST, which is no version",
        ),
        (
            "[lp1 from=7 dep=r0 sha=s]",
            "api: alias live was rolled back already, from version 7 to 6",
        ),
    ] {
        let there = released(vec![alias("live", "6", said)]);
        let plan = one(&there, &asked(To::Before));
        assert_eq!(refused(&plan), why);
        let Refusal::Unmoved(why) = &plan.refused[0].1 else { panic!() };
        assert!(why.wants_list() && why.hint().contains("--to VERSION"));
        // Where to is said, it goes.
        let named = one(&there, &asked(To::Version("5".to_owned())));
        assert_eq!(named.moves[0].to, "5");
    }
}

#[test]
fn a_version_of_a_commit_with_changes_is_named() {
    let mut there = released(vec![alias("live", "5", "")]);
    let dirty = json!({ "Version": "8", "Description": "[commit ccccccc8-dirty]" });
    there.versions.push(object(&dirty));
    let to = |digits: &str| one(&there, &asked(To::Commit(digits.to_owned())));
    assert_eq!(
        refused(&to("ccccccc")),
        "api: version 8 was made of commit ccccccc with files that were changed, and none of the commit itself"
    );
    assert_eq!(to("ccccccc-dirty").moves[0].to, "8");
}

#[test]
fn a_commit_names_the_version() {
    let there = released(vec![alias("live", "7", "")]);
    let to = |digits: &str| one(&there, &asked(To::Commit(digits.to_owned())));
    assert_eq!(to("aaaaaaa6").moves[0].to, "6");
    assert_eq!(refused(&to("ccccccc")), "api: no version says that it was made of commit ccccccc");
    assert_eq!(refused(&to("aaaaaaa")), "api: several commits begin so: aaaaaaa5, aaaaaaa6");
}

#[test]
fn which_alias_is_meant_is_said_or_clear() {
    let both = || vec![alias("beta", "7", "[lp1 prev=5 dep=d2 sha=s]"), alias("live", "6", "")];
    let without = |there: &Released, asked: &Asked| {
        plan(&[Function { name: "api", aliases: &[], released: there }], asked)
    };
    let asked_for = |alias: &str| Asked { alias: Some(alias.to_owned()), ..asked(To::Before) };
    let several = without(&released(both()), &asked(To::Before));
    assert_eq!(refused(&several), "api: it has several aliases (beta, live)");
    assert_eq!(without(&released(both()), &asked_for("beta")).moves[0].to, "5");
    let gone = without(&released(both()), &asked_for("gone"));
    assert_eq!(refused(&gone), "api: it has no alias gone");
    let none = without(&released(Vec::new()), &asked(To::Before));
    assert_eq!(refused(&none), "api: it has no alias: its callers get $LATEST");
    let only = released(vec![alias("beta", "7", "[lp1 prev=5 dep=d2 sha=s]")]);
    assert_eq!(without(&only, &asked(To::Before)).moves[0].alias, "beta");
    let nowhere = without(&Released::default(), &asked(To::Before));
    assert_eq!(refused(&nowhere), "api: there is no such function");
}

/// Every function for itself, and every reason at once.
#[test]
fn all_that_one_deploy_moved_goes_back_and_nothing_else() {
    let moved = |deploy: &str, prev: &str| {
        let said = format!("[lp1 prev={prev} dep={deploy} sha=s]");
        released(vec![alias("beta", "5", ""), alias("live", "7", &said)])
    };
    let made = released(vec![alias("live", "1", "[lp1 dep=d3 sha=s]")]);
    let all = [("a", moved("d3", "6")), ("b", moved("d2", "5")), ("c", moved("d3", "4"))];
    let nowhere = ("d", Released::default());
    let functions: Vec<Function<'_>> = [&all[0], &all[1], &all[2], &nowhere]
        .into_iter()
        .map(|(name, released)| Function { name, aliases: &[], released })
        .collect();
    let of = |deploy: &str| Asked { deploy: Some(deploy.to_owned()), ..asked(To::Before) };
    let third = plan(&functions, &of("d3"));
    let goes: Vec<_> =
        third.moves.iter().map(|one| (one.function.as_str(), one.to.as_str())).collect();
    assert_eq!(
        (goes.as_slice(), third.refused.as_slice()),
        (&[("a", "6"), ("c", "4")][..], &[][..])
    );
    assert_eq!(plan(&functions, &of("d1")), Plan::default());
    // Without it, each goes to its own; whoever has said no names is told that there are several.
    let live = Asked { alias: Some("live".to_owned()), ..asked(To::Before) };
    let any = plan(&functions, &live);
    assert_eq!(any.deploys.keys().collect::<Vec<_>>(), ["d2", "d3"]);
    assert_eq!(
        (any.moves.len(), refused(&Plan { moves: Vec::new(), ..any }).as_str()),
        (3, "d: there is no such function")
    );
    let with_new =
        [Function { name: "n", aliases: &[], released: &made }, functions[0], functions[3]];
    assert_eq!(
        plan(&with_new, &live).refused.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["n", "d"]
    );
}

#[test]
fn weights_are_refused_unless_they_are_to_go() {
    let mut shifting = alias("live", "6", "[lp1 prev=5 dep=d2 sha=s]");
    let routing = json!({ "AdditionalVersionWeights": { "7": 0.1 } });
    shifting.insert("RoutingConfig".to_owned(), routing);
    let there = released(vec![shifting]);
    let said = refused(&one(&there, &asked(To::Before)));
    assert_eq!(said, "api: alias live sends a part of its traffic to version 7 (0.1)");
    let clearing = Asked { clear_weights: true, ..asked(To::Before) };
    assert_eq!(one(&there, &clearing).moves[0].to, "5");
}

/// `prev` of a deploy is no way back from where somebody went after it: it may well lead forward.
#[test]
fn what_somebody_has_moved_by_hand_since_is_not_guessed() {
    let shift = "[lp1 prev=6 dep=d2 shift=canary:10%/5m step=1 at=5 new=7 was=5 by=d1]";
    for (at, said) in [("5", "[lp1 prev=6 to=7 dep=d2 sha=s]"), ("7", shift), ("6", shift)] {
        let there = released(vec![alias("live", at, said)]);
        let plan = one(&there, &asked(To::Before));
        let why = refused(&plan);
        assert!(why.contains("by deploy d2") && why.contains("by hand"), "{why}");
        assert_eq!(plan.deploys, BTreeMap::new());
        let Refusal::Unmoved(why) = &plan.refused[0].1 else { panic!("{plan:?}") };
        assert!(why.wants_list() && why.hint().contains("--to VERSION"));
        // It is none of those that the deploy has moved, and goes where it is told to.
        let of_second = Asked { deploy: Some("d2".to_owned()), ..asked(To::Before) };
        assert_eq!(one(&there, &of_second), Plan::default());
        let named = one(&there, &asked(To::Version("4".to_owned())));
        assert_eq!(named.moves[0].to, "4");
    }
}

/// Cut after each move of an alias: what the deploy has moved goes back, and nothing else is touched; where
/// it is not said what is meant, there is more than one deploy that could be.
#[test]
fn from_every_partial_state_of_a_deploy_of_ten() {
    let names: Vec<String> = (0..10).map(|number| format!("f{number}")).collect();
    for cut in 0..=names.len() {
        let state = |at: usize| match at {
            at if at < cut => released(vec![alias("live", "7", "[lp1 prev=6 dep=d2 sha=s]")]),
            _ => released(vec![alias("live", "6", "[lp1 prev=5 dep=d1 sha=s]")]),
        };
        let states: Vec<Released> = (0..names.len()).map(state).collect();
        let functions: Vec<Function<'_>> = names
            .iter()
            .zip(&states)
            .map(|(name, released)| Function { name, aliases: &[], released })
            .collect();
        let of_second = Asked { deploy: Some("d2".to_owned()), ..asked(To::Before) };
        let back = plan(&functions, &of_second);
        assert_eq!((back.moves.len(), back.refused.len()), (cut, 0));
        assert!(back.moves.iter().all(|one| one.to == "6" && one.from() == Some("7")));
        let any = plan(&functions, &asked(To::Before));
        let deploys = if cut % 10 == 0 { 1 } else { 2 };
        assert_eq!((any.moves.len(), any.deploys.len()), (10, deploys), "cut after {cut}");
    }
}

#[test]
fn while_traffic_shifts_that_is_what_is_said() {
    let said = "[lp1 prev=6 dep=d2 shift=canary:10%/5m step=1 at=5 new=7 was=5 by=d1]";
    let mut live = alias("live", "6", said);
    let routing = json!({ "AdditionalVersionWeights": { "7": 0.1 } });
    live.insert("RoutingConfig".to_owned(), routing);
    let there = released(vec![live]);
    let why = refused(&one(&there, &asked(To::Before)));
    assert!(why.starts_with("api: a shift of alias live is under way: step 1"), "{why}");
    let cleared = Asked { clear_weights: true, ..asked(To::Before) };
    assert_eq!(one(&there, &cleared).moves[0].to, "6");
}

#[test]
fn what_stays_behind_is_said() {
    let first = released(vec![
        alias("live", "7", "[lp1 prev=6 dep=d2 sha=s]"),
        alias("canary", "7", "[lp1 prev=6 dep=d2 sha=s]"),
        alias("old", "5", "[lp1 prev=4 dep=d1 sha=s]"),
        alias("hand", "5", ""),
    ]);
    let second = released(vec![alias("live", "7", "[lp1 prev=6 dep=d3 sha=s]")]);
    let aliases = ["live".to_owned()];
    let said = |asked: &Asked| {
        let function = |name, released| Function { name, aliases: &aliases, released };
        let all = [function("api", &first), function("job", &second)];
        stays(&all, asked, &plan(&all, asked)).join("\n")
    };
    assert_eq!(
        said(&asked(To::Before)),
        "api: alias canary, which the same deploy has moved, stays at version 7: `--alias canary` takes it back, \
         `--deploy d2` all of it"
    );
    let alias = Some("live".to_owned());
    assert_eq!(said(&Asked { alias: alias.clone(), ..asked(To::Before) }), "");
    let of = |deploy: &str| Asked { deploy: Some(deploy.to_owned()), ..asked(To::Before) };
    assert_eq!(
        said(&of("d2")),
        "what was moved last by something else than d2 stays where it is: api:old by d1; job:live by d3"
    );
    let live = Asked { alias, ..of("d2") };
    assert!(said(&live).ends_with("it is: job:live by d3"), "{}", said(&live));
    // That there is nothing to take back is said otherwise.
    assert_eq!(said(&of("d9")), "");
}
