//! How soon a guesser would come upon a password: lists of what people choose, kept offline.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;
use zxcvbn::zxcvbn;

/// How many characters are judged. Guessing a whole password is no easier than guessing its
/// beginning, so the beginning may stand for it; the estimator's work grows with the square of the
/// length, and its arithmetic overflows on long walks over the keyboard.
const JUDGED: usize = 28;

/// Guesses that a password has to withstand: what eight signs chosen at random are taken for. (The
/// estimator's scores ask for a few more than this power of ten, which no eight signs reach.)
const WITHSTOOD: u64 = 100_000_000;

/// Signs that stand for a letter so rarely that the estimator need not try it: each one multiplies
/// its work, and a password could be made of nothing else.
const RARE_SUBSTITUTES: [char; 7] = ['(', '{', '[', '<', '|', '%', '+'];

/// Phrases that everybody knows, in letters only. The estimator takes them for unrelated words.
const PHRASES: [&str; 12] = [
    "allyourbasearebelongtous",
    "correcthorsebatterystaple",
    "hellofromtheotherside",
    "iamyourfather",
    "maytheforcebewithyou",
    "mypasswordismypassword",
    "onceuponatime",
    "somewhereovertherainbow",
    "thequickbrownfoxjumpsoverthelazydog",
    "thisismypassword",
    "tobeornottobe",
    "tobeornottobethatisthequestion",
];

/// Words of fewer letters say nothing about a password that holds them.
const SHORTEST_WORD: usize = 3;

fn letters(text: &str) -> Zeroizing<String> {
    let lower = text.nfkc().flat_map(char::to_lowercase);
    Zeroizing::new(lower.filter(|letter| letter.is_alphabetic()).collect())
}

/// Whether `password` is a word of `context`, whatever digits and signs it is dressed with.
pub(super) fn is_contextual(password: &str, context: &[&str]) -> bool {
    let password = letters(password);
    context
        .iter()
        .map(|word| letters(word))
        .any(|word| word.chars().count() >= SHORTEST_WORD && *word == *password)
}

/// Whether a guesser who knows the lists and the words of `context` finds `password` in fewer than
/// [`WITHSTOOD`] guesses.
pub(super) fn is_common(password: &str, context: &[&str]) -> bool {
    if PHRASES.contains(&letters(password).as_str()) {
        return true;
    }
    let chars: Zeroizing<Vec<char>> = Zeroizing::new(password.chars().collect());
    let judged: Zeroizing<String> = Zeroizing::new(
        unit(&chars)
            .iter()
            .take(JUDGED)
            .map(|sign| if RARE_SUBSTITUTES.contains(sign) { '_' } else { *sign })
            .collect(),
    );
    zxcvbn(&judged, context).guesses() < WITHSTOOD
}

/// What `text` repeats, the last time perhaps in part; all of it if it repeats nothing.
fn unit(text: &[char]) -> &[char] {
    let period = (1..=text.len() / 2).find(|period| text[*period..] == text[..text.len() - period]);
    &text[..period.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_repetition_is_judged_by_what_it_repeats() {
        let unit_of = |text: &str| {
            let chars: Vec<char> = text.chars().collect();
            unit(&chars).iter().collect::<String>()
        };
        assert_eq!(unit_of("abcabcab"), "abc");
        assert_eq!(unit_of("aaaa"), "a");
        assert_eq!(unit_of("abcab"), "abcab");
        assert_eq!(unit_of(""), "");
    }

    #[test]
    fn phrases_are_letters_only() {
        for phrase in PHRASES {
            assert_eq!(letters(phrase).as_str(), phrase);
        }
    }

    #[test]
    fn eight_random_signs_are_enough_and_seven_are_not() {
        assert!(!is_common("k7#Qzv!m", &["ada"]));
        assert!(is_common("k7#Qzv!", &["ada"]));
    }

    #[test]
    fn a_long_walk_over_the_keyboard_is_common() {
        assert!(is_common(&format!("{}3", "12".repeat(40)), &[]));
        assert!(is_common(&format!("{}W", "qaws".repeat(30)), &[]));
    }

    proptest! {
        /// Texts that drive the estimator to its limits: keyboard walks, substitutes, repetitions,
        /// letters that grow when lower-cased. None makes it overflow.
        #[test]
        fn no_text_is_too_much_for_the_estimator(
            walk in "[qawsed12345678 ]{0,120}",
            substitutes in "[4@8({<369\\[1!|70$5+%2]{0,120}",
            few in "[aA1]{0,120}",
            strange in "[İßŉǰΐaI1!]{0,120}",
            any: String,
        ) {
            for text in [walk, substitutes, few, strange, any] {
                is_common(&text, &["ada", "a", ""]);
            }
        }
    }
}
