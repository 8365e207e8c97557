//! Whole shifts on a model of an alias, in no time.

mod others;

use proptest::prelude::*;
use serde_json::json;

use super::course::{Known, Lost, Why, course};
use super::judge::{Breach, Verdict};
use super::watch::{EXTENSIONS, OnUnknown};
use super::*;

const STRATEGIES: [&str; 6] = [
    "all-at-once",
    "canary:10%/5m",
    "linear:20%/1m",
    "linear:60%/1s",
    "steps:1%/1m,10%/5m,50%/5m",
    "Linear10PercentEvery1Minute",
];
/// When all of it begins.
const BEGIN: u64 = 1_764_400_000;
const BEFORE: &str = "shop [lp1 prev=11 dep=before sha=old=]";

/// What AWS holds of an alias, and the time there.
#[derive(Debug, Clone)]
struct Cloud {
    alias: Object,
    revision: u64,
    now: u64,
    writes: usize,
}

impl Cloud {
    fn new() -> Self {
        let mut cloud = Self { alias: Object::new(), revision: 0, now: BEGIN, writes: 0 };
        cloud.set("Name", "live".into());
        cloud.set("FunctionVersion", "12".into());
        cloud.set("Description", BEFORE.into());
        cloud.touch();
        cloud
    }

    fn set(&mut self, member: &str, value: Value) {
        self.alias.insert(member.to_owned(), value);
    }

    fn touch(&mut self) {
        self.revision += 1;
        self.set("RevisionId", self.revision.to_string().into());
    }

    /// `UpdateAlias`; false: 412.
    fn update(&mut self, write: &Write) -> bool {
        if write.revision != Some(self.revision.to_string()) {
            return false;
        }
        for (member, value) in write.members() {
            if member != "RevisionId" {
                self.set(&member, value);
            }
        }
        self.writes += 1;
        self.touch();
        true
    }

    fn share(&self) -> f64 {
        match points_at(&self.alias) {
            "13" => 1.0,
            _ => weights(&self.alias).get("13").copied().unwrap_or(0.0),
        }
    }

    fn description(&self) -> &str {
        text(&self.alias, "Description").unwrap()
    }

    fn is_settled_at(&self, version: &str) -> bool {
        points_at(&self.alias) == version && weights(&self.alias).is_empty()
    }
}

fn plan(strategy: &str, cloud: &Cloud) -> Move {
    let marker = Marker { deploy: "ours".to_owned(), sha: "new=".to_owned(), ..Marker::default() };
    let wish = (strategy.parse().unwrap(), Watch::default());
    Move::begin(("api", &cloud.alias), "13", ("", marker), wish)
}

fn resumed(cloud: &Cloud) -> Option<Move> {
    Move::resume(("api", &cloud.alias), Watch::default(), ("old=", "new="))
}

fn breach() -> Verdict {
    Verdict::Breach(Breach::Errors(5.0, 20.0, 0.01))
}

/// One that shifts: reads, decides, writes, as the loop on AWS does.
#[derive(Clone)]
struct Operator {
    plan: Move,
    known: Known,
    end: Option<Step>,
}

impl Operator {
    fn new(plan: Move) -> Self {
        Self { known: Known { begun: plan.begun, passed: None }, plan, end: None }
    }

    /// One poll.
    fn poll(&mut self, cloud: &mut Cloud, verdict: &Verdict) {
        let seen = cloud.alias.clone();
        self.poll_on(&seen, cloud, verdict);
    }

    /// One that has read the alias as it was then.
    fn poll_on(&mut self, seen: &Object, cloud: &mut Cloud, verdict: &Verdict) {
        let stands = self.plan.stands(seen);
        self.known.begun |= stands.is_some();
        let had = cloud.writes;
        let step = course(&self.plan, seen, self.known, cloud.now, verdict);
        if matches!(step, Step::Weight { .. } | Step::Finish) {
            self.known.passed = stands.map(|shift| shift.step);
        }
        let written =
            self.plan.write(&step, seen, cloud.now).is_none_or(|write| cloud.update(&write));
        self.known.begun |= cloud.writes > had;
        match step {
            Step::Done | Step::Lost(_) => self.end = Some(step),
            Step::Back(_) if written => self.end = Some(step),
            _ => {}
        }
    }

    /// Until it has ended, with a poll a second.
    fn run(&mut self, cloud: &mut Cloud, mut verdict: impl FnMut(&Cloud) -> Verdict) -> Step {
        while self.end.is_none() {
            let verdict = verdict(cloud);
            self.poll(cloud, &verdict);
            cloud.now += 1;
            assert!(cloud.now < BEGIN + 1_000_000, "it does not end: {cloud:?}");
        }
        self.end.clone().unwrap()
    }
}

