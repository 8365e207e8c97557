use proptest::prelude::*;

use super::*;

fn routes(keys: &[&str]) -> Routes {
    Routes::new(keys.iter().map(|key| (*key, "f"))).unwrap()
}

/// The key that a request takes, and its parameters.
#[track_caller]
fn taken(routes: &Routes, request: &str) -> (String, Vec<(String, String)>) {
    let (method, path) = request.split_once(' ').unwrap();
    routes.find(method, path).map_or_else(Default::default, |taken| {
        let pairs = taken.parameters.into_iter().map(|(name, value)| (name.to_owned(), value));
        (taken.key.to_owned(), pairs.collect())
    })
}

/// The example of "Routing API requests".
#[test]
fn the_guides_own_example() {
    let keys = [
        "GET /pets/dog/1",
        "GET /pets/dog/{id}",
        "GET /pets/{proxy+}",
        "ANY /{proxy+}",
        "$default",
    ];
    let mut backwards = keys;
    backwards.reverse();
    for routes in [routes(&keys), routes(&backwards)] {
        for (request, key) in [
            ("GET /pets/dog/1", "GET /pets/dog/1"),
            ("GET /pets/dog/2", "GET /pets/dog/{id}"),
            ("GET /pets/cat/1", "GET /pets/{proxy+}"),
            ("POST /test/5", "ANY /{proxy+}"),
        ] {
            assert_eq!(taken(&routes, request).0, key);
        }
    }
}

#[test]
fn what_fits_wins_by_how_much_it_says() {
    let all = routes(&[
        "ANY /orders",
        "GET /orders",
        "GET /orders/{id}",
        "ANY /orders/{id}/items",
        "GET /{any}/17/items",
        "GET /orders/{rest+}",
        "GET /",
    ]);
    for (request, key) in [
        ("GET /orders", "GET /orders"),
        ("PUT /orders", "ANY /orders"),
        ("GET /orders/17", "GET /orders/{id}"),
        ("GET /orders/17/items", "ANY /orders/{id}/items"),
        ("GET /carts/17/items", "GET /{any}/17/items"),
        ("GET /orders/17/parcels/1", "GET /orders/{rest+}"),
        // A slash is a segment more, which only a rest takes.
        ("GET /orders/", "GET /orders/{rest+}"),
        ("GET /", "GET /"),
        ("PUT /orders/17", ""),
        ("HEAD /orders/17", ""),
        ("GET /order", ""),
        ("GET //orders", ""),
        ("POST /", ""),
    ] {
        assert_eq!(taken(&all, request).0, key, "{request}");
    }
}

#[test]
fn the_names_of_variables_decide_nothing() {
    let all = routes(&["ANY /{a}/x", "GET /{b}/x", "GET /{c}/{d}", "ANY /{a}/{rest+}"]);
    assert_eq!(taken(&all, "GET /1/x").0, "GET /{b}/x");
    assert_eq!(taken(&all, "PUT /1/x").0, "ANY /{a}/x");
    assert_eq!(taken(&all, "GET /1/y").0, "GET /{c}/{d}");
}

#[test]
fn parameters_are_decoded_segment_by_segment() {
    let all = routes(&["GET /a%20b/{id}/{rest+}", "ANY /x/{proxy+}"]);
    let (key, parameters) = taken(&all, "GET /a%20b/1%2F2%20ü/c/%7Bd%7D//e");
    assert_eq!(key, "GET /a%20b/{id}/{rest+}");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(parameters, [pair("id", "1/2 ü"), pair("rest", "c/{d}//e")]);
    assert_eq!(taken(&all, "GET /a b/1/2").0, "GET /a%20b/{id}/{rest+}", "however it is encoded");
    assert_eq!(taken(&all, "GET /x/").1, [pair("proxy", "")]);
    assert_eq!(taken(&all, "GET /x").0, "", "a rest begins behind a slash");
    assert_eq!(taken(&routes(&["ANY /{proxy+}"]), "GET /").1, [pair("proxy", "")]);
}

#[test]
fn the_default_takes_what_is_left() {
    let all = routes(&["$default", "GET /a"]);
    for request in ["GET /b", "POST /a", "OPTIONS /", "PURGE /a", "GET "] {
        assert_eq!(taken(&all, request), ("$default".to_owned(), Vec::new()), "{request}");
    }
    assert_eq!(Routes::default().find("GET", "/"), None);
    assert!(Routes::default().is_empty() && !all.is_empty());
}

