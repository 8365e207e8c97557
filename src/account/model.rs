//! The service's model: which operations there are, where their members stand in a request, and what
//! the values may be.
//!
//! `model/lambda.json` is made by `tests/models/extract.py` from botocore's `service-2.json`, and
//! compiled in. It is read at the first use; each pattern is compiled when it is first needed.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use super::Object;
use crate::percent;
use pattern::Pattern;

mod check;
#[cfg(test)]
pub(in crate::account) mod judge;
mod pattern;
mod read;

pub use read::input;

static MODEL: LazyLock<Model> =
    // A test reads the file, which is compiled in: this cannot fail.
    LazyLock::new(|| Model::parse(include_str!("model/lambda.json")).unwrap_or_default());

/// The whole model. Shapes refer to each other by their place in the list.
#[derive(Debug, Default)]
struct Model {
    operations: Vec<Operation>,
    shapes: Vec<Shape>,
    /// Where each shape is in the list.
    places: BTreeMap<String, usize>,
    errors: BTreeMap<String, ErrorShape>,
}

/// One operation of the API.
#[derive(Debug)]
pub struct Operation {
    /// Its name, `CreateFunction` say.
    pub name: String,
    /// The HTTP status of its answer.
    pub status: u16,
    /// The errors that it declares.
    pub errors: Vec<String>,
    method: String,
    path: Vec<Segment>,
    /// What the query must hold for it to be this operation.
    query: Vec<(String, String)>,
    input: Option<usize>,
    output: Option<usize>,
}

/// Between two slashes of a path.
#[derive(Debug)]
enum Segment {
    Fixed(String),
    /// The member that stands here.
    Member(String),
}

/// What a value may be.
#[derive(Debug, Deserialize)]
struct Shape {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default)]
    members: Vec<Member>,
    item: Option<String>,
    key: Option<String>,
    value: Option<String>,
    /// Whether messages leave out that items must not be null.
    #[serde(default)]
    nullable: bool,
    min: Option<f64>,
    max: Option<f64>,
    #[serde(flatten)]
    pattern: Option<Pattern>,
    #[serde(rename = "enum", default)]
    values: Vec<String>,
    /// Whether messages must not show the value.
    #[serde(default)]
    sensitive: bool,
    /// The places of `item` (or `value`) and `key`.
    #[serde(skip)]
    parts: (usize, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Structure,
    List,
    Map,
    String,
    Blob,
    Integer,
    Long,
    Double,
    Boolean,
    Timestamp,
}

/// A member of a structure.
#[derive(Debug, Deserialize)]
struct Member {
    name: String,
    shape: String,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    location: Location,
    /// Its name in the request or answer, if that is another.
    wire: Option<String>,
    /// The place of `shape`.
    #[serde(skip)]
    at: usize,
}

/// Where a member stands in a request or an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Location {
    #[default]
    Body,
    Uri,
    #[serde(rename = "querystring")]
    Query,
    Header,
    #[serde(rename = "statusCode")]
    Status,
}

/// An error of the API.
#[derive(Debug, Deserialize)]
pub struct ErrorShape {
    /// Its HTTP status.
    pub status: u16,
    /// The members of its body.
    pub members: Vec<String>,
}

/// The file.
#[derive(Deserialize)]
struct File {
    operations: BTreeMap<String, FileOperation>,
    shapes: BTreeMap<String, Shape>,
    errors: BTreeMap<String, ErrorShape>,
}

#[derive(Deserialize)]
struct FileOperation {
    method: String,
    uri: String,
    status: u16,
    input: Option<String>,
    output: Option<String>,
    errors: Vec<String>,
}

impl Model {
    fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let File { operations, shapes, errors } = serde_json::from_str(text)?;
        let places: BTreeMap<String, usize> =
            shapes.keys().enumerate().map(|(at, name)| (name.clone(), at)).collect();
        // A shape that is missing would be the first; a test holds that none is.
        let place = |name: &str| places.get(name).copied().unwrap_or_default();
        let linked = |mut shape: Shape| {
            for member in &mut shape.members {
                member.at = place(&member.shape);
            }
            let of = |name: &Option<String>| name.as_deref().map_or(0, place);
            shape.parts = (of(&shape.item) + of(&shape.value), of(&shape.key));
            shape
        };
        let operation = |(name, file): (String, FileOperation)| {
            let (path, query) = file.uri.split_once('?').unwrap_or((&file.uri, ""));
            Operation {
                name,
                status: file.status,
                errors: file.errors,
                method: file.method,
                path: path.split('/').skip(1).map(Segment::of).collect(),
                query: query
                    .split_once('=')
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into_iter()
                    .collect(),
                input: file.input.as_deref().map(place),
                output: file.output.as_deref().map(place),
            }
        };
        let mut operations: Vec<_> = operations.into_iter().map(operation).collect();
        // The one with more to fulfil goes first.
        operations.sort_by_key(|operation| std::cmp::Reverse(operation.query.len()));
        let shapes = shapes.into_values().map(linked).collect();
        Ok(Self { operations, shapes, places, errors })
    }

    fn shape(&self, at: usize) -> Option<&Shape> {
        self.shapes.get(at)
    }
}

