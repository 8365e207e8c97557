//! Random configurations on random states: a deploy ends, changes nothing a second time, ends in the
//! same state from every point where it was cut, touches nothing that nobody named, and keeps the
//! order of phases.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::release::check::{Check, Event};
use crate::release::layers::Layer;

fn memory() -> impl Strategy<Value = Value> {
    prop_oneof![Just(json!(128)), Just(json!(256)), Just(json!(512))]
}

fn configuration() -> impl Strategy<Value = BTreeMap<&'static str, Value>> {
    let text = || prop_oneof![Just(json!("")), Just(json!("one")), Just(json!("two"))];
    // Two versions of one layer are refused.
    let layers = proptest::sample::subsequence(vec!["a:1", "b:2", "c:3"], 0..3).prop_shuffle();
    let vpc = prop_oneof![
        Just(json!({ "SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"] })),
        Just(json!({ "SubnetIds": ["subnet-2", "subnet-1"], "SecurityGroupIds": ["sg-1"] })),
        Just(json!({ "SubnetIds": [], "SecurityGroupIds": [] })),
        Just(json!({ "Ipv6AllowedForDualStack": true })),
    ];
    let logging = prop_oneof![
        Just(json!({ "LogFormat": "JSON" })),
        Just(json!({ "LogFormat": "Text" })),
        Just(json!({ "LogFormat": "JSON", "ApplicationLogLevel": "DEBUG" })),
        Just(json!({ "LogGroup": "/own" })),
    ];
    (
        option::of(memory()),
        option::of(text()),
        option::of(layers),
        option::of(vpc),
        option::of(logging),
        option::of(Just(json!({ "Mode": "Active" }))),
        option::of(prop_oneof![
            Just(json!({ "TargetArn": "q" })),
            Just(json!({ "TargetArn": "" }))
        ]),
    )
        .prop_map(|(memory, description, layers, vpc, logging, tracing, dead_letter)| {
            let mut all = BTreeMap::new();
            let mut set = |member, value: Option<Value>| {
                if let Some(value) = value {
                    all.insert(member, value);
                }
            };
            set("Role", Some(json!("arn:aws:iam::123456789012:role/r")));
            set("MemorySize", memory);
            set("Description", description);
            set("Layers", layers.map(|layers| json!(layers)));
            set("VpcConfig", vpc);
            set("LoggingConfig", logging);
            set("TracingConfig", tracing);
            set("DeadLetterConfig", dead_letter);
            all
        })
}

fn environment() -> impl Strategy<Value = Environment> {
    let name = || prop_oneof![Just("A".to_owned()), Just("B".to_owned()), Just("C".to_owned())];
    (btree_map(name(), "[xy]", 0..3), proptest::collection::btree_set(name(), 0..2), any::<bool>())
        .prop_map(|(set, unset, replace)| Environment { set, unset, replace })
}

/// A destination, or none any more.
fn destination() -> impl Strategy<Value = Value> {
    prop_oneof![Just(json!({ "Destination": "arn:aws:sqs:r:1:lost" })), Just(json!({}))]
}

