//! CloudWatch Logs: the events of a log group.

use aws_sdk_cloudwatchlogs::Client;
use serde_json::Value;

use super::{Aws, AwsError, send};
use crate::logs::Event;
use crate::release::content::text;
use crate::release::desired::Desired;

/// The log group of a function.
pub struct Log<'a> {
    aws: &'a Aws,
    client: Client,
    /// Its name.
    pub group: String,
    /// Whether there is such a function.
    pub has_function: bool,
}

/// A page of events.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// In the order of their times. There may be none, and more pages all the same.
    pub events: Vec<Event>,
    /// What the next page is asked for with; none if this is the last.
    pub next: Option<String>,
}

impl Aws {
    /// The log group that a function writes to. Of one that is gone, that which it has had by default.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer.
    pub async fn log(&self, function: &str) -> Result<Log<'_>, AwsError> {
        let desired = Desired { name: function.to_owned(), ..Desired::default() };
        let seen = Box::pin(self.observe(&desired)).await?;
        let logging = seen.latest().and_then(|latest| latest.get("LoggingConfig"));
        let group = logging.and_then(Value::as_object).and_then(|all| text(all, "LogGroup"));
        Ok(Log {
            aws: self,
            client: Client::new(&self.config),
            group: group.map_or_else(|| format!("/aws/lambda/{function}"), str::to_owned),
            has_function: seen.latest().is_some(),
        })
    }
}

impl Log<'_> {
    /// Events from a time on (milliseconds since 1970) that match a pattern; none if there is no such
    /// log group.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer.
    pub async fn page(
        &self,
        from: i64,
        filter: Option<&str>,
        next: Option<&str>,
    ) -> Result<Option<Page>, AwsError> {
        let request = || {
            self.client
                .filter_log_events()
                .log_group_name(&self.group)
                .start_time(from)
                .set_filter_pattern(filter.map(str::to_owned))
                .set_next_token(next.map(str::to_owned))
        };
        match send!(self.aws.calls, "FilterLogEvents", request()) {
            Ok(answer) => Ok(Some(page(&answer))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn page(answer: &Value) -> Page {
    let events = answer["events"].as_array().into_iter().flatten();
    let member = |event: &Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
    Page {
        events: events
            .map(|event| Event {
                id: member(event, "eventId"),
                time: event["timestamp"].as_i64().unwrap_or_default(),
                stream: member(event, "logStreamName"),
                message: member(event, "message"),
            })
            .collect(),
        next: answer["nextToken"].as_str().map(str::to_owned),
    }
}
