//! Which requests are for a function behind HTTP.

use hyper::Uri;
use hyper::header::HeaderMap;

use crate::account::ApiError;
use crate::local::guard;
use crate::percent;

/// Where a request is for.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::local) enum Place {
    /// A function URL, by the host that AWS gave it.
    Id { id: String, path: String },
    /// `/url/<function>[:alias]/…`
    Name { function: String, alias: Option<String>, path: String },
    /// `/routes/…`
    Routes { path: String },
}

/// The place that a request is for, or why it may not be; none for all other requests.
pub(in crate::local) fn place(
    uri: &Uri,
    headers: &HeaderMap,
    region: &str,
) -> Option<Result<Place, ApiError>> {
    if let Some(id) = guard::function_url(uri, headers, region) {
        return Some(Ok(Place::Id { id, path: uri.path().to_owned() }));
    }
    let below = |prefix: &str| {
        let rest = uri.path().strip_prefix(prefix)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    };
    let place = match (below("/url"), below("/routes")) {
        (Some(rest), _) => named(rest),
        (None, Some(path)) => Place::Routes { path: from_root(path) },
        (None, None) => return None,
    };
    Some(guard::local(uri, headers).map(|()| place))
}

/// `/<function>[:alias]/…`. Without a slash behind the name, the path is the root.
fn named(rest: &str) -> Place {
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let (name, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let name = percent::decoded(name);
    let (function, alias) = match name.split_once(':') {
        Some((function, alias)) => (function.to_owned(), Some(alias.to_owned())),
        None => (name, None),
    };
    Place::Name { function, alias, path: from_root(path) }
}

fn from_root(path: &str) -> String {
    if path.is_empty() { "/".to_owned() } else { path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(host: &str, target: &str) -> Option<Result<Place, &'static str>> {
        let headers = HeaderMap::from_iter([(hyper::header::HOST, host.parse().unwrap())]);
        super::place(&target.parse().unwrap(), &headers, "eu-west-1")
            .map(|place| place.map_err(|error| error.code))
    }

    fn name(function: &str, alias: Option<&str>, path: &str) -> Place {
        let alias = alias.map(str::to_owned);
        Place::Name { function: function.to_owned(), alias, path: path.to_owned() }
    }

    #[test]
    fn paths_that_begin_with_url_name_a_function() {
        let local = "127.0.0.1:9720";
        assert_eq!(place(local, "/url/f"), Some(Ok(name("f", None, "/"))));
        assert_eq!(place(local, "/url/f?a=1"), Some(Ok(name("f", None, "/"))));
        assert_eq!(place(local, "/url/f/"), Some(Ok(name("f", None, "/"))));
        assert_eq!(place(local, "/url/f//a%2Fb/"), Some(Ok(name("f", None, "//a%2Fb/"))));
        assert_eq!(place("localhost", "/url/f:live/a"), Some(Ok(name("f", Some("live"), "/a"))));
        assert_eq!(
            place(local, "/url/f%3A%24LATEST/a"),
            Some(Ok(name("f", Some("$LATEST"), "/a")))
        );
        assert_eq!(place(local, "http://127.0.0.1:9720/url/f/a"), Some(Ok(name("f", None, "/a"))));
        assert_eq!(place(local, "/url"), Some(Ok(name("", None, "/"))));
        assert_eq!(place(local, "/url/../code/x"), Some(Ok(name("..", None, "/code/x"))));
        for other in ["/", "/urls/f", "/2015-03-31/functions", "/code/url/f", "/URL/f", "/routesx"]
        {
            assert_eq!(place(local, other), None, "{other}");
        }
    }

    #[test]
    fn routes_have_a_prefix_of_their_own() {
        for (target, path) in [("/routes", "/"), ("/routes/", "/"), ("/routes/a%20b/", "/a%20b/")] {
            let expected = Some(Ok(Place::Routes { path: path.to_owned() }));
            assert_eq!(place("localhost:1", target), expected);
        }
    }

    #[test]
    fn a_host_is_a_function_url_at_any_path() {
        let id = "s2842uu60zqe3lo4d1k22ywyruq7k0gp";
        for host in ["lambda-url.eu-west-1.on.aws", "lambda-url.localhost:9720"] {
            for path in ["/", "/url/f", "/2015-03-31/functions", "/code/x", "/routes"] {
                let expected = Place::Id { id: id.to_owned(), path: path.to_owned() };
                assert_eq!(place(&format!("{id}.{host}"), path), Some(Ok(expected)));
            }
        }
        let upper = format!("{}.Lambda-URL.eu-west-1.on.aws:80", id.to_uppercase());
        let expected = Place::Id { id: id.to_owned(), path: "/".to_owned() };
        assert_eq!(place(&upper, "/"), Some(Ok(expected)));
        // Another Region's, and names that only look like one.
        for host in [
            "x.lambda-url.us-east-1.on.aws",
            "x.lambda-url.eu-west-1.on.aws.example",
            "lambda-url.eu-west-1.on.aws",
            ".lambda-url.eu-west-1.on.aws",
            "a.b.lambda-url.eu-west-1.on.aws",
            "x.lambda-url.eu-west-1.on.aws:80:80",
        ] {
            assert_eq!(place(host, "/"), None, "{host}");
            assert_eq!(place(host, "/url/f"), Some(Err("AccessDeniedException")), "{host}");
        }
    }

    #[test]
    fn other_names_are_refused() {
        for host in ["rebound.example", "127.0.0.1.example:9720", ""] {
            for path in ["/url/f", "/routes/a"] {
                assert_eq!(place(host, path), Some(Err("AccessDeniedException")), "{host}{path}");
            }
        }
        let elsewhere = place("x.lambda-url.eu-west-1.on.aws", "http://rebound.example/url/f");
        assert_eq!(elsewhere, Some(Err("AccessDeniedException")));
    }
}
