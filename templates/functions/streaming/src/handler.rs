use std::time::Duration;

use lambda_http::{
    Error, Request, RequestExt, Response,
    http::{StatusCode, header::CONTENT_TYPE},
    lambda_runtime::streaming::{Body, Sender, channel},
    tracing,
};
use tokio::time::sleep;

/// Answers with the head alone. The rows follow while Lambda sends them on.
pub fn handle(request: &Request) -> Result<Response<Body>, Error> {
    let query = request.query_string_parameters();
    let Ok(from) = query.first("from").unwrap_or("1").parse() else {
        return Ok(Response::builder()
            .status(StatusCode::BAD_REQUEST)
            .body("`from` is no number".into())?);
    };
    let (rows, body) = channel();
    tokio::spawn(stream(rows, from));
    Ok(Response::builder()
        .header(CONTENT_TYPE, "text/csv")
        .body(body)?)
}

/// Sends the rows. Where that fails the answer is broken off: one that only stops looks complete.
async fn stream(mut rows: Sender, from: u32) {
    match send(&mut rows, from).await {
        Ok(()) => tracing::info!(from, "sent"),
        Err(error) => {
            tracing::error!(error, "broken off");
            rows.abort();
        }
    }
}

async fn send(rows: &mut Sender, from: u32) -> Result<(), Error> {
    rows.send_data("order,status\n".into()).await?;
    for count in 0..3 {
        // Exchange it for the query of a page.
        sleep(Duration::from_millis(100)).await;
        let order = from
            .checked_add(count)
            .ok_or("no order has such a number")?;
        rows.send_data(format!("{order},shipped\n").into()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use lambda_http::request::from_str;

    use super::*;

    const EVENT: &str = include_str!("../events/orders.json");

    #[tokio::test]
    async fn the_rows_of_the_sample_event_come() -> Result<(), Error> {
        let response = handle(&from_str(EVENT)?)?;
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.into_body().collect().await?.to_bytes();
        assert_eq!(body, "order,status\n17,shipped\n18,shipped\n19,shipped\n");
        Ok(())
    }

    #[tokio::test]
    async fn what_fails_half_way_does_not_look_complete() -> Result<(), Error> {
        let event = EVENT.replace("from=17", &format!("from={}", u32::MAX));
        let response = handle(&from_str(&event)?)?;
        assert!(response.into_body().collect().await.is_err());
        Ok(())
    }

    #[tokio::test]
    async fn what_is_no_number_is_refused() -> Result<(), Error> {
        let response = handle(&from_str(&EVENT.replace("from=17", "from=many"))?)?;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        Ok(())
    }
}
