//! Showing that no seed, code or token is in the database in clear.
//!
//! Three things are looked at: every sealed cell opens where it is, every hash has a hash's length,
//! and no text or bytes anywhere read like a secret of ours. Besides, seeds that were opened for it
//! are looked for everywhere, in whatever form. What is found is told by its column and never shown.

use std::collections::{BTreeMap, HashSet};

use data_encoding::{BASE32_NOPAD, HEXUPPER};
use nightlatch_core::{
    Secret,
    clear::{Kind, reads_like},
    keys::KeyRing,
};
use nightlatch_store::{
    Database, Fault, Store,
    scan::{Scanned, scan},
    units::{
        examine::{HASH, HASHES, NewestSeeds},
        keys::{Every, Page, SEALED},
    },
};

/// Cells that are read at a time.
const PAGE: i64 = 1000;

/// Seeds that are looked for, which are kept in memory meanwhile.
const MOST_SEEDS: i64 = 10_000;

/// Columns in which people and their devices may write what they like.
const CHOSEN: [&str; 10] = [
    "methods.name",
    "nodes.name",
    "pending_totp.name",
    "removed_credentials.public_key",
    "sessions.client",
    "users.email",
    "users.locale",
    "users.name",
    "webauthn.credential_id",
    "webauthn.transports",
];

/// What came of opening every sealed cell.
#[derive(Debug, Default)]
pub struct Opened {
    /// How many there are.
    pub cells: u64,
    /// How many of which column do not open where they are.
    pub closed: BTreeMap<&'static str, u64>,
}

/// Opens every sealed cell under `ring`, and forgets what was in it.
///
/// # Errors
///
/// The store's.
pub async fn open_all(store: &Store, ring: &KeyRing) -> Result<Opened, Fault> {
    let mut opened = Opened::default();
    for column in SEALED.iter().filter(|column| column.hides()) {
        let mut after = None;
        loop {
            let found = store.read_slow(Every { column, after, limit: PAGE }).await?;
            after = Page::end(&found);
            if after.is_none() {
                break;
            }
            for cell in &found {
                opened.cells += 1;
                if !cell.opens(ring) {
                    *opened.closed.entry(column.name).or_default() += 1;
                }
            }
        }
    }
    Ok(opened)
}

/// What is found in clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leak {
    /// A seed of this database.
    Seed,
    /// What reads like a secret.
    Like(Kind),
    /// The same, where people may have written it themselves.
    Chosen(Kind),
    /// No hash, where there should be one.
    NoHash,
}

/// What came of looking at everything.
#[derive(Debug, Default)]
pub struct Looked {
    /// How much was looked at.
    pub scanned: Scanned,
    /// Seeds that were looked for.
    pub seeds: usize,
    /// In how many cells of which column what was found.
    pub leaks: BTreeMap<(String, Leak), u64>,
}

/// Looks for secrets in clear in every text and all bytes of `database`, which `store` has open; with
/// `ring`, also for the seeds of the newest accounts.
///
/// # Errors
///
/// The store's.
pub async fn look(
    store: &Store,
    ring: Option<&KeyRing>,
    database: &Database,
) -> Result<Looked, Fault> {
    let seeds = match ring {
        Some(ring) => Seeds::newest(store, ring).await?,
        None => Seeds::default(),
    };
    let mut leaks: BTreeMap<(String, Leak), u64> = BTreeMap::new();
    let scanned = scan(database, &mut |column, bytes| {
        if let Some(leak) = seeds.leak(column, bytes) {
            *leaks.entry((column.to_owned(), leak)).or_default() += 1;
        }
    })
    .await?;
    Ok(Looked { scanned, seeds: seeds.sorted.len(), leaks })
}

/// How many bytes of a seed decide whether it is worth looking for the rest.
const START: usize = 4;

/// Seeds, to be found in whatever they stand.
#[derive(Default)]
struct Seeds {
    sorted: Vec<Secret>,
    starts: HashSet<[u8; START]>,
    /// Their lengths in bytes.
    lengths: Vec<usize>,
}

impl Seeds {
    async fn newest(store: &Store, ring: &KeyRing) -> Result<Self, Fault> {
        let sealed = store.read_slow(NewestSeeds { limit: MOST_SEEDS }).await?;
        let raw = sealed.iter().filter_map(|sealed| {
            let text = sealed.open(ring)?.base32();
            BASE32_NOPAD.decode(text.expose().as_bytes()).ok().map(Secret::new)
        });
        Ok(Self::of(raw.collect()))
    }

