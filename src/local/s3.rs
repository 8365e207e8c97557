//! Code that is named by bucket and key: fetched from an endpoint that answers without a signature, as
//! the local stand-ins for S3 do.

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::account::ApiError;

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
    let version =
        version.map(|version| format!("?versionId={}", encoded(version))).unwrap_or_default();
    let uri =
        format!("{}/{}/{}{version}", endpoint.trim_end_matches('/'), encoded(bucket), encoded(key));
    let uri: Uri = uri.parse().map_err(|error| failed(format!("{error}")))?;
    let (status, body) = fetch(&uri).await.map_err(|error| failed(error.to_string()))?;
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

async fn fetch(uri: &Uri) -> Result<(u16, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    if uri.scheme_str() != Some("http") {
        return Err("only endpoints of http:// can be asked".into());
    }
    let host = uri.host().ok_or("there is no host in it")?;
    let port = uri.port_u16().unwrap_or(80);
    let stream = TcpStream::connect((host, port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::task::spawn_local(async move {
        // Its error is also that of the request.
        let _ = connection.await;
    });
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request =
        Request::get(path).header("host", format!("{host}:{port}")).body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), ZIP).collect().await?;
    Ok((status, body.to_bytes()))
}

/// The text of an element of XML, as far as errors of S3 need it.
fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inner, _) = rest.split_once(&format!("</{name}>"))?;
    Some(inner.to_owned())
}

/// Percent-encodes all but what stands for itself in a path (RFC 3986, section 2.3), and slashes.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
