//! S3 event: writes a receipt beside each order.

use aws_config::BehaviorVersion;
use aws_lambda_events::s3::S3Event;
use aws_sdk_s3::Client;
use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};
use serde_json::{Value, json};

async fn handler(s3: &Client, event: LambdaEvent<S3Event>) -> Result<Value, Error> {
    let mut written = Vec::new();
    for record in event.payload.records {
        let (Some(bucket), Some(key)) = (record.s3.bucket.name, record.s3.object.key) else {
            return Err("a record without a bucket or a key".into());
        };
        let order = s3.get_object().bucket(&bucket).key(&key).send().await?;
        let order: Value = serde_json::from_slice(&order.body.collect().await?.into_bytes())?;
        let receipt = json!({ "order": order, "version": record.s3.object.version_id });
        let receipt_key = format!("receipts/{key}");
        let body = serde_json::to_vec_pretty(&receipt)?.into();
        s3.put_object().bucket(&bucket).key(&receipt_key).body(body).send().await?;
        written.push(receipt_key);
    }
    Ok(json!({ "written": written }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let s3 = Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
    lambda_runtime::run(service_fn(|event| handler(&s3, event))).await
}
