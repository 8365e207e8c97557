//! What holds for an account whatever is called in whatever order.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::testing::*;
use super::*;

/// One call, or time that passes.
#[derive(Debug, Clone)]
enum Step {
    Call(&'static str, Value),
    Publish,
    Code(u8),
    Wait(i64),
    Fail(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let update = (0_u64..3).prop_map(|timeout| {
        let update = json!({ "FunctionName": "fn", "Timeout": timeout + 1 });
        Step::Call("UpdateFunctionConfiguration", update)
    });
    let alias = (0_u64..4, proptest::option::of(1_u64..4)).prop_map(|(version, second)| {
        let weights = second.map_or(json!({}), |second| json!({ second.to_string(): 0.5 }));
        let version = if version == 0 { "$LATEST".to_owned() } else { version.to_string() };
        let alias = json!({
            "FunctionName": "fn",
            "Name": "live",
            "FunctionVersion": version,
            "RoutingConfig": { "AdditionalVersionWeights": weights },
        });
        Step::Call("UpdateAlias", alias)
    });
    let delete = (1_u64..5).prop_map(|version| {
        let named = json!({ "FunctionName": "fn", "Qualifier": version.to_string() });
        Step::Call("DeleteFunction", named)
    });
    prop_oneof![
        4 => update,
        2 => alias,
        2 => delete,
        3 => Just(Step::Publish),
        3 => (0_u8..3).prop_map(Step::Code),
        4 => (0_i64..1500).prop_map(Step::Wait),
        1 => any::<bool>().prop_map(Step::Fail),
    ]
}

/// What is shown of every version, by its name, without its revision; and the revision.
fn shown(bench: &Bench) -> Vec<(String, Value, String)> {
    let function = bench.account.function("fn").unwrap();
    let all = std::iter::once(&function.latest).chain(function.versions.values());
    all.map(|it| {
        let states = json!([it.state, it.update, it.settings, it.code]);
        (it.version_text(), states, it.revision.clone())
    })
    .collect()
}

fn take(bench: &mut Bench, step: &Step) {
    match step {
        Step::Call(operation, input) => drop(bench.try_call(operation, input.clone())),
        Step::Publish => drop(bench.try_call("PublishVersion", json!({ "FunctionName": "fn" }))),
        Step::Code(digest) => {
            let sha256 = digest.to_string();
            bench.code = Some(Code::Zip { sha256, size: 1, unzipped: 1 });
            let update = json!({ "FunctionName": "fn", "Publish": digest % 2 == 0 });
            let _ = bench.try_call("UpdateFunctionCode", update);
        }
        Step::Wait(ms) => bench.now += ms,
        Step::Fail(fails) => bench.fails_with = fails.then(|| "InternalError".to_owned()),
    }
}

proptest! {
    // Each case is up to 40 calls, each held against the model.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_revision_changes_whenever_what_is_shown_does(
        steps in proptest::collection::vec(step(), 1..40),
        delay in prop_oneof![Just(0_i64), Just(1000)],
    ) {
        let mut bench = Bench::with_function();
        bench.delay = delay;
        let mut before = shown(&bench);
        for step in steps {
            take(&mut bench, &step);
            let after = shown(&bench);
            for (version, state, revision) in &after {
                let Some((_, was, old)) = before.iter().find(|(name, ..)| name == version) else {
                    continue;
                };
                prop_assert!(was == state || old != revision, "{:?}: {}", step, version);
            }
            before = after;
        }
    }

    #[test]
    fn settling_twice_is_settling_once(
        steps in proptest::collection::vec(step(), 1..40),
        later in 0_i64..3000,
    ) {
        let mut bench = Bench::with_function();
        bench.delay = 1000;
        for step in steps {
            take(&mut bench, &step);
        }
        let now = bench.now + later;
        let mut once = bench.account.clone();
        once.settle(now);
        let mut twice = once.clone();
        twice.take_changes();
        twice.settle(now);
        prop_assert_eq!(&twice.functions, &once.functions);
        prop_assert!(twice.take_changes().is_empty());
        // And in many steps as in one.
        let mut slowly = bench.account.clone();
        for at in (bench.now..=now).step_by(97) {
            slowly.settle(at);
        }
        slowly.settle(now);
        prop_assert_eq!(&slowly.functions, &once.functions);
    }

    #[test]
    fn restoring_every_record_gives_the_same_account(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut bench = Bench::with_function();
        bench.delay = 1000;
        for step in steps {
            take(&mut bench, &step);
        }
        let mut copy = Account::new("111111111111", "us-east-1");
        for name in bench.account.functions.keys() {
            let key = Key::Function(name.clone());
            let record = bench.account.record(&key).unwrap();
            // As it comes back from the disk.
            let text = serde_json::to_string(&record).unwrap();
            copy.restore(key, serde_json::from_str(&text).unwrap()).unwrap();
        }
        prop_assert_eq!(&copy.functions, &bench.account.functions);
        prop_assert!(copy.take_changes().is_empty());
        // What was pending goes on.
        let later = bench.now + 2000;
        copy.settle(later);
        bench.account.settle(later);
        prop_assert_eq!(&copy.functions, &bench.account.functions);
    }

    #[test]
    fn versions_never_change_but_for_their_state(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut bench = Bench::with_function();
        let first = bench.account.function("fn").unwrap().versions[&1].clone();
        for step in steps {
            take(&mut bench, &step);
            let function = bench.account.function("fn").unwrap();
            if let Some(version) = function.versions.get(&1) {
                prop_assert_eq!(&version.settings, &first.settings);
                prop_assert_eq!(&version.code, &first.code);
            }
            for alias in function.aliases.values() {
                prop_assert!(function.version(&alias.version).is_some());
            }
        }
    }
}

#[test]
fn a_record_that_is_gone_is_none() {
    let mut bench = Bench::with_function();
    bench.ok("DeleteFunction", json!({ "FunctionName": "fn" }));
    assert_eq!(bench.account.record(&Key::Function("fn".to_owned())), None);
}

#[test]
fn a_record_of_another_kind_is_refused_and_changes_nothing() {
    let mut account = Account::new("111111111111", "us-east-1");
    assert!(account.restore(Key::Function("fn".to_owned()), json!({ "name": "fn" })).is_err());
    assert!(account.function("fn").is_none());
}

#[test]
fn an_unknown_operation_is_said_to_be_so() {
    let mut account = Account::new("111111111111", "us-east-1");
    let mut uuid = String::new;
    let mut moment = Moment { now: NOW, uuid: &mut uuid, delay: 0, fails_with: None, code: None };
    let error = account.call("Nothing", &Input::default(), &mut moment).unwrap_err();
    assert_eq!((error.code, error.status), ("UnknownOperationException", 404));
}
