use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::account::{Object, model};
use crate::function::FunctionName;
use crate::release::check::Wish;
use crate::release::shift::watch::Watch;
use crate::release::wanted::{Environment, Wanted};

fn setup(lines: &str) -> Setup {
    Setup { api: format!("[package.metadata.lambda-pack]\n{lines}\n"), ..Setup::default() }
}

fn of(setup: &Setup) -> Result<Wanted, Vec<String>> {
    let shown =
        |mistakes: Vec<Mistake>| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>();
    let config = setup.config().map_err(shown)?;
    let name = FunctionName::new("fn").unwrap();
    wanted(&config.of_handler("api", "api"), &name).map_err(shown)
}

/// All that is wanted, as one JSON value; what is left alone is not in it.
fn shown(lines: &str) -> Value {
    let wanted = of(&setup(lines)).unwrap_or_else(|why| panic!("{lines}: {why:?}"));
    let mut all = json!(wanted.configuration);
    let members = all.as_object_mut().unwrap();
    let mut set = |name: &str, value: Option<Value>| {
        members.extend(value.map(|value| (name.to_owned(), value)));
    };
    let Environment { set: variables, unset, replace } =
        wanted.environment.clone().unwrap_or_default();
    set("environment", wanted.environment.map(|_| json!([variables, unset, replace])));
    let tags = wanted.tags_replace || !wanted.tags.is_empty();
    set("tags", tags.then(|| json!([wanted.tags, wanted.tags_replace])));
    set("reserved", wanted.reserved.map(|it| json!(it)));
    set("code-signing", wanted.code_signing.map(|it| json!(it)));
    set("source-kms-key", wanted.source_kms_key.map(|it| json!(it)));
    set("publish", wanted.publish.map(|it| json!(it)));
    set("aliases", (!wanted.aliases.is_empty()).then(|| json!(wanted.aliases)));
    set(
        "check",
        wanted.check.map(|Wish { events, rules }| {
            let events: Vec<_> = events.into_iter().map(|rule| rule.from).collect();
            let ms = |time: Option<Duration>| time.map(|time| time.as_millis());
            let (init, duration) = (ms(rules.max_init), ms(rules.max_duration));
            json!([events, rules.status, rules.json, init, duration, rules.warm_up])
        }),
    );
    set("shift", wanted.shift.map(|it| json!(it.to_string())));
    let watch = watched(&wanted.watch);
    set("watch", (watch != json!({})).then_some(watch));
    let attached = wanted.attachments;
    set("url", attached.url.map(|it| json!(it)));
    set("permissions", attached.permissions.map(|it| json!(it)));
    set("event-invoke", attached.event_invoke.map(|it| json!(it)));
    set("provisioned", attached.provisioned.map(|it| json!(it)));
    set("triggers", attached.triggers.as_ref().map(|all| json!(all)));
    set("repository", wanted.repository.map(|it| json!(it)));
    set("s3-bucket", wanted.s3_bucket.map(|it| json!(it)));
    set("s3-prefix", wanted.s3_prefix.map(|it| json!(it)));
    set("account", wanted.account.map(|it| json!(it)));
    set("region", wanted.region.map(|it| json!(it)));
    all
}

/// What is not as it is where nothing is said.
fn watched(watch: &Watch) -> Value {
    let of = |watch: &Watch| {
        json!({
            "alarms": watch.alarms, "errors": watch.error_rate, "throttles": watch.throttle_rate,
            "ms": watch.duration.map(|it| it.as_millis()), "statistic": watch.statistic,
            "least": watch.min_invocations, "unknown": format!("{:?}", watch.on_unknown),
            "probe": watch.probe.as_ref().map(|it| &it.file), "poll": watch.poll.as_millis(),
        })
    };
    let (mut all, default) = (of(watch), of(&Watch::default()));
    all.as_object_mut().unwrap().retain(|name, value| default[name.as_str()] != *value);
    all
}

const ARN: &str = "arn:aws:sqs:eu-west-1:123456789012:q";

/// The lines of a file of `settings => expected`; `;` ends a line of settings.
fn rows(text: &str) -> impl Iterator<Item = (String, &str)> {
    text.lines()
        .map(|line| line.split_once(" => ").unwrap())
        .map(|(lines, expected)| (lines.replace("; ", "\n"), expected))
}

