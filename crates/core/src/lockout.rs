//! How many guesses anybody gets (NIST SP 800-63B §3.2.2).
//!
//! Every attempt is counted, durably, before anyone learns its outcome. The counting itself is one
//! guarded statement in the store; this module holds the numbers it counts to, so that there is one
//! place to read them, and the suite of the store checks that the statements agree.

use std::time::Duration;

use crate::keys::{KeyRing, Purpose};

/// Failures in a row, on known and unknown devices together, that disable a type of factor.
pub const DISABLE_AT: i64 = 100;

/// Wrong codes that end one sign-in step.
pub const STEP_TRIES: i64 = 10;

/// A streak of failures is forgotten after this long without another one. Only password and mail
/// budgets forget; second factors are reset by success alone.
pub const FORGET_AFTER: Duration = Duration::from_hours(24);

/// The first wait; each further failure doubles it up to [`LONGEST_WAIT`].
pub const FIRST_WAIT: Duration = Duration::from_secs(30);

/// The longest wait.
pub const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// Failures of a second factor before the first wait.
pub const FACTOR_FREE: i64 = 5;

/// How long to wait after the `streak`-th attempt in a row when `free` cost nothing.
#[must_use]
pub fn wait(streak: i64, free: i64) -> Duration {
    if streak < free {
        return Duration::ZERO;
    }
    let doublings = u32::try_from(streak - free).unwrap_or(u32::MAX);
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    FIRST_WAIT.saturating_mul(factor).min(LONGEST_WAIT)
}

/// Each kind of budget has two to this power of slots.
const SLOT_BITS: u32 = 22;

/// What a budget counts, for an address that may or may not have an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// Passwords, from a device that signed in to the account before.
    KnownDevice,
    /// Passwords, from one network and no known device.
    Network,
    /// Passwords, from anywhere but known devices.
    Anywhere,
    /// Mails to the address.
    Mail,
}

impl Budget {
    /// Attempts that cost no wait.
    #[must_use]
    pub const fn free(self) -> i64 {
        match self {
            Self::KnownDevice | Self::Network => 10,
            Self::Anywhere => 100,
            Self::Mail => 5,
        }
    }

    /// Where the store counts it: one of 2^22 slots of its kind, chosen by a keyed hash, alike for
    /// addresses with and without an account. The table cannot grow beyond its slots; two addresses that
    /// share one share its budget, and nobody without the key ring can find such a pair.
    #[must_use]
    pub fn slot(self, ring: &KeyRing, address: &[u8; 32], detail: &[u8]) -> i64 {
        let scope: u32 = match self {
            Self::KnownDevice => 0,
            Self::Network => 1,
            Self::Anywhere => 2,
            Self::Mail => 3,
        };
        let data = crate::wire::Writer::default().bytes(address).bytes(detail).finish();
        let [a, b, c, ..] = ring.mac(Purpose::Budget, &data);
        i64::from(scope << SLOT_BITS | u32::from_be_bytes([0, a, b, c]) >> (24 - SLOT_BITS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_half_a_minute_to_an_hour() {
        let seconds = |streak| wait(streak, FACTOR_FREE).as_secs();
        assert_eq!([1, 4, 5, 6, 7].map(seconds), [0, 0, 30, 60, 120]);
        assert_eq!([11, 12, 13, 99].map(seconds), [1920, 3600, 3600, 3600]);
        assert_eq!(wait(i64::MAX, 0), LONGEST_WAIT);
    }

    #[test]
    fn budgets_differ_by_scope_address_and_detail() {
        let ring = KeyRing::single(&[1; 32]);
        let slots = [
            Budget::Network.slot(&ring, &[1; 32], b"a"),
            Budget::Network.slot(&ring, &[1; 32], b"b"),
            Budget::Network.slot(&ring, &[2; 32], b"a"),
            Budget::KnownDevice.slot(&ring, &[1; 32], b"a"),
        ];
        for (index, slot) in slots.iter().enumerate() {
            assert!((0..4 << SLOT_BITS).contains(slot));
            assert!(!slots[..index].contains(slot));
        }
    }
}
