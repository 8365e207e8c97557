//! What to read, what to write and where. No network here.

use std::fmt::Write;

use aws_lambda_events::s3::S3EventRecord;
use lambda_runtime::Error;
use orders_core::Order;
use percent_encoding::percent_decode_str;

/// Receipts go to another prefix than orders come from: a receipt must not start this function again.
const ORDERS: &str = "orders/";
const RECEIPTS: &str = "receipts/";

/// An order object to read.
#[derive(Debug, PartialEq, Eq)]
pub struct Job {
    pub bucket: String,
    pub key: String,
}

/// The job in a record, or `None` when the object is not an order.
pub fn job(record: &S3EventRecord) -> Result<Option<Job>, Error> {
    let bucket = record
        .s3
        .bucket
        .name
        .as_deref()
        .ok_or("a record without a bucket")?;
    let key = record
        .s3
        .object
        .key
        .as_deref()
        .ok_or("a record without a key")?;
    let key = decoded(key)?;
    let is_order = key.starts_with(ORDERS) && key.strip_suffix(".json").is_some();
    Ok(is_order.then(|| Job {
        bucket: bucket.to_owned(),
        key,
    }))
}

/// S3 writes keys into events as in an HTML form: `+` for a space, `%XX` for the rest.
fn decoded(key: &str) -> Result<String, Error> {
    let key = key.replace('+', " ");
    Ok(percent_decode_str(&key).decode_utf8()?.into_owned())
}

pub fn key(order: &Order) -> String {
    format!("{RECEIPTS}{}.txt", order.id())
}

pub fn text(order: &Order) -> String {
    let mut text = format!("Receipt for {}\n{}\n\n", order.id(), order.customer());
    for line in order.lines() {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:>4} x {:<32}{:>10}",
            line.quantity, line.sku, line.unit_price_cents
        );
    }
    text + &format!("\nTotal {:>43}\n", order.total())
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::s3::S3Event;

    use super::*;

    const PUT: &str = include_str!("../events/s3-put.json");
    const ORDER: &str = include_str!("../events/order-object.json");

    fn record(key: &str) -> S3EventRecord {
        let mut event: S3Event = serde_json::from_str(PUT).unwrap();
        event.records[0].s3.object.key = Some(key.to_owned());
        event.records.remove(0)
    }

    #[test]
    fn the_event_names_the_object() {
        let event: S3Event = serde_json::from_str(PUT).unwrap();
        assert_eq!(
            job(&event.records[0]).unwrap(),
            Some(Job {
                bucket: "example-orders".to_owned(),
                key: "orders/2026-03-02/ord-JKJaXmPLvHcESHA.json".to_owned(),
            })
        );
    }

    #[test]
    fn keys_are_decoded() {
        let job = job(&record("orders/2+Mar%C3%A4%2B.json")).unwrap().unwrap();
        assert_eq!(job.key, "orders/2 Marä+.json");
        assert!(super::job(&record("orders/%FF.json")).is_err());
    }

    #[test]
    fn only_orders_get_a_receipt() {
        for key in [
            "receipts/ord-1.txt",
            "receipts/ord-1.json",
            "orders/readme.txt",
        ] {
            assert_eq!(job(&record(key)).unwrap(), None, "{key}");
        }
    }

    #[test]
    fn a_receipt_lists_the_lines() {
        let order = serde_json::from_str(ORDER).unwrap();
        assert_eq!(key(&order), "receipts/ord-JKJaXmPLvHcESHA.txt");
        assert_eq!(
            text(&order),
            "Receipt for ord-JKJaXmPLvHcESHA\n\
             ada@example.com\n\
             \n   \
             2 x BOOK-1                               12.50\n   \
             1 x MUG-BLUE                              7.99\n\
             \n\
             Total                                       32.99\n"
        );
    }
}