impl ErrorShape {
    /// Whether the body has this member.
    #[must_use]
    pub fn says(&self, member: &str) -> bool {
        self.members.iter().any(|name| name == member)
    }
}

impl Segment {
    fn of(text: &str) -> Self {
        match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            Some(member) => Self::Member(member.to_owned()),
            None => Self::Fixed(text.to_owned()),
        }
    }

    fn takes(&self, part: &str) -> bool {
        match self {
            Self::Fixed(text) => text == part,
            Self::Member(_) => true,
        }
    }
}

impl Member {
    fn wire(&self) -> &str {
        self.wire.as_deref().unwrap_or(&self.name)
    }
}

/// The operation that a request asks for, and the members in its path, percent-decoded.
///
/// A slash at the end does not matter: older clients send one.
#[must_use]
pub fn route(
    method: &str,
    path: &str,
    query: &[(String, String)],
) -> Option<(&'static Operation, Vec<(String, String)>)> {
    let path = path.strip_prefix('/')?;
    let parts: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
    let operation = MODEL.operations.iter().find(|operation| {
        operation.method == method
            && operation.path.len() == parts.len()
            && operation.path.iter().zip(&parts).all(|(segment, part)| segment.takes(part))
            && operation.query.iter().all(|wanted| query.contains(wanted))
    })?;
    let members = operation.path.iter().zip(&parts).filter_map(|(segment, part)| match segment {
        Segment::Member(name) => Some((name.clone(), percent::decoded(part))),
        Segment::Fixed(_) => None,
    });
    Some((operation, members.collect()))
}

/// An operation by its name.
#[must_use]
pub fn operation(name: &str) -> Option<&'static Operation> {
    MODEL.operations.iter().find(|operation| operation.name == name)
}

/// The names of all operations.
pub fn operations() -> impl Iterator<Item = &'static str> {
    MODEL.operations.iter().map(|operation| operation.name.as_str())
}

/// The values that a text of this shape may have; none if any.
#[must_use]
pub fn values(shape: &str) -> &'static [String] {
    let at = MODEL.places.get(shape).copied();
    at.and_then(|at| MODEL.shape(at)).map_or(&[], |shape| &shape.values)
}

/// Whether a text is what the model allows under the name of a shape.
#[must_use]
pub fn fits(shape: &str, text: &str) -> bool {
    let at = MODEL.places.get(shape).copied();
    let shape = at.and_then(|at| MODEL.shape(at));
    shape.and_then(|shape| shape.pattern.as_ref()).is_none_or(|pattern| pattern.fits(text))
}

/// Whether a request of an operation may have a member.
#[must_use]
pub fn takes(name: &str, member: &str) -> bool {
    let shape = operation(name).and_then(|it| MODEL.shape(it.input?));
    shape.is_some_and(|shape| shape.members.iter().any(|one| one.name == member))
}

/// An error by its code; none if the model does not know it.
#[must_use]
pub fn error(code: &str) -> Option<&'static ErrorShape> {
    MODEL.errors.get(code)
}

/// Where the members of an answer go: its status, its headers and its body.
#[must_use]
pub fn output(
    operation: &Operation,
    mut members: Object,
) -> (u16, Vec<(&'static str, String)>, Object) {
    let (mut status, mut headers) = (operation.status, Vec::new());
    let shape = operation.output.and_then(|at| MODEL.shape(at));
    for member in shape.map_or(&[][..], |shape| &shape.members) {
        if member.location == Location::Body {
            continue;
        }
        let Some(value) = members.remove(&member.name) else { continue };
        if member.location == Location::Status {
            status = value.as_u64().and_then(|it| u16::try_from(it).ok()).unwrap_or(status);
        } else {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            headers.push((member.wire(), text));
        }
    }
    (status, headers, members)
}

/// The name of a member as messages have it: `FunctionName` is `functionName`.
fn lowered(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

/// A JSON value as the service writes it in messages: `[a, b]`, `{a=0.5}`, texts without quotes.
fn shown(value: &Value, kind: Kind) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if kind == Kind::Double => {
            number.as_f64().map_or_else(String::new, |number| format!("{number:?}"))
        }
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests;
