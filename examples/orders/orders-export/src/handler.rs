use std::time::Duration;

use lambda_http::{
    Error, Request, Response,
    http::{
        Method, StatusCode,
        header::{ALLOW, CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    lambda_runtime::streaming::{Body, Sender, channel},
    tracing,
};
use orders_core::Order;
use tokio::time::sleep;

/// A stand-in: exchange it for your table, read page by page.
const ORDERS: &str = include_str!("../../orders-report/assets/orders.json");

/// As long as it takes to read a page.
const PAGE: Duration = Duration::from_millis(200);

/// Answers with the head alone; the rows follow while Lambda sends them on.
pub fn handler(request: &Request) -> Result<Response<Body>, Error> {
    if request.method() != Method::GET {
        return Ok(Response::builder()
            .status(StatusCode::METHOD_NOT_ALLOWED)
            .header(ALLOW, "GET")
            .body(Body::empty())?);
    }
    let (rows, body) = channel();
    tokio::spawn(async move {
        match send(rows).await {
            Ok(count) => tracing::info!(count, "exported"),
            Err(error) => tracing::error!(%error, "broken off"),
        }
    });
    Ok(Response::builder()
        .header(CONTENT_TYPE, "text/csv")
        .header(CONTENT_DISPOSITION, "attachment; filename=\"orders.csv\"")
        .body(body)?)
}

async fn send(mut rows: Sender) -> Result<usize, Error> {
    rows.send_data("id,customer,pieces,total\n".into()).await?;
    let mut count = 0;
    for order in serde_json::from_str::<Vec<Order>>(ORDERS)? {
        sleep(PAGE).await;
        rows.send_data(row(&order).into()).await?;
        count += 1;
    }
    Ok(count)
}

fn row(order: &Order) -> String {
    let (id, customer, pieces, total) =
        (order.id(), order.customer(), order.pieces(), order.total());
    format!("{id},{},{pieces},{total}\n", quoted(customer))
}

/// RFC 4180.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method) -> Request {
        let mut request = Request::default();
        *request.method_mut() = method;
        request
    }

    #[tokio::test]
    async fn the_head_is_there_before_the_rows() {
        let response = handler(&request(Method::GET)).unwrap();
        assert_eq!(
            (response.status(), &response.headers()[CONTENT_TYPE]),
            (StatusCode::OK, &"text/csv".parse().unwrap())
        );
    }

    #[test]
    fn nothing_but_get() {
        let response = handler(&request(Method::POST)).unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[ALLOW], "GET");
    }

    #[test]
    fn a_row_keeps_its_columns() {
        let orders: Vec<Order> = serde_json::from_str(ORDERS).unwrap();
        assert_eq!(row(&orders[0]), "ord-1001,\"ada@example.com\",3,32.99\n");
        assert_eq!(quoted("a \"b\", c"), "\"a \"\"b\"\", c\"");
    }
}
