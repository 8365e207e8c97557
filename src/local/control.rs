//! Calls that change or show the account: what of a request only the outside can know, and what has to
//! happen around the decision.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use serde_json::Value;
use uuid::Uuid;

use super::faults::Begun;
use super::http::{self, Answer, Asked};
use super::store::Taken;
use super::{Server, clock, s3};
use crate::account::{ApiError, Input, Moment, Object, model};
use crate::target::Arch;

/// What is longer is decoded beside, so that others are answered meanwhile.
const LONG: usize = 64 * 1024;

/// What a request brings.
struct Read {
    body: Option<Value>,
    /// The zip that was in it.
    zip: Option<Taken>,
}

/// Answers one call.
pub(super) async fn call(
    server: Rc<Server>,
    asked: Asked,
    body: Bytes,
) -> Result<Answer, ApiError> {
    let read = read(&server, body).await?;
    let input = asked.input(read.body)?;
    let taken = match read.zip {
        Some(zip) => Some(zip),
        None => named(&server, &asked.operation.name, &input).await?,
    };
    let output = server.decide(&asked.operation.name, &input, taken, &asked.begun)?;
    let (status, headers, members) = model::output(asked.operation, output);
    let mut answer = if status == 204 {
        http::answer(status, "application/json", Bytes::new())
    } else {
        http::json(status, &members)
    };
    for (name, value) in headers {
        http::set(&mut answer, name, &value);
    }
    Ok(answer)
}

impl Server {
    /// Lets the account decide, keeps what came of it, and ends what must not go on running.
    pub(super) fn decide(
        &self,
        operation: &str,
        input: &Input,
        taken: Option<Taken>,
        begun: &Begun,
    ) -> Result<Object, ApiError> {
        let mut account = self.account.borrow_mut();
        let delay = begun.delay.unwrap_or(self.options.delay);
        if taken.is_some() || operation.starts_with("Delete") {
            self.litter.set(true);
        }
        // Held until the account has it.
        let (code, _hold) = taken.map(|Taken { code, hold }| (code, hold)).unzip();
        let mut moment = Moment {
            now: clock::now(),
            uuid: &mut || Uuid::new_v4().to_string(),
            delay: i64::try_from(delay.as_millis()).unwrap_or(i64::MAX),
            fails_with: begun.fails_with.clone(),
            code,
        };
        let decided = account.call(operation, input, &mut moment);
        // What was due by now has happened, even if the call itself is refused.
        self.store
            .save(&mut account)
            .map_err(|error| ApiError::service(format!("the account cannot be saved: {error}")))?;
        let mut output = decided?;
        self.locate(&mut output);
        self.retire(operation, input, &account);
        Ok(output)
    }

    /// Where the code can be fetched: AWS gives a signed URL, which needs no other permission.
    fn locate(&self, output: &mut Object) {
        let sha256 = |value: Option<&Value>| Some(value?.get("CodeSha256")?.as_str()?.to_owned());
        for (place, digest) in [
            ("Code", sha256(output.get("Configuration"))),
            ("Content", sha256(output.get("Content"))),
        ] {
            let Some(digest) = digest else { continue };
            let path = self.store.zip(&digest);
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let url = format!("http://{}/code/{}/{name}", self.address, self.secret);
            if let Some(code) = output.get_mut(place).and_then(Value::as_object_mut)
                && code.get("RepositoryType").is_none_or(|kind| kind == "S3")
            {
                code.insert("Location".to_owned(), Value::from(url));
            }
        }
    }

    /// Removes code that nothing refers to any more, if there may be some.
    pub(super) fn collect(&self) {
        if !self.litter.get() {
            return;
        }
        let mut account = self.account.borrow_mut();
        account.settle(clock::now());
        // What a record on the disk still names must not go.
        if self.store.save(&mut account).is_err() {
            return;
        }
        self.pools.retire_other_than(&account);
        let collected = self.store.collect(&account);
        self.litter.set(collected.more || !account.is_settled());
        if !collected.folders.is_empty() {
            tokio::task::spawn_blocking(move || {
                for folder in collected.folders {
                    let _ = std::fs::remove_dir_all(folder);
                }
            });
        }
    }

