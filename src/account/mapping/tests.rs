use serde_json::{Value, json};

use super::super::testing::*;

const QUEUE: &str = "arn:aws:sqs:us-east-1:111111111111:queue";
const STREAM: &str = "arn:aws:kinesis:us-east-1:111111111111:stream/stream";
const TABLE: &str =
    "arn:aws:dynamodb:us-east-1:111111111111:table/table/stream/2026-11-20T00:00:00.000";

/// A mapping of a source to `fn`, with these members.
fn request(source: &str, members: Value) -> Value {
    with(json!({ "FunctionName": "fn", "EventSourceArn": source }), members)
}

fn from_start(members: Value) -> Value {
    with(request(TABLE, members), json!({ "StartingPosition": "TRIM_HORIZON" }))
}

fn create(bench: &mut Bench, request: Value) -> Value {
    bench.ok("CreateEventSourceMapping", request)
}

fn refused(bench: &mut Bench, request: Value, text: &str) {
    assert_invalid(&bench.refused("CreateEventSourceMapping", request), text);
}

fn by_id(mapping: &Value) -> Value {
    json!({ "UUID": mapping["UUID"] })
}

fn update(bench: &mut Bench, mapping: &Value, members: Value) -> Value {
    bench.ok("UpdateEventSourceMapping", with(by_id(mapping), members))
}

fn state(bench: &mut Bench, mapping: &Value) -> Value {
    bench.ok("GetEventSourceMapping", by_id(mapping))["State"].clone()
}

#[test]
fn a_mapping_of_a_table_from_creating_to_deleting() {
    let mut bench = Bench::with_function();
    bench.delay = 1000;
    let created = create(
        &mut bench,
        from_start(json!({
            "DestinationConfig": { "OnFailure": { "Destination": QUEUE } },
            "BatchSize": 1,
            "MaximumBatchingWindowInSeconds": 1,
            "MaximumRetryAttempts": 1,
        })),
    );
    let id = created["UUID"].as_str().unwrap();
    let mut expected = json!({
        "BatchSize": 1,
        "BisectBatchOnFunctionError": false,
        "DestinationConfig": { "OnFailure": { "Destination": QUEUE } },
        "EventSourceArn": TABLE,
        "EventSourceMappingArn": format!("{ARN}:event-source-mapping:{id}"),
        "FunctionArn": format!("{ARN}:function:fn"),
        "FunctionResponseTypes": [],
        "LastModified": 1_795_196_322.25,
        "LastProcessingResult": "No records processed",
        "MaximumBatchingWindowInSeconds": 1,
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": 1,
        "ParallelizationFactor": 1,
        "StartingPosition": "TRIM_HORIZON",
        "State": "Creating",
        "StateTransitionReason": "User action",
        "TumblingWindowInSeconds": 0,
        "UUID": id,
    });
    assert_eq!(created, expected);
    assert_eq!(bench.ok("GetEventSourceMapping", by_id(&created)), expected);
    bench.now += 1000;
    expected["State"] = "Enabled".into();
    assert_eq!(bench.ok("GetEventSourceMapping", by_id(&created)), expected);

    let deleted = bench.ok("DeleteEventSourceMapping", by_id(&created));
    expected["State"] = "Deleting".into();
    expected["LastModified"] = 1_795_196_323.25.into();
    assert_eq!(deleted, expected);
    assert_eq!(bench.ok("GetEventSourceMapping", by_id(&created)), expected);
    bench.now += 1000;
    let error = bench.refused("GetEventSourceMapping", by_id(&created));
    assert_not_found(&error, "The resource you requested does not exist.");
    let all = bench.ok("ListEventSourceMappings", json!({}));
    assert_eq!(all, json!({ "EventSourceMappings": [] }));
}

