//! The orders, in the memory of this execution environment.
//!
//! Lambda may start many environments and ends them when it likes, so this is a stand-in: exchange it for a table.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use orders_core::{Order, OrderId};

#[derive(Default)]
pub struct Store {
    orders: Mutex<BTreeMap<OrderId, Order>>,
}

impl Store {
    pub fn list(&self) -> Vec<Order> {
        self.lock().values().cloned().collect()
    }

    pub fn get(&self, id: &OrderId) -> Option<Order> {
        self.lock().get(id).cloned()
    }

    pub fn put(&self, order: Order) {
        self.lock().insert(order.id().clone(), order);
    }

    /// Says whether there was such an order.
    pub fn delete(&self, id: &OrderId) -> bool {
        self.lock().remove(id).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<OrderId, Order>> {
        // A panic cannot leave the map half changed, so a poisoned lock is still good.
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