fn members(all: Vec<(&'static str, Option<Value>)>) -> Value {
    all.into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect::<Object>()
        .into()
}

fn cors() -> impl Strategy<Value = Value> {
    let origins = prop_oneof![Just(json!(["https://b", "https://a"])), Just(json!([]))];
    (option::of(origins), option::of(prop_oneof![Just(0), Just(5)]), option::of(any::<bool>()))
        .prop_map(|(origins, age, credentials)| {
            members(vec![
                ("AllowOrigins", origins),
                ("MaxAge", age.map(Value::from)),
                ("AllowCredentials", credentials.map(Value::from)),
            ])
        })
}

fn url() -> impl Strategy<Value = Value> {
    let auth = prop_oneof![Just("NONE"), Just("AWS_IAM")];
    let mode = prop_oneof![Just("BUFFERED"), Just("RESPONSE_STREAM")];
    (auth, option::of(mode), option::of(cors())).prop_map(|(auth, mode, cors)| {
        members(vec![
            ("AuthType", Some(auth.into())),
            ("InvokeMode", mode.map(Value::from)),
            ("Cors", cors.filter(|cors| *cors != json!({}))),
        ])
    })
}

fn event_invoke() -> impl Strategy<Value = Value> {
    let to = (option::of(destination()), option::of(destination()));
    (option::of(0..3_i32), to).prop_map(|(retries, (failure, success))| {
        let to = members(vec![("OnFailure", failure), ("OnSuccess", success)]);
        members(vec![
            ("MaximumRetryAttempts", retries.map(Value::from)),
            ("DestinationConfig", Some(to).filter(|to| *to != json!({}))),
        ])
    })
}

fn trigger() -> impl Strategy<Value = Value> {
    let queue = |size: i32, enabled: bool, window: i32| {
        json!({ "EventSourceArn": "arn:aws:sqs:r:1:q", "BatchSize": size, "Enabled": enabled,
            "MaximumBatchingWindowInSeconds": window, "ScalingConfig": {} })
    };
    let stream = (option::of(-1..2_i32), destination()).prop_map(|(retries, failure)| {
        members(vec![
            ("EventSourceArn", Some("arn:aws:kinesis:r:1:s".into())),
            ("StartingPosition", Some("LATEST".into())),
            ("MaximumRetryAttempts", retries.map(Value::from)),
            ("DestinationConfig", Some(json!({ "OnFailure": failure }))),
        ])
    });
    prop_oneof![Just(queue(5, true, 0)), Just(queue(10, false, 3)), stream]
}

fn attachments() -> impl Strategy<Value = Attachments> {
    let permission = prop_oneof![
        Just(json!({ "StatementId": "lambda-pack-1", "Action": "lambda:InvokeFunction",
            "Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::b" })),
        Just(json!({ "StatementId": "own", "Action": "lambda:InvokeFunction",
            "Principal": "123456789012" })),
    ];
    (
        option::of(option::of(url())),
        option::of(vec(permission, 0..2)),
        option::of(option::of(event_invoke())),
        option::of(option::of(1..4_u32)),
        option::of(trigger()),
    )
        .prop_map(|(url, permissions, event_invoke, provisioned, trigger)| Attachments {
            url: url.map(|url| url.map(object)),
            permissions: permissions.map(|all| {
                let by_id: BTreeMap<_, _> =
                    all.into_iter().map(|one| (one["StatementId"].to_string(), one)).collect();
                by_id.into_values().map(object).collect()
            }),
            event_invoke: event_invoke.map(|one| one.map(object)),
            provisioned,
            triggers: trigger.map(|one| vec![object(one)]),
        })
}

fn tags() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map("[ab]", "[xy]", 0..3)
}

/// Layers of ours, each of which holds one of two things.
fn own_layers() -> impl Strategy<Value = Vec<Layer>> {
    let names = proptest::sample::subsequence(vec!["l1", "l2"], 0..=2);
    (names, any::<bool>()).prop_map(|(names, other)| {
        let tree = if other { "2" } else { "1" };
        names.into_iter().map(|name| layers::layer(name, tree)).collect()
    })
}

fn any_desired() -> impl Strategy<Value = Desired> {
    (
        configuration(),
        option::of(environment()),
        (tags(), any::<bool>()),
        option::of(option::of(1..4_u32)),
        option::of(any::<bool>()),
        vec(prop_oneof![Just("live".to_owned()), Just("beta".to_owned())], 0..3),
        attachments(),
        ("[abc]=", prop_oneof![Just("arm64"), Just("x86_64")], option::of(Just(())), "[de]"),
        option::of(own_layers()),
        any::<bool>(),
    )
        .prop_map(
            |(
                configuration,
                environment,
                tags,
                reserved,
                publish,
                mut aliases,
                attachments,
                code,
                layers,
                checks,
            )| {
                aliases.sort();
                aliases.dedup();
                let (sha256, architecture, object, deploy) = code;
                let object = object.map(|()| super::super::desired::Object {
                    bucket: "b".to_owned(),
                    key: sha256.clone(),
                });
                let architecture = architecture.to_owned();
                Desired {
                    name: "orders".to_owned(),
                    code: Code {
                        sha256,
                        size: 1,
                        architecture,
                        source: object.map_or(Source::Call, Source::Bucket),
                    },
                    layers,
                    check: checks
                        .then(|| Check { events: vec![Event::default()], ..Check::default() }),
                    runtime: "provided.al2023".to_owned(),
                    wanted: Wanted {
                        configuration,
                        environment,
                        tags: tags.0,
                        tags_replace: tags.1,
                        reserved,
                        publish,
                        aliases,
                        attachments,
                        ..Wanted::default()
                    },
                    deploy,
                    ..Desired::default()
                }
            },
        )
}

