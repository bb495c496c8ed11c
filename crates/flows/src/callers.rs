//! Access tokens that were presented before, by their hash: who called with them, and those that will
//! never be good.
//!
//! What is remembered only ever says yes, and only while the store says that nothing changed since it
//! was read; every doubt is for the database. What was refused for good says no, and is kept apart, so
//! that nobody pushes others out with tokens of their own making. Both are bounded; what gives way is
//! what does not hold any more, or else what was not used for longest among a few.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use nightlatch_core::{SecretText, Timestamp};
use nightlatch_store::{Mark, Store};

use crate::authenticate::SignedIn;

/// Rows of the table of callers: room for 32,768 of them.
const CALLER_ROWS: usize = 4_096;

/// Rows of the table of refused tokens: room for 4,096 of them.
const REFUSED_ROWS: usize = 512;

/// Entries in a row: who is looked up costs as many comparisons, and who is new replaces one of them.
const WIDTH: usize = 8;

/// What a token is remembered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a token.
    pub(crate) fn of(token: &SecretText) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, token.expose().as_bytes()).as_ref());
        Self(bytes)
    }
}

/// Whoever called with a token that was verified.
#[derive(Debug, Clone)]
struct Caller {
    signed: Arc<SignedIn>,
    /// When the token ends, in seconds since the Unix epoch.
    ends: i64,
    mark: Mark,
}

impl Caller {
    fn is_good(&self, store: &Store, now: Timestamp) -> bool {
        now.seconds() < self.ends && !self.signed.session.expired(now) && store.holds(&self.mark)
    }
}

/// What is known of a token.
#[derive(Debug)]
pub(crate) enum Known {
    /// It is good, and this is its caller.
    Caller(Arc<SignedIn>),
    /// It will never be good.
    Refused,
    /// Nothing.
    New,
}

/// The tokens that were presented before.
pub(crate) struct Callers {
    callers: Table<Caller>,
    refused: Table<()>,
}

impl Callers {
    pub(crate) fn new() -> Self {
        Self { callers: Table::new(CALLER_ROWS), refused: Table::new(REFUSED_ROWS) }
    }

    /// What is known of `token` at `now`.
    pub(crate) fn look(&self, store: &Store, token: Fingerprint, now: Timestamp) -> Known {
        let found = self
            .callers
            .find(token, |caller| caller.is_good(store, now).then(|| Arc::clone(&caller.signed)));
        match found {
            Some(Some(signed)) => Known::Caller(signed),
            None if self.refused.find(token, |()| ()).is_some() => Known::Refused,
            Some(None) | None => Known::New,
        }
    }

    /// Remembers the caller of a verified token that ends at `ends`, as read after `mark` was taken.
    pub(crate) fn remember(
        &self,
        store: &Store,
        token: Fingerprint,
        (signed, ends, mark): (&Arc<SignedIn>, i64, Mark),
        now: Timestamp,
    ) {
        let caller = Caller { signed: Arc::clone(signed), ends, mark };
        self.callers.put(token, caller, |other| !other.is_good(store, now));
    }

    /// Remembers a token that will never be good.
    pub(crate) fn refuse(&self, token: Fingerprint) {
        self.callers.drop(token);
        self.refused.put(token, (), |()| false);
    }
}

/// A bounded table: a hash chooses the row, and a row has few places.
struct Table<V>(Box<[Mutex<Row<V>>]>);

struct Row<V> {
    entries: Vec<Entry<V>>,
    /// Counts what was done in this row.
    clock: u64,
}

struct Entry<V> {
    token: Fingerprint,
    value: V,
    used: u64,
}

impl<V> Table<V> {
    fn new(rows: usize) -> Self {
        let row = |_| Mutex::new(Row { entries: Vec::new(), clock: 0 });
        Self((0..rows).map(row).collect())
    }

    /// Runs `work` on the row of `token`, at its next tick.
    fn at<T>(&self, token: Fingerprint, work: impl FnOnce(&mut Row<V>) -> T) -> T {
        let [high, low, ..] = token.0;
        let place = usize::from(u16::from_be_bytes([high, low])) % self.0.len();
        let mut row = self.0[place].lock().unwrap_or_else(PoisonError::into_inner);
        row.clock += 1;
        work(&mut row)
    }

    /// What `read` makes of the entry of `token`, if there is one.
    fn find<T>(&self, token: Fingerprint, read: impl FnOnce(&V) -> T) -> Option<T> {
        self.at(token, |row| {
            let entry = row.entries.iter_mut().find(|entry| entry.token == token)?;
            entry.used = row.clock;
            Some(read(&entry.value))
        })
    }

    /// Puts an entry in the place of its predecessor, of one that is `void`, into a free place, or in
    /// that of the one that was not used for longest.
    fn put(&self, token: Fingerprint, value: V, void: impl Fn(&V) -> bool) {
        self.at(token, |row| {
            let entry = Entry { token, value, used: row.clock };
            let entries = &mut row.entries;
            let place = entries
                .iter()
                .position(|other| other.token == token)
                .or_else(|| entries.iter().position(|other| void(&other.value)));
            let place = match place {
                None if entries.len() < WIDTH => return entries.push(entry),
                None => oldest(entries),
                Some(place) => place,
            };
            entries[place] = entry;
        });
    }

    fn drop(&self, token: Fingerprint) {
        self.at(token, |row| row.entries.retain(|entry| entry.token != token));
    }
}

fn oldest<V>(entries: &[Entry<V>]) -> usize {
    let ages = entries.iter().enumerate().min_by_key(|(_, entry)| entry.used);
    ages.map_or(0, |(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens of one row.
    fn token(number: u8) -> Fingerprint {
        let mut bytes = [0; 32];
        bytes[31] = number;
        Fingerprint(bytes)
    }

    fn filled() -> Table<u8> {
        let table = Table::new(1);
        for number in 0..8 {
            table.put(token(number), number, |_| false);
        }
        table
    }

    fn kept(table: &Table<u8>) -> Vec<u8> {
        let mut kept: Vec<_> = table.0[0].lock().unwrap().entries.iter().map(|e| e.value).collect();
        kept.sort_unstable();
        kept
    }

    #[test]
    fn a_row_is_bounded_and_what_was_not_used_for_longest_gives_way() {
        let table = filled();
        assert_eq!(table.find(token(0), |value| *value), Some(0), "it is the newest now");
        table.put(token(8), 8, |_| false);
        assert_eq!(kept(&table), [0, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn what_is_void_gives_way_first() {
        let table = filled();
        table.put(token(8), 8, |value| *value == 5);
        assert_eq!(kept(&table), [0, 1, 2, 3, 4, 6, 7, 8]);
    }

    #[test]
    fn a_token_has_one_entry() {
        let table = filled();
        table.put(token(3), 33, |_| true);
        assert_eq!(kept(&table), [0, 1, 2, 4, 5, 6, 7, 33]);
        table.drop(token(3));
        assert_eq!(table.find(token(3), |value| *value), None);
    }
}
