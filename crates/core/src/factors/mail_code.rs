//! Codes sent by mail, as proof of control of the mailbox (never as a second factor here).
//!
//! A code is derived from its id, so that nothing secret is stored, the outbox holds the id alone
//! and a second sending is the same code.

use subtle::ConstantTimeEq;

use crate::{
    SecretText, Timestamp, UserId,
    code::OneTimeCode,
    keys::{KeyRing, Purpose},
    proof::{Evidence, Factor, Proof},
    wire::Writer,
};

/// Digits of a mailed code.
pub const DIGITS: u32 = 6;

/// Wrong codes that end a mailed code.
pub const TRIES: i64 = 3;

fn value(mac: [u8; 32]) -> u32 {
    let (first, _) = mac.split_first_chunk().expect("a tag has 32 bytes");
    // 64 bits reduced to 10^6: the bias is below 2^-44.
    let code = u64::from_be_bytes(*first) % 10_u64.pow(DIGITS);
    u32::try_from(code).expect("below a million")
}

fn input(user: UserId, id: [u8; 16]) -> Vec<u8> {
    Writer::default().text("first-enrollment").bytes(user.as_bytes()).bytes(&id).finish()
}

/// The code with this id, as it is mailed.
#[must_use]
pub fn code(ring: &KeyRing, user: UserId, id: [u8; 16]) -> SecretText {
    SecretText::new(format!("{:06}", value(ring.mac(Purpose::MailCode, &input(user, id)))))
}

/// Checks a code against the one with this id, under every key of the ring.
#[must_use]
pub fn verify(
    ring: &KeyRing,
    user: UserId,
    id: [u8; 16],
    code: &OneTimeCode,
    now: Timestamp,
) -> Option<Proof> {
    let right = ring
        .macs(Purpose::MailCode, &input(user, id))
        .fold(false, |right, mac| right | bool::from(value(mac).ct_eq(&code.value())));
    (right && code.digits() == DIGITS)
        .then(|| Proof::new(user, Factor::Email, now, Evidence::Mail { id }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_for_its_own_id_and_user() {
        let ring = KeyRing::single(&[1; 32]);
        let user = UserId::from_bytes([1; 16]);
        let text = code(&ring, user, [2; 16]);
        let typed = OneTimeCode::parse(text.expose()).unwrap();
        let now = Timestamp::default();
        assert!(verify(&ring, user, [2; 16], &typed, now).is_some());
        assert!(verify(&ring, user, [3; 16], &typed, now).is_none());
        assert!(verify(&ring, UserId::from_bytes([4; 16]), [2; 16], &typed, now).is_none());
    }
}
