use aws_lambda_events::s3::{S3Event, S3EventRecord};
use lambda_runtime::{Error, tracing};
use percent_encoding::percent_decode_str;
use serde::Serialize;

/// Goes to the destination of the function, if it has one.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Processed {
    objects: Vec<String>,
}

/// Works through the objects of one notification. It may come more than once.
pub fn handle(event: &S3Event) -> Result<Processed, Error> {
    let objects = event.records.iter().map(process);
    Ok(Processed {
        objects: objects.collect::<Result<_, _>>()?,
    })
}

fn process(record: &S3EventRecord) -> Result<String, Error> {
    let bucket = record.s3.bucket.name.as_deref();
    let bucket = bucket.ok_or("a record without a bucket")?;
    let key = record.s3.object.key.as_deref();
    let key = decoded(key.ok_or("a record without a key")?)?;
    tracing::info!(
        event = record.event_name,
        bucket,
        key,
        size = record.s3.object.size,
        "processed"
    );
    Ok(format!("s3://{bucket}/{key}"))
}

/// In notifications keys are encoded as in a form: `+` is a space.
fn decoded(key: &str) -> Result<String, Error> {
    let key = key.replace('+', " ");
    Ok(percent_decode_str(&key).decode_utf8()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_of_the_sample_event_is_found() -> Result<(), Error> {
        let event = serde_json::from_str(include_str!("../events/s3.json"))?;
        assert_eq!(
            handle(&event)?.objects,
            ["s3://orders/receipts/order 17.json"]
        );
        Ok(())
    }

    #[test]
    fn keys_are_decoded() -> Result<(), Error> {
        assert_eq!(decoded("a+b/c%2Bd%C3%A9.txt")?, "a b/c+d\u{e9}.txt");
        assert!(decoded("%ff").is_err());
        Ok(())
    }
}
