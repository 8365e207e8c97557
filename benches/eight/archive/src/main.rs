//! S3 event: moves what was written into the archive.

use aws_config::BehaviorVersion;
use aws_lambda_events::s3::S3Event;
use aws_sdk_s3::Client;
use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};
use serde_json::{Value, json};

async fn handler(s3: &Client, archive: &str, event: LambdaEvent<S3Event>) -> Result<Value, Error> {
    let mut moved = 0;
    for record in event.payload.records {
        let (Some(bucket), Some(key)) = (record.s3.bucket.name, record.s3.object.key) else {
            return Err("a record without a bucket or a key".into());
        };
        let source = format!("{bucket}/{key}");
        s3.copy_object().bucket(archive).key(&key).copy_source(source).send().await?;
        s3.delete_object().bucket(bucket).key(key).send().await?;
        moved += 1;
    }
    Ok(json!({ "moved": moved, "archive": archive }))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let archive = std::env::var("ARCHIVE_BUCKET")?;
    let s3 = Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
    lambda_runtime::run(service_fn(|event| handler(&s3, &archive, event))).await
}
