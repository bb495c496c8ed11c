//! Codes compared with those of the totp-rs crate.

use nightlatch_core::{
    Secret, Timestamp,
    factors::{
        hotp::{Algorithm, code_at},
        totp::{Parameters, Seed, Totp, Window},
    },
};
use proptest::prelude::*;

use crate::{accepted, algorithm, app, typed};

fn theirs(seed: Vec<u8>, algorithm: Algorithm, digits: u32, period: u32) -> totp_rs::Totp {
    totp_rs::Builder::new()
        .with_algorithm(match algorithm {
            Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
            Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
            Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
        })
        .with_digits(u8::try_from(digits).unwrap())
        .with_step_duration(u64::from(period))
        .with_secret(seed)
        .build_noncompliant()
}

proptest! {
    /// Both make the same code, whatever the seed, the time and the parameters.
    #[test]
    fn codes_agree_with_totp_rs(
        seed in prop::collection::vec(any::<u8>(), 16..=200),
        algorithm in algorithm(),
        digits in 6_u32..=8,
        period in 15_u32..=120,
        unix in 0..=u64::MAX,
    ) {
        let expected = theirs(seed.clone(), algorithm, digits, period).generate(unix).to_string();
        let counter = unix / u64::from(period);
        let width = usize::try_from(digits).unwrap();
        let ours = code_at(&Secret::new(seed), counter, algorithm, digits);
        prop_assert_eq!(format!("{ours:0width$}"), expected);
    }

    /// What the other one shows is accepted at that moment, far beyond 2038 too.
    #[test]
    fn codes_of_totp_rs_are_accepted(
        seed: [u8; 32],
        algorithm in algorithm(),
        digits in 6_u32..=8,
        period in 15_u32..=120,
        unix in 0..1_i64 << 40,
    ) {
        let shown = theirs(seed.to_vec(), algorithm, digits, period)
            .generate(u64::try_from(unix).unwrap())
            .to_string();
        let parameters = Parameters::new(algorithm, digits, period).unwrap();
        let totp = Totp { seed: Seed::new(&seed), parameters, ..app() };
        let code = typed(shown.parse().unwrap(), digits);
        let step = accepted(totp, &code, Window::Strict, Timestamp::from_seconds(unix));
        prop_assert_eq!(step, Some((unix / i64::from(period), 0)));
    }
}