/// What gives which member, and what clears it.
#[test]
fn keys_become_members_and_what_clears_them_too() {
    let mut seen = BTreeSet::new();
    for (lines, expected) in rows(include_str!("members.txt")) {
        let expected: Value = serde_json::from_str(expected).unwrap();
        assert_eq!(shown(&lines), expected, "{lines}");
        let key = lines.split(' ').next().unwrap().to_owned();
        // A whole table may stand there.
        let table = format!("{key}.");
        let keys = KEYS.iter().map(|key| key.name);
        seen.extend(keys.filter(|name| *name == key || name.starts_with(&table)));
    }
    // Of building and packaging, and what `environment` takes up.
    let others: Vec<_> = KEYS.iter().map(|key| key.name).filter(|it| !seen.contains(it)).collect();
    let build = "arch assets cargo.all-features cargo.features cargo.no-default-features cargo.profile compression dlopen env-file extension extensions forget format handler image.base \
                 image.certificates image.media-types image.name include libc library-paths linker name optimize routes runtime sysroot target-cpu trust-system";
    assert_eq!(others.join(" "), build);
    assert_eq!(shown(""), json!({}), "what is not said is left alone");
}

/// The embedded Lambda's model of the API knows every member, and takes every value.
#[test]
fn members_are_those_of_the_model() {
    let triggers = format!("{TRIGGERS}\n{CLEARED_TRIGGERS}");
    let members = rows(include_str!("members.txt")).map(|(lines, _)| lines);
    for lines in members.chain(triggers.lines().map(str::to_owned)) {
        let wanted = of(&setup(&lines)).unwrap();
        let configuration: Object = wanted
            .configuration
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        fits("UpdateFunctionConfiguration", configuration);
        let attached = wanted.attachments;
        let mut requests: Vec<(&str, Object)> = Vec::new();
        requests.extend(attached.url.flatten().map(|url| ("CreateFunctionUrlConfig", url)));
        let settings = attached.event_invoke.flatten();
        requests.extend(settings.map(|it| ("PutFunctionEventInvokeConfig", it)));
        let statements = attached.permissions.into_iter().flatten();
        requests.extend(statements.map(|statement| ("AddPermission", statement)));
        let triggers = attached.triggers.into_iter();
        requests.extend(triggers.flatten().map(|trigger| ("CreateEventSourceMapping", trigger)));
        for (operation, members) in requests {
            fits(operation, members);
        }
    }
}

fn fits(operation: &str, mut members: Object) {
    let function = ("FunctionName".to_owned(), "fn".to_owned());
    members.insert(function.0.clone(), function.1.clone().into());
    let body = Value::Object(members.clone());
    let read = model::operation(operation).unwrap();
    let taken = model::input(read, &[function], &[], &|_| None, Some(body))
        .unwrap_or_else(|why| panic!("{operation} refuses {members:?}: {}", why.message));
    assert_eq!(json!(taken.members()), json!(members), "{operation}");
}

#[test]
fn a_lower_table_says_nothing_of_a_vpc_that_is_left() {
    let setup = Setup {
        workspace: "[workspace.metadata.lambda-pack]\n\
                    vpc = { subnets = ['subnet-1'], security-groups = ['sg-1'], dual-stack = true }\n"
            .to_owned(),
        ..setup("vpc.subnets = []")
    };
    let vpc = &of(&setup).unwrap().configuration["VpcConfig"];
    assert_eq!(*vpc, json!({ "SubnetIds": [], "SecurityGroupIds": [] }));
}

/// A variable that a script has not set would check nothing; who writes it down means it.
#[test]
fn events_that_a_variable_takes_away_are_missed() {
    let file =
        "alias = ['live']; check.events = 'a.json'; check.max-init = '1s'".replace("; ", "\n");
    let by = |name, value| Setup { variables: vec![(name, value)], ..setup(&file) };
    let mistakes = of(&by("LAMBDA_PACK_CHECK_EVENTS", "")).unwrap_err();
    let said: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    let what = "LAMBDA_PACK_CHECK_EVENTS: `check.events` is empty, so that `check.max-init` would check nothing; \
                `--skip-checks` leaves checks out";
    assert_eq!(said, [what]);
    assert!(of(&by("LAMBDA_PACK_CHECK_EVENTS", "b.json")).unwrap().check.is_some());
    let written = setup(&file.replace("'a.json'", "[]"));
    assert_eq!(of(&written).unwrap().check, None);
}

