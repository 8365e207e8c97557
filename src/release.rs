//! A release, decided: what AWS should hold, what it holds, and which calls lead from one to the
//! other.
//!
//! [`next`](next::next) looks at the newest state and names every change that may run *now*: at most
//! one a function, none of a later phase while an earlier one is open. The loop around it is *observe →
//! next → act → observe what was touched*; nothing to do and nothing to wait for means done. A
//! conflict, a lost reply, a kill: all are "observe again and ask again". A dry run is the same function
//! unfolded over predicted states ([`predict`]).
//!
//! Nothing here touches a network or a clock. What AWS says is kept as the JSON that it came as, so
//! that members and values of newer features are neither lost nor misread.

pub mod advice;
pub mod appspec;
pub mod attach;
pub mod change;
pub mod content;
pub mod describe;
pub mod desired;
pub mod ecr;
pub mod guard;
pub mod layers;
pub mod marker;
pub mod next;
pub mod observed;
pub mod policy;
pub mod predict;
pub mod prune;
pub mod role;
pub mod shift;
pub mod status;
mod step;
pub mod wanted;

/// A JSON object.
pub type Object = serde_json::Map<String, serde_json::Value>;

#[cfg(test)]
mod tests;
