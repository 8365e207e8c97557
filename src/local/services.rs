//! What a release needs of other services, fed from the server's own invocations: who is calling (STS),
//! logs (CloudWatch Logs), metrics and alarms (CloudWatch).
//!
//! Each operation is a function from the members of a request, and what is kept of invocations, to the
//! members of an answer. What carries them is in `protocol`.

mod alarms;
mod logs;
mod members;
mod metrics;
mod protocol;
mod refusal;
mod watch;

use std::rc::Rc;

use hyper::Request;
use hyper::body::Incoming;

use super::guard::Caller;
use super::http::{self, Answer};
use super::{ACCOUNT, Server, clock};
use crate::account::{ApiError, Object};
use alarms::{Alarms, Place};
use protocol::{Service, Wire};
use refusal::Refusal;

pub(super) use members::written;
pub(super) use metrics::{Ended, Invoked};
pub(super) use watch::{Watch, stream};

/// The most that a request may hold, in bytes: more than any of these services takes.
const REQUEST: usize = 1 << 20;

/// The id of who calls.
pub(super) const USER: &str = "AIDALOCALLAMBDAPACK00";

const STS: Service = Service {
    target: "AWSSecurityTokenServiceV20110615",
    shapes: "",
    xmlns: "https://sts.amazonaws.com/doc/2011-06-15/",
};
const LOGS: Service = Service {
    target: "Logs_20140328",
    shapes: "",
    xmlns: "http://logs.amazonaws.com/doc/2014-03-28/",
};
const CLOUDWATCH: Service = Service {
    target: "GraniteServiceVersion20100801",
    shapes: "com.amazonaws.cloudwatch",
    xmlns: "http://monitoring.amazonaws.com/doc/2010-08-01/",
};

/// Answers a request that was signed for another service than Lambda.
pub(super) async fn handle(
    server: &Rc<Server>,
    caller: &Caller,
    request: Request<Incoming>,
) -> Answer {
    let service = match caller.service.as_str() {
        "sts" => STS,
        "logs" => LOGS,
        "monitoring" => CLOUDWATCH,
        other => {
            return http::refusal(&ApiError::new(
                "UnknownOperationException",
                404,
                format!("this server knows nothing of the service `{other}`"),
            ));
        }
    };
    let (parts, body) = request.into_parts();
    let body = match http::whole(body, &caller.service).await {
        Ok(body) => body,
        Err(error) => return http::refusal(&error),
    };
    let wire = Wire::of(service, &parts.headers);
    if body.len() > REQUEST {
        let message = format!("the request is larger than {REQUEST} bytes");
        return wire.refuse(&Refusal::new("RequestEntityTooLarge", 413, message));
    }
    let answered = wire.read(&parts, &body).and_then(|(operation, input)| {
        let output = server.ask(&caller.service, &operation, &input)?;
        Ok(wire.answer(&operation, &output))
    });
    answered.unwrap_or_else(|refusal| wire.refuse(&refusal))
}

impl Server {
    /// The answer to an operation of one of these services.
    fn ask(&self, service: &str, operation: &str, input: &Object) -> Result<Object, Refusal> {
        let (watch, now) = (&self.watch, clock::now());
        let place = Place { region: &self.options.region, account: ACCOUNT };
        let change = |change: &dyn Fn(&mut Alarms) -> Result<Object, Refusal>| {
            watch.change(&self.store, change)
        };
        match (service, operation) {
            ("sts", "GetCallerIdentity") => Ok(members::object([
                ("Account", ACCOUNT.into()),
                ("Arn", format!("arn:aws:iam::{ACCOUNT}:user/local").into()),
                ("UserId", USER.into()),
            ])),
            ("logs", _) => logs::answer(operation, input, &watch.logs.borrow(), place)
                .unwrap_or_else(|| Err(Refusal::unknown(operation))),
            ("monitoring", "GetMetricData") => metrics::data::get(input, &watch.metrics.borrow()),
            ("monitoring", "DescribeAlarms") => {
                let mut alarms = watch.alarms.borrow_mut();
                alarms::describe(input, &mut alarms, &watch.metrics.borrow(), now)
            }
            ("monitoring", "PutMetricAlarm") => change(&|all| alarms::put(input, all, place, now)),
            ("monitoring", "SetAlarmState") => change(&|all| alarms::set_state(input, all, now)),
            ("monitoring", "DeleteAlarms") => change(&|all| alarms::delete(input, all)),
            _ => Err(Refusal::unknown(operation)),
        }
    }
}