#[test]
fn what_is_no_route_is_refused() {
    for key in [
        "",
        "GET",
        "/a",
        "get /a",
        "GET a",
        "GET  /a",
        "PURGE /a",
        "GET /a/",
        "GET //",
        "GET /a//b",
        "GET /{a",
        "GET /a}",
        "GET /{}",
        "GET /{+}",
        "GET /x{a}",
        "GET /{a}x",
        "GET /{a+}/b",
        "GET /{a}/{a}",
        "GET /{a}/{a+}",
        "GET /a b",
        "GET /a?b",
        "GET /a#b",
        "GET /ü",
        "$other",
        "$default /",
        "GET /{a b}",
        "GET /\"",
    ] {
        assert!(check(key).is_err(), "{key}");
        assert!(Routes::new([(key, "f")]).is_err(), "{key}");
    }
    for function in ["", "a b", "a:", ":a", "a:b:c", "a/b", "ü", "a:$OTHER", &"x".repeat(65)] {
        let error = Routes::new([("GET /", function)]).unwrap_err();
        assert_eq!(error, [RouteError::Function("GET /".to_owned(), function.to_owned())]);
    }
    for function in ["a", "a-b_C1", "a:live", "a:1", "a:$LATEST", &"x".repeat(64)] {
        assert!(is_function(function), "{function}");
    }
}

#[test]
fn two_for_the_same_requests_are_refused_and_all_is_said() {
    let errors = Routes::new([
        ("GET /a/{x}", "f"),
        ("GET /a/{y}", "g"),
        ("POST /a/{y}", "g"),
        ("GET /a/{y+}", "g"),
        ("GET /a%2Db", "g"),
        ("GET /a-b", "g"),
        ("nothing", "g"),
    ]);
    let said: Vec<String> = errors.unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "`GET /a/{y}` is for the same requests as `GET /a/{x}`",
            "`GET /a-b` is for the same requests as `GET /a%2Db`",
            "`nothing` is no route: it must be `METHOD /path`, `ANY /path` or `$default`",
        ]
    );
}

fn segment() -> impl Strategy<Value = String> {
    prop_oneof!["[ab]{1,2}", "[ab]".prop_map(|name| format!("{{{name}}}"))]
}

fn key() -> impl Strategy<Value = String> {
    let method = prop_oneof![Just("GET"), Just("POST"), Just("ANY")];
    let path = prop::collection::vec(segment(), 1..4);
    (method, path, any::<bool>()).prop_map(|(method, mut path, rest)| {
        if rest {
            path.push("{rest+}".to_owned());
        }
        format!("{method} /{}", path.join("/"))
    })
}

/// A request that a key is for: its variables stand for something.
fn request(key: &str, with: &str) -> (String, String) {
    let (method, path) = key.split_once(' ').unwrap();
    let part = |part: &str| if part.starts_with('{') { with.to_owned() } else { part.to_owned() };
    let method = if method == "ANY" { "PUT" } else { method };
    (method.to_owned(), path.split('/').map(part).collect::<Vec<_>>().join("/"))
}

proptest! {
    #[test]
    fn whatever_is_asked_nothing_panics(key in ".{0,40}", method in ".{0,8}", path in ".{0,40}") {
        let _ = check(&key);
        let with = routes(&["GET /{a}/b", "ANY /{proxy+}"]);
        let _ = with.find(&method, &path);
    }

    /// The order in which routes are written decides nothing, every route is reached by a request of its
    /// own or gives way to one that says more, and what is taken fits.
    #[test]
    fn the_order_of_routes_is_no_matter(keys in prop::collection::btree_set(key(), 1..8), with in "[abc]{1,2}") {
        let good: Vec<String> = keys.into_iter().filter(|key| check(key).is_ok()).collect();
        let mut kept: Vec<String> = Vec::new();
        for key in good {
            let more: Vec<&str> = kept.iter().chain([&key]).map(String::as_str).collect();
            if Routes::new(more.iter().map(|key| (*key, "f"))).is_ok() {
                kept.push(key);
            }
        }
        let forwards: Vec<&str> = kept.iter().map(String::as_str).collect();
        let backwards: Vec<&str> = forwards.iter().rev().copied().collect();
        let (one, other) = (routes(&forwards), routes(&backwards));
        prop_assert_eq!(&one, &other);
        for key in &kept {
            let (method, path) = request(key, &with);
            let taken = one.find(&method, &path);
            prop_assert!(taken.is_some(), "{} is reached by {} {}", key, method, path);
            let taken = taken.unwrap();
            // Alone it would be taken too.
            prop_assert!(routes(&[taken.key]).find(&method, &path).is_some());
            let place = |key: &str| one.iter().position(|(other, _)| other == key);
            prop_assert!(place(taken.key) <= place(key));
        }
    }

    #[test]
    fn a_rest_is_all_that_follows(rest in "[a-z/]{0,20}") {
        let all = routes(&["GET /a/{rest+}"]);
        let path = format!("/a/{rest}");
        let taken = all.find("GET", &path).unwrap();
        prop_assert_eq!(&taken.parameters["rest"], &rest);
    }
}
