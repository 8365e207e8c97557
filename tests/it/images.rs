//! Container images: what Lambda refuses is found, what other tools made is taken, what is hostile ends
//! soon, and what is made here is taken by other tools.

mod asked;
mod cases;
mod corpus;
mod debian;
mod fix;
mod hostile;
mod maker;
mod open;
mod package;
#[cfg(feature = "registry")]
mod registry;
mod tools;
