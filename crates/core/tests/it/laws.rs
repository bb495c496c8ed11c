//! Laws of time-based codes, whatever the clocks say.

use nightlatch_core::{
    Timestamp,
    factors::totp::{MAX_DRIFT, Totp, Window},
};
use proptest::prelude::*;

use crate::{accepted, app, at_step, shown};

fn window() -> impl Strategy<Value = Window> {
    prop::sample::select(vec![Window::Strict, Window::OneStep])
}

proptest! {
    /// A code that was accepted is refused ever after, wherever the server's clock jumps and
    /// whatever drift was learned.
    #[test]
    fn no_replay(
        now in 0_i64..1 << 40,
        shown_at in -3_i64..=3,
        drift in -3_i64..=3,
        jump in -600_i64..=600,
        window in window(),
    ) {
        let step = now / 30 + shown_at;
        prop_assume!(step >= 0);
        let totp = Totp { drift, ..app() };
        let first = accepted(totp, &shown(step), window, Timestamp::from_seconds(now));
        if let Some((last, drift)) = first {
            prop_assert_eq!(last, step);
            let totp = Totp { last_step: Some(last), drift, ..app() };
            let later = Timestamp::from_seconds(now + jump);
            prop_assert_eq!(accepted(totp, &shown(step), window, later), None);
        }
    }

    /// Accepted steps only rise, however codes and clocks are mixed.
    #[test]
    fn accepted_steps_only_rise(
        attempts in prop::collection::vec((0_i64..40, 0_i64..40), 1..30),
        window in window(),
    ) {
        let (mut last_step, mut drift) = (None, 0);
        for (now, step) in attempts {
            let totp = Totp { last_step, drift, ..app() };
            if let Some((step, learned)) = accepted(totp, &shown(step), window, at_step(now)) {
                prop_assert!(last_step < Some(step));
                (last_step, drift) = (Some(step), learned);
            }
        }
    }

    /// A step is accepted exactly if it is new and within the window around the expected one; so
    /// it is never further from the current one than window and greatest drift together.
    #[test]
    fn the_window_is_exact(
        current in 100_i64..1 << 40,
        offset in -20_i64..=20,
        last in prop::option::of(-20_i64..=20),
        drift in -5_i64..=5,
        window in window(),
    ) {
        let totp = Totp { last_step: last.map(|last| current + last), drift, ..app() };
        let found = accepted(totp, &shown(current + offset), window, at_step(current));
        let expected = drift.clamp(-MAX_DRIFT, MAX_DRIFT);
        let fresh = last.is_none_or(|last| offset > last);
        let within = (offset - expected).abs() <= window.steps();
        prop_assert_eq!(found.is_some(), fresh && within);
        if let Some((step, learned)) = found {
            prop_assert!((step - current).abs() <= window.steps() + MAX_DRIFT);
            prop_assert_eq!(learned, offset.clamp(-MAX_DRIFT, MAX_DRIFT));
        }
    }
}
