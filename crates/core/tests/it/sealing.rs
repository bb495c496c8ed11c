//! A sealed seed opens where it belongs and nowhere else.

use nightlatch_core::{
    MethodId, UserId,
    factors::{
        hotp::Algorithm,
        totp::{Parameters, Seed, Totp, Window},
    },
    keys::KeyRing,
};
use proptest::prelude::*;

use crate::{accepted, algorithm, app, at_step, shown};

fn parameters() -> impl Strategy<Value = Parameters> {
    (algorithm(), 6_u32..=8, 15_u32..=120)
        .prop_map(|(algorithm, digits, period)| Parameters::new(algorithm, digits, period).unwrap())
}

#[test]
fn an_opened_seed_makes_the_same_codes() {
    let ring = KeyRing::single(&[1; 32]);
    let Totp { user, method, seed, parameters, .. } = app();
    let sealed = seed.seal(&ring, [2; 12], user, method, &parameters);
    let seed = Seed::open(&ring, &sealed, user, method, &parameters).unwrap();
    let totp = Totp { seed, ..app() };
    assert!(accepted(totp, &shown(1_000), Window::Strict, at_step(1_000)).is_some());
    assert!(!sealed.windows(20).any(|bytes| bytes == crate::SEED));
}

proptest! {
    /// Neither another user or method nor other parameters open it.
    #[test]
    fn a_sealed_seed_is_bound_to_user_method_and_parameters(
        users: ([u8; 16], [u8; 16]),
        methods: ([u8; 16], [u8; 16]),
        parameters in (parameters(), parameters()),
        swap in prop::sample::select(vec![[true, false, false], [false, true, false], [false, false, true]]),
    ) {
        let ring = KeyRing::single(&[1; 32]);
        let user = UserId::from_bytes(users.0);
        let method = MethodId::from_bytes(methods.0);
        let sealed = Seed::new(crate::SEED).seal(&ring, [2; 12], user, method, &parameters.0);
        prop_assert!(Seed::open(&ring, &sealed, user, method, &parameters.0).is_some());

        let other = (
            if swap[0] { UserId::from_bytes(users.1) } else { user },
            if swap[1] { MethodId::from_bytes(methods.1) } else { method },
            if swap[2] { parameters.1 } else { parameters.0 },
        );
        prop_assume!(other != (user, method, parameters.0));
        prop_assert!(Seed::open(&ring, &sealed, other.0, other.1, &other.2).is_none());
    }
}

#[test]
fn weaker_parameters_do_not_open_a_seed() {
    let ring = KeyRing::single(&[1; 32]);
    let Totp { user, method, seed, .. } = app();
    let made = Parameters::new(Algorithm::Sha256, 8, 30).unwrap();
    let sealed = seed.seal(&ring, [2; 12], user, method, &made);
    for (algorithm, digits, period) in
        [(Algorithm::Sha1, 8, 30), (Algorithm::Sha256, 6, 30), (Algorithm::Sha256, 8, 60)]
    {
        let other = Parameters::new(algorithm, digits, period).unwrap();
        assert!(Seed::open(&ring, &sealed, user, method, &other).is_none());
    }
    assert!(Seed::open(&ring, &sealed, user, method, &made).is_some());
}
