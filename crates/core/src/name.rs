//! Names that people give: to themselves and to their methods.

use unicode_normalization::UnicodeNormalization;

/// The most characters of a name.
const MAX_CHARS: usize = 100;

/// A name that is safe to show: composed (NFC), trimmed, on one line, and without signs that
/// reorder or hide what stands beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Reads a name of 1 to 100 characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // Far longer text, which no trimming and composing makes a name, is refused unread.
        if text.len() > MAX_CHARS * 16 {
            return None;
        }
        let name: String = text.trim_matches(is_blank).nfc().collect();
        let fits = (1..=MAX_CHARS).contains(&name.chars().count());
        (fits && !name.chars().any(is_refused)).then_some(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Joiners have a meaning between letters (and in emoji), none at the ends.
fn is_blank(sign: char) -> bool {
    sign.is_whitespace() || matches!(sign, '\u{200c}' | '\u{200d}')
}

/// Controls, line and paragraph separators, and the format characters (Unicode's Cf) other than
/// joiners: those that override direction let a name read as something else.
fn is_refused(sign: char) -> bool {
    sign.is_control()
        || matches!(
            sign,
            '\u{ad}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{890}'..='\u{891}'
                | '\u{8e2}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{110bd}'
                | '\u{110cd}'
                | '\u{13430}'..='\u{1343f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let name = Name::parse(text);
        assert_eq!(name.as_ref().map(Name::as_str), expected, "{text:?}");
    }

    #[test]
    fn names_of_all_scripts_are_kept() {
        for name in
            ["Ada", "Zoë Ó'Brien-Smith", "山田 太郎", "علی\u{200c}رضا", "👩\u{200d}💻 work phone"]
        {
            check(name, Some(name));
        }
        check("Zoe\u{308}", Some("Zoë"));
        check(" \u{a0}Ada \t", Some("Ada"));
    }

    #[test]
    fn what_cannot_be_seen_is_no_name() {
        for bad in ["", " ", "\u{3000}", "\u{200d} \u{200c}", "\u{200b}", "\u{feff}Ada"] {
            check(bad, None);
        }
    }

    #[test]
    fn signs_that_deceive_are_refused() {
        for bad in [
            "Ada\nroot",
            "Ada\u{0}",
            "Ada\u{1b}[31m",
            "Ada\u{85}x",
            "Ada\u{2028}x",
            "\u{202e}moc.elpmaxe",
            "Ada\u{2066}x",
            "A\u{ad}da",
            "Ada\u{e0041}",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn a_hundred_characters_are_the_most() {
        check(&"é".repeat(100), Some(&"é".repeat(100)));
        check(&"e\u{301}".repeat(100), Some(&"é".repeat(100)));
        check(&"é".repeat(101), None);
        check(&" ".repeat(100_000), None);
    }

    proptest! {
        /// A name that was read is read back unchanged.
        #[test]
        fn reading_a_name_again_changes_nothing(text in "\\PC{0,20}") {
            if let Some(name) = Name::parse(&text) {
                prop_assert_eq!(Name::parse(name.as_str()), Some(name));
            }
        }
    }
}
