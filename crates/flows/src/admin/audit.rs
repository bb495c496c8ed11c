//! Verifying the audit trail: every chain is whole, every checkpoint is signed, and what
//! checkpoints name is there.

use std::collections::{BTreeMap, HashMap, HashSet};

use nightlatch_core::{
    Timestamp,
    audit::{Checkpoint, Event, Hash, Head, Kind},
    keys::Signer,
};
use nightlatch_store::{
    Fault,
    units::{
        audit::{Checkpoints, Events, Signed, StoredEvent},
        examine::{ChainEnd, ChainEnds, EventTime, NewestCheckpoints, Traces},
    },
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

/// Checkpoints that the end of a trail is held against.
const NEWEST: i64 = 10_000;

/// Where a trail ends.
#[derive(Debug, Clone, Copy, Default)]
pub struct End {
    /// Whether there are accounts, which nobody makes without leaving an event.
    pub accounts: bool,
    /// Whether there are events.
    pub events: bool,
    /// Checkpoints that were not signed by a key of the ring.
    pub forged: usize,
    /// Chains that lack events which were signed.
    pub cut: usize,
    /// When a checkpoint was signed last.
    pub signed_at: Option<Timestamp>,
    /// Events of their chains that no checkpoint names.
    pub unsigned: i64,
    /// When the first of these happened.
    pub unsigned_since: Option<Timestamp>,
}

/// Looks at the end of the trail alone: at the newest checkpoints, and at every chain that was
/// written to since the oldest of these.
///
/// # Errors
///
/// The store's.
pub async fn end(env: &Env) -> Result<End, Fault> {
    let (accounts, events) = env.store.read(Traces).await?;
    let mut end = End { accounts, events, ..End::default() };
    // Before the chains, which have all that is signed already.
    let signed = env.store.read_slow(NewestCheckpoints { limit: NEWEST }).await?;
    let signers = env.ring().checkpoint_signers();
    let checkpoints: Vec<_> = signed.iter().filter_map(|signed| open(&signers, signed)).collect();
    end.forged = signed.len() - checkpoints.len();
    end.signed_at = checkpoints.iter().map(|checkpoint| checkpoint.at).max();
    let is_all = i64::try_from(signed.len()).is_ok_and(|read| read < NEWEST);
    let oldest = checkpoints.iter().map(|checkpoint| checkpoint.at).min().filter(|_| !is_all);
    let mut heads: HashMap<[u8; 16], i64> = HashMap::new();
    for head in checkpoints.iter().flat_map(|checkpoint| &checkpoint.heads) {
        let seq = heads.entry(head.chain).or_default();
        *seq = head.seq.max(*seq);
    }
    let mut after = [0; 16];
    loop {
        let page = env.store.read_slow(ChainEnds { after, limit: PAGE }).await?;
        let Some(last) = page.last() else { break };
        after = last.chain;
        for chain in &page {
            let named = heads.remove(&chain.chain);
            if named.is_some() || oldest.is_none_or(|oldest| chain.at > oldest) {
                end.add(env, chain, named.unwrap_or_default()).await?;
            }
        }
    }
    end.cut += heads.len();
    Ok(end)
}

impl End {
    /// Takes a chain into account of which the events up to `signed` are signed.
    async fn add(&mut self, env: &Env, chain: &ChainEnd, signed: i64) -> Result<(), Fault> {
        self.cut += usize::from(chain.seq < signed);
        // The last event of a chain says only that it is the last; it comes after its checkpoint.
        let unsigned = chain.seq - signed - i64::from(chain.closed && signed > 0);
        if unsigned > 0 {
            let first = EventTime { chain: chain.chain, seq: signed + 1 };
            let since = env.store.read(first).await?.unwrap_or(chain.at);
            self.unsigned += unsigned;
            self.unsigned_since = Some(self.unsigned_since.map_or(since, |at| at.min(since)));
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