/// States that other deploys have left, whole and cut, some with a failed update.
fn any_observed() -> impl Strategy<Value = Observed> {
    (vec(any_desired(), 0..3), any::<prop::sample::Index>(), 0..8_u8).prop_map(
        |(before, cut, failed)| {
            let mut observed = Observed::default();
            for desired in before {
                let most = cut.index(run(&desired, &mut observed.clone(), 200).len() + 1);
                run(&desired, &mut observed, most);
            }
            observed.acted = false;
            observed.checked.clear();
            observed.object = None;
            if let (0, Some(function)) = (failed, &mut observed.function) {
                function.configuration.insert("LastUpdateStatus".to_owned(), "Failed".into());
            }
            observed
        },
    )
}

/// Gives the new version its number, as AWS does.
pub(super) fn numbered(observed: &mut Observed) {
    if let Some(version) = observed.versions.remove("new") {
        let last = observed.versions.keys().filter_map(|number| number.parse::<u64>().ok()).max();
        observed.versions.insert((last.unwrap_or_default() + 1).to_string(), version);
    }
}

/// Does what `next` says until nothing is left, by AWS's numbers.
fn run(desired: &Desired, observed: &mut Observed, most: usize) -> Vec<Change> {
    let mut done = Vec::new();
    layers::looked(desired, observed);
    while done.len() < most {
        let Next { mut changes, .. } = one(desired, observed);
        assert!(changes.len() <= 1);
        let Some(change) = changes.pop() else { return done };
        apply(&change.action, observed);
        if let Action::PublishLayer(new) = &change.action {
            let arn = layers::arn_of(&new.name, &new.description);
            observed.layers.versions.insert(new.name.clone(), arn);
        }
        numbered(observed);
        done.push(change);
    }
    done
}

/// What AWS would answer: without what is nothing.
fn without_nothing(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), without_nothing(value)))
            .filter(|(_, value)| ![json!(null), json!(false), json!([]), json!({})].contains(value))
            .collect::<Object>()
            .into(),
        other => other.clone(),
    }
}

fn answered(observed: &Observed) -> Observed {
    let mut observed = observed.clone();
    let less =
        |object: &mut Object| *object = super::object(without_nothing(&object.clone().into()));
    let there = &mut observed.attached;
    there.url.iter_mut().for_each(less);
    there.event_invoke.iter_mut().for_each(less);
    there.mappings.iter_mut().for_each(less);
    observed
}

/// Puts members into what is attached that nobody here has named.
fn with_foreign(desired: &Desired, observed: &mut Observed) -> Vec<(&'static str, Value)> {
    let wanted = &desired.wanted.attachments;
    let mut put = Vec::new();
    let theirs = json!({ "Destination": "theirs" });
    if let (Some(Some(wanted)), Some(there)) =
        (&wanted.event_invoke, &mut observed.attached.event_invoke)
        && wanted.get("DestinationConfig").and_then(|to| to.get("OnSuccess")).is_none()
    {
        let to = there.entry("DestinationConfig").or_insert_with(|| json!({}));
        to["OnSuccess"] = theirs.clone();
        put.push(("/event/DestinationConfig/OnSuccess", theirs));
    }
    if let (Some(Some(_)), Some(there)) = (&wanted.url, &mut observed.attached.url) {
        let cors = there.entry("Cors").or_insert_with(|| json!({}));
        cors["AllowHeaders"] = json!(["x-theirs"]);
        put.push(("/url/Cors/AllowHeaders", json!(["x-theirs"])));
    }
    put
}