#[test]
fn statements_have_ids_that_are_made_of_what_they_say() {
    let one = shown(
        "permissions = [{ principal = 's3.amazonaws.com', source-arn = 'arn:aws:s3:::b', source-account = '123456789012' }]",
    );
    let statement = &one["permissions"][0];
    assert_eq!(
        *statement,
        json!({
            "Action": "lambda:InvokeFunction",
            "Principal": "s3.amazonaws.com",
            "SourceAccount": "123456789012",
            "SourceArn": "arn:aws:s3:::b",
            "StatementId": statement["StatementId"],
        })
    );
    let text = r#"{"Action":"lambda:InvokeFunction","Principal":"s3.amazonaws.com","SourceAccount":"123456789012","SourceArn":"arn:aws:s3:::b"}"#;
    let digest = crate::digest::Sha256::of(text.as_bytes()).hex();
    assert_eq!(statement["StatementId"], format!("lambda-pack-{}", &digest[..12]));
    // The same in another order, with what is the default, and twice.
    let same = shown(
        "permissions = [{ source-account = '123456789012', action = 'lambda:InvokeFunction', \
         source-arn = 'arn:aws:s3:::b', principal-org-id = '', principal = 's3.amazonaws.com' }, \
         { principal = 's3.amazonaws.com', source-arn = 'arn:aws:s3:::b', source-account = '123456789012' }]",
    );
    assert_eq!(same, one);
    let named = shown(
        "permissions = [{ id = 'mine', principal = '123456789012', principal-org-id = 'o-a1b2c3d4e5' }]",
    );
    assert_eq!(
        named["permissions"][0],
        json!({ "Action": "lambda:InvokeFunction", "Principal": "123456789012",
                "PrincipalOrgID": "o-a1b2c3d4e5", "StatementId": "mine" })
    );
    let extended = Setup {
        workspace:
            "[workspace.metadata.lambda-pack]\npermissions = [{ principal = '*', id = 'a' }]\n"
                .to_owned(),
        ..setup("permissions = { extend = true, items = [{ principal = '*', id = 'b' }] }")
    };
    assert_eq!(of(&extended).unwrap().attachments.permissions.unwrap().len(), 2);
    let by_variable = Setup {
        variables: vec![("LAMBDA_PACK_PERMISSIONS", "[{ principal = '*', id = 'v' }]")],
        ..Setup::default()
    };
    let statements = of(&by_variable).unwrap().attachments.permissions.unwrap();
    assert_eq!(statements[0]["StatementId"], "v");
}

const TRIGGERS: &str = "triggers = [\
    { source = 'arn:aws:sqs:eu-west-1:123456789012:q', batch-size = 50, window = 5, \
      filters = ['{\"body\":{\"k\":[1]}}'], report-item-failures = true, max-concurrency = 7, \
      enabled = false }, \
    { source = 'arn:aws:kinesis:eu-west-1:123456789012:stream/s', \
      starting-position = 'trim-horizon', retries = 3, max-age = 60, bisect = true, \
      parallelization = 2, on-failure = 'arn:aws:s3:::failed', tumbling-window = 30 }]";

const CLEARED_TRIGGERS: &str = "triggers = [\
    { source = 'arn:aws:sqs:eu-west-1:123456789012:q', batch-size = 'none', window = 'none', \
      filters = [], report-item-failures = 'none', max-concurrency = 'none', enabled = 'none' }, \
    { source = 'arn:aws:kinesis:eu-west-1:123456789012:stream/s', \
      starting-position = 'at-timestamp', timestamp = 1700000000, batch-size = 'none', \
      retries = 'none', max-age = 'none', bisect = 'none', parallelization = 'none', \
      on-failure = '', tumbling-window = 'none' }]";

