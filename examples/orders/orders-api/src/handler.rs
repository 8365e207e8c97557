use lambda_http::{
    Body, Error, Request, RequestExt, Response,
    http::{
        Method, StatusCode,
        header::{ALLOW, CONTENT_TYPE, LOCATION},
    },
    request::RequestContext,
    tracing,
};
use orders_core::{NewOrder, Order, OrderId};
use serde::Serialize;
use serde_json::json;

use crate::store::Store;

#[derive(Serialize)]
struct Orders {
    orders: Vec<Order>,
}

/// Answers one request. An `Err` is a bug of ours and becomes a 500; what the caller did wrong is an `Ok` with a 4xx.
pub fn handler(store: &Store, request: &Request) -> Result<Response<Body>, Error> {
    let path = request.raw_http_path();
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let response = match (segments.as_slice(), request.method()) {
        (["orders"], &Method::GET) => list(store),
        (["orders"], &Method::POST) => place(store, request),
        (["orders"], _) => method_not_allowed("GET, POST"),
        (["orders", id], &Method::GET) => read(store, id),
        (["orders", id], &Method::DELETE) => delete(store, id),
        (["orders", _], _) => method_not_allowed("GET, DELETE"),
        _ => not_found("no such path"),
    }?;
    tracing::info!(
        method = %request.method(),
        path,
        status = response.status().as_u16(),
        "answered"
    );
    Ok(response)
}

fn list(store: &Store) -> Result<Response<Body>, Error> {
    let orders = store.list();
    json(StatusCode::OK, &Orders { orders })
}

fn read(store: &Store, id: &str) -> Result<Response<Body>, Error> {
    match id.parse().ok().and_then(|id| store.get(&id)) {
        Some(order) => json(StatusCode::OK, &order),
        None => not_found("no such order"),
    }
}

fn place(store: &Store, request: &Request) -> Result<Response<Body>, Error> {
    let new: NewOrder = match serde_json::from_slice(request.body()) {
        Ok(new) => new,
        Err(error) => return bad_request("the body is not an order", &[error.to_string()]),
    };
    let order = match Order::place(OrderId::of_request(request_id(request))?, new) {
        Ok(order) => order,
        Err(invalid) => {
            let problems: Vec<String> =
                invalid.problems().iter().map(ToString::to_string).collect();
            return bad_request("the order is not valid", &problems);
        }
    };
    tracing::info!(order = %order.id(), total_cents = order.total().get(), "order placed");
    let mut response = json(StatusCode::CREATED, &order)?;
    let location = format!("/orders/{}", order.id()).try_into()?;
    response.headers_mut().insert(LOCATION, location);
    store.put(order);
    Ok(response)
}

fn delete(store: &Store, id: &str) -> Result<Response<Body>, Error> {
    let deleted = id.parse().is_ok_and(|id| store.delete(&id));
    if deleted {
        let response = Response::builder().status(StatusCode::NO_CONTENT);
        Ok(response.body(Body::Empty)?)
    } else {
        not_found("no such order")
    }
}

/// The id that the gateway gave the request, or else the one that Lambda gave the invocation.
fn request_id(request: &Request) -> &str {
    let of_gateway = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.as_deref(),
        _ => None,
    };
    of_gateway
        .or_else(|| Some(&request.lambda_context_ref()?.request_id))
        .unwrap_or_default()
}

fn bad_request(error: &str, problems: &[String]) -> Result<Response<Body>, Error> {
    let body = json!({ "error": error, "problems": problems });
    json(StatusCode::BAD_REQUEST, &body)
}

fn not_found(error: &str) -> Result<Response<Body>, Error> {
    json(StatusCode::NOT_FOUND, &json!({ "error": error }))
}

fn method_not_allowed(allowed: &'static str) -> Result<Response<Body>, Error> {
    let body = json!({ "error": "method not allowed" });
    let mut response = json(StatusCode::METHOD_NOT_ALLOWED, &body)?;
    response.headers_mut().insert(ALLOW, allowed.try_into()?);
    Ok(response)
}

fn json(status: StatusCode, body: &impl Serialize) -> Result<Response<Body>, Error> {
    Ok(Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json")
        .body(serde_json::to_string(body)?.into())?)
}

#[cfg(test)]
mod tests {
    use lambda_http::request::from_str;
    use serde_json::Value;

    use super::*;

    const LIST: &str = include_str!("../events/list-orders.json");
    const PLACE: &str = include_str!("../events/place-order.json");
    const PLACE_INVALID: &str = include_str!("../events/place-invalid-order.json");
    const GET: &str = include_str!("../events/get-order.json");
    const DELETE: &str = include_str!("../events/delete-order.json");
    const REPLACE: &str = include_str!("../events/replace-order.json");

    fn send(store: &Store, event: &str) -> Response<Body> {
        handler(store, &from_str(event).unwrap()).unwrap()
    }

    fn body(response: &Response<Body>) -> Value {
        serde_json::from_slice(response.body()).unwrap()
    }

    #[test]
    fn an_order_lives_from_post_to_delete() {
        let store = Store::default();
        assert_eq!(body(&send(&store, LIST)), json!({ "orders": [] }));

        let placed = send(&store, PLACE);
        assert_eq!(placed.status(), StatusCode::CREATED);
        assert_eq!(placed.headers()[LOCATION], "/orders/ord-JKJaXmPLvHcESHA");
        assert_eq!(placed.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(body(&placed)["totalCents"], 3299);

        let read = send(&store, GET);
        assert_eq!(read.status(), StatusCode::OK);
        assert_eq!(body(&read), body(&placed));
        assert_eq!(
            body(&send(&store, LIST)),
            json!({ "orders": [body(&placed)] })
        );

        let deleted = send(&store, DELETE);
        assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
        assert!(deleted.body().is_empty());
        assert_eq!(send(&store, GET).status(), StatusCode::NOT_FOUND);
        assert_eq!(send(&store, DELETE).status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn the_same_request_twice_places_one_order() {
        let store = Store::default();
        assert_eq!(body(&send(&store, PLACE)), body(&send(&store, PLACE)));
        assert_eq!(store.list().len(), 1);
    }

    #[test]
    fn an_invalid_order_is_refused_with_every_problem() {
        let store = Store::default();
        let refused = send(&store, PLACE_INVALID);
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        assert_eq!(body(&refused)["problems"].as_array().unwrap().len(), 3);
        assert!(store.list().is_empty());
    }

    #[test]
    fn a_body_that_is_no_order_is_refused() {
        let store = Store::default();
        for text in [
            "",
            "not json",
            "[]",
            r#"{"customer":"ada@example.com","liens":[]}"#,
        ] {
            let mut request = from_str(PLACE).unwrap();
            *request.body_mut() = text.into();
            let refused = handler(&store, &request).unwrap();
            assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{text}");
        }
    }

    #[test]
    fn other_methods_and_paths() {
        let store = Store::default();
        let refused = send(&store, REPLACE);
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(refused.headers()[ALLOW], "GET, DELETE");

        let refused = send(
            &store,
            &DELETE.replace("/orders/ord-JKJaXmPLvHcESHA", "/orders"),
        );
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(refused.headers()[ALLOW], "GET, POST");

        let lost = send(&store, &LIST.replace("\"/orders\"", "\"/\""));
        assert_eq!(lost.status(), StatusCode::NOT_FOUND);
    }
}
