//! Argon2id, the slow hash under passwords and recovery codes.

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroize;

/// What one hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes; they are computed one after the other.
    pub parallelism: u32,
}

impl Cost {
    /// The least that an installation may use (OWASP, ASVS 5.0 appendix C). The settings enforce
    /// it, not this type: tests hash in microseconds.
    pub const FLOOR: Self = Self { memory_kib: 19_456, iterations: 2, parallelism: 1 };

    /// The most that is ever spent on one hash, whatever a row says.
    pub const CEILING: Self = Self { memory_kib: 1 << 18, iterations: 64, parallelism: 16 };

    /// Whether it costs an attacker less than `other` in memory or in passes.
    #[must_use]
    pub const fn is_below(self, other: Self) -> bool {
        self.memory_kib < other.memory_kib || self.iterations < other.iterations
    }

    /// The nearest cost that Argon2 can be asked for and that does not exceed [`Cost::CEILING`].
    #[must_use]
    pub(super) fn bounded(self) -> Self {
        let parallelism = self.parallelism.clamp(1, Self::CEILING.parallelism);
        Self {
            memory_kib: self.memory_kib.clamp(8 * parallelism, Self::CEILING.memory_kib),
            iterations: self.iterations.clamp(1, Self::CEILING.iterations),
            parallelism,
        }
    }

    fn params(self) -> Params {
        Params::new(self.memory_kib, self.iterations, self.parallelism, Some(32))
            .expect("a bounded cost is within Argon2's limits")
    }
}

/// Working memory of a thread that hashes: it grows to the largest cost seen, is used again for the
/// next hash, and is wiped when dropped.
#[derive(Default)]
pub struct Memory(Vec<Block>);

impl Memory {
    /// Hashes `input` at [bounded](Cost::bounded) cost.
    pub(super) fn hash(&mut self, cost: Cost, input: &[u8], salt: &[u8; 16]) -> [u8; 32] {
        let params = cost.bounded().params();
        if self.0.len() < params.block_count() {
            // Not resized in place: growing would leave a copy that is not wiped.
            self.0.zeroize();
            self.0 = vec![Block::new(); params.block_count()];
        }
        let mut output = [0; 32];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(input, salt, &mut output, &mut self.0)
            .expect("the memory is large enough and the lengths are Argon2's");
        output
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} KiB)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    const SMALL: Cost = Cost { memory_kib: 64, iterations: 1, parallelism: 1 };

    /// Made with another implementation, OpenSSL's.
    #[test]
    fn it_is_argon2id() {
        for (memory_kib, iterations, parallelism, expected) in [
            (64, 2, 1, "1a98fba8e6394425c9bdc333a9c750aaf811df070f5fb4a5788e1cf4db5793a1"),
            (128, 3, 4, "d921a101ff132690ad76e3a0d7d9d06f5dd4928259c15f6614077db27ea29acd"),
        ] {
            let cost = Cost { memory_kib, iterations, parallelism };
            let hash = Memory::default().hash(cost, b"password", b"somesaltsomesalt");
            assert_eq!(HEXLOWER.encode(&hash), expected);
        }
    }

    #[test]
    fn used_memory_leaves_no_trace_in_the_next_hash() {
        let larger = Cost { memory_kib: 256, ..SMALL };
        let fresh = Memory::default().hash(SMALL, b"a", &[1; 16]);
        let mut memory = Memory::default();
        for (cost, input) in [(SMALL, b"b"), (larger, b"c"), (SMALL, b"d")] {
            memory.hash(cost, input, &[2; 16]);
        }
        assert_eq!(memory.hash(SMALL, b"a", &[1; 16]), fresh);
        assert_eq!(format!("{memory:?}"), "Memory(256 KiB)");
    }

    #[test]
    fn lower_memory_or_fewer_passes_are_below() {
        assert!(!Cost::FLOOR.is_below(Cost::FLOOR));
        assert!(Cost { memory_kib: 1 << 18, iterations: 1, parallelism: 1 }.is_below(Cost::FLOOR));
        assert!(Cost { memory_kib: 19_455, iterations: 9, parallelism: 1 }.is_below(Cost::FLOOR));
        assert!(!Cost { parallelism: 4, ..Cost::FLOOR }.is_below(Cost::FLOOR));
    }

    proptest! {
        /// Whatever a row says, the cost is one that Argon2 takes and that a server can pay.
        #[test]
        fn any_cost_is_bounded(memory_kib: u32, iterations: u32, parallelism: u32) {
            let bounded = Cost { memory_kib, iterations, parallelism }.bounded();
            prop_assert!(bounded.memory_kib <= Cost::CEILING.memory_kib);
            prop_assert!(bounded.iterations <= Cost::CEILING.iterations);
            prop_assert!(bounded.params().block_count() <= 1 << 18);
            prop_assert_eq!(bounded.bounded(), bounded);
        }
    }
}