#[test]
fn triggers_become_mappings() {
    let stream = "arn:aws:kinesis:eu-west-1:123456789012:stream/s";
    assert_eq!(
        shown(TRIGGERS)["triggers"],
        json!([
            { "BatchSize": 50, "Enabled": false, "EventSourceArn": ARN,
              "FilterCriteria": { "Filters": [{ "Pattern": "{\"body\":{\"k\":[1]}}" }] },
              "FunctionResponseTypes": ["ReportBatchItemFailures"],
              "MaximumBatchingWindowInSeconds": 5, "ScalingConfig": { "MaximumConcurrency": 7 } },
            { "BisectBatchOnFunctionError": true,
              "DestinationConfig": { "OnFailure": { "Destination": "arn:aws:s3:::failed" } },
              "EventSourceArn": stream, "MaximumRecordAgeInSeconds": 60, "MaximumRetryAttempts": 3,
              "ParallelizationFactor": 2, "StartingPosition": "TRIM_HORIZON",
              "TumblingWindowInSeconds": 30 },
        ])
    );
    assert_eq!(
        shown(CLEARED_TRIGGERS)["triggers"],
        json!([
            { "BatchSize": 10, "Enabled": true, "EventSourceArn": ARN,
              "FilterCriteria": { "Filters": [] }, "FunctionResponseTypes": [],
              "MaximumBatchingWindowInSeconds": 0, "ScalingConfig": {} },
            { "BatchSize": 100, "BisectBatchOnFunctionError": false,
              "DestinationConfig": { "OnFailure": {} },
              "EventSourceArn": stream, "MaximumRecordAgeInSeconds": -1, "MaximumRetryAttempts": -1,
              "ParallelizationFactor": 1, "StartingPosition": "AT_TIMESTAMP",
              "StartingPositionTimestamp": 1_700_000_000, "TumblingWindowInSeconds": 0 },
        ])
    );
}

#[test]
fn what_aws_takes_only_together_is_said_with_its_line() {
    for (lines, expected) in rows(include_str!("together.txt")) {
        assert_eq!(of(&setup(&lines)).unwrap_err(), [expected], "{lines}");
    }
    let long = of(&setup(&format!("alias = ['{}']", "a".repeat(129)))).unwrap_err();
    assert!(long[0].contains("up to 128 letters"), "{long:?}");
    let broken = Setup { variables: vec![("LAMBDA_PACK_TRIGGERS", "x = 1")], ..Setup::default() };
    assert_eq!(
        of(&broken).unwrap_err(),
        ["LAMBDA_PACK_TRIGGERS: `triggers` must be a list of tables, as TOML has it: `[{ … }]`"]
    );
    // Only deploying needs the other half, or an alias.
    assert!(setup("vpc.subnets = ['subnet-1']\nprovisioned-concurrency = 5").load().is_ok());
}

#[test]
fn variables_stand_in_tables_too() {
    let mut setup = Setup {
        variables: vec![("ACCOUNT", "123456789012"), ("SIZE", "5")],
        ..setup(
            "triggers = [{ source = 'arn:aws:sqs:eu-west-1:${ACCOUNT}:q', batch-size = '${SIZE}' }]",
        )
    };
    assert_eq!(of(&setup).unwrap().attachments.triggers.unwrap()[0]["BatchSize"], 5);
    setup.variables.pop();
    assert_eq!(
        of(&setup).unwrap_err(),
        [
            "api/Cargo.toml:2: `triggers.batch-size`: the environment variable `SIZE` is not set; set it, or \
             write `${SIZE:-default}`"
        ]
    );
}

/// What cargo-lambda's keys of deploying say.
#[test]
fn what_cargo_lambda_deploys_with_is_taken() {
    let mut setup = Setup {
        cargo_lambda: "[deploy]\nalias = 'live'\nmerge_env = true\nregion = 'eu-west-3'\ns3_bucket = 'bucket'\n\
                       s3_key = 'x.zip'\nenable_function_url = true\nenv = { AA = '1' }\n"
            .to_owned(),
        ..Setup::default()
    };
    let wanted = of(&setup).unwrap();
    assert_eq!(wanted.aliases, ["live"]);
    assert_eq!(wanted.region.as_deref(), Some("eu-west-3"));
    assert_eq!(wanted.s3_bucket.as_deref(), Some("bucket"));
    assert!(!wanted.environment.unwrap().replace);
    assert_eq!(json!(wanted.attachments.url), json!({ "AuthType": "NONE" }));
    let warnings = setup.load().unwrap().warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].what.contains("`deploy.s3_key` is not taken; keys are made"),
        "{warnings:?}"
    );
    setup.cargo_lambda =
        "[deploy]\nenable_function_url = true\ndisable_function_url = true\nmerge_env = false\n"
            .to_owned();
    let wanted = of(&setup).unwrap();
    assert_eq!((wanted.attachments.url, wanted.environment), (Some(None), None));
}
