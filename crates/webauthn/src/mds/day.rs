//! The dates of a blob: whole days, without a time zone.

/// A day of the calendar, counted from 1 January 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u64);

const SECONDS: u64 = 86_400;

impl Day {
    /// The day, in UTC, of a time in seconds since the Unix epoch.
    #[must_use]
    pub const fn at(now: u64) -> Self {
        Self(now / SECONDS)
    }

    /// When the day begins, in UTC, in seconds since the Unix epoch.
    #[must_use]
    pub const fn start(self) -> u64 {
        self.0.saturating_mul(SECONDS)
    }

    /// Reads `YYYY-MM-DD`; `None` for anything else, for a day that the calendar does not have, and
    /// for one before 1970.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else { return None };
        let year = number(&[*y1, *y2, *y3, *y4]).filter(|year| *year >= 1970)?;
        let day = number(&[*d1, *d2])?;
        let month = usize::try_from(number(&[*m1, *m2])?.checked_sub(1)?).ok()?;
        let february = if is_leap(year) { 29 } else { 28 };
        let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        if !(1..=*lengths.get(month)?).contains(&day) {
            return None;
        }
        let years: u64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
        let months: u64 = lengths.iter().take(month).sum();
        Some(Self(years.saturating_add(months).saturating_add(day.saturating_sub(1))))
    }
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit & 0x0f))?;
        Some(number.saturating_mul(10).saturating_add(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Seconds as `date -u -d … +%s` gives them.
    #[test]
    fn days_of_the_calendar() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("1970-12-31", 31_449_600),
            ("1972-02-29", 68_169_600),
            ("1999-12-31", 946_598_400),
            ("2000-02-29", 951_782_400),
            ("2000-03-01", 951_868_800),
            ("2024-02-29", 1_709_164_800),
            ("2026-01-05", 1_767_571_200),
            ("2100-03-01", 4_107_542_400),
            ("9999-12-31", 253_402_214_400),
        ] {
            assert_eq!(Day::read(text).map(Day::start), Some(seconds), "{text}");
            assert_eq!(Day::read(text), Some(Day::at(seconds)), "{text}");
            assert_eq!(Day::read(text), Some(Day::at(seconds.saturating_add(86_399))), "{text}");
        }
    }

    #[test]
    fn what_is_no_day_is_not_read() {
        for text in [
            "",
            "2026-1-5",
            "2026-01-5x",
            "2026/01/05",
            "2026-01-05T00:00:00Z",
            " 2026-01-05",
            "2026-00-05",
            "2026-13-05",
            "2026-01-00",
            "2026-01-32",
            "2026-04-31",
            "2026-02-29",
            "2100-02-29",
            "1969-12-31",
            "0000-01-01",
            "+026-01-05",
            "2026-01-:5",
            "\u{662}026-01-5",
        ] {
            assert_eq!(Day::read(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,12}") {
            let _ = Day::read(&text);
        }

        /// Days that are told apart in writing are apart by as many days.
        #[test]
        fn days_of_a_month_follow_each_other(
            year in 1970_u64..=9999, month in 1_u64..=12, day in 1_u64..=27,
        ) {
            let read = |day: u64| Day::read(&format!("{year}-{month:02}-{day:02}"));
            let next = read(day).map(|day| Day::at(day.start().saturating_add(86_400)));
            prop_assert_eq!(read(day.saturating_add(1)), next);
        }
    }
}
