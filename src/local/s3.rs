//! Code that is named by bucket and key: fetched from an endpoint that answers without a signature, as
//! the local stand-ins for S3 do.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, Uri};

use super::client::{self, BoxError, Reply};
use crate::account::ApiError;
use crate::percent;

/// The largest zip that Lambda takes from S3: as long as what it unpacks to.
const ZIP: usize = 262_144_000;

/// The bytes of an object.
pub(super) async fn get(
    endpoint: Option<&str>,
    bucket: &str,
    key: &str,
    version: Option<&str>,
) -> Result<Bytes, ApiError> {
    let Some(endpoint) = endpoint else {
        return Err(ApiError::invalid(
            "this server was started without an endpoint of S3: give it one, or send the zip itself",
        ));
    };
    let failed =
        |why: String| ApiError::invalid(format!("cannot fetch the code from {endpoint}: {why}"));
    let version = version
        .map(|version| format!("?versionId={}", percent::encoded(version, b"/")))
        .unwrap_or_default();
    let uri = format!(
        "{}/{}/{}{version}",
        endpoint.trim_end_matches('/'),
        percent::encoded(bucket, b"/"),
        percent::encoded(key, b"/")
    );
    let uri: Uri = uri.parse().map_err(|error| failed(format!("{error}")))?;
    let Reply { status, body, .. } =
        fetch(&uri).await.map_err(|error| failed(error.to_string()))?;
    if status == 200 {
        return Ok(body);
    }
    let text = String::from_utf8_lossy(&body);
    let code = element(&text, "Code").unwrap_or_else(|| format!("{status}"));
    let message = element(&text, "Message").unwrap_or_default();
    Err(ApiError::invalid(format!(
        "Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"
    )))
}

async fn fetch(uri: &Uri) -> Result<Reply, BoxError> {
    if uri.scheme_str() != Some("http") {
        return Err("only endpoints of http:// can be asked".into());
    }
    let host = uri.host().ok_or("there is no host in it")?;
    let port = uri.port_u16().unwrap_or(80);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path).header("host", format!("{host}:{port}"));
    client::exchange((host, port), request.body(Full::default())?, ZIP).await
}

/// The text of an element of XML, as far as errors of S3 need it.
fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inner, _) = rest.split_once(&format!("</{name}>"))?;
    Some(inner.to_owned())
}