/// The part of traffic for the new version, and for how many seconds.
fn shares(cloud: &mut Cloud, plan: Move) -> Vec<(f64, u64)> {
    let mut all: Vec<(f64, u64)> = Vec::new();
    let end = Operator::new(plan).run(cloud, |cloud| {
        match all.last_mut() {
            Some((share, seconds)) if (*share - cloud.share()).abs() < 1e-9 => *seconds += 1,
            _ => all.push((cloud.share(), 1)),
        }
        Verdict::Sound
    });
    assert_eq!(end, Step::Done);
    all
}

#[test]
fn every_strategy_takes_its_steps_and_ends_at_the_new_version() {
    for strategy in STRATEGIES {
        let mut cloud = Cloud::new();
        let plan = plan(strategy, &cloud);
        let mut expected = vec![(0.0, 1)];
        expected.extend(plan.strategy.stages().map(|it| (it.percent.weight(), it.hold)));
        expected.push((1.0, 1));
        let steps = plan.strategy.stages().count();
        assert_eq!(shares(&mut cloud, plan), expected, "{strategy}");
        assert!(cloud.is_settled_at("13"), "{cloud:?}");
        assert_eq!(cloud.description(), "shop [lp1 prev=12 to=13 dep=ours sha=new=]");
        assert_eq!(cloud.writes, steps + 1, "{strategy}");
    }
}

#[test]
fn weights_are_taken_off_by_name() {
    let cloud = Cloud::new();
    let plan = plan("canary:10%/5m", &cloud);
    for step in [Step::Finish, Step::Back(Why::Asked("interrupted"))] {
        let members = plan.write(&step, &cloud.alias, BEGIN).unwrap().members();
        assert_eq!(members["RoutingConfig"], json!({ "AdditionalVersionWeights": {} }));
        assert_eq!(members["RevisionId"], "1");
    }
    let step = Step::Weight { step: 1, percent: "10%".parse().unwrap() };
    let members = plan.write(&step, &cloud.alias, BEGIN).unwrap().members();
    assert_eq!(members["RoutingConfig"], json!({ "AdditionalVersionWeights": { "13": 0.1 } }));
    assert_eq!(members["FunctionVersion"], "12");
    assert_eq!(
        members["Description"],
        "shop [lp1 prev=12 dep=ours shift=canary:10%/5m step=1 at=1764400000 new=13 was=11 by=before]"
    );
}

/// Killed after each of its writes, and gone on with by another machine, which knows the alias alone.
#[test]
fn whoever_reads_the_alias_goes_on() {
    for strategy in STRATEGIES {
        let whole = {
            let mut cloud = Cloud::new();
            let plan = plan(strategy, &cloud);
            shares(&mut cloud, plan);
            cloud
        };
        for writes in 1..whole.writes {
            let mut cloud = Cloud::new();
            let mut first = Operator::new(plan(strategy, &cloud));
            while cloud.writes < writes {
                first.poll(&mut cloud, &Verdict::Sound);
                cloud.now += 1;
            }
            let mut second = Operator::new(resumed(&cloud).unwrap());
            assert_eq!(second.run(&mut cloud, |_| Verdict::Sound), Step::Done);
            assert_eq!(cloud.alias, whole.alias, "{strategy}, {writes}");
            assert_eq!(resumed(&cloud), None);
        }
    }
}

#[test]
fn a_breach_at_any_poll_takes_one_call() {
    for strategy in &STRATEGIES[1..] {
        let mut cloud = Cloud::new();
        let mut operator = Operator::new(plan(strategy, &cloud));
        operator.poll(&mut cloud, &Verdict::Sound);
        while !cloud.is_settled_at("13") {
            // By who began it: as it was, to the letter.
            let (mut first, mut there) = (operator.clone(), cloud.clone());
            first.poll(&mut there, &breach());
            assert!(matches!(first.end, Some(Step::Back(Why::Breach(_)))), "{strategy}");
            assert_eq!((there.writes, there.description()), (cloud.writes + 1, BEFORE));
            assert!(there.is_settled_at("12"));
            // By another: all but the deploy in the old marker.
            let (mut second, mut there) = (Operator::new(resumed(&cloud).unwrap()), cloud.clone());
            second.poll(&mut there, &breach());
            assert!(there.is_settled_at("12"));
            assert_eq!(there.description(), "shop [lp1 prev=11 to=12 dep=before sha=old=]");
            cloud.now += 7;
            operator.poll(&mut cloud, &Verdict::Sound);
        }
    }
}

