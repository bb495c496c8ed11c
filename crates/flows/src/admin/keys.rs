//! The key ring of an installation, and what may be done to it when.
//!
//! Three things have to hold while keys change under traffic: everybody knows a key before anybody
//! seals or signs with it; whatever was made with a key is made anew, or has ended, before the key
//! goes; and both are refused with a reason rather than waited for in silence.

use std::time::Duration;

use nightlatch_core::{Timestamp, audit::Kind, factors::webauthn::CEREMONY_LIFETIME, keys::KeyTag};
use nightlatch_store::{
    Fault,
    units::keys::{Announce, Changed, Known, KnownKey, Need, Needs, Node, Nodes},
};

use crate::{
    Env, Refused,
    sign_in::{ENROLLMENT_LIFETIME, STEP_LIFETIME},
    sign_up::register::LINK_LIFETIME,
    step_up::MAIL_CODE_LIFETIME,
};

/// How long whoever checks our signatures may keep our public keys.
pub const PUBLISHED: Duration = Duration::from_mins(5);

/// What a key of the ring is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It seals and signs.
    Sealing,
    /// It never sealed: the next one.
    New,
    /// It sealed before, and opens.
    Opening,
    /// It was retired, and is still in this key file.
    Retired,
    /// Others have it, or had it.
    Missing,
}

impl Role {
    /// The name, as commands print it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sealing => "sealing and signing",
            Self::New => "opening, not used yet",
            Self::Opening => "opening",
            Self::Retired => "retired",
            Self::Missing => "not in this key file",
        }
    }
}

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub tag: KeyTag,
    /// What it is.
    pub role: Role,
    /// When it first sealed.
    pub sealed_from: Option<Timestamp>,
    /// When a node was last seen sealing with it.
    pub sealed_at: Option<Timestamp>,
    /// Cells of rows that it made.
    pub rows: i64,
}

/// Everything about the ring.
#[derive(Debug)]
pub struct State {
    /// The keys, those of the ring first and in its order.
    pub keys: Vec<Key>,
    /// The servers that are running.
    pub nodes: Vec<Node>,
    known: Vec<KnownKey>,
    needs: Vec<Need>,
    now: Timestamp,
    access_lifetime: Duration,
}

/// Why a key can't be promoted or retired, or not yet.
#[derive(Debug, thiserror::Error)]
pub enum NotYet {
    /// No such key.
    #[error("there is no key {0} in this key ring")]
    Unknown(KeyTag),
    /// It is in use.
    #[error("the key {0} seals and signs")]
    InUse(KeyTag),
    /// A server does not know it.
    #[error("the server {node} does not have the key {tag} yet")]
    Unheard {
        /// The server.
        node: String,
        /// The key.
        tag: KeyTag,
    },
    /// It was published a moment ago.
    #[error(
        "the key {tag} was published a moment ago, and whoever checks tokens may not know it yet"
    )]
    Young {
        /// The key.
        tag: KeyTag,
        /// When it may.
        at: Timestamp,
    },
    /// A server still seals with it.
    #[error("the server {node} still seals with the key {tag}")]
    Sealing {
        /// The server.
        node: String,
        /// The key.
        tag: KeyTag,
    },
    /// Rows were made with it.
    #[error("{rows} rows in {column} need the key {tag}")]
    Needed {
        /// The key.
        tag: KeyTag,
        /// How many rows.
        rows: i64,
        /// Where.
        column: &'static str,
    },
    /// Tokens were made with it.
    #[error("tokens and links that the key {tag} made may still be in use")]
    InTokens {
        /// The key.
        tag: KeyTag,
        /// When they have ended.
        until: Timestamp,
    },
}

/// Reads everything about the ring, which takes as long as there are rows.
///
/// # Errors
///
/// The store's.
pub async fn state(env: &Env) -> Result<State, Refused> {
    read(env, env.store.read_slow(Needs).await?).await
}

/// The same without counting rows: enough to know what servers have and do.
///
/// # Errors
///
/// The store's.
pub async fn servers(env: &Env) -> Result<State, Refused> {
    read(env, Vec::new()).await
}

async fn read(env: &Env, needs: Vec<Need>) -> Result<State, Refused> {
    let now = env.clock.now();
    let (ring, known) = (env.ring(), env.store.read(Known).await?);
    let nodes = env.store.read(Nodes { now }).await?;
    let of = |tag: KeyTag| known.iter().find(|known| known.tag == tag);
    let rows = |tag| needs.iter().filter(|need| need.tag == tag).map(|need| need.rows).sum();
    let key = |tag, role| Key {
        tag,
        role,
        sealed_from: of(tag).and_then(|known| known.sealed_from),
        sealed_at: of(tag).and_then(|known| known.sealed_at),
        rows: rows(tag),
    };
    let mut keys: Vec<Key> = Vec::new();
    for tag in ring.tags() {
        let role = match of(tag) {
            _ if tag == ring.primary_tag() => Role::Sealing,
            _ if rows(tag) > 0 => Role::Opening,
            Some(KnownKey { retired_at: Some(_), .. }) => Role::Retired,
            Some(KnownKey { sealed_from: Some(_), .. }) => Role::Opening,
            _ => Role::New,
        };
        keys.push(key(tag, role));
    }
    let held = known.iter().filter(|known| known.retired_at.is_none()).map(|known| known.tag);
    for tag in held.chain(needs.iter().map(|need| need.tag)) {
        if !keys.iter().any(|key| key.tag == tag) {
            keys.push(key(tag, Role::Missing));
        }
    }
    let access_lifetime = env.settings.access_lifetime;
    Ok(State { keys, nodes, known, needs, now, access_lifetime })
}

