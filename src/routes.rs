//! Which function a request is for, where several stand behind one address: as the routes of an HTTP
//! API of API Gateway decide it.
//!
//! A route is `METHOD /path`, `ANY /path` or `$default`. A segment of a path may be a variable,
//! `{name}`, and the last one may take all the rest, `{name+}`. Of the routes that fit, the most
//! specific is taken: one without a rest before one with; then, segment by segment, a text before a
//! variable before a rest; then a method before `ANY`; and `$default` last.
//!
//! Source: "Create routes for HTTP APIs in API Gateway" in AWS's developer guide. Where it is silent:
//! no key ends in a slash, and a rest may be empty after one (storacha/w3infra pull request 166).

use std::collections::BTreeMap;

use crate::percent;

/// The methods that a route may name, beside `ANY`.
pub const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

const ANY: &str = "ANY";
const DEFAULT: &str = "$default";

/// Routes that do not contradict each other, the most specific first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes(Vec<Route>);

/// A route and its function.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Route {
    key: String,
    pattern: Pattern,
    function: String,
}

/// What a key says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Path {
        /// None: any.
        method: Option<String>,
        /// Whether the last segment takes the rest.
        greedy: bool,
        segments: Vec<Segment>,
    },
    Default,
}

/// The smaller is tried earlier; what is equal is for the same requests.
type Rank<'a> = (bool, bool, Vec<(u8, &'a str)>, bool, &'a str);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Text(String),
    Variable(String),
    Rest(String),
}

/// The route that a request takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken<'a> {
    /// Its key, as it was written.
    pub key: &'a str,
    /// Its function: `name` or `name:qualifier`.
    pub function: &'a str,
    /// What its variables stand for, decoded.
    pub parameters: BTreeMap<&'a str, String>,
}

/// What is wrong with a route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// The key is none.
    #[error("`{0}` is no route: {1}")]
    Key(String, &'static str),
    /// The function is none.
    #[error("`{0}` leads to `{1}`, which is no function's name")]
    Function(String, String),
    /// It is for the same requests as another.
    #[error("`{0}` is for the same requests as `{1}`")]
    Same(String, String),
}

impl Routes {
    /// The routes of these keys and functions, or all that is wrong with them.
    pub fn new<K: AsRef<str>, F: AsRef<str>>(
        routes: impl IntoIterator<Item = (K, F)>,
    ) -> Result<Self, Vec<RouteError>> {
        let (mut all, mut errors) = (Vec::<Route>::new(), Vec::new());
        for (key, function) in routes {
            match Route::new(key.as_ref(), function.as_ref()) {
                Ok(route) => {
                    match all.iter().find(|other| other.pattern.rank() == route.pattern.rank()) {
                        Some(other) => errors.push(RouteError::Same(route.key, other.key.clone())),
                        None => all.push(route),
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        all.sort_by(|one, other| one.pattern.rank().cmp(&other.pattern.rank()));
        if errors.is_empty() { Ok(Self(all)) } else { Err(errors) }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys with their functions, in the order in which they are tried.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|route| (route.key.as_str(), route.function.as_str()))
    }

    /// The route for a request. `path` as it came: encoded, from its first slash, without a query.
    #[must_use]
    pub fn find(&self, method: &str, path: &str) -> Option<Taken<'_>> {
        let parts: Vec<String> =
            path.strip_prefix('/').unwrap_or(path).split('/').map(percent::decoded).collect();
        self.0.iter().find_map(|route| {
            let parameters = route.pattern.parameters(method, &parts)?;
            Some(Taken { key: &route.key, function: &route.function, parameters })
        })
    }
}

impl Route {
    fn new(key: &str, function: &str) -> Result<Self, RouteError> {
        let pattern = Pattern::new(key).map_err(|what| RouteError::Key(key.to_owned(), what))?;
        if !is_function(function) {
            return Err(RouteError::Function(key.to_owned(), function.to_owned()));
        }
        Ok(Self { key: key.to_owned(), pattern, function: function.to_owned() })
    }
}

/// What is wrong with the key of a route.
pub fn check(key: &str) -> Result<(), &'static str> {
    Pattern::new(key).map(drop)
}

/// `name` or `name:qualifier` (`FunctionName` and `Qualifier` of the API's model).
#[must_use]
pub fn is_function(text: &str) -> bool {
    let of_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let (name, qualifier) = text.split_once(':').unwrap_or((text, "$LATEST"));
    let fits =
        |part: &str, most: usize| (1..=most).contains(&part.len()) && part.chars().all(of_name);
    fits(name, 64) && (qualifier == "$LATEST" || fits(qualifier, 128))
}

impl Pattern {
    fn new(key: &str) -> Result<Self, &'static str> {
        if key == DEFAULT {
            return Ok(Self::Default);
        }
        let form = "it must be `METHOD /path`, `ANY /path` or `$default`";
        let (method, path) = key.split_once(' ').ok_or(form)?;
        let method = match method {
            ANY => None,
            one if METHODS.contains(&one) => Some(one.to_owned()),
            _ => return Err("the method must be one of HTTP, in capitals, or ANY"),
        };
        let path = path.strip_prefix('/').ok_or("the path must begin with a slash")?;
        let segments = path.split('/').map(Segment::new).collect::<Result<Vec<_>, _>>()?;
        let texts = segments.iter().filter(|it| **it != Segment::Text(String::new()));
        if texts.count() < segments.len() && !path.is_empty() {
            return Err("the path must not end in a slash or hold two in a row");
        }
        let last = segments.len().saturating_sub(1);
        let rest = segments.iter().position(|segment| matches!(segment, Segment::Rest(_)));
        if rest.is_some_and(|at| at != last) {
            return Err("what takes the rest of a path must be its last segment");
        }
        let mut names: Vec<&str> = segments.iter().filter_map(Segment::name).collect();
        names.sort_unstable();
        if names.windows(2).any(|two| two.first() == two.last()) {
            return Err("a variable stands in it twice");
        }
        Ok(Self::Path { method, greedy: rest.is_some(), segments })
    }

