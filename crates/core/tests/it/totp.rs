//! What a window, a drift and a last step accept, step by step.

use nightlatch_core::{
    MethodId, Timestamp,
    code::OneTimeCode,
    factors::{
        hotp::Algorithm,
        totp::{MAX_DRIFT, Parameters, Refused, Seed, Totp, Window, verify},
    },
    proof::{Evidence, Factor},
};

use crate::{accepted, app, at_step, shown};

/// The current step of these tests: in the year 2128, beyond 32 bits of seconds.
const NOW: i64 = 166_000_000;

#[track_caller]
fn check(
    (last_step, drift): (Option<i64>, i64),
    window: Window,
    step: i64,
    expected: Result<i64, Refused>,
) {
    let totp = Totp { last_step: last_step.map(|last| NOW + last), drift, ..app() };
    let outcome = verify(&[totp], &shown(NOW + step), window, at_step(NOW));
    let learned = outcome.map(|proof| match proof.evidence() {
        Evidence::TotpStep { step: accepted, drift, .. } => {
            assert_eq!(*accepted, NOW + step);
            *drift
        }
        other => panic!("{other:?}"),
    });
    assert_eq!(learned, expected, "step {step}");
}

#[test]
fn one_step_either_side_is_accepted_by_default() {
    for step in [-1, 0, 1] {
        check((None, 0), Window::default(), step, Ok(step));
    }
    for step in [-11, -2, 2, 11] {
        check((None, 0), Window::default(), step, Err(Refused::Stale));
    }
    for step in [-12, 12] {
        check((None, 0), Window::default(), step, Err(Refused::NoMatch));
    }
}

#[test]
fn a_strict_window_accepts_the_expected_step_only() {
    check((None, 0), Window::Strict, 0, Ok(0));
    check((None, 0), Window::Strict, 1, Err(Refused::Stale));
    check((None, 0), Window::Strict, -1, Err(Refused::Stale));
}

#[test]
fn steps_up_to_the_last_accepted_one_are_replays() {
    check((Some(0), 0), Window::default(), 0, Err(Refused::Replayed));
    check((Some(0), 0), Window::default(), -1, Err(Refused::Replayed));
    check((Some(0), 0), Window::default(), 1, Ok(1));
    check((Some(-1), 0), Window::default(), 0, Ok(0));
    check((Some(-5), 0), Window::default(), -5, Err(Refused::Replayed));
    check((Some(-5), 0), Window::default(), -4, Err(Refused::Stale));
}

#[test]
fn a_drift_moves_the_window_and_does_not_widen_it() {
    check((None, 1), Window::default(), 2, Ok(2));
    check((None, 1), Window::default(), 0, Ok(0));
    check((None, 1), Window::default(), -1, Err(Refused::Stale));
    check((None, -2), Window::default(), -3, Ok(-2));
    check((None, -2), Window::default(), 0, Err(Refused::Stale));
}

#[test]
fn a_stored_drift_beyond_its_bounds_counts_as_the_bound() {
    check((None, i64::MAX), Window::default(), MAX_DRIFT + 1, Ok(MAX_DRIFT));
    check((None, i64::MAX), Window::default(), MAX_DRIFT + 2, Err(Refused::Stale));
    check((None, i64::MIN), Window::default(), -MAX_DRIFT - 1, Ok(-MAX_DRIFT));
}

#[test]
fn a_clock_that_runs_slow_is_followed_up_to_the_bound_and_no_further() {
    let (mut drift, mut last_step) = (0, None);
    let mut lags = Vec::new();
    for lag in 1..=5 {
        let now = NOW + lag * 100;
        let totp = Totp { last_step, drift, ..app() };
        match accepted(totp, &shown(now - lag), Window::default(), at_step(now)) {
            Some((step, learned)) => (last_step, drift) = (Some(step), learned),
            None => break,
        }
        lags.push(lag);
    }
    assert_eq!((lags, drift), (vec![1, 2, 3], -MAX_DRIFT));
}

#[test]
fn a_code_of_another_length_never_matches() {
    let eight = shown(NOW);
    let six = Totp { parameters: Parameters::default(), ..app() };
    let value = format!("{:06}", eight.value() % 1_000_000);
    let right = OneTimeCode::parse(&value).unwrap();
    assert!(verify(&[six], &right, Window::Strict, at_step(NOW)).is_ok());
    let six = || Totp { parameters: Parameters::default(), ..app() };
    let padded = OneTimeCode::parse(&format!("0{value}")).unwrap();
    let refused = verify(&[six()], &padded, Window::Strict, at_step(NOW)).unwrap_err();
    assert_eq!(refused, Refused::NoMatch);
}

#[test]
fn the_app_that_shows_the_code_is_the_one_that_proves() {
    let other =
        || Totp { method: MethodId::from_bytes([3; 16]), seed: Seed::new(&[9; 20]), ..app() };
    for totps in [[app(), other()], [other(), app()]] {
        let proof = verify(&totps, &shown(NOW), Window::Strict, at_step(NOW)).unwrap();
        assert_eq!((proof.user(), proof.factor()), (app().user, Factor::Totp));
        let expected = Evidence::TotpStep { method: app().method, step: NOW, drift: 0 };
        assert_eq!(*proof.evidence(), expected);
    }
}

#[test]
fn a_replay_at_one_app_does_not_hide_another_that_accepts() {
    let used = || Totp { last_step: Some(NOW), ..app() };
    let twin = || Totp { method: MethodId::from_bytes([3; 16]), ..app() };
    let late = || Totp { drift: 2, ..twin() };
    let (code, now) = (shown(NOW), at_step(NOW));
    assert!(verify(&[used(), twin()], &code, Window::Strict, now).is_ok());
    assert!(verify(&[twin(), used()], &code, Window::Strict, now).is_ok());
    for totps in [[used(), late()], [late(), used()]] {
        let refused = verify(&totps, &code, Window::Strict, now).unwrap_err();
        assert_eq!(refused, Refused::Replayed, "the reason that tells most");
    }
    assert_eq!(verify(&[], &code, Window::Strict, now).unwrap_err(), Refused::NoMatch);
}

#[test]
fn no_moment_is_out_of_range() {
    for millis in [i64::MIN, -1, 0, 29_999, i64::MAX] {
        let outcome =
            verify(&[app()], &shown(NOW), Window::default(), Timestamp::from_millis(millis));
        assert_eq!(outcome.unwrap_err(), Refused::NoMatch);
    }
    assert!(accepted(app(), &shown(0), Window::default(), Timestamp::from_seconds(-1)).is_some());
}

#[test]
fn parameters_have_their_bounds() {
    let valid = |digits, period| Parameters::new(Algorithm::Sha1, digits, period).is_some();
    assert!(valid(6, 30) && valid(7, 30) && valid(8, 30) && valid(6, 15) && valid(6, 120));
    assert!(!valid(5, 30) && !valid(9, 30) && !valid(6, 14) && !valid(6, 121) && !valid(6, 0));
    assert_eq!(Parameters::new(Algorithm::Sha1, 6, 30), Some(Parameters::default()));
}