    /// Environments of what is no longer so end.
    fn retire(&self, operation: &str, input: &Input, account: &crate::account::Account) {
        let Some(text) = input.text("FunctionName") else { return };
        let Ok(named) = account.named(text, input.text("Qualifier")) else { return };
        if operation == "DeleteFunction" {
            self.pools.retire(named.name, named.qualifier);
        }
    }
}

/// Decodes the body. A zip in it is taken into the store, and an empty text stands in its place.
async fn read(server: &Server, body: Bytes) -> Result<Read, ApiError> {
    if body.is_empty() {
        return Ok(Read { body: None, zip: None });
    }
    let (store, long) = (server.store.clone(), body.len() > LONG);
    let work = move || {
        let mut body: Value = serde_json::from_slice(&body).map_err(|_| {
            ApiError::new("SerializationException", 400, "Could not parse request body into json")
        })?;
        let Some(text) = zip_of(&mut body) else { return Ok(Read { body: Some(body), zip: None }) };
        let zip = STANDARD.decode(text).map_err(|_| {
            ApiError::new("SerializationException", 400, "the zip is not in base64")
        })?;
        Ok(Read { zip: Some(store.take(&zip)?), body: Some(body) })
    };
    if long { beside(work).await } else { work() }
}

/// Takes the text of `ZipFile` out of a request, wherever an operation has it.
fn zip_of(body: &mut Value) -> Option<String> {
    let places = ["/ZipFile", "/Code/ZipFile", "/Content/ZipFile"];
    let place =
        places.into_iter().find(|place| body.pointer(place).is_some_and(Value::is_string))?;
    match body.pointer_mut(place)?.take() {
        Value::String(text) => {
            *body.pointer_mut(place)? = Value::from("");
            Some(text)
        }
        _ => None,
    }
}

/// What code is named instead of sent.
async fn named(server: &Server, operation: &str, input: &Input) -> Result<Option<Taken>, ApiError> {
    let place = match operation {
        "CreateFunction" => input.object("Code"),
        "PublishLayerVersion" => input.object("Content"),
        "UpdateFunctionCode" => Some(input.members()),
        _ => None,
    };
    let Some(place) = place else { return Ok(None) };
    let text = |name: &str| place.get(name).and_then(Value::as_str);
    if let Some(uri) = text("ImageUri").map(str::to_owned) {
        let (store, arch) = (server.store.clone(), server.arch_of(input));
        let code = beside(move || store.resolve(&uri, arch)).await?;
        return Ok(Some(Taken { code, hold: None }));
    }
    match (text("S3Bucket"), text("S3Key")) {
        (Some(bucket), Some(key)) => {
            let endpoint = server.options.s3_endpoint.as_deref();
            let zip = s3::get(endpoint, bucket, key, text("S3ObjectVersion")).await?;
            let store = server.store.clone();
            beside(move || store.take_any(&zip)).await.map(Some)
        }
        _ => Ok(None),
    }
}

impl Server {
    /// The architecture that a function is to have: as a request says it, else as it has.
    fn arch_of(&self, input: &Input) -> Arch {
        let first = |list: &Value| list.get(0)?.as_str()?.parse().ok();
        let name = input.text("FunctionName").unwrap_or_default();
        let there = || {
            let account = self.account.borrow();
            let target = account.target(name, None, 0.0).ok()?;
            first(target.configuration.settings.get("Architectures")?)
        };
        input.members().get("Architectures").and_then(first).or_else(there).unwrap_or(Arch::X86_64)
    }
}

/// Works on another thread.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(ApiError::service(error.to_string())))
}

/// Code, for who knows its path.
pub(super) fn code(server: &Server, path: &str) -> Answer {
    let name = path.strip_prefix(&server.secret).and_then(|rest| rest.strip_prefix('/'));
    let name = name.and_then(|name| name.strip_suffix(".zip")).filter(|name| !name.contains('/'));
    let zip = name.map(|name| server.store.zip(name));
    match zip.map(std::fs::read) {
        Some(Ok(bytes)) => http::answer(200, "application/zip", Bytes::from(bytes)),
        _ => http::refusal(&ApiError::new("AccessDeniedException", 403, "Access Denied")),
    }
}
