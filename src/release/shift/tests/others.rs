//! What somebody else does to an alias while its traffic shifts.

use serde_json::json;

use super::*;

fn lost(cloud: &mut Cloud, operator: &mut Operator) -> Lost {
    let before = cloud.alias.clone();
    operator.poll(cloud, &breach());
    assert_eq!(cloud.alias, before, "somebody else's is left alone");
    match operator.end.take() {
        Some(Step::Lost(lost)) => lost,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_somebody_else_has_taken_is_left_alone() {
    let begun = || {
        let mut cloud = Cloud::new();
        let mut operator = Operator::new(plan("steps:10%/1m,50%/1m", &cloud));
        operator.poll(&mut cloud, &Verdict::Sound);
        (cloud, operator)
    };
    let (mut cloud, mut operator) = begun();
    cloud.set("FunctionVersion", "14".into());
    cloud.set("Description", "[lp1 prev=12 dep=theirs sha=x]".into());
    cloud.alias.remove("RoutingConfig");
    let moved = Lost::Moved("14".to_owned(), Some("theirs".to_owned()));
    assert_eq!(lost(&mut cloud, &mut operator), moved);

    let (mut cloud, mut operator) = begun();
    cloud.set("RoutingConfig", json!({ "AdditionalVersionWeights": { "13": 0.3 } }));
    let weights = |version: &str, weight| Lost::Weights([(version.to_owned(), weight)].into());
    assert_eq!(lost(&mut cloud, &mut operator), weights("13", 0.3));

    // By hand, with the description as it was: nobody takes that back.
    let (mut cloud, mut operator) = begun();
    cloud.set("FunctionVersion", "13".into());
    cloud.alias.remove("RoutingConfig");
    assert_eq!(lost(&mut cloud, &mut operator), Lost::Moved("13".to_owned(), None));
    assert_eq!(resumed(&cloud), None);
    assert!(!operator.plan.is_between(&cloud.alias, true));

    // By another release, all at once: what this one was to watch nobody has.
    let (mut cloud, mut operator) = begun();
    cloud.set("FunctionVersion", "13".into());
    cloud.set("Description", "[lp1 prev=12 to=13 dep=theirs sha=x]".into());
    cloud.alias.remove("RoutingConfig");
    let moved = Lost::Moved("13".to_owned(), Some("theirs".to_owned()));
    assert_eq!(lost(&mut cloud, &mut operator), moved);

    // AWS has one more version on an alias at most: ours has no traffic any more.
    let (mut cloud, mut operator) = begun();
    cloud.set("RoutingConfig", json!({ "AdditionalVersionWeights": { "9": 0.2 } }));
    let third = lost(&mut cloud, &mut operator);
    assert_eq!(
        (&third, third.to_string()),
        (&weights("9", 0.2), "it sends 0.2 to version 9".to_owned())
    );

    // Another deploy's, of the same versions.
    let (mut cloud, mut operator) = begun();
    let theirs = cloud.description().replace("dep=ours", "dep=theirs");
    cloud.set("Description", theirs.into());
    assert_eq!(lost(&mut cloud, &mut operator), Lost::Shifted("theirs".to_owned()));
    assert!(!operator.plan.is_between(&cloud.alias, true));

    // Another shift, to another version.
    let (mut cloud, mut operator) = begun();
    let other = cloud.description().replace("new=13", "new=14");
    cloud.set("Description", other.into());
    assert_eq!(lost(&mut cloud, &mut operator), weights("13", 0.1));

    // `release abort` from elsewhere: nobody begins anew.
    let (mut cloud, mut operator) = begun();
    let abort = resumed(&cloud).unwrap();
    let back = Step::Back(Why::Asked("release abort"));
    assert!(cloud.clone().update(&abort.write(&back, &cloud.alias, cloud.now).unwrap()));
    cloud.update(&abort.write(&back, &cloud.alias.clone(), cloud.now).unwrap());
    assert_eq!(lost(&mut cloud, &mut operator), Lost::Ended);

    // Weights that were there before.
    let mut cloud = Cloud::new();
    cloud.set("RoutingConfig", json!({ "AdditionalVersionWeights": { "13": 0.1 } }));
    let mut operator = Operator::new(plan("canary:10%/1m", &cloud));
    assert_eq!(lost(&mut cloud, &mut operator), weights("13", 0.1));
}

#[test]
fn weights_of_somebody_else_between_its_own_versions_can_be_taken_back() {
    let mut cloud = Cloud::new();
    let mut operator = Operator::new(plan("canary:10%/5m", &cloud));
    let plan = operator.plan.clone();
    assert!(!plan.is_between(&cloud.alias, true));
    operator.poll(&mut cloud, &Verdict::Sound);
    assert!(plan.is_between(&cloud.alias, false));
    // Somebody has set another description: only whoever has seen the shift knows that the weight is its own.
    let mut other = cloud.clone();
    other.set("Description", "mine".into());
    assert_eq!([false, true].map(|begun| plan.is_between(&other.alias, begun)), [false, true]);
    let back = plan.write(&Step::Back(Why::Asked("so")), &other.alias, BEGIN).unwrap();
    assert!(other.update(&back));
    assert_eq!((other.is_settled_at("12"), other.description()), (true, "mine"));
    assert!(!plan.is_between(&other.alias, true));
    for (weights, ours) in
        [(json!({ "13": 0.5 }), true), (json!({}), true), (json!({ "9": 0.1 }), false)]
    {
        cloud.set("RoutingConfig", json!({ "AdditionalVersionWeights": weights }));
        assert_eq!((plan.is_between(&cloud.alias, true), plan.stands(&cloud.alias)), (ours, None));
    }
    cloud.set("FunctionVersion", "13".into());
    assert!(!plan.is_between(&cloud.alias, true));
}

/// Between two steps; it stays however the shift ends.
#[test]
fn the_text_that_somebody_sets_in_a_shift_is_kept() {
    for verdict in [Verdict::Sound, breach()] {
        let mut cloud = Cloud::new();
        let mut operator = Operator::new(plan("steps:10%/1m,50%/1m", &cloud));
        operator.poll(&mut cloud, &Verdict::Sound);
        let said = cloud.description().replace("shop ", "their words ");
        cloud.set("Description", said.into());
        operator.run(&mut cloud, |_| verdict.clone());
        assert!(
            cloud.description().starts_with("their words [lp1 prev="),
            "{}",
            cloud.description()
        );
        assert!(!cloud.description().contains("shift="), "{}", cloud.description());
    }
}

/// Also of a shift that was killed and is taken back from elsewhere: a second rollback still knows.
#[test]
fn what_an_alias_was_rolled_back_from_is_not_forgotten() {
    let mut cloud = Cloud::new();
    cloud.set("Description", "shop [lp1 from=14 to=12 dep=r1 sha=old=]".into());
    let mut operator = Operator::new(plan("canary:10%/5m", &cloud));
    operator.poll(&mut cloud, &Verdict::Sound);
    assert!(cloud.description().contains(" wasfrom=14 by=r1]"), "{}", cloud.description());
    let abort = resumed(&cloud).unwrap();
    let back = abort.write(&Step::Back(Why::Asked("so")), &cloud.alias, cloud.now).unwrap();
    assert!(cloud.update(&back));
    assert_eq!(cloud.description(), "shop [lp1 from=14 to=12 dep=r1 sha=old=]");
}

/// They are on because of the version that it leaves.
#[test]
fn a_rollback_is_not_held_up_by_alarms() {
    let cloud = Cloud::new();
    let watch = Watch { alarms: vec!["errors".to_owned()], ..Watch::default() };
    let begin = |from: Option<&str>| {
        let marker =
            Marker { from: from.map(str::to_owned), deploy: "r1".to_owned(), ..Marker::default() };
        let wish = ("canary:10%/5m".parse().unwrap(), watch.clone());
        Move::begin(("api", &cloud.alias), "11", ("", marker), wish)
    };
    assert_eq!(begin(None).watch.alarms, ["errors"]);
    let rollback = begin(Some("12"));
    assert_eq!((rollback.watch.alarms.len(), rollback.marker.prev), (0, None));
}

#[test]
fn no_more_of_a_step_is_left_than_it_lasts() {
    let marker = "[lp1 prev=12 dep=d shift=canary:10%/5s step=1 at=100 new=13]";
    let alias = json!({ "Name": "live", "FunctionVersion": "12", "Description": marker,
        "RoutingConfig": { "AdditionalVersionWeights": { "13": 0.1 } } });
    let alias = alias.as_object().cloned().unwrap();
    let plan = Move::resume(("api", &alias), Watch::default(), ("a", "b")).unwrap();
    let (_, shift) = under_way(&alias).unwrap();
    let left = [99, 100, 103, 105, 200].map(|now| plan.left(&shift, now));
    assert_eq!(left, [5, 5, 2, 0, 0]);
}

/// What to do depends on why: there is nothing to mend after Ctrl-C.
#[test]
fn what_to_do_about_traffic_that_went_back() {
    let (asked, unclear) = (Why::Asked("interrupted"), Why::Unclear(String::new()));
    let aws = Why::Aws(String::new());
    for why in [&asked, &unclear, &aws] {
        assert!(!why.hint().contains("mended"), "{why}");
    }
    assert!(unclear.hint().contains("watch.min-invocations"));
    let breach = Why::Breach(Breach::Alarm("a".to_owned(), String::new()));
    assert!(breach.hint().contains("see `logs`"));
}
