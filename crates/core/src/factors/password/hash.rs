//! A password as it is kept: its Argon2id hash, as a PHC string.

use std::fmt;

use data_encoding::BASE64_NOPAD;
use subtle::{Choice, ConstantTimeEq};

use super::{Cost, MAX_BYTES, Memory, NewPassword, composed};
use crate::{
    SecretText, Timestamp, UserId,
    keys::{Aad, KeyRing, Nonce, Place, Purpose},
    proof::{Evidence, Factor, Proof},
};

/// A hash with all that verifying needs.
pub struct PasswordHash {
    /// The PHC string.
    text: SecretText,
    cost: Cost,
    salt: [u8; 16],
    output: [u8; 32],
}

impl PasswordHash {
    fn new(cost: Cost, salt: [u8; 16], output: [u8; 32]) -> Self {
        let text = SecretText::new(format!(
            "$argon2id$v=19$m={},t={},p={}${}${}",
            cost.memory_kib,
            cost.iterations,
            cost.parallelism,
            BASE64_NOPAD.encode(&salt),
            BASE64_NOPAD.encode(&output),
        ));
        Self { text, cost, salt, output }
    }

    /// Hashes a password; `salt` is fresh randomness. A cost that Argon2 cannot be asked for, or
    /// that exceeds [`Cost::CEILING`], counts as the nearest that it can.
    #[must_use]
    pub fn hash(password: &NewPassword, salt: [u8; 16], cost: Cost, memory: &mut Memory) -> Self {
        let cost = cost.bounded();
        let output = memory.hash(cost, password.text().expose().as_bytes(), &salt);
        Self::new(cost, salt, output)
    }

    /// Stands in where there is no password, so that verifying costs the same. No text is known
    /// that hashes to zero, and none can be found.
    #[must_use]
    pub fn decoy(cost: Cost) -> Self {
        Self::new(cost.bounded(), [0; 16], [0; 32])
    }

    /// Whether `attempt` is the password. One hash of work, whatever it is.
    #[must_use]
    pub fn verify(
        &self,
        user: UserId,
        attempt: &SecretText,
        now: Timestamp,
        memory: &mut Memory,
    ) -> Option<Proof> {
        self.matching(attempt, memory)
            .map(|_| Proof::new(user, Factor::Password, now, Evidence::Password))
    }

    /// Whether the hash is cheaper than `cost` asks for and should be made anew.
    #[must_use]
    pub const fn needs_rehash(&self, cost: Cost) -> bool {
        self.cost.is_below(cost)
    }

    /// The same password at another cost. It is verified once more, so that nothing but the
    /// password can take its place; the rules it once passed may have changed since.
    #[must_use]
    pub fn rehash(
        &self,
        attempt: &SecretText,
        salt: [u8; 16],
        cost: Cost,
        memory: &mut Memory,
    ) -> Option<Self> {
        let password = NewPassword::known(self.matching(attempt, memory)?);
        Some(Self::hash(&password, salt, cost, memory))
    }

    /// The attempt in the form that was hashed, if it is the password.
    fn matching(&self, attempt: &SecretText, memory: &mut Memory) -> Option<SecretText> {
        let text = attempt.expose();
        let fits = text.len() <= MAX_BYTES;
        let input = composed(if fits { text } else { "" });
        let output = memory.hash(self.cost, input.expose().as_bytes(), &self.salt);
        let same = output.ct_eq(&self.output) & Choice::from(u8::from(fits));
        bool::from(same).then_some(input)
    }

    /// Seals the hash for the account's row.
    #[must_use]
    pub fn seal(&self, ring: &KeyRing, nonce: Nonce, user: UserId) -> Vec<u8> {
        ring.seal_at(&Self::place(user), nonce, self.text.expose().as_bytes())
    }

    /// Opens what [`PasswordHash::seal`] sealed for the same account; `None` for anything else.
    #[must_use]
    pub fn open(ring: &KeyRing, sealed: &[u8], user: UserId) -> Option<Self> {
        let plain = ring.open_at(&Self::place(user), sealed)?;
        Self::from_string(String::from_utf8(plain.expose().to_vec()).ok()?)
    }

    /// Where the hash of this account's password is sealed.
    #[must_use]
    pub fn place(user: UserId) -> Place {
        Place::new(Purpose::Row, Aad::row("users", "password").field(user.as_bytes()))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.text.expose()
    }

    /// Reads a PHC string of our own making: its cost must be one that we would spend.
    pub(crate) fn from_string(text: String) -> Option<Self> {
        let text = SecretText::new(text);
        let mut parts = text.expose().split('$');
        let mut next = || parts.next();
        if (next()?, next()?, next()?) != ("", "argon2id", "v=19") {
            return None;
        }
        let cost = read_cost(next()?)?;
        let (salt, output) = (next()?.as_bytes(), next()?.as_bytes());
        let read = Self::new(
            cost,
            BASE64_NOPAD.decode(salt).ok()?.try_into().ok()?,
            BASE64_NOPAD.decode(output).ok()?.try_into().ok()?,
        );
        // One hash has one spelling: signs, leading zeros and trailing fields are refused here.
        (read.as_str() == text.expose()).then_some(read)
    }
}