    /// Variables count by their place, not by their name.
    fn rank(&self) -> Rank<'_> {
        match self {
            Self::Default => (true, false, Vec::new(), false, ""),
            Self::Path { method, greedy, segments } => {
                let segments = segments.iter().map(Segment::rank).collect();
                let name = method.as_deref().unwrap_or_default();
                (false, *greedy, segments, method.is_none(), name)
            }
        }
    }

    /// What its variables stand for, if it fits.
    fn parameters(&self, method: &str, parts: &[String]) -> Option<BTreeMap<&str, String>> {
        let Self::Path { method: wanted, greedy, segments } = self else {
            return Some(BTreeMap::new());
        };
        let method = wanted.as_deref().is_none_or(|wanted| wanted == method);
        let length = parts.len() == segments.len() || (*greedy && parts.len() > segments.len());
        if !method || !length {
            return None;
        }
        let mut parameters = BTreeMap::new();
        for (at, segment) in segments.iter().enumerate() {
            let part = parts.get(at)?;
            match segment {
                Segment::Text(text) if text == part => {}
                Segment::Variable(name) if !part.is_empty() => {
                    parameters.insert(name.as_str(), part.clone());
                }
                Segment::Rest(name) => {
                    parameters.insert(name.as_str(), parts.get(at..)?.join("/"));
                }
                Segment::Text(_) | Segment::Variable(_) => return None,
            }
        }
        Some(parameters)
    }
}

impl Segment {
    fn new(text: &str) -> Result<Self, &'static str> {
        let Some(inner) = text.strip_prefix('{') else {
            let stands = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@%".contains(c);
            return if text.chars().all(stands) {
                Ok(Self::Text(percent::decoded(text)))
            } else {
                Err("the path holds a character that must be encoded, or half a variable")
            };
        };
        let inner = inner.strip_suffix('}').ok_or("a variable must be a whole segment")?;
        let (name, rest) = match inner.strip_suffix('+') {
            Some(name) => (name, true),
            None => (inner, false),
        };
        let of_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if name.is_empty() || !name.chars().all(of_name) {
            return Err("a variable's name must be letters, digits and `- . _`");
        }
        let name = name.to_owned();
        Ok(if rest { Self::Rest(name) } else { Self::Variable(name) })
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Text(_) => None,
            Self::Variable(name) | Self::Rest(name) => Some(name),
        }
    }

    /// A text comes before a variable, a variable before a rest.
    fn rank(&self) -> (u8, &str) {
        match self {
            Self::Text(text) => (0, text),
            Self::Variable(_) => (1, ""),
            Self::Rest(_) => (2, ""),
        }
    }
}

#[cfg(test)]
mod tests;
