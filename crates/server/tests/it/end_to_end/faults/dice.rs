//! Chance that can be had again: the same seed, the same throws.

use std::time::Duration;

use nightlatch_flows::{Entropy, env::OsEntropy};
use tokio::time::timeout;

use crate::place::told;

/// The seed of a run that is to be had again.
const VARIABLE: &str = "NIGHTLATCH_FAULT_SEED";

/// A generator (splitmix64).
#[derive(Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// With the seed that was asked for, or a fresh one; it is printed.
    pub(crate) fn printed() -> Self {
        let mut fresh = [0; 8];
        OsEntropy.fill(&mut fresh);
        let asked = told(VARIABLE).map(|seed| seed.parse().unwrap());
        let seed = asked.unwrap_or_else(|| u64::from_le_bytes(fresh));
        println!("to have this run again: {VARIABLE}={seed}");
        Self(seed)
    }

    /// Another generator, whose throws have nothing to do with ours.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.roll())
    }

    /// Any number.
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    /// One of these.
    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let end = u64::try_from(all.len()).unwrap();
        &all[usize::try_from(self.below(end)).unwrap()]
    }

    /// Lets some time pass, `most` or less.
    pub(crate) async fn dawdle(&mut self, most: Duration) {
        let micros = u64::try_from(most.as_micros()).unwrap();
        pass(Duration::from_micros(self.below(micros + 1))).await;
    }
}

/// Lets time pass: faults come at moments that nothing announces.
pub(crate) async fn pass(span: Duration) {
    let _ = timeout(span, std::future::pending::<()>()).await;
}
