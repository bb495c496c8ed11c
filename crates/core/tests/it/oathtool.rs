//! Codes compared with those of the `oathtool` program, many from each run of it.

use std::process::Command;

use data_encoding::HEXLOWER;
use nightlatch_core::{
    Secret,
    factors::hotp::{Algorithm, code_at},
};
use proptest::{prelude::*, test_runner::Config};

use crate::algorithm;

/// Codes that one run makes.
const CODES: u64 = 20;

fn oathtool(arguments: &[String]) -> Vec<String> {
    let output = Command::new("oathtool")
        .args(arguments)
        .env("TZ", "UTC")
        .output()
        .expect("oathtool is missing: run cargo xtask test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn ours(seed: Vec<u8>, first: u64, algorithm: Algorithm, digits: u32) -> Vec<String> {
    let (seed, width) = (Secret::new(seed), usize::try_from(digits).unwrap());
    (first..first + CODES)
        .map(|counter| format!("{:0width$}", code_at(&seed, counter, algorithm, digits)))
        .collect()
}

fn seed() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 16..=64)
}

proptest! {
    #![proptest_config(Config::with_cases(12))]

    /// Time-based codes are the same, before and after 2038.
    #[test]
    fn time_based_codes_agree_with_oathtool(
        seed in seed(),
        algorithm in algorithm(),
        digits in 6_u32..=8,
        period in 15_u64..=120,
        unix in 0..1_u64 << 36,
    ) {
        let theirs = oathtool(&[
            format!("--totp={}", algorithm.as_str().to_lowercase()),
            format!("--now=@{unix}"),
            format!("--digits={digits}"),
            format!("--time-step-size={period}s"),
            format!("--window={}", CODES - 1),
            HEXLOWER.encode(&seed),
        ]);
        prop_assert_eq!(theirs, ours(seed, unix / period, algorithm, digits));
    }

    /// Counter-based codes are the same.
    #[test]
    fn counter_based_codes_agree_with_oathtool(
        seed in seed(),
        digits in 6_u32..=8,
        counter in 0..1_u64 << 40,
    ) {
        let theirs = oathtool(&[
            "--hotp".to_owned(),
            format!("--counter={counter}"),
            format!("--digits={digits}"),
            format!("--window={}", CODES - 1),
            HEXLOWER.encode(&seed),
        ]);
        prop_assert_eq!(theirs, ours(seed, counter, Algorithm::Sha1, digits));
    }
}
