//! The kinds of event sources: what is asked of a mapping, and what it is when nothing is said.

use serde_json::{Value, json};

use super::super::{Account, ApiError, Input, Object};
use super::Mapping;

/// Where the events come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// An SQS queue.
    Queue,
    /// A Kinesis stream.
    Kinesis,
    /// A `DynamoDB` stream.
    DynamoDb,
    /// An Amazon MSK cluster.
    Kafka,
    /// A Kafka cluster of one's own.
    SelfManagedKafka,
    /// A message broker or a document database.
    Other,
}

impl Source {
    /// The source that a request names.
    pub(super) fn of(input: &Input) -> Result<Self, ApiError> {
        let service = input.text("EventSourceArn").map(|arn| arn.split(':').nth(2));
        match service.flatten() {
            Some("sqs") => Ok(Self::Queue),
            Some("kinesis") => Ok(Self::Kinesis),
            Some("dynamodb") => Ok(Self::DynamoDb),
            Some("kafka") => Ok(Self::Kafka),
            Some("mq" | "rds") => Ok(Self::Other),
            None if input.has("SelfManagedEventSource") => Ok(Self::SelfManagedKafka),
            _ => Err(ApiError::invalid("Unrecognized event source.")),
        }
    }

    fn is_stream(self) -> bool {
        matches!(self, Self::Kinesis | Self::DynamoDb)
    }

    /// Refuses what the model allows and this kind of source does not.
    pub(super) fn check(self, input: &Input) -> Result<(), ApiError> {
        self.check_destination(input)?;
        if self.is_stream() {
            self.check_position(input)?;
        }
        if self == Self::Queue && input.has("StartingPosition") {
            // As it stands in reports (boto/boto3 issue 1613).
            return Err(ApiError::invalid("StartingPosition is not valid for SQS event sources."));
        }
        if self == Self::SelfManagedKafka && !input.has("SourceAccessConfigurations") {
            return Err(ApiError::invalid(
                "Required 'sourceAccessConfigurations' parameter is missing.",
            ));
        }
        let window = input.number("MaximumBatchingWindowInSeconds").unwrap_or_default();
        if self == Self::Queue && window == 0 && input.number("BatchSize") > Some(10) {
            return Err(ApiError::invalid(
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is \
                 greater than 10",
            ));
        }
        if filters(input).iter().all(|filter| is_filter(filter)) {
            return Ok(());
        }
        Err(ApiError::invalid("Invalid filter pattern definition."))
    }

    /// No kind of source has a destination for successes, and a queue has none for failures.
    fn check_destination(self, input: &Input) -> Result<(), ApiError> {
        let destinations = input.object("DestinationConfig");
        let has = |member: &str| {
            let destination = destinations.and_then(|it| it.get(member)?.get("Destination"));
            destination.and_then(Value::as_str).is_some_and(|arn| !arn.is_empty())
        };
        if has("OnSuccess") || self == Self::Queue && has("OnFailure") {
            return Err(ApiError::invalid(
                "Unsupported DestinationConfig parameter for given event source mapping type.",
            ));
        }
        Ok(())
    }

    fn check_position(self, input: &Input) -> Result<(), ApiError> {
        match input.text("StartingPosition") {
            None => Err(ApiError::invalid(
                "1 validation error detected: Value null at 'startingPosition' failed to satisfy \
                 constraint: Member must not be null.",
            )),
            Some("AT_TIMESTAMP") if self == Self::DynamoDb => {
                let arn = input.text("EventSourceArn").unwrap_or_default();
                let text = format!("Unsupported starting position for arn type: {arn}");
                Err(ApiError::invalid(text))
            }
            Some(_) => Ok(()),
        }
    }

