use lambda_runtime::{Error, tracing};
use serde::{Deserialize, Serialize};

/// What rules and schedules both send, as far as a job needs it.
#[derive(Debug, Deserialize)]
pub struct Tick {
    /// When it was to run, in UTC. A run that comes late or twice has the same time.
    time: String,
    /// The ARN of the rule or schedule.
    resources: Vec<String>,
}

/// Goes to the destination of the function, if it has one.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    time: String,
    done: usize,
}

/// One run. Take the time from the event, not from a clock: so a run can be made up for.
pub fn handle(tick: &Tick) -> Result<Summary, Error> {
    let schedule = tick.resources.first().ok_or("no schedule is named")?;
    tracing::info!(schedule, time = tick.time, "begun");
    let done = due().count();
    tracing::info!(done, "done");
    Ok(Summary {
        time: tick.time.clone(),
        done,
    })
}

/// What is to be done. Exchange it for a query of yours.
fn due() -> impl Iterator<Item = u64> {
    [17, 18, 19].into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_event_runs_the_job() -> Result<(), Error> {
        let tick = serde_json::from_str(include_str!("../events/schedule.json"))?;
        let summary = handle(&tick)?;
        assert_eq!(summary.time, "2026-11-20T09:00:00Z");
        assert_eq!(summary.done, 3);
        Ok(())
    }

    #[test]
    fn no_schedule_is_an_error() {
        let tick = Tick {
            time: "2026-11-20T09:00:00Z".to_owned(),
            resources: Vec::new(),
        };
        assert!(handle(&tick).is_err());
    }
}
