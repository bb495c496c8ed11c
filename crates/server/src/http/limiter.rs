//! How many requests an address may make.
//!
//! One GCRA cell (a virtual scheduling time, as in ATM's leaky bucket) per slot of a table of fixed
//! size. Addresses find their slot by a keyed hash, so that nobody can aim at the slot of somebody
//! else, and memory stays the same however many addresses there are. Two addresses that share a
//! slot share its budget.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::http::address::ClientAddress;

/// Slots in the table: half a megabyte.
const SLOTS: usize = 1 << 16;

const NANOS_PER_MINUTE: u64 = 60_000_000_000;

/// A limit of requests per minute for each address.
pub struct Limiter {
    /// Nanoseconds that one request costs.
    cost: u64,
    /// When each slot is empty again, in nanoseconds on the caller's clock.
    slots: Box<[AtomicU64]>,
    key: RandomState,
}

impl Limiter {
    /// Allows `per_minute` requests a minute for each address, all at once if need be.
    ///
    /// Without a limit, when `per_minute` is 0, there is no limiter.
    #[must_use]
    pub fn new(per_minute: u32) -> Option<Self> {
        let cost = NANOS_PER_MINUTE.checked_div(per_minute.into())?;
        let slots = (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        Some(Self { cost, slots, key: RandomState::new() })
    }

    /// Counts one request at `now`, the time since any fixed moment before the first call.
    ///
    /// # Errors
    ///
    /// The time to wait until a request would be let through. A refused request costs nothing.
    pub fn count(&self, address: ClientAddress, now: Duration) -> Result<(), Duration> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let place = usize::try_from(self.key.hash_one(address.network())).unwrap_or_default();
        let slot = &self.slots[place % SLOTS];
        let mut wait = 0;
        let counted = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |empty| {
            let empty = empty.max(now).saturating_add(self.cost);
            wait = (empty - now).saturating_sub(NANOS_PER_MINUTE);
            (wait == 0).then_some(empty)
        });
        counted.map(drop).map_err(|_| Duration::from_nanos(wait))
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("cost", &self.cost).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(last: u8) -> ClientAddress {
        ClientAddress([192, 0, 2, last].into())
    }

    #[test]
    fn a_minutes_worth_may_come_at_once_and_then_one_at_a_time() {
        let limiter = Limiter::new(60).unwrap();
        let now = Duration::from_secs(5);
        for _ in 0..60 {
            limiter.count(address(1), now).unwrap();
        }
        assert_eq!(limiter.count(address(1), now), Err(Duration::from_secs(1)));
        assert_eq!(limiter.count(address(1), now), Err(Duration::from_secs(1)), "costs nothing");
        limiter.count(address(1), now + Duration::from_secs(1)).unwrap();
        assert!(limiter.count(address(1), now + Duration::from_secs(1)).is_err());
        limiter.count(address(2), now).unwrap();
    }

    #[test]
    fn zero_is_no_limit() {
        assert!(Limiter::new(0).is_none());
    }

    #[test]
    fn parallel_requests_are_all_counted() {
        let limiter = Limiter::new(100).unwrap();
        let limiter = &limiter;
        let passed: usize = std::thread::scope(|scope| {
            let count =
                move || (0..100).filter(|_| limiter.count(address(1), Duration::ZERO).is_ok());
            let threads = [(); 4].map(|()| scope.spawn(move || count().count()));
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 100);
    }

    proptest! {
        /// Whatever the pattern, no minute sees more than twice the limit, and waiting as long as
        /// told is enough.
        #[test]
        fn no_minute_sees_more_than_twice_the_limit(gaps in prop::collection::vec(0_u64..1_500, 150)) {
            let limiter = Limiter::new(30).unwrap();
            let mut now = Duration::from_secs(1);
            let mut passed = vec![];
            for gap in gaps {
                now += Duration::from_millis(gap);
                match limiter.count(address(1), now) {
                    Ok(()) => passed.push(now),
                    Err(wait) => {
                        now += wait;
                        prop_assert!(limiter.count(address(1), now).is_ok());
                        passed.push(now);
                    }
                }
            }
            let minute = Duration::from_mins(1);
            for (index, first) in passed.iter().enumerate() {
                let seen = passed[index..].iter().take_while(|at| at.saturating_sub(*first) < minute).count();
                prop_assert!(seen <= 60, "{seen}");
            }
        }
    }
}
