//! Aliases that go to versions which are there: what is looked at before, and the move itself.

use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{Aws, AwsError, Event, Stop, object};
use crate::release::Object;
use crate::release::change::Change;
use crate::release::content::{current, text, with_digest};
use crate::release::moves::{Move, Refused, Step, can_run};
use crate::release::observed::{is_allocated, points_at};
use crate::release::releases::Released;

/// How often a move may meet a conflict or a lost answer.
const TRIES: u32 = 10;
/// The first pause before it is looked at again; it grows by half each time.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest.
const LONGEST: Duration = Duration::from_secs(3);
/// A version that an alias is to point at, and that can run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// The digest of its code.
    pub sha256: String,
    /// What could not be seen of it, or is amiss and does not keep it from running; in words.
    pub amiss: Vec<String>,
}

/// An alias that was to move.
#[derive(Debug, Clone, PartialEq)]
pub struct Pointed {
    /// The alias, as it was read last.
    pub alias: Option<Object>,
    /// Whether anything was sent.
    pub moved: bool,
}

impl Aws {
    /// What a function has released. `versions`: whether these are asked for as well.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer. That there is no such function is no error.
    pub async fn released(&self, name: &str, versions: bool) -> Result<Released, AwsError> {
        let listed = async {
            if versions {
                let versions = self.versions(name).await?;
                // `$LATEST` is always among them.
                return Ok((!versions.is_empty(), versions));
            }
            Ok((self.get_function(name, None).await?.is_some(), Vec::new()))
        };
        let (aliases, listed) = tokio::join!(self.aliases(name), listed);
        let (exists, versions) = listed?;
        Ok(Released { exists, aliases: aliases?, versions })
    }

    /// Looks whether a version can run: its state, its image, the object that its code is read from.
    /// That a layer of it is gone keeps it from nothing (AWS: "Deleting layers": functions that use it
    /// run on).
    ///
    /// # Errors
    ///
    /// Why it cannot; or if AWS refuses or does not answer.
    pub async fn target(&self, function: &str, version: &str) -> Result<Target, Stop> {
        let refused = |why: Refused| Stop::Refused(why.into());
        let answer = self.get_function(function, Some(version)).await?;
        let Some(mut answer) = answer else {
            return Err(refused(Refused::NoVersion(version.to_owned())));
        };
        let mut configuration = object(answer["Configuration"].take());
        let image = answer["Code"]["ResolvedImageUri"].as_str();
        with_digest(&mut configuration, image);
        can_run(version, &configuration).map_err(refused)?;
        let (image, code, layers) = tokio::join!(
            self.image_of(version, image),
            self.object_of(version, &answer["Code"]["ResolvedS3Object"]),
            self.layers_of(version, &configuration),
        );
        let sha256 = text(&configuration, "CodeSha256").unwrap_or_default().to_owned();
        let amiss = [image.map_err(refused)?, code.map_err(refused)?, layers].into_iter().flatten();
        Ok(Target { sha256, amiss: amiss.collect() })
    }

    /// Whether the image of a version is where it runs from.
    async fn image_of(
        &self,
        version: &str,
        image: Option<&str>,
    ) -> Result<Option<String>, Refused> {
        // A server on this machine runs it from the folder that it was packaged in.
        let Some(image) = image.filter(|image| !image.starts_with("oci:")) else { return Ok(None) };
        match self.is_pushed(image).await {
            Ok(true) => Ok(None),
            Ok(false) => {
                let (version, image) = (version.to_owned(), image.to_owned());
                Err(Refused::ImageGone { version, image })
            }
            Err(error) => Ok(Some(unseen(version, image, &error))),
        }
    }

    /// Whether the object that a version's code is read from is there (`S3ObjectStorageMode`
    /// `REFERENCE`); of others AWS has a copy.
    async fn object_of(&self, version: &str, place: &Value) -> Result<Option<String>, Refused> {
        let member = |name: &str| place[name].as_str();
        let (Some(bucket), Some(key)) = (member("S3Bucket"), member("S3Key")) else {
            return Ok(None);
        };
        let object = format!("s3://{bucket}/{key}");
        match self.is_stored(bucket, key, member("S3ObjectVersion")).await {
            Ok(true) => Ok(None),
            Ok(false) => Err(Refused::ObjectGone { version: version.to_owned(), object }),
            Err(error) => Ok(Some(unseen(version, &object, &error))),
        }
    }

    /// Which layers of a version are gone, of those of the function's own account.
    async fn layers_of(&self, version: &str, configuration: &Object) -> Option<String> {
        let account = |arn: &str| arn.split(':').nth(4).map(str::to_owned);
        let own = text(configuration, "FunctionArn").and_then(account);
        let layers = current(configuration, "Layers");
        let layers = layers.as_array().into_iter().flatten().filter_map(Value::as_str);
        let asked = layers.filter(|arn| account(arn) == own).map(async |arn| {
            let there = self.layer_is_there(arn).await;
            (!there.unwrap_or(true)).then(|| arn.to_owned())
        });
        let gone: Vec<String> = join_all(asked).await.into_iter().flatten().collect();
        let layers = gone.join(", ");
        (!gone.is_empty()).then(|| {
            format!("version {version} runs, but its layers cannot be used anew: {layers} is gone")
        })
    }