/// What is left of a state when only what AWS keeps is looked at.
fn kept(observed: &Observed) -> Value {
    let aliases: BTreeMap<_, _> = observed
        .aliases
        .iter()
        .map(|(name, alias)| {
            let version = &observed.versions[super::super::observed::points_at(alias)];
            (name.clone(), version["CodeSha256"].clone())
        })
        .collect();
    let function = observed.function.as_ref();
    let statements: Vec<_> = observed.attached.statements.keys().collect();
    let normal = |configuration: &Object| -> BTreeMap<String, Value> {
        let names = configuration.keys().chain(configuration.keys());
        let volatile = ["State", "LastUpdateStatus"];
        names
            .filter(|name| !volatile.contains(&name.as_str()))
            .map(|name| (name.clone(), content::current(configuration, name)))
            .collect()
    };
    json!({
        "configuration": function.map(|function| normal(&function.configuration)),
        "tags": function.map(|function| function.tags.clone()),
        "reserved": function.map(|function| function.reserved),
        "aliases": aliases,
        "statements": statements,
        "url": observed.attached.url,
        "event": observed.attached.event_invoke,
        "provisioned": observed.attached.provisioned,
        "mappings": observed.attached.mappings,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_deploy_ends_and_a_second_one_is_empty(desired in any_desired(), observed in any_observed()) {
        let mut state = observed;
        let done = run(&desired, &mut state, 200);
        prop_assert!(done.len() < 64, "{done:#?}");
        prop_assert_eq!(one(&desired, &state), Next::default());
        let phases: Vec<_> = done.iter().map(|change| change.action.phase()).collect();
        prop_assert!(phases.is_sorted(), "{:?}", phases);
        state.acted = false;
        state.object = None;
        prop_assert_eq!(one(&desired, &state), Next::default());
        prop_assert_eq!(one(&desired, &answered(&state)), Next::default());
    }

    #[test]
    fn what_others_put_inside_stays(desired in any_desired(), observed in any_observed()) {
        let mut state = observed;
        let put = with_foreign(&desired, &mut state);
        run(&desired, &mut state, 200);
        let kept = kept(&state);
        for (place, value) in put {
            prop_assert_eq!(kept.pointer(place), Some(&value), "{}", place);
        }
    }

    #[test]
    fn from_every_cut_it_ends_in_the_same_state(desired in any_desired(), observed in any_observed()) {
        let mut whole = observed.clone();
        let done = run(&desired, &mut whole, 200);
        for cut in 0..done.len() {
            let mut state = observed.clone();
            run(&desired, &mut state, cut);
            // The next run knows nothing of this one, and sees of versions only what aliases point at.
            state.acted = false;
            state.checked.clear();
            state.object = None;
            let pointed: Vec<_> =
                state.aliases.values().map(|alias| alias["FunctionVersion"].clone()).collect();
            state.versions.retain(|number, _| pointed.iter().any(|one| one == number));
            run(&desired, &mut state, 200);
            prop_assert_eq!(kept(&state), kept(&whole), "cut after {}", cut);
        }
    }

    #[test]
    fn nothing_is_sent_that_nobody_named(desired in any_desired(), observed in any_observed()) {
        let mut state = observed;
        for change in run(&desired, &mut state, 200) {
            match change.action {
                Action::Configure { fields, .. } => for field in fields {
                    prop_assert!(
                        field.member == "Runtime"
                            || desired.wanted.configuration.contains_key(field.member)
                            || (field.member == "Environment" && desired.wanted.environment.is_some())
                            || (field.member == "Layers" && desired.layers.is_some())
                    );
                },
                Action::Tag { .. } => prop_assert!(!desired.wanted.tags.is_empty()),
                Action::Untag { .. } => prop_assert!(desired.wanted.tags_replace),
                Action::Reserve { .. } => prop_assert!(desired.wanted.reserved.is_some()),
                Action::Sign { .. } => prop_assert!(desired.wanted.code_signing.is_some()),
                Action::Publish { .. } => prop_assert!(desired.publishes()),
                _ => {}
            }
        }
    }

    #[test]
    fn the_dry_run_is_the_run(desired in any_desired(), mut observed in any_observed()) {
        layers::looked(&desired, &mut observed);
        let (dry, end) = unfold(&[(desired.clone(), observed.clone())]);
        prop_assert_eq!(end.refused, vec![]);
        let mut state = observed;
        let wet = run(&desired, &mut state, 200);
        let operations = |changes: &[Change]| -> Vec<_> {
            changes.iter().map(|change| change.action.operation()).collect()
        };
        prop_assert_eq!(operations(&dry), operations(&wet));
    }
}
