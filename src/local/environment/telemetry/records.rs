//! What the platform tells: each event with its members.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::event::What;
use super::subscription::Schema;
use super::{ALL_LOGS, Telemetry};
use crate::local::environment::children::Launch;
use crate::local::environment::extensions::Standing;
use crate::local::environment::job::Job;
use crate::local::failure::Failure;

/// How something ended.
#[derive(Debug, Clone, Copy)]
pub(in crate::local) enum Status<'a> {
    Success,
    /// The runtime has said so.
    Error,
    Failed(&'a Failure),
}

/// What REPORT says.
pub(in crate::local) struct Metrics {
    pub(in crate::local) duration: Duration,
    /// How long the extensions went on after the runtime.
    pub(in crate::local) extensions: Option<Duration>,
    pub(in crate::local) init: Option<Duration>,
    /// In MB.
    pub(in crate::local) memory: u64,
    /// In MB.
    pub(in crate::local) used: u64,
}

impl Status<'_> {
    fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed(failure) if failure.is_timeout() => "timeout",
            Self::Error | Self::Failed(_) => "error",
        }
    }

    /// In the Logs API, which knows of no errors.
    fn old_name(self) -> &'static str {
        match self.name() {
            "error" => "failure",
            name => name,
        }
    }

    /// Writes it, and the type of the error if Lambda has one.
    fn put(self, record: &mut Value) {
        record["status"] = self.name().into();
        if let Self::Failed(failure) = self
            && !failure.is_timeout()
        {
            record["errorType"] = failure.kind().into();
        }
    }
}

fn ms(time: Duration) -> f64 {
    // As exact as AWS's own: microseconds.
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn tracing(job: &Job) -> Value {
    json!({ "type": "X-Amzn-Trace-Id", "value": job.trace })
}

fn span(name: &str, start: i64, took: Duration) -> Value {
    let start = crate::local::services::written(start);
    json!({ "name": name, "start": start, "durationMs": ms(took) })
}

impl Telemetry {
    /// `platform.initStart`.
    pub(in super::super) fn init_start(&self, launch: &Launch) {
        let record = json!({
            "initializationType": "on-demand",
            "phase": "init",
            "functionName": launch.variable("AWS_LAMBDA_FUNCTION_NAME"),
            "functionVersion": launch.variable("AWS_LAMBDA_FUNCTION_VERSION"),
        });
        self.tell(What::New("platform.initStart", record));
    }

    /// `platform.initRuntimeDone`: the runtime has asked for its first invocation, or has failed.
    pub(in super::super) fn init_runtime_done(&self, status: Status<'_>) {
        let mut record = json!({ "initializationType": "on-demand", "phase": "init" });
        status.put(&mut record);
        self.tell(What::New("platform.initRuntimeDone", record));
    }

    /// `platform.initReport`.
    pub(in super::super) fn init_report(&self, took: Duration, status: Status<'_>) {
        let mut record = json!({
            "initializationType": "on-demand",
            "phase": "init",
            "metrics": { "durationMs": ms(took) },
        });
        status.put(&mut record);
        self.tell(What::New("platform.initReport", record));
    }

    /// `platform.extension`: how one stands at the end of the init.
    pub(in super::super) fn extension(&self, standing: &Standing<'_>) {
        let Standing { name, state, events, error } = standing;
        let mut record = json!({ "name": name, "state": state, "events": events });
        if let Some(error) = error {
            record["errorType"] = (*error).into();
        }
        self.tell(What::Both("platform.extension", record.clone(), record, ALL_LOGS));
    }

    /// `platform.start`.
    pub(in super::super) fn start(&self, job: &Job, version: &str) {
        if !self.is_heard() {
            return;
        }
        let old = json!({ "requestId": job.id, "version": version });
        let mut new = old.clone();
        new["tracing"] = tracing(job);
        self.tell(What::Both("platform.start", new, old, ALL_LOGS));
    }

    /// `platform.runtimeDone`. `answered`: how long it took until the runtime began its answer, and until
    /// that had come; `began`: when (ms since 1970).
    pub(in super::super) fn runtime_done(
        &self,
        job: &Job,
        status: Status<'_>,
        (began, took, produced): (i64, Duration, usize),
        answered: Option<(Duration, Duration)>,
    ) {
        if !self.is_heard() {
            return;
        }
        let mut new = json!({
            "requestId": job.id,
            "tracing": tracing(job),
            "metrics": { "durationMs": ms(took), "producedBytes": produced },
        });
        status.put(&mut new);
        if let Some((latency, all)) = answered {
            let at = |after: Duration| {
                began.saturating_add(i64::try_from(after.as_millis()).unwrap_or(i64::MAX))
            };
            new["spans"] = json!([
                span("responseLatency", began, latency),
                span("responseDuration", at(latency), all.saturating_sub(latency)),
                span("runtimeOverhead", at(all), took.saturating_sub(all)),
            ]);
        }
        let old = json!({ "requestId": job.id, "status": status.old_name() });
        self.tell(What::Both("platform.runtimeDone", new, old, Schema::Logs2021));
    }

    /// `platform.report`, and what the Logs API tells with it.
    pub(in crate::local) fn report(&self, job: &Job, metrics: &Metrics, status: Status<'_>) {
        if !self.is_heard() {
            return;
        }
        let id = &job.id;
        if let Status::Failed(failure) = status {
            let record = format!("RequestId: {id} {}", failure.fault());
            self.tell(What::Old("platform.fault", record.into()));
        }
        self.tell(What::Old("platform.end", json!({ "requestId": id })));
        let billed = metrics.duration.as_micros().div_ceil(1000);
        let mut numbers = Map::new();
        numbers.insert("durationMs".to_owned(), ms(metrics.duration).into());
        numbers.insert("billedDurationMs".to_owned(), u64::try_from(billed).unwrap_or(0).into());
        numbers.insert("memorySizeMB".to_owned(), metrics.memory.into());
        numbers.insert("maxMemoryUsedMB".to_owned(), metrics.used.into());
        if let Some(init) = metrics.init {
            numbers.insert("initDurationMs".to_owned(), ms(init).into());
        }
        let old = json!({ "requestId": id, "metrics": numbers });
        let mut new = old.clone();
        new["tracing"] = tracing(job);
        status.put(&mut new);
        if let Some(took) = metrics.extensions {
            let took_ms = i64::try_from(took.as_millis()).unwrap_or(0);
            let start = crate::local::clock::now().saturating_sub(took_ms);
            new["spans"] = json!([span("extensionOverhead", start, took)]);
        }
        self.tell(What::Both("platform.report", new, old, ALL_LOGS));
    }
}
