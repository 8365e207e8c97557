//! What the tables in a list hold: members of an API's request, each a key like any other.

use super::Kind::{Boolean, Choice, Integer, Text, Texts};
use super::forms::{
    ACCOUNT, ACTION, ANY_ARN, ORGANIZATION, PRINCIPAL, SOURCE, STATEMENT, STREAM_ON_FAILURE,
};
use super::{Check, Kind};

/// The tables of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Shape {
    /// The keys; the first must be there.
    pub fields: &'static [Field],
    /// How many tables there may be.
    pub most: usize,
}

/// One key of such a table.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind }
}

/// The end of the year 9999, in seconds since 1970.
const LAST_SECOND: i64 = 253_402_300_799;

/// `AddPermission`.
pub(super) static PERMISSION: Shape = Shape {
    fields: &[
        field("principal", Text(Check::Form(&PRINCIPAL))),
        field("action", Text(Check::Form(&ACTION))),
        field("source-arn", Text(Check::Form(&ANY_ARN))),
        field("source-account", Text(Check::Form(&ACCOUNT))),
        field("principal-org-id", Text(Check::Form(&ORGANIZATION))),
        field("id", Text(Check::Form(&STATEMENT))),
    ],
    most: 100,
};

/// `CreateEventSourceMapping`. What ends by itself has no -1 here: `"none"` says "without end".
pub(super) static TRIGGER: Shape = Shape {
    fields: &[
        field("source", Text(Check::Form(&SOURCE))),
        field("enabled", Boolean),
        field("batch-size", Integer(1, 10_000)),
        field("window", Integer(0, 300)),
        field("filters", Texts(10, Check::Filter)),
        field("report-item-failures", Boolean),
        field("max-concurrency", Integer(2, 1_000)),
        field("starting-position", Choice(&["trim-horizon", "latest", "at-timestamp"])),
        field("timestamp", Integer(0, LAST_SECOND)),
        field("retries", Integer(0, 10_000)),
        field("max-age", Integer(60, 604_800)),
        field("bisect", Boolean),
        field("parallelization", Integer(1, 10)),
        field("tumbling-window", Integer(0, 900)),
        field("on-failure", Text(Check::Form(&STREAM_ON_FAILURE))),
    ],
    most: 100,
};
