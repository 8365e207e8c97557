//! Random configurations on random states: a deploy ends, changes nothing a second time, ends in the
//! same state from every point where it was cut, touches nothing that nobody named, and keeps the
//! order of phases.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;

fn memory() -> impl Strategy<Value = Value> {
    prop_oneof![Just(json!(128)), Just(json!(256)), Just(json!(512))]
}

fn configuration() -> impl Strategy<Value = BTreeMap<&'static str, Value>> {
    let text = || prop_oneof![Just(json!("")), Just(json!("one")), Just(json!("two"))];
    let layers = vec(prop_oneof![Just("a:1"), Just("b:2"), Just("c:3")], 0..3);
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

fn attachments() -> impl Strategy<Value = Attachments> {
    let url = prop_oneof![
        Just(json!({ "AuthType": "NONE" })),
        Just(json!({ "AuthType": "AWS_IAM", "InvokeMode": "RESPONSE_STREAM" })),
    ];
    let permission = prop_oneof![
        Just(json!({ "StatementId": "lambda-pack-1", "Action": "lambda:InvokeFunction",
            "Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::b" })),
        Just(json!({ "StatementId": "own", "Action": "lambda:InvokeFunction",
            "Principal": "123456789012" })),
    ];
    let trigger = prop_oneof![
        Just(json!({ "EventSourceArn": "arn:aws:sqs:r:1:q", "BatchSize": 5, "Enabled": true })),
        Just(json!({ "EventSourceArn": "arn:aws:sqs:r:1:q", "BatchSize": 10, "Enabled": false })),
        Just(json!({ "EventSourceArn": "arn:aws:kinesis:r:1:s", "StartingPosition": "LATEST" })),
    ];
    (
        option::of(option::of(url)),
        option::of(vec(permission, 0..2)),
        option::of(option::of(Just(json!({ "MaximumRetryAttempts": 1 })))),
        option::of(option::of(1..4_u32)),
        option::of(trigger),
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
            triggers: trigger.into_iter().map(object).collect(),
        })
}

fn tags() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map("[ab]", "[xy]", 0..3)
}

fn any_desired() -> impl Strategy<Value = Desired> {
    (
        configuration(),
        option::of(environment()),
        (tags(), any::<bool>()),
        option::of(option::of(0..3_u32)),
        option::of(any::<bool>()),
        vec(prop_oneof![Just("live".to_owned()), Just("beta".to_owned())], 0..3),
        attachments(),
        ("[abc]=", prop_oneof![Just("arm64"), Just("x86_64")], option::of(Just(())), "[de]"),
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
                    code: Code { sha256, size: 1, architecture, object },
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
            observed.object = None;
            if let (0, Some(function)) = (failed, &mut observed.function) {
                function.configuration.insert("LastUpdateStatus".to_owned(), "Failed".into());
            }
            observed
        },
    )
}

/// Gives the new version its number, as AWS does.
fn numbered(observed: &mut Observed) {
    if let Some(version) = observed.versions.remove("new") {
        let last = observed.versions.keys().filter_map(|number| number.parse::<u64>().ok()).max();
        observed.versions.insert((last.unwrap_or_default() + 1).to_string(), version);
    }
}

/// Does what `next` says until nothing is left, by AWS's numbers.
fn run(desired: &Desired, observed: &mut Observed, most: usize) -> Vec<Change> {
    let mut done = Vec::new();
    while done.len() < most {
        let Next { mut changes, .. } = one(desired, observed);
        assert!(changes.len() <= 1);
        let Some(change) = changes.pop() else { return done };
        apply(&change.action, observed);
        numbered(observed);
        done.push(change);
    }
    done
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
    fn the_dry_run_is_the_run(desired in any_desired(), observed in any_observed()) {
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
