use std::{error::Error, fmt};

use serde::{Deserialize, Serialize};

use crate::{Cents, OrderId};

pub const MAX_LINES: usize = 50;
pub const MAX_QUANTITY: u32 = 999;

/// What a customer sends to place an order. Not checked yet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewOrder {
    pub customer: String,
    pub lines: Vec<OrderLine>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrderLine {
    pub sku: String,
    pub quantity: u32,
    pub unit_price_cents: Cents,
}

/// A placed order: valid, and its total is the sum of its lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "UncheckedOrder")]
pub struct Order {
    id: OrderId,
    customer: String,
    lines: Vec<OrderLine>,
    total_cents: Cents,
}

impl Order {
    /// # Errors
    /// When the order is not valid; the error names every problem, not only the first.
    pub fn place(id: OrderId, new: NewOrder) -> Result<Self, InvalidOrder> {
        let mut problems = problems_of(&new);
        let total = total_of(&new.lines);
        if total.is_none() {
            problems.push(Problem::TotalTooLarge);
        }
        match total {
            Some(total_cents) if problems.is_empty() => Ok(Self {
                id,
                customer: new.customer,
                lines: new.lines,
                total_cents,
            }),
            _ => Err(InvalidOrder { problems }),
        }
    }

    #[must_use]
    pub fn id(&self) -> &OrderId {
        &self.id
    }

    /// The e-mail address of the customer.
    #[must_use]
    pub fn customer(&self) -> &str {
        &self.customer
    }

    #[must_use]
    pub fn lines(&self) -> &[OrderLine] {
        &self.lines
    }

    #[must_use]
    pub fn total(&self) -> Cents {
        self.total_cents
    }

    /// How many pieces the order has, over all lines.
    #[must_use]
    pub fn pieces(&self) -> u64 {
        self.lines.iter().map(|line| u64::from(line.quantity)).sum()
    }
}

fn problems_of(new: &NewOrder) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !is_email(&new.customer) {
        problems.push(Problem::Customer);
    }
    if !(1..=MAX_LINES).contains(&new.lines.len()) {
        problems.push(Problem::LineCount(new.lines.len()));
    }
    for (index, line) in new.lines.iter().enumerate() {
        let number = index + 1;
        if !is_sku(&line.sku) {
            problems.push(Problem::Sku { line: number });
        }
        if !(1..=MAX_QUANTITY).contains(&line.quantity) {
            problems.push(Problem::Quantity {
                line: number,
                quantity: line.quantity,
            });
        }
    }
    problems
}

fn total_of(lines: &[OrderLine]) -> Option<Cents> {
    lines.iter().try_fold(Cents::ZERO, |sum, line| {
        sum.checked_add(line.unit_price_cents.checked_mul(line.quantity)?)
    })
}

fn is_email(text: &str) -> bool {
    !text.contains(char::is_whitespace)
        && text
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
}

fn is_sku(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// An order as it stands in JSON, before the checks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UncheckedOrder {
    id: OrderId,
    customer: String,
    lines: Vec<OrderLine>,
    total_cents: Cents,
}

impl TryFrom<UncheckedOrder> for Order {
    type Error = InvalidOrder;

    fn try_from(unchecked: UncheckedOrder) -> Result<Self, InvalidOrder> {
        let UncheckedOrder {
            id,
            customer,
            lines,
            total_cents: stated,
        } = unchecked;
        let order = Self::place(id, NewOrder { customer, lines })?;
        if order.total_cents == stated {
            Ok(order)
        } else {
            let problem = Problem::WrongTotal {
                stated,
                computed: order.total_cents,
            };
            Err(InvalidOrder {
                problems: vec![problem],
            })
        }
    }
}

/// One reason why an order is not valid. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    Customer,
    LineCount(usize),
    Sku { line: usize },
    Quantity { line: usize, quantity: u32 },
    TotalTooLarge,
    WrongTotal { stated: Cents, computed: Cents },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Customer => write!(f, "customer is not an e-mail address"),
            Self::LineCount(count) => write!(f, "an order has 1 to {MAX_LINES} lines, not {count}"),
            Self::Sku { line } => {
                write!(f, "line {line}: sku is 1 to 32 letters, digits or hyphens")
            }
            Self::Quantity { line, quantity } => {
                write!(
                    f,
                    "line {line}: quantity is 1 to {MAX_QUANTITY}, not {quantity}"
                )
            }
            Self::TotalTooLarge => write!(f, "the total is too large"),
            Self::WrongTotal { stated, computed } => {
                write!(f, "the total is {computed}, not {stated}")
            }
        }
    }
}

/// Every reason why an order is not valid; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidOrder {
    problems: Vec<Problem>,
}

impl InvalidOrder {
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for InvalidOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl Error for InvalidOrder {}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> OrderId {
        "ord-1".parse().unwrap()
    }

    fn line(sku: &str, quantity: u32, cents: u64) -> OrderLine {
        OrderLine {
            sku: sku.to_owned(),
            quantity,
            unit_price_cents: Cents::new(cents),
        }
    }

    fn new_order(lines: Vec<OrderLine>) -> NewOrder {
        NewOrder {
            customer: "ada@example.com".to_owned(),
            lines,
        }
    }

    #[test]
    fn the_total_is_the_sum_of_the_lines() {
        let order = Order::place(
            id(),
            new_order(vec![line("BOOK-1", 2, 1250), line("MUG", 1, 799)]),
        )
        .unwrap();
        assert_eq!(order.total(), Cents::new(3299));
        assert_eq!(order.pieces(), 3);
    }

    #[test]
    fn every_problem_is_named() {
        let mut new = new_order(vec![line("", 1, 100), line("MUG", 0, 100)]);
        new.customer = "nobody".to_owned();
        let invalid = Order::place(id(), new).unwrap_err();
        assert_eq!(
            invalid.problems(),
            [
                Problem::Customer,
                Problem::Sku { line: 1 },
                Problem::Quantity {
                    line: 2,
                    quantity: 0
                },
            ]
        );
        assert_eq!(
            invalid.to_string(),
            "customer is not an e-mail address; line 1: sku is 1 to 32 letters, digits or hyphens; line 2: quantity is 1 to 999, not 0"
        );
    }

    #[test]
    fn limits_are_kept() {
        for count in [0, MAX_LINES + 1] {
            let invalid = Order::place(id(), new_order(vec![line("A", 1, 1); count])).unwrap_err();
            assert_eq!(invalid.problems(), [Problem::LineCount(count)]);
        }
        let invalid = Order::place(id(), new_order(vec![line("A", 2, u64::MAX)])).unwrap_err();
        assert_eq!(invalid.problems(), [Problem::TotalTooLarge]);
    }

    #[test]
    fn json_round_trip() {
        let order = Order::place(id(), new_order(vec![line("BOOK-1", 2, 1250)])).unwrap();
        let json = serde_json::to_string(&order).unwrap();
        assert_eq!(
            json,
            r#"{"id":"ord-1","customer":"ada@example.com","lines":[{"sku":"BOOK-1","quantity":2,"unitPriceCents":1250}],"totalCents":2500}"#
        );
        assert_eq!(serde_json::from_str::<Order>(&json).unwrap(), order);
    }

    #[test]
    fn json_of_an_invalid_order_is_refused() {
        let json = r#"{"id":"ord-1","customer":"ada@example.com","lines":[{"sku":"BOOK-1","quantity":2,"unitPriceCents":1250}],"totalCents":1}"#;
        let error = serde_json::from_str::<Order>(json).unwrap_err();
        assert_eq!(error.to_string(), "the total is 25.00, not 0.01");
    }
}