    fn of(mut sorted: Vec<Secret>) -> Self {
        sorted.sort_by(|a, b| a.expose().cmp(b.expose()));
        let starts =
            sorted.iter().filter_map(|seed| seed.expose().first_chunk().copied()).collect();
        let mut lengths: Vec<_> = sorted.iter().map(|seed| seed.expose().len()).collect();
        lengths.sort_unstable();
        lengths.dedup();
        Self { sorted, starts, lengths }
    }

    fn leak(&self, column: &str, bytes: &[u8]) -> Option<Leak> {
        if self.stand_in(bytes) {
            return Some(Leak::Seed);
        }
        if HASHES.contains(&column) && bytes.len() != HASH {
            return Some(Leak::NoHash);
        }
        let kind = reads_like(bytes)?;
        Some(if CHOSEN.contains(&column) { Leak::Chosen(kind) } else { Leak::Like(kind) })
    }

    /// Whether one of them is in `bytes`: as it is, in base32 or in hexadecimal.
    fn stand_in(&self, bytes: &[u8]) -> bool {
        if self.sorted.is_empty() {
            return false;
        }
        self.stand_plain_in(bytes)
            || bytes.split(|byte| !byte.is_ascii_alphanumeric()).any(|word| self.are_spelt_in(word))
    }

    fn stand_plain_in(&self, bytes: &[u8]) -> bool {
        let known = |at: &[u8]| at.first_chunk().is_some_and(|start| self.starts.contains(start));
        (0..bytes.len()).any(|at| known(&bytes[at..]) && self.begin(&bytes[at..]))
    }

    /// Whether `bytes` begin with one of them.
    fn begin(&self, bytes: &[u8]) -> bool {
        self.lengths.iter().any(|length| {
            bytes.get(..*length).is_some_and(|seed| {
                self.sorted.binary_search_by(|known| known.expose().cmp(seed)).is_ok()
            })
        })
    }

    fn are_spelt_in(&self, word: &[u8]) -> bool {
        let shortest =
            self.lengths.first().map_or(usize::MAX, |bytes| BASE32_NOPAD.encode_len(*bytes));
        if word.len() < shortest {
            return false;
        }
        let upper = word.to_ascii_uppercase();
        self.lengths.iter().any(|length| {
            [(BASE32_NOPAD, BASE32_NOPAD.encode_len(*length)), (HEXUPPER, 2 * length)].iter().any(
                |(encoding, written)| {
                    upper
                        .windows(*written)
                        .any(|part| encoding.decode(part).is_ok_and(|raw| self.begin(&raw)))
                },
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    #[test]
    fn a_seed_is_found_in_every_form_and_place() {
        let seeds: Vec<Vec<u8>> =
            vec![(1..=20).collect(), (40..72).collect(), (100..164).collect()];
        let known = Seeds::of(seeds.iter().cloned().map(Secret::new).collect());
        for seed in &seeds {
            let base32 = BASE32_NOPAD.encode(seed);
            for held in [
                seed.clone(),
                [&[0, 1, 2], &seed[..], &[0]].concat(),
                base32.clone().into_bytes(),
                base32.to_lowercase().into_bytes(),
                format!("?secret={base32}&issuer=Ours").into_bytes(),
                format!("KEY{base32}").into_bytes(),
                HEXLOWER.encode(seed).into_bytes(),
                format!("{{\"seed\":\"{}\"}}", HEXLOWER.encode(seed)).into_bytes(),
            ] {
                assert_eq!(known.leak("a.b", &held), Some(Leak::Seed), "{held:?}");
            }
            assert!(!known.stand_in(&seed[1..]));
            assert!(!known.stand_in(&base32.as_bytes()[1..]));
        }
        assert!(!Seeds::default().stand_in(&seeds[0]));
    }

    #[test]
    fn what_people_write_themselves_is_told_apart() {
        let none = Seeds::default();
        let uri = b"otpauth://totp/x";
        assert_eq!(none.leak("users.name", uri), Some(Leak::Chosen(Kind::KeyUri)));
        assert_eq!(none.leak("audit.body", uri), Some(Leak::Like(Kind::KeyUri)));
        let code = b"7KQ2-M4XT-9R3B-0CWH";
        assert_eq!(none.leak("nodes.name", code), Some(Leak::Chosen(Kind::RecoveryCode)));
        assert_eq!(none.leak("webauthn.transports", code), Some(Leak::Chosen(Kind::RecoveryCode)));
        assert_eq!(none.leak("audit.body", b"{}"), None);
    }

    #[test]
    fn what_is_as_long_as_a_hash_is_taken_for_one() {
        let none = Seeds::default();
        for column in HASHES {
            assert_eq!(none.leak(column, &[7; 32]), None, "{column}");
            assert_eq!(none.leak(column, &[7; 31]), Some(Leak::NoHash), "{column}");
        }
        assert_eq!(none.leak("totp.secret", &[7; 31]), None);
    }
}
