//! What an order is. Every handler shares this crate; it knows nothing of Lambda.
//!
//! An [`Order`] can only exist valid: it comes from [`Order::place`] or from JSON that passes the same checks.

mod id;
mod money;
mod order;

pub use id::{InvalidOrderId, OrderId};
pub use money::Cents;
pub use order::{InvalidOrder, MAX_LINES, MAX_QUANTITY, NewOrder, Order, OrderLine, Problem};
