use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount of money in cents of the one currency this shop uses. Never a float.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cents(u64);

impl Cents {
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub const fn new(cents: u64) -> Self {
        Self(cents)
    }

    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    #[must_use]
    pub fn checked_mul(self, quantity: u32) -> Option<Self> {
        self.0.checked_mul(u64::from(quantity)).map(Self)
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:02}", self.0 / 100, self.0 % 100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cents_are_shown_with_two_digits() {
        assert_eq!(Cents::new(1205).to_string(), "12.05");
        assert_eq!(Cents::new(7).to_string(), "0.07");
        assert_eq!(format!("{:>8}", Cents::new(1250)), "   12.50");
    }

    #[test]
    fn arithmetic_does_not_wrap() {
        assert_eq!(Cents::new(1250).checked_mul(2), Some(Cents::new(2500)));
        assert_eq!(Cents::new(u64::MAX).checked_add(Cents::new(1)), None);
        assert_eq!(Cents::new(u64::MAX).checked_mul(2), None);
    }
}