#[test]
fn a_step_that_says_nothing_is_longer_or_passes_or_goes_back() {
    let unknown = || Verdict::Unknown("3 invocations of the 20 that it takes".to_owned());
    let ends = |on_unknown| {
        let mut cloud = Cloud::new();
        let mut plan = plan("canary:10%/1m", &cloud);
        plan.watch.on_unknown = on_unknown;
        let end = Operator::new(plan).run(&mut cloud, |_| unknown());
        (matches!(end, Step::Done), cloud.now - BEGIN)
    };
    assert_eq!(ends(OnUnknown::Pass), (true, 62));
    assert_eq!(ends(OnUnknown::Back), (false, 61));
    assert_eq!(ends(OnUnknown::Extend), (false, 60 * (1 + EXTENSIONS) + 1));
    // Said in time, it is enough.
    let mut cloud = Cloud::new();
    let plan = plan("canary:10%/1m", &cloud);
    let end = Operator::new(plan)
        .run(&mut cloud, |cloud| if cloud.now < BEGIN + 100 { unknown() } else { Verdict::Sound });
    assert_eq!((end, cloud.now - BEGIN), (Step::Done, 102));
}

/// It waits for slower ones then, for however long.
#[test]
fn what_was_good_enough_stays_so_where_nothing_can_be_read_any_more() {
    let unread = || Verdict::Unknown("CloudWatch does not tell what it has counted".to_owned());
    for on_unknown in [OnUnknown::Extend, OnUnknown::Back] {
        let mut cloud = Cloud::new();
        let mut plan = plan("canary:10%/1m", &cloud);
        plan.watch.on_unknown = on_unknown;
        let mut operator = Operator::new(plan.clone());
        operator.poll(&mut cloud, &Verdict::Sound);
        let course = |known, seconds, verdict: &Verdict| {
            course(&plan, &cloud.alias, known, BEGIN + seconds, verdict)
        };
        let passed = Known { begun: true, passed: Some(1) };
        for seconds in [61, 10_000] {
            assert_eq!(course(passed, seconds, &unread()), Step::Finish);
            assert!(matches!(course(passed, seconds, &breach()), Step::Back(Why::Breach(_))));
        }
        let never = course(operator.known, 10_000, &unread());
        assert!(matches!(never, Step::Back(Why::Unclear(_))), "{never:?}");
    }
}

proptest! {
    /// Two operators at once on whatever they have read a while ago, breaches, kills and touches by others:
    /// the new version never gets more than its step says, no step ends before its time, and all ends at
    /// one version without weights.
    #[test]
    fn whatever_happens(
        strategy in 1..STRATEGIES.len(),
        events in proptest::collection::vec((0..12_u8, any::<bool>(), 0..90_u64), 1..60),
    ) {
        let mut cloud = Cloud::new();
        let first = plan(STRATEGIES[strategy], &cloud);
        let steps = first.strategy.clone();
        let mut operators = [Operator::new(first.clone()), Operator::new(first)];
        let mut stale = [cloud.alias.clone(), cloud.alias.clone()];
        for (event, who, seconds) in events {
            let who = usize::from(who);
            let before = under_way(&cloud.alias).map(|(_, shift)| shift);
            let share = cloud.share();
            match event {
                // Read now, decide later.
                0..=3 => stale[who] = cloud.alias.clone(),
                4..=7 => {
                    let seen = stale[who].clone();
                    operators[who].poll_on(&seen, &mut cloud, &Verdict::Sound);
                }
                8 => operators[who].poll(&mut cloud, &breach()),
                // Killed, and begun again by what the alias says.
                9 => if let Some(plan) = resumed(&cloud) { operators[who] = Operator::new(plan) },
                10 => cloud.touch(),
                _ => cloud.now += seconds,
            }
            let now = cloud.share();
            let allowed = under_way(&cloud.alias).and_then(|(_, shift)| {
                steps.stage(shift.step).map(|stage| stage.percent.weight())
            });
            if let Some(allowed) = allowed {
                prop_assert!((now - allowed).abs() < 1e-9);
            } else {
                prop_assert!(cloud.is_settled_at("12") || cloud.is_settled_at("13"));
            }
            let rises = now > share;
            if let Some(before) = before.filter(|_| rises) {
                let stage = steps.stage(before.step).unwrap();
                prop_assert!(cloud.now >= before.at + stage.hold);
                let next = steps.stage(before.step + 1).map_or(1.0, |it| it.percent.weight());
                prop_assert!((now - next).abs() < 1e-9);
            } else if rises {
                prop_assert!((now - steps.stage(1).unwrap().percent.weight()).abs() < 1e-9);
            }
        }
        if let Some(plan) = resumed(&cloud) {
            Operator::new(plan).run(&mut cloud, |_| Verdict::Sound);
        }
        prop_assert!(cloud.is_settled_at("12") || cloud.is_settled_at("13"));
    }
}
