//! What a release needs of other services, fed from the server's own invocations: who is calling (STS),
//! logs (CloudWatch Logs), metrics and alarms (CloudWatch).

mod watch;

use std::rc::Rc;

use hyper::Request;
use hyper::body::{Bytes, Incoming};

use super::guard::Caller;
use super::http::{self, Answer};
use super::{ACCOUNT, Server};
use crate::account::ApiError;

pub(super) use watch::Watch;

/// Answers a request that was signed for another service than Lambda.
pub(super) async fn handle(
    server: &Rc<Server>,
    caller: &Caller,
    request: Request<Incoming>,
) -> Answer {
    let answered = match caller.service.as_str() {
        "sts" => sts(caller, request).await,
        other => Err(ApiError::new(
            "UnknownOperationException",
            404,
            format!("this server knows nothing of the service `{other}`"),
        )),
    };
    let _ = server;
    answered.unwrap_or_else(|error| http::refusal(&error))
}

/// `GetCallerIdentity`, in the query protocol.
async fn sts(caller: &Caller, request: Request<Incoming>) -> Result<Answer, ApiError> {
    let body = http::whole(request.into_body(), "GetCallerIdentity").await?;
    let body = String::from_utf8_lossy(&body);
    if !body.split('&').any(|pair| pair == "Action=GetCallerIdentity") {
        return Err(ApiError::new("InvalidAction", 400, "only GetCallerIdentity is answered here"));
    }
    let _ = caller;
    let text = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <GetCallerIdentityResult><Arn>arn:aws:iam::{ACCOUNT}:user/local</Arn>\
         <UserId>AIDALOCALLAMBDAPACK00</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult>\
         <ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></GetCallerIdentityResponse>",
        uuid::Uuid::new_v4()
    );
    Ok(http::answer(200, "text/xml", Bytes::from(text)))
}