#[test]
fn what_a_mapping_of_a_stream_is_when_nothing_is_said() {
    let mut bench = Bench::with_function();
    let empty = json!({ "StartingPosition": "LATEST", "FilterCriteria": { "Filters": [] } });
    for source in [STREAM, TABLE] {
        let created = create(&mut bench, request(source, empty.clone()));
        let expected = json!({
            "BatchSize": 100,
            "BisectBatchOnFunctionError": false,
            "DestinationConfig": { "OnFailure": {} },
            "EventSourceArn": source,
            "EventSourceMappingArn": created["EventSourceMappingArn"],
            "FunctionArn": format!("{ARN}:function:fn"),
            "FunctionResponseTypes": [],
            "LastModified": 1_795_196_322.25,
            "LastProcessingResult": "No records processed",
            "MaximumBatchingWindowInSeconds": 0,
            "MaximumRecordAgeInSeconds": -1,
            "MaximumRetryAttempts": -1,
            "ParallelizationFactor": 1,
            "StartingPosition": "LATEST",
            "State": "Creating",
            "StateTransitionReason": "User action",
            "TumblingWindowInSeconds": 0,
            "UUID": created["UUID"],
        });
        assert_eq!(created, expected);
    }
}

#[test]
fn what_a_mapping_of_a_queue_is_when_nothing_is_said() {
    let mut bench = Bench::with_function();
    let created = create(&mut bench, request(QUEUE, json!({})));
    let expected = json!({
        "BatchSize": 10,
        "EventSourceArn": QUEUE,
        "EventSourceMappingArn": created["EventSourceMappingArn"],
        "FunctionArn": format!("{ARN}:function:fn"),
        "FunctionResponseTypes": [],
        "LastModified": 1_795_196_322.25,
        "MaximumBatchingWindowInSeconds": 0,
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
        "UUID": created["UUID"],
    });
    assert_eq!(created, expected);
    assert_eq!(state(&mut bench, &created), "Enabled");
}

#[test]
fn what_a_mapping_of_kafka_is_when_nothing_is_said() {
    let mut bench = Bench::with_function();
    let source = json!({ "Endpoints": { "KAFKA_BOOTSTRAP_SERVERS": ["kafka:1000"] } });
    let access = json!([{ "Type": "BASIC_AUTH", "URI": "arn:aws:secretsmanager:secret" }]);
    let request = json!({
        "FunctionName": "fn",
        "Topics": ["topic"],
        "SourceAccessConfigurations": access,
        "SelfManagedEventSource": source,
    });
    let mut without = request.clone();
    without.as_object_mut().unwrap().remove("SourceAccessConfigurations");
    let text = "Required 'sourceAccessConfigurations' parameter is missing.";
    refused(&mut bench, without, text);

    let created = create(&mut bench, request.clone());
    let expected = json!({
        "BatchSize": 100,
        "EventSourceMappingArn": created["EventSourceMappingArn"],
        "FunctionArn": format!("{ARN}:function:fn"),
        "LastModified": 1_795_196_322.25,
        "LastProcessingResult": "No records processed",
        "SelfManagedEventSource": source,
        "SelfManagedKafkaEventSourceConfig": { "ConsumerGroupId": created["UUID"] },
        "SourceAccessConfigurations": access,
        "StartingPosition": "TRIM_HORIZON",
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
        "Topics": ["topic"],
        "UUID": created["UUID"],
    });
    assert_eq!(created, expected);

    let mut duplicate = |servers: Value, shown: &str| {
        let mut request = request.clone();
        request["SelfManagedEventSource"]["Endpoints"]["KAFKA_BOOTSTRAP_SERVERS"] = servers;
        assert_conflict(
            &bench.refused("CreateEventSourceMapping", request),
            &format!(
                "An event source mapping with event source (\"{shown}\"), function \
                 (\"{ARN}:function:fn\"), topics (\"topic\") already exists. Please update or delete \
                 the existing mapping with UUID {}",
                created["UUID"].as_str().unwrap()
            ),
        );
    };
    duplicate(json!(["kafka:1000"]), "kafka:1000");
    duplicate(json!(["kafka:1000", "kafka:2000"]), "kafka:1000,kafka:2000");
    let mut other = request;
    other["Topics"] = json!(["topic_2"]);
    other["SelfManagedKafkaEventSourceConfig"] = json!({ "ConsumerGroupId": "random_id" });
    other["StartingPosition"] = "LATEST".into();
    let other = create(&mut bench, other);
    let group = &other["SelfManagedKafkaEventSourceConfig"];
    assert_eq!(*group, json!({ "ConsumerGroupId": "random_id" }));
}

