//! Verifying the audit trail: every chain is whole, every checkpoint is signed, and what
//! checkpoints name is there.

use std::collections::{BTreeMap, HashSet};

use nightlatch_core::{
    Timestamp,
    audit::{Checkpoint, Event, Hash, Head, Kind},
    keys::Signer,
};
use nightlatch_store::units::{
    audit::{Checkpoints, Events, LastCheckpoint, Signed, StoredEvent},
    examine::EventsSince,
};

use crate::{Env, Refused};

const PAGE: i64 = 1000;

/// What is wrong with an audit trail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// An event was changed, added or taken out.
    #[error("chain {chain}: broken at event {seq}")]
    Chain {
        /// The chain.
        chain: String,
        /// Where it first breaks.
        seq: i64,
    },
    /// A checkpoint was not signed by a key of the ring, or was changed.
    #[error("checkpoint {0}: its signature does not verify")]
    Signature(String),
    /// A checkpoint names another that is not there.
    #[error("checkpoint {0}: the one before it is missing")]
    Missing(String),
    /// A checkpoint names a head that its chain does not have.
    #[error("checkpoint {checkpoint}: chain {chain} lacks event {seq} as it was signed")]
    Head {
        /// The checkpoint.
        checkpoint: String,
        /// The chain.
        chain: String,
        /// The event.
        seq: i64,
    },
}

/// What verifying found.
#[derive(Debug, Default)]
pub struct Report {
    /// Events that were read.
    pub events: u64,
    /// Chains that were read.
    pub chains: u64,
    /// Checkpoints that were read.
    pub checkpoints: u64,
    /// Events after the last checkpoint of their chain: real, but not signed yet.
    pub unsigned_tail: i64,
    /// What is wrong.
    pub flaws: Vec<Flaw>,
}

/// Verifies the whole trail.
///
/// # Errors
///
/// The store's.
pub async fn verify(env: &Env) -> Result<Report, Refused> {
    let mut report = Report::default();
    let named = read_checkpoints(env, &mut report).await?;
    let ends = read_events(env, &mut report, &named).await?;
    for ((chain, seq), (checkpoint, _)) in &named {
        let there = ends.get(chain).is_some_and(|end| end.head.seq >= *seq);
        if !there {
            report.flaws.push(Flaw::Head {
                checkpoint: checkpoint.clone(),
                chain: hex(chain),
                seq: *seq,
            });
        }
    }
    for Ending { head, closed } in ends.values() {
        let signed = named.range((head.chain, 0)..=(head.chain, i64::MAX)).next_back();
        let signed = signed.map_or(0, |((_, seq), _)| *seq).min(head.seq);
        // The last event of a chain says only that it is the last; it comes after its checkpoint.
        report.unsigned_tail += head.seq - signed - i64::from(*closed && signed > 0);
    }
    Ok(report)
}

/// Where a chain ends.
struct Ending {
    head: Head,
    /// Whether its writer closed it.
    closed: bool,
}

/// The heads that checkpoints name, with the checkpoint that does.
type Named = BTreeMap<([u8; 16], i64), (String, Hash)>;

async fn read_checkpoints(env: &Env, report: &mut Report) -> Result<Named, Refused> {
    let signers = env.ring().checkpoint_signers();
    let mut named = Named::new();
    let mut known: HashSet<Hash> = HashSet::from([[0; 32]]);
    let mut after = [0; 16];
    loop {
        let page = env.store.read_slow(Checkpoints { after, limit: PAGE }).await?;
        let Some(last) = page.last() else { return Ok(named) };
        after = last.id;
        for signed in &page {
            report.checkpoints += 1;
            let id = hex(&signed.id);
            let Some(checkpoint) = open(&signers, signed) else {
                report.flaws.push(Flaw::Signature(id));
                continue;
            };
            if !known.contains(&checkpoint.previous) {
                report.flaws.push(Flaw::Missing(id.clone()));
            }
            known.insert(checkpoint.hash());
            for head in checkpoint.heads {
                named.insert((head.chain, head.seq), (id.clone(), head.hash));
            }
        }
    }
}

fn open(signers: &[Signer], signed: &Signed) -> Option<Checkpoint> {
    let key = signers.iter().find(|key| key.tag().to_string() == signed.key_tag)?;
    let genuine = key.verify(&signed.body, &signed.signature);
    genuine.then(|| Checkpoint::from_bytes(&signed.body)).flatten()
}

async fn read_events(
    env: &Env,
    report: &mut Report,
    named: &Named,
) -> Result<BTreeMap<[u8; 16], Ending>, Refused> {
    let mut ends: BTreeMap<[u8; 16], Ending> = BTreeMap::new();
    let mut broken: HashSet<[u8; 16]> = HashSet::new();
    let mut after = ([0; 16], 0);
    let closing = Event::success(Kind::AuditClosed, Timestamp::default()).body();
    loop {
        let page = env.store.read_slow(Events { after, limit: PAGE }).await?;
        let Some(last) = page.last() else { break };
        after = (last.head.chain, last.head.seq);
        for event in &page {
            report.events += 1;
            let chain = event.head.chain;
            let empty = || Ending { head: Head::empty(chain), closed: false };
            let end = ends.entry(chain).or_insert_with(empty);
            if !follows(&end.head, event) && broken.insert(chain) {
                let seq = end.head.seq + 1;
                report.flaws.push(Flaw::Chain { chain: hex(&chain), seq });
            }
            *end = Ending { head: event.head, closed: event.body == closing };
            let signed = named.get(&(chain, event.head.seq));
            if let Some((checkpoint, _)) = signed.filter(|(_, hash)| *hash != event.head.hash) {
                report.flaws.push(Flaw::Head {
                    checkpoint: checkpoint.clone(),
                    chain: hex(&chain),
                    seq: event.head.seq,
                });
            }
        }
    }
    report.chains = u64::try_from(ends.len()).unwrap_or(u64::MAX);
    Ok(ends)
}

/// Whether `event` is what comes after `end`.
fn follows(end: &Head, event: &StoredEvent) -> bool {
    end.next(event.at, &event.body) == event.head
}

/// Where a trail ends.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// Whether the last checkpoint, if there is one, was signed by a key of the ring.
    pub genuine: bool,
    /// When it was signed.
    pub signed_at: Option<Timestamp>,
    /// Events that happened after it.
    pub unsigned: i64,
    /// When the first of these happened.
    pub unsigned_since: Option<Timestamp>,
}

/// Looks at the end of the trail alone.
///
/// # Errors
///
/// The store's.
pub async fn end(env: &Env) -> Result<End, Refused> {
    let signed = env.store.read(LastCheckpoint).await?;
    let signers = env.ring().checkpoint_signers();
    let last = signed.as_ref().and_then(|signed| open(&signers, signed));
    let signed_at = last.as_ref().map(|checkpoint| checkpoint.at);
    let since = EventsSince(signed_at.unwrap_or_default());
    let (unsigned, unsigned_since) = env.store.read_slow(since).await?;
    Ok(End { genuine: signed.is_none() || last.is_some(), signed_at, unsigned, unsigned_since })
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