impl State {
    fn find(&self, tag: KeyTag) -> Result<&Key, NotYet> {
        let held = self.keys.iter().find(|key| key.tag == tag && key.role != Role::Missing);
        held.ok_or(NotYet::Unknown(tag))
    }

    /// The key that seals and signs.
    #[must_use]
    pub fn sealing(&self) -> Option<KeyTag> {
        self.keys.iter().find(|key| key.role == Role::Sealing).map(|key| key.tag)
    }

    /// Whether `tag` may seal and sign from now on: every server has it, for so long that whoever
    /// checks tokens has heard of it.
    ///
    /// # Errors
    ///
    /// [`NotYet`] says why not.
    pub fn may_promote(&self, tag: KeyTag) -> Result<(), NotYet> {
        if self.find(tag)?.role == Role::Sealing {
            return Err(NotYet::InUse(tag));
        }
        let unheard = self.nodes.iter().find(|node| !node.tags.contains(&tag));
        if let Some(node) = unheard {
            return Err(NotYet::Unheard { node: node.name.clone(), tag });
        }
        let known = self.known.iter().filter(|known| known.tag == tag).map(|known| known.known_at);
        let since = known.chain(self.nodes.iter().map(|node| node.since)).max();
        let at = since.unwrap_or(self.now).plus(PUBLISHED);
        if self.now < at { Err(NotYet::Young { tag, at }) } else { Ok(()) }
    }

    /// Whether servers have stopped sealing with `tag`.
    ///
    /// # Errors
    ///
    /// [`NotYet::Sealing`] names one that has not.
    pub fn has_stopped(&self, tag: KeyTag) -> Result<(), NotYet> {
        match self.nodes.iter().find(|node| node.tags.first() == Some(&tag)) {
            Some(node) => Err(NotYet::Sealing { node: node.name.clone(), tag }),
            None => Ok(()),
        }
    }

    /// Until when tokens matter that `tag` made; with `cut`, only what is under way matters.
    #[must_use]
    pub fn tokens_end(&self, tag: KeyTag, cut: bool) -> Timestamp {
        let lifetime = if cut { Duration::ZERO } else { longest(self.access_lifetime) };
        let known = self.known.iter().find(|known| known.tag == tag);
        let sealed_at = known.and_then(|known| known.sealed_at);
        // A server may have sealed since it was last seen.
        sealed_at.map_or(Timestamp::default(), |at| at.plus(lifetime).plus(Node::STALE))
    }

    /// Whether `tag` may leave the ring: no row needs it, and no token does; with `cut`, tokens that
    /// it made are given up.
    ///
    /// # Errors
    ///
    /// [`NotYet`] says why not, and until when.
    pub fn may_retire(&self, tag: KeyTag, cut: bool) -> Result<(), NotYet> {
        if self.find(tag)?.role == Role::Sealing {
            return Err(NotYet::InUse(tag));
        }
        self.has_stopped(tag)?;
        if let Some(Need { rows, column, .. }) = self.needs.iter().find(|need| need.tag == tag) {
            return Err(NotYet::Needed { tag, rows: *rows, column });
        }
        let until = self.tokens_end(tag, cut);
        if self.now < until { Err(NotYet::InTokens { tag, until }) } else { Ok(()) }
    }
}

/// The longest life of anything that a key makes and no row holds.
fn longest(access_lifetime: Duration) -> Duration {
    let sealed =
        [LINK_LIFETIME, ENROLLMENT_LIFETIME, STEP_LIFETIME, MAIL_CODE_LIFETIME, CEREMONY_LIFETIME];
    sealed.into_iter().fold(access_lifetime, Duration::max)
}

/// Notes that whoever is behind `env` has the keys that it has.
///
/// # Errors
///
/// The store's.
pub async fn make_known(env: &Env) -> Result<(), Fault> {
    let (now, tags) = (env.clock.now(), env.ring().tags().collect());
    env.store.write(Announce { node: None, tags, now }).await
}

/// Writes to the audit trail what is done to a key of the ring.
///
/// # Errors
///
/// The store's.
pub async fn note(env: &Env, kind: Kind, tag: KeyTag) -> Result<(), Fault> {
    env.store.write(Changed { kind, tag, now: env.clock.now() }).await
}