    /// The reserved concurrency of a function; none if it has none, or is not there.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer.
    pub async fn reserved(&self, function: &str) -> Result<Option<u64>, AwsError> {
        let answer = self.get_function(function, None).await?;
        Ok(answer.and_then(|it| it["Concurrency"]["ReservedConcurrentExecutions"].as_u64()))
    }

    /// Waits while AWS moves provisioned concurrency over to where an alias points, and splits its traffic
    /// by itself. Says whether there was anything to wait for. Where it may not be looked at, there is not:
    /// weights are then taken for somebody's.
    ///
    /// # Errors
    ///
    /// If it takes longer than `patience`.
    pub async fn moves_over(
        &self,
        (function, alias): (&str, &str),
        patience: Duration,
        talk: &dyn Fn(Event<'_>),
    ) -> Result<bool, Stop> {
        let (began, mut pause, mut waited) = (Instant::now(), PAUSE, false);
        loop {
            let there = self.provisioned(function, Some(alias)).await.ok().flatten();
            if !is_allocated(there.as_ref()) {
                return Ok(waited);
            }
            let what = format!("provisioned concurrency of {alias} is still moving over");
            if began.elapsed() > patience {
                return Err(Stop::Patience { what, waited: patience });
            }
            talk(Event::Waits { function, what: &what });
            sleep(pause).await;
            (pause, waited) = (longer(pause), true);
        }
    }

    /// Waits until all traffic of an alias that a shift has moved is where it points: AWS splits it a while
    /// longer where provisioned concurrency moves along.
    ///
    /// # Errors
    ///
    /// If somebody else moves it, if it takes longer than `patience`, or if AWS refuses or does not answer.
    pub async fn settles(
        &self,
        one: &Move,
        sha256: &str,
        (patience, talk): (Duration, &dyn Fn(Event<'_>)),
    ) -> Result<Pointed, Stop> {
        let (began, mut pause) = (Instant::now(), PAUSE);
        loop {
            let alias = self.alias(&one.function, &one.alias).await?;
            match one.step(alias.as_ref(), sha256).map_err(Stop::Refused)? {
                Step::Done => return Ok(Pointed { alias, moved: true }),
                Step::Wait => still_split(one, alias.as_ref(), (began, patience), talk)?,
                // It was there, so that whoever has moved it since has meant it.
                Step::Act(_) | Step::Overtaken => {
                    return Err(Stop::overtaken(&one.alias, alias.as_ref()));
                }
            }
            sleep(pause).await;
            pause = longer(pause);
        }
    }

    /// Points an alias at a version, and reads back that it does. A conflict and an answer that was lost
    /// are the same here: the alias is read again, and decided on again. For `patience` AWS may split
    /// traffic along with provisioned concurrency.
    ///
    /// # Errors
    ///
    /// If somebody else moves it, or AWS refuses or does not answer.
    pub async fn point(
        &self,
        one: &Move,
        sha256: &str,
        (patience, talk): (Duration, &dyn Fn(Event<'_>)),
    ) -> Result<Pointed, Stop> {
        let mut alias = one.seen.clone();
        let (mut tries, mut pause, mut last) = (0, PAUSE, None);
        let began = Instant::now();
        loop {
            match one.step(alias.as_ref(), sha256).map_err(Stop::Refused)? {
                Step::Done => return Ok(Pointed { alias, moved: tries > 0 }),
                Step::Overtaken => return Err(Stop::overtaken(&one.alias, alias.as_ref())),
                Step::Wait => {
                    still_split(one, alias.as_ref(), (began, patience), talk)?;
                    sleep(pause).await;
                }
                Step::Act(_) if tries >= TRIES => return Err(not_kept(one, last)),
                Step::Act(action) => {
                    let change = Change { function: one.function.clone(), action: *action };
                    match tries {
                        0 => talk(Event::Begins(&change)),
                        _ => sleep(pause).await,
                    }
                    tries += 1;
                    match self.act(&change, Path::new("")).await {
                        Ok(_) => last = None,
                        Err(error) if error.is_open() => last = Some(error),
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            pause = longer(pause);
            alias = self.alias(&one.function, &one.alias).await?;
        }
    }
}

fn longer(pause: Duration) -> Duration {
    pause.mul_f64(1.5).min(LONGEST)
}

/// Says what is waited for, or that it takes too long.
fn still_split(
    one: &Move,
    alias: Option<&Object>,
    (began, patience): (Instant, Duration),
    talk: &dyn Fn(Event<'_>),
) -> Result<(), Stop> {
    let at = alias.map(points_at).unwrap_or_default();
    let what = format!("traffic of {} still goes to two versions: {at}", one.alias);
    if began.elapsed() > patience {
        return Err(Stop::Patience { what, waited: patience });
    }
    talk(Event::Waits { function: &one.function, what: &what });
    Ok(())
}

/// Why it did not stay, after all tries.
fn not_kept(one: &Move, last: Option<AwsError>) -> Stop {
    let operation = if one.seen.is_some() { "UpdateAlias" } else { "CreateAlias" };
    let what = format!("alias {}", one.alias);
    last.map_or(Stop::NotKept { operation, what }, Stop::Aws)
}

fn unseen(version: &str, what: &str, error: &AwsError) -> String {
    format!(
        "it cannot be seen whether {what}, which version {version} runs from, is there: {error}"
    )
}