#[test]
fn the_qualifier_of_the_function_stays_as_it_was_given() {
    let mut bench = Bench::with_function();
    for (name, suffix) in [
        ("fn".to_owned(), ""),
        ("fn:$LATEST".to_owned(), ":$LATEST"),
        ("fn:1".to_owned(), ":1"),
        ("fn:live".to_owned(), ":live"),
        (format!("{ARN}:function:fn"), ""),
        (format!("{ARN}:function:fn:1"), ":1"),
        (format!("{ARN}:function:fn:live"), ":live"),
    ] {
        let request = json!({ "FunctionName": name, "EventSourceArn": QUEUE });
        let created = create(&mut bench, request);
        assert_eq!(created["FunctionArn"], format!("{ARN}:function:fn{suffix}"));
        bench.ok("DeleteEventSourceMapping", by_id(&created));
    }
}

#[test]
fn a_mapping_stays_when_its_function_goes() {
    let mut bench = Bench::with_function();
    let created = create(&mut bench, from_start(json!({})));
    bench.ok("DeleteFunction", json!({ "FunctionName": "fn" }));
    assert_eq!(state(&mut bench, &created), "Enabled");
    let deleted = bench.ok("DeleteEventSourceMapping", by_id(&created));
    assert_eq!(deleted["State"], "Deleting");
}

#[test]
fn a_mapping_that_is_created_disabled_and_enabled_later() {
    let mut bench = Bench::with_function();
    let created = create(&mut bench, request(QUEUE, json!({ "Enabled": false, "BatchSize": 1 })));
    assert_eq!(created["State"], "Disabled");
    assert!(created.get("Enabled").is_none());
    assert_eq!(state(&mut bench, &created), "Disabled");
    let updated = update(&mut bench, &created, json!({ "Enabled": true }));
    assert_eq!((&updated["State"], &updated["BatchSize"]), (&json!("Enabling"), &json!(1)));
    assert_eq!(state(&mut bench, &created), "Enabled");
}

#[test]
fn a_mapping_that_is_disabled() {
    let mut bench = Bench::with_function();
    let created = create(&mut bench, from_start(json!({})));
    let updated = update(&mut bench, &created, json!({ "Enabled": false }));
    assert_eq!(updated["State"], "Disabling");
    assert_eq!(updated["StateTransitionReason"], "User action");
    assert_eq!(state(&mut bench, &created), "Disabled");
    let updated = update(&mut bench, &created, json!({ "BatchSize": 5 }));
    assert_eq!(updated["State"], "Updating");
    assert_eq!(state(&mut bench, &created), "Disabled");
}

#[test]
fn a_mapping_gets_another_function() {
    let mut bench = Bench::with_function();
    bench.add_function("other");
    let created = create(&mut bench, request(QUEUE, json!({})));
    let updated = update(&mut bench, &created, json!({ "FunctionName": "other" }));
    assert_eq!(updated["FunctionArn"], format!("{ARN}:function:other"));
    assert_eq!(updated["State"], "Updating");
    assert_eq!(state(&mut bench, &created), "Enabled");
    let mut request = by_id(&created);
    request["FunctionName"] = "nosuch".into();
    let error = bench.refused("UpdateEventSourceMapping", request);
    assert_invalid(&error, "Function does not exist");
}

#[test]
fn what_is_sent_empty_is_cleared() {
    let mut bench = Bench::with_function();
    let filters = json!({ "Filters": [{ "Pattern": "{\"body\":{\"a\":[\"b\"]}}" }] });
    let members = json!({
        "FilterCriteria": filters, "ScalingConfig": { "MaximumConcurrency": 2 },
        "KMSKeyArn": "arn:aws:kms:us-east-1:111111111111:key/key",
    });
    let created = create(&mut bench, request(QUEUE, members));
    assert_eq!(created["FilterCriteria"], filters);
    let updated = update(&mut bench, &created, json!({ "BatchSize": 5 }));
    assert_eq!(updated["FilterCriteria"], filters);
    let cleared = json!({ "FilterCriteria": {}, "ScalingConfig": {}, "KMSKeyArn": "" });
    let updated = update(&mut bench, &created, cleared);
    for member in ["FilterCriteria", "ScalingConfig", "KMSKeyArn"] {
        assert!(updated.get(member).is_none(), "{member}");
    }
    let created = create(&mut bench, from_start(json!({})));
    let destination = json!({ "OnFailure": { "Destination": QUEUE } });
    let updated = update(&mut bench, &created, json!({ "DestinationConfig": destination }));
    assert_eq!(updated["DestinationConfig"], destination);
    let updated = update(&mut bench, &created, json!({ "DestinationConfig": {} }));
    assert_eq!(updated["DestinationConfig"], json!({ "OnFailure": {} }));
}