fn read_cost(text: &str) -> Option<Cost> {
    let mut fields = text.split(',');
    let mut number = |name| fields.next()?.strip_prefix(name)?.parse().ok();
    let cost =
        Cost { memory_kib: number("m=")?, iterations: number("t=")?, parallelism: number("p=")? };
    (cost.bounded() == cost).then_some(cost)
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash").field("cost", &self.cost).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factors::password::Rules;

    const CHEAP: Cost = Cost { memory_kib: 64, iterations: 1, parallelism: 1 };
    const USER: UserId = UserId::from_bytes([1; 16]);

    fn secret(text: &str) -> SecretText {
        SecretText::new(text.to_owned())
    }

    fn hash_of(text: &str) -> PasswordHash {
        let password = Rules { min_length: 8, context: &[] }.check(&secret(text)).unwrap();
        PasswordHash::hash(&password, [7; 16], CHEAP, &mut Memory::default())
    }

    #[track_caller]
    fn check(hash: &PasswordHash, attempt: &str, expected: bool) {
        let proof =
            hash.verify(USER, &secret(attempt), Timestamp::default(), &mut Memory::default());
        assert_eq!(proof.is_some(), expected, "{attempt:.40}");
    }

    #[test]
    fn the_password_and_nothing_else_matches() {
        let hash = hash_of("Zoë's tiger lamp");
        check(&hash, "Zoë's tiger lamp", true);
        check(&hash, "Zoe\u{308}'s tiger lamp", true);
        for wrong in ["", "zoë's tiger lamp", "Zoë's tiger lamp ", "Zoë's tiger lamp\0"] {
            check(&hash, wrong, false);
        }
    }

    #[test]
    fn nothing_is_cut_off() {
        let long = format!("violin mustard canyon{}", "x".repeat(1003));
        let hash = hash_of(&long);
        check(&hash, &long, true);
        check(&hash, &long[..1023], false);
        check(&hash, &format!("{long}x"), false);
    }

    #[test]
    fn what_is_too_long_matches_not_even_the_empty_text_it_is_hashed_as() {
        let empty = NewPassword::known(secret(""));
        let hash = PasswordHash::hash(&empty, [7; 16], CHEAP, &mut Memory::default());
        check(&hash, "", true);
        check(&hash, &"x".repeat(MAX_BYTES + 1), false);
    }

    #[test]
    fn a_decoy_has_the_cost_and_no_password() {
        let decoy = PasswordHash::decoy(CHEAP);
        assert!(!decoy.needs_rehash(CHEAP));
        check(&decoy, "", false);
        check(&decoy, "violin mustard canyon", false);
    }

    #[test]
    fn a_rehash_takes_the_password_itself() {
        let hash = hash_of("violin mustard canyon");
        let dearer = Cost { iterations: 2, ..CHEAP };
        assert!(hash.needs_rehash(dearer));
        let memory = &mut Memory::default();
        assert!(hash.rehash(&secret("violin mustard lagoon"), [8; 16], dearer, memory).is_none());
        let again = hash.rehash(&secret("violin mustard canyon"), [8; 16], dearer, memory).unwrap();
        assert!(!again.needs_rehash(dearer));
        check(&again, "violin mustard canyon", true);
    }

    #[test]
    fn a_hash_opens_for_its_own_account_only() {
        let ring = KeyRing::single(&[1; 32]);
        let hash = hash_of("violin mustard canyon");
        let sealed = hash.seal(&ring, [3; 12], USER);
        let opened = PasswordHash::open(&ring, &sealed, USER).unwrap();
        check(&opened, "violin mustard canyon", true);
        assert!(PasswordHash::open(&ring, &sealed, UserId::from_bytes([2; 16])).is_none());
        assert!(!format!("{hash:?}").contains(&BASE64_NOPAD.encode(&hash.output)));
    }

    #[test]
    fn only_our_own_phc_strings_are_read() {
        let hash = hash_of("violin mustard canyon");
        let good = hash.as_str().to_owned();
        assert!(good.starts_with("$argon2id$v=19$m=64,t=1,p=1$BwcHBwcHBwcHBwcHBwcHBw$"), "{good}");
        check(&PasswordHash::from_string(good.clone()).unwrap(), "violin mustard canyon", true);
        for (from, to) in [
            ("argon2id", "argon2i"),
            ("v=19", "v=16"),
            ("m=64", "m=4294967295"),
            ("m=64", "m=064"),
            ("m=64", "m=+64"),
            ("m=64", "m=7"),
            ("t=1", "t=0"),
            ("t=1", "t=65"),
            ("p=1", "p=17"),
            ("p=1", "p=1,x=1"),
            ("$BwcH", "$BwcHB"),
            ("$BwcH", "$"),
            ("$v=19", ""),
        ] {
            assert!(PasswordHash::from_string(good.replacen(from, to, 1)).is_none(), "{from} {to}");
        }
        assert!(PasswordHash::from_string(format!("{good}$")).is_none());
        assert!(PasswordHash::from_string(String::new()).is_none());
    }
}
