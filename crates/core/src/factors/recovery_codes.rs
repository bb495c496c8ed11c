//! Recovery codes: look-up secrets for the day the phone is gone (NIST SP 800-63B §3.1.2).
//!
//! A set is ten codes of 80 bits, shown once. Each is kept as Argon2id over a hash keyed by the ring
//! (a pepper), with one salt for the whole set, so that an attempt costs one slow hash however many
//! codes there are, and a copy of the database alone is worth nothing.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::slow_hash::{Cost, Memory};
use crate::{
    SecretText, Timestamp, UserId,
    code::RecoveryCode,
    keys::{KeyRing, KeyTag, Purpose},
    proof::{Evidence, Factor, Proof},
    wire::Writer,
};

/// Codes in a set.
pub const SET_SIZE: usize = 10;

/// A set of codes as it is kept.
#[derive(Debug, Clone)]
pub struct StoredSet {
    /// Its identity.
    pub id: [u8; 16],
    /// The salt of all its hashes.
    pub salt: [u8; 16],
    /// The key that the hashes are peppered with.
    pub pepper: KeyTag,
    /// What each hash cost.
    pub cost: Cost,
    /// The codes' numbers, from 1, and hashes.
    pub hashes: Vec<(i64, [u8; 32])>,
}

/// Makes a set for `user`: the codes as they are shown, in the order of their numbers, and what is
/// kept of them. `id`, `salt` and `entropy` are fresh randomness. A cost that Argon2 cannot be asked
/// for, or that exceeds [`Cost::CEILING`], counts as the nearest that it can.
#[must_use]
pub fn generate(
    ring: &KeyRing,
    user: UserId,
    id: [u8; 16],
    salt: [u8; 16],
    entropy: &[[u8; 10]; SET_SIZE],
    cost: Cost,
    memory: &mut Memory,
) -> (Vec<SecretText>, StoredSet) {
    let pepper = ring.lasting_tag();
    let mut set =
        StoredSet { id, salt, pepper, cost: cost.bounded(), hashes: Vec::with_capacity(SET_SIZE) };
    let codes = distinct(entropy);
    for (number, code) in (1..).zip(&codes) {
        let tag = ring.mac(Purpose::RecoveryCode, &input(user, id, code));
        set.hashes.push((number, memory.hash(set.cost, &tag, &salt)));
    }
    (codes.iter().map(RecoveryCode::to_text).collect(), set)
}

/// One code for each entropy; equal ones, which only broken randomness brings, are told apart.
fn distinct(entropy: &[[u8; 10]; SET_SIZE]) -> Vec<RecoveryCode> {
    let mut codes: Vec<RecoveryCode> = Vec::with_capacity(SET_SIZE);
    for bytes in entropy {
        let mut bytes = *bytes;
        while codes.contains(&RecoveryCode::from_entropy(bytes)) {
            bytes[9] = bytes[9].wrapping_add(1);
        }
        codes.push(RecoveryCode::from_entropy(bytes));
    }
    codes
}

fn input(user: UserId, set: [u8; 16], code: &RecoveryCode) -> Vec<u8> {
    Writer::default().bytes(user.as_bytes()).bytes(&set).bytes(code.as_bytes()).finish()
}

impl StoredSet {
    /// Checks `code` against the whole set of `user`: one slow hash, compared with every stored
    /// one. Whether the code was spent before is for the store to say.
    #[must_use]
    pub fn verify(
        &self,
        ring: &KeyRing,
        user: UserId,
        code: &RecoveryCode,
        now: Timestamp,
        memory: &mut Memory,
    ) -> Option<Proof> {
        let input = input(user, self.id, code);
        let tag = ring.mac_under(self.pepper, Purpose::RecoveryCode, &input)?;
        let hash = memory.hash(self.cost, &tag, &self.salt);
        let (mut number, mut found) = (0, Choice::from(0));
        for (candidate, stored) in &self.hashes {
            let same = hash.ct_eq(stored);
            number.conditional_assign(candidate, same);
            found |= same;
        }
        let evidence = Evidence::RecoveryCode { set: self.id, number };
        bool::from(found).then(|| Proof::new(user, Factor::BackupCode, now, evidence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 64, iterations: 1, parallelism: 1 };
    const USER: UserId = UserId::from_bytes([1; 16]);

    fn ring(keys: &[u8]) -> KeyRing {
        let lines = keys.iter().map(|key| KeyRing::line(&[*key; 32]).expose().to_vec());
        KeyRing::parse(&String::from_utf8(lines.collect::<Vec<_>>().join(&b'\n')).unwrap()).unwrap()
    }

    fn entropy() -> [[u8; 10]; SET_SIZE] {
        std::array::from_fn(|index| [u8::try_from(index).unwrap(); 10])
    }

    fn set() -> (Vec<SecretText>, StoredSet) {
        let memory = &mut Memory::default();
        generate(&ring(&[1]), USER, [2; 16], [3; 16], &entropy(), CHEAP, memory)
    }

    #[track_caller]
    fn check(ring: &KeyRing, set: &StoredSet, user: UserId, code: &str, expected: Option<i64>) {
        let code = RecoveryCode::parse(code).unwrap();
        let proof = set.verify(ring, user, &code, Timestamp::default(), &mut Memory::default());
        let number = proof.map(|proof| match proof.evidence() {
            Evidence::RecoveryCode { set: [2, ..], number } => *number,
            other => panic!("{other:?}"),
        });
        assert_eq!(number, expected);
    }

    #[test]
    fn every_code_of_the_set_is_accepted_under_its_own_number() {
        let (codes, set) = set();
        assert_eq!(codes.len(), SET_SIZE);
        for (number, code) in (1..).zip(&codes) {
            check(&ring(&[1]), &set, USER, code.expose(), Some(number));
        }
        check(&ring(&[1]), &set, USER, "ZZZZ-ZZZZ-ZZZZ-ZZZZ", None);
    }

    #[test]
    fn a_code_belongs_to_its_user_set_and_ring() {
        let (codes, set) = set();
        let code = codes[4].expose();
        check(&ring(&[1]), &set, UserId::from_bytes([9; 16]), code, None);
        check(&ring(&[1]), &StoredSet { id: [9; 16], ..set.clone() }, USER, code, None);
        check(&ring(&[1]), &StoredSet { salt: [9; 16], ..set.clone() }, USER, code, None);
        check(&ring(&[2]), &set, USER, code, None);
        let other = ring(&[2]).primary_tag();
        check(&ring(&[1, 2]), &StoredSet { pepper: other, ..set }, USER, code, None);
    }

    #[test]
    fn what_is_kept_is_the_cost_that_was_paid() {
        let absurd = Cost { memory_kib: 0, iterations: 0, parallelism: 0 };
        let memory = &mut Memory::default();
        let (_, set) = generate(&ring(&[1]), USER, [2; 16], [3; 16], &entropy(), absurd, memory);
        assert_eq!(set.cost, Cost { memory_kib: 8, iterations: 1, parallelism: 1 });
    }

    #[test]
    fn an_absurd_stored_cost_is_not_paid() {
        let (codes, set) = set();
        let absurd = Cost { memory_kib: 0, iterations: 0, parallelism: 0 };
        check(&ring(&[1]), &StoredSet { cost: absurd, ..set }, USER, codes[0].expose(), None);
    }

    #[test]
    fn codes_of_a_set_are_distinct_even_if_randomness_is_not() {
        let codes = distinct(&[[0xff; 10]; SET_SIZE]);
        for (index, code) in codes.iter().enumerate() {
            assert!(!codes[..index].contains(code));
        }
    }
}