#[test]
fn a_mapping_between_two_states_is_in_use() {
    let mut bench = Bench::with_function();
    bench.delay = 1000;
    let created = create(&mut bench, request(QUEUE, json!({})));
    for (operation, verb) in
        [("UpdateEventSourceMapping", "update"), ("DeleteEventSourceMapping", "delete")]
    {
        let error = bench.refused(operation, by_id(&created));
        assert_eq!((error.code, error.status), ("ResourceInUseException", 400));
        let text = format!("Cannot {verb} the event source mapping because it is in use.");
        assert_eq!(error.message, text);
    }
}

#[test]
fn a_mapping_that_is_not_there() {
    let mut bench = Bench::new();
    let request = json!({ "UUID": "2b9c2a3e-0000-4000-8000-000000000000", "Enabled": false });
    for verb in ["Get", "Delete", "Update"] {
        let error = bench.refused(&format!("{verb}EventSourceMapping"), request.clone());
        assert_not_found(&error, "The resource you requested does not exist.");
    }
}

#[test]
fn a_mapping_without_a_source() {
    let request = json!({ "FunctionName": "nosuch" });
    refused(&mut Bench::new(), request, "Unrecognized event source.");
}

#[test]
fn a_mapping_to_a_function_that_is_not_there() {
    let mut bench = Bench::with_function();
    for name in ["nosuch", "fn:nosuch", "fn:7"] {
        let request = json!({ "FunctionName": name, "EventSourceArn": QUEUE });
        refused(&mut bench, request, "Function does not exist");
    }
}

#[test]
fn a_queue_has_no_destination() {
    // This comes before the question for the function.
    let mut bench = Bench::new();
    for member in ["OnSuccess", "OnFailure"] {
        let destination = json!({ "DestinationConfig": { member: { "Destination": QUEUE } } });
        refused(
            &mut bench,
            request(QUEUE, destination),
            "Unsupported DestinationConfig parameter for given event source mapping type.",
        );
    }
}

#[test]
fn a_stream_wants_a_starting_position() {
    let mut bench = Bench::with_function();
    for source in [STREAM, TABLE] {
        refused(
            &mut bench,
            request(source, json!({})),
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy \
             constraint: Member must not be null.",
        );
    }
}

#[test]
fn a_queue_has_no_starting_position() {
    let mut bench = Bench::with_function();
    let body = request(QUEUE, json!({ "StartingPosition": "LATEST" }));
    refused(&mut bench, body, "StartingPosition is not valid for SQS event sources.");
}