    /// What a mapping is when nothing else is said. `id`: its UUID.
    pub(super) fn defaults(self, id: &str) -> Object {
        let group = json!({ "ConsumerGroupId": id });
        let members = match self {
            Self::Queue => json!({
                "BatchSize": 10,
                "FunctionResponseTypes": [],
                "MaximumBatchingWindowInSeconds": 0,
                "StateTransitionReason": "USER_INITIATED",
            }),
            Self::Kinesis | Self::DynamoDb => json!({
                "BatchSize": 100,
                "BisectBatchOnFunctionError": false,
                "DestinationConfig": { "OnFailure": {} },
                "FunctionResponseTypes": [],
                "LastProcessingResult": "No records processed",
                "MaximumBatchingWindowInSeconds": 0,
                "MaximumRecordAgeInSeconds": -1,
                "MaximumRetryAttempts": -1,
                "ParallelizationFactor": 1,
                "StateTransitionReason": "User action",
                "TumblingWindowInSeconds": 0,
            }),
            Self::Kafka | Self::SelfManagedKafka | Self::Other => json!({
                "BatchSize": 100,
                "LastProcessingResult": "No records processed",
                "StateTransitionReason": "USER_INITIATED",
            }),
        };
        let Value::Object(mut members) = members else { return Object::new() };
        let group_of = match self {
            Self::Kafka => "AmazonManagedKafkaEventSourceConfig",
            Self::SelfManagedKafka => "SelfManagedKafkaEventSourceConfig",
            _ => return members,
        };
        members.insert("StartingPosition".to_owned(), "TRIM_HORIZON".into());
        members.insert(group_of.to_owned(), group);
        members
    }

    /// Refuses a second mapping of a source to a function.
    pub(super) fn is_new(
        self,
        account: &Account,
        input: &Input,
        function: &str,
    ) -> Result<(), ApiError> {
        let arn = input.text("EventSourceArn").unwrap_or_default();
        let same = |mapping: &&Mapping| {
            let same_topics = mapping.settings.get("Topics") == input.get("Topics");
            let same_source = if self == Self::SelfManagedKafka {
                let there = servers(mapping.settings.get("SelfManagedEventSource"));
                let asked = servers(input.get("SelfManagedEventSource"));
                same_topics && asked.iter().any(|server| there.contains(server))
            } else {
                mapping.text("EventSourceArn") == arn
            };
            same_source && mapping.text("FunctionArn") == function
        };
        let Some(mapping) = account.mappings.values().find(same) else { return Ok(()) };
        let update = format!(
            "Please update or delete the existing mapping with UUID {}",
            mapping.text("UUID")
        );
        let name = account.named(function, None)?.name;
        Err(ApiError::conflict(match self {
            Self::Queue => format!(
                "An event source mapping with SQS arn (\" {arn} \") and function (\" {name} \") \
                 already exists. {update}"
            ),
            Self::SelfManagedKafka => format!(
                "An event source mapping with event source (\"{}\"), function (\"{function}\"), \
                 topics (\"{}\") already exists. {update}",
                servers(input.get("SelfManagedEventSource")).join(","),
                input.texts("Topics").unwrap_or_default().join(","),
            ),
            _ => format!(
                "The event source arn (\" {arn} \") and function (\" {name} \") provided mapping \
                 already exists. {update}"
            ),
        }))
    }
}

/// The bootstrap servers of a Kafka cluster of one's own.
fn servers(source: Option<&Value>) -> Vec<&str> {
    let servers = source.and_then(|it| it.get("Endpoints")?.get("KAFKA_BOOTSTRAP_SERVERS"));
    servers.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The patterns under `FilterCriteria`.
fn filters(input: &Input) -> Vec<&str> {
    let filters = input.object("FilterCriteria").and_then(|it| it.get("Filters")?.as_array());
    let patterns = filters.into_iter().flatten().filter_map(|filter| filter.get("Pattern"));
    patterns.filter_map(Value::as_str).collect()
}

/// Whether a text is a filter: an object whose leaves are lists of what is let through.
fn is_filter(text: &str) -> bool {
    fn is_pattern(value: &Value) -> bool {
        match value {
            Value::Object(members) => members.values().all(is_pattern),
            Value::Array(allowed) => !allowed.is_empty(),
            _ => false,
        }
    }
    serde_json::from_str(text).is_ok_and(|value: Value| value.is_object() && is_pattern(&value))
}
