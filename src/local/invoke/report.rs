//! What Lambda itself writes at the end of an invocation: why there was no response, END and REPORT
//! (recorded; for the end of REPORT: "Viewing CloudWatch logs for Lambda functions").

use std::time::Duration;

use crate::local::failure::Failure;

/// The end of an invocation.
pub(super) struct Report<'a> {
    pub(super) id: &'a str,
    /// How long the function took.
    pub(super) duration: Duration,
    /// How much it may have, in MB.
    pub(super) memory: u64,
    /// The most that it had, in MB.
    pub(super) used: u64,
    /// Of its first invocation.
    pub(super) init: Option<Duration>,
    /// Why the function said nothing.
    pub(super) failure: Option<&'a Failure>,
    /// The type of the error with which it has ended a response in pieces: nobody else can tell.
    pub(super) error: Option<&'a str>,
}

impl Report<'_> {
    /// The lines that end it.
    pub(super) fn lines(&self) -> String {
        let Self { id, memory, used, failure, .. } = self;
        let why = failure.map(|failure| failure.line(id)).unwrap_or_default();
        let ms = self.duration.as_secs_f64() * 1000.0;
        let billed = ms.ceil();
        let init = self.init.map_or_else(String::new, |init| {
            format!("Init Duration: {:.2} ms\t", init.as_secs_f64() * 1000.0)
        });
        let status = failure.map(Failure::status);
        let own = || self.error.map(|kind| format!("Status: error\tError Type: {kind}"));
        let status = status.or_else(own).unwrap_or_default();
        format!(
            "{why}END RequestId: {id}\nREPORT RequestId: {id}\tDuration: {ms:.2} ms\tBilled Duration: \
             {billed:.0} ms\tMemory Size: {memory} MB\tMax Memory Used: {used} MB\t{init}{status}\n"
        )
    }
}