#[test]
fn a_starting_position_that_does_not_exist() {
    let body = request(STREAM, json!({ "StartingPosition": "invalid" }));
    let text = model_refuses("POST", "/2015-03-31/event-source-mappings", "", body);
    let expected = "1 validation error detected: Value 'invalid' at 'startingPosition' failed to \
                    satisfy constraint: Member must satisfy enum value set: [";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn a_table_does_not_start_at_a_time() {
    let mut bench = Bench::with_function();
    let position = json!({
        "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1_741_010_802,
    });
    let text = format!("Unsupported starting position for arn type: {TABLE}");
    refused(&mut bench, request(TABLE, position.clone()), &text);
    let created = create(&mut bench, request(STREAM, position));
    assert_eq!(created["StartingPositionTimestamp"], 1_741_010_802);
}

#[test]
fn filters_that_are_none() {
    let mut bench = Bench::with_function();
    let criteria =
        |pattern: &str| json!({ "FilterCriteria": { "Filters": [{ "Pattern": pattern }] } });
    for pattern in [
        "null",
        "\"simple string\"",
        "simple string",
        "{\"eventSource\": \"aws:sqs\"}",
        "{\"eventSource\": []}",
        "[{\"eventName\": [\"INSERT\"=123}]",
    ] {
        let request = request(QUEUE, criteria(pattern));
        refused(&mut bench, request, "Invalid filter pattern definition.");
    }
    create(&mut bench, request(QUEUE, criteria("{\"body\":{\"n\":[{\"numeric\":[\">\",100]}]}}")));
}

#[test]
fn a_large_batch_of_a_queue_wants_a_window() {
    let mut bench = Bench::with_function();
    let text = "Maximum batch window in seconds must be greater than 0 if maximum batch size is \
                greater than 10";
    refused(&mut bench, request(QUEUE, json!({ "BatchSize": 11 })), text);
    let created = create(&mut bench, request(QUEUE, json!({})));
    let mut request = by_id(&created);
    request["BatchSize"] = 11.into();
    assert_invalid(&bench.refused("UpdateEventSourceMapping", request), text);
    let both = json!({ "BatchSize": 10_000, "MaximumBatchingWindowInSeconds": 1 });
    assert_eq!(update(&mut bench, &created, both)["BatchSize"], 10_000);
}

#[test]
fn one_mapping_for_a_source_and_a_function() {
    let mut bench = Bench::with_function();
    let queue = request(QUEUE, json!({}));
    let id = create(&mut bench, queue.clone())["UUID"].as_str().unwrap().to_owned();
    assert_conflict(
        &bench.refused("CreateEventSourceMapping", queue),
        &format!(
            "An event source mapping with SQS arn (\" {QUEUE} \") and function (\" fn \") already \
             exists. Please update or delete the existing mapping with UUID {id}"
        ),
    );
    for source in [STREAM, TABLE] {
        let stream = request(source, json!({ "StartingPosition": "LATEST" }));
        let id = create(&mut bench, stream.clone())["UUID"].as_str().unwrap().to_owned();
        assert_conflict(
            &bench.refused("CreateEventSourceMapping", stream),
            &format!(
                "The event source arn (\" {source} \") and function (\" fn \") provided mapping \
                 already exists. Please update or delete the existing mapping with UUID {id}"
            ),
        );
    }
}

#[test]
fn lists_of_a_source_of_a_function_and_by_pages() {
    let mut bench = Bench::with_function();
    let queue = create(&mut bench, request(QUEUE, json!({})));
    let of_alias = json!({ "FunctionName": "fn:live", "EventSourceArn": QUEUE });
    let of_alias = create(&mut bench, of_alias);
    let table = create(&mut bench, from_start(json!({})));
    let mut ids = |asked: Value| {
        let answer = bench.ok("ListEventSourceMappings", asked);
        let mappings = answer["EventSourceMappings"].as_array().unwrap().clone();
        let ids = mappings.iter().map(|it| it["UUID"].clone()).collect::<Value>();
        (ids, answer["NextMarker"].clone())
    };
    let all = json!([queue["UUID"], of_alias["UUID"], table["UUID"]]);
    assert_eq!(ids(json!({})), (all, Value::Null));
    let of_queue = json!([queue["UUID"], of_alias["UUID"]]);
    assert_eq!(ids(json!({ "EventSourceArn": QUEUE })).0, of_queue);
    assert_eq!(ids(json!({ "FunctionName": "fn" })).0, json!([queue["UUID"], table["UUID"]]));
    assert_eq!(ids(json!({ "FunctionName": "fn:live" })).0, json!([of_alias["UUID"]]));
    assert_eq!(ids(json!({ "FunctionName": "nosuch" })).0, json!([]));
    let (first, marker) = ids(json!({ "MaxItems": 2 }));
    assert_eq!(first, of_queue);
    let (second, end) = ids(json!({ "MaxItems": 2, "Marker": marker }));
    assert_eq!((second, end), (json!([table["UUID"]]), Value::Null));
}
