use aws_lambda_events::s3::S3Event;
use aws_sdk_s3::{Client, primitives::ByteStream};
use lambda_runtime::{Error, tracing};
use orders_core::Order;
use serde::Serialize;

use crate::receipt::{self, Job};

/// The keys of the receipts that were written.
#[derive(Debug, Serialize)]
pub struct Receipts {
    receipts: Vec<String>,
}

/// Writes a receipt for each order object in the event. A second try writes the same objects again, so it does no harm.
pub async fn handler(s3: &Client, event: S3Event) -> Result<Receipts, Error> {
    let mut receipts = Vec::new();
    for record in &event.records {
        if let Some(job) = receipt::job(record)? {
            receipts.push(write_receipt(s3, &job).await?);
        } else {
            tracing::info!(key = record.s3.object.key, "skipped: not an order");
        }
    }
    Ok(Receipts { receipts })
}

async fn write_receipt(s3: &Client, job: &Job) -> Result<String, Error> {
    let object = s3
        .get_object()
        .bucket(&job.bucket)
        .key(&job.key)
        .send()
        .await?;
    let order: Order = serde_json::from_slice(&object.body.collect().await?.into_bytes())?;
    let key = receipt::key(&order);
    s3.put_object()
        .bucket(&job.bucket)
        .key(&key)
        .content_type("text/plain; charset=utf-8")
        .body(ByteStream::from(receipt::text(&order).into_bytes()))
        .send()
        .await?;
    tracing::info!(order = %order.id(), bucket = job.bucket, key, "receipt written");
    Ok(key)
}
