use std::{
    fs,
    path::{Path, PathBuf},
};

use aws_lambda_events::eventbridge::EventBridgeEvent;
use lambda_runtime::{Diagnostic, tracing};
use orders_core::{Cents, Order};
use serde::Serialize;

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    date: String,
    orders: usize,
    total_cents: Cents,
    text: String,
}

/// Renders the report of the day on which the schedule fired, from the files in `assets` under `root`.
pub fn handler(root: &Path, event: &EventBridgeEvent) -> Result<Report, ReportError> {
    let time = event.time.ok_or(ReportError::NoTime)?;
    let template = read(root.join("assets/report.txt"))?;
    let orders = orders(root)?;
    let report = report(time.date_naive().to_string(), &template, &orders)?;
    tracing::info!(
        date = report.date,
        orders = report.orders,
        "report rendered"
    );
    Ok(report)
}

/// The orders to report. A stand-in: exchange the packed file for a query of your table.
fn orders(root: &Path) -> Result<Vec<Order>, ReportError> {
    let json = read(root.join("assets/orders.json"))?;
    serde_json::from_str(&json).map_err(ReportError::Orders)
}

fn read(path: PathBuf) -> Result<String, ReportError> {
    fs::read_to_string(&path).map_err(|error| ReportError::Read(path, error))
}

fn report(date: String, template: &str, orders: &[Order]) -> Result<Report, ReportError> {
    let total = orders
        .iter()
        .try_fold(Cents::ZERO, |sum, order| sum.checked_add(order.total()))
        .ok_or(ReportError::TotalTooLarge)?;
    let pieces: u64 = orders.iter().map(Order::pieces).sum();
    let text = render(
        template,
        &[
            ("date", date.clone()),
            ("lines", lines(orders)),
            ("orders", orders.len().to_string()),
            ("pieces", pieces.to_string()),
            ("total", total.to_string()),
        ],
    )?;
    Ok(Report {
        date,
        orders: orders.len(),
        total_cents: total,
        text,
    })
}

fn lines(orders: &[Order]) -> String {
    let lines: Vec<String> = orders
        .iter()
        .map(|order| {
            format!(
                "{:<12}{:<24}{:>10}",
                order.id(),
                order.customer(),
                order.total()
            )
        })
        .collect();
    lines.join("\n")
}

/// Puts the values where the template says `{{name}}`. A name without a value is an error, not an empty space.
fn render(template: &str, values: &[(&str, String)]) -> Result<String, ReportError> {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or(ReportError::OpenPlaceholder)?;
        let (_, value) = values
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| ReportError::UnknownPlaceholder(name.to_owned()))?;
        text.push_str(before);
        text.push_str(value);
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

#[derive(Debug)]
pub enum ReportError {
    NoTime,
    Read(PathBuf, std::io::Error),
    Orders(serde_json::Error),
    OpenPlaceholder,
    UnknownPlaceholder(String),
    TotalTooLarge,
}

impl From<ReportError> for Diagnostic {
    fn from(error: ReportError) -> Self {
        let (error_type, error_message) = match error {
            ReportError::NoTime => ("NoTime", "the event has no time".to_owned()),
            ReportError::Read(path, error) => {
                ("Read", format!("cannot read {}: {error}", path.display()))
            }
            ReportError::Orders(error) => ("Orders", format!("assets/orders.json: {error}")),
            ReportError::OpenPlaceholder => ("Template", "a {{ without its }}".to_owned()),
            ReportError::UnknownPlaceholder(name) => {
                ("Template", format!("nothing is called {{{{{name}}}}}"))
            }
            ReportError::TotalTooLarge => ("TotalTooLarge", "the total is too large".to_owned()),
        };
        Self {
            error_type: error_type.to_owned(),
            error_message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULED: &str = include_str!("../events/scheduled.json");

    fn package() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR"))
    }

    #[test]
    fn the_packed_template_is_filled() {
        let event = serde_json::from_str(SCHEDULED).unwrap();
        let report = handler(package(), &event).unwrap();
        assert_eq!(report.total_cents, Cents::new(16694));
        assert_eq!(
            report.text,
            "Orders report of 2026-03-02\n\
             \n\
             ord-1001    ada@example.com              32.99\n\
             ord-1002    grace@example.com             4.95\n\
             ord-1003    alan@example.com            129.00\n\
             \n\
             3 orders, 9 pieces, 166.94 in total\n"
        );
    }

    #[test]
    fn a_missing_template_is_named() {
        let event = serde_json::from_str(SCHEDULED).unwrap();
        let error = handler(Path::new("nowhere"), &event).unwrap_err();
        let diagnostic = Diagnostic::from(error);
        assert_eq!(diagnostic.error_type, "Read");
        assert!(
            diagnostic
                .error_message
                .starts_with("cannot read nowhere/assets/report.txt: ")
        );
    }

    #[test]
    fn an_event_without_a_time_is_refused() {
        let mut event: EventBridgeEvent = serde_json::from_str(SCHEDULED).unwrap();
        event.time = None;
        assert!(matches!(
            handler(package(), &event),
            Err(ReportError::NoTime)
        ));
    }

    #[test]
    fn a_mistake_in_the_template_is_an_error() {
        let values = [("a", "1".to_owned())];
        assert_eq!(render("{{a}}{{a}}.", &values).unwrap(), "11.");
        assert!(matches!(
            render("{{b}}", &values),
            Err(ReportError::UnknownPlaceholder(name)) if name == "b"
        ));
        assert!(matches!(
            render("{{a", &values),
            Err(ReportError::OpenPlaceholder)
        ));
    }
}
