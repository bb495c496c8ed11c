//! The keys of the ring change: what an older key made is made anew, in every place there is, and
//! nothing that anybody writes meanwhile is lost.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::AtomicU64},
};

use nightlatch_core::{
    keys::{KeyRing, KeyTag},
    message::{Message, Template},
};
use nightlatch_store::{
    Engine, sql,
    units::{
        audit::{Checkpoints, Signed, WriteCheckpoint},
        examine::HASHES,
        keys::{Announce, Cell, Found, Known, Need, Needs, Node, Nodes, Page, SEALED, Swap},
        meta::Claim,
        outbox::Enqueue,
        session::Load,
    },
};

use super::{
    credentials::synced,
    fixture::{LATER, World, each_world},
};
use crate::harness::{NOW, Place};

/// Columns of bytes in which no key of the ring made anything.
const PLAIN: &[&str] = &[
    "addresses.lookup",
    "addresses.user_id",
    "attempts.user_id",
    "audit.chain",
    "audit.hash",
    "audit.user_id",
    "checkpoints.body",
    "checkpoints.id",
    "credentials.lookup",
    "credentials.method_id",
    "credentials.user_id",
    "invites.hash",
    "invites.id",
    "invites.lookup",
    "mail_codes.id",
    "mail_codes.lineage",
    "mail_codes.user_id",
    "methods.id",
    "methods.user_id",
    "migration.checksum",
    "nodes.id",
    "nodes.tags",
    "outbox.id",
    "pending_totp.codes_set",
    "pending_totp.lineage",
    "pending_totp.method_id",
    "pending_totp.user_id",
    "presented.id",
    "recovery_codes.hash",
    "recovery_codes.set_id",
    "recovery_codes.user_id",
    "recovery_sets.id",
    // The name of keys that last.
    "recovery_sets.pepper",
    "recovery_sets.salt",
    "recovery_sets.user_id",
    "removed_credentials.lookup",
    "removed_credentials.public_key",
    "ring_keys.tag",
    "sessions.id",
    "sessions.refresh",
    "sessions.user_id",
    "totp.method_id",
    "totp.user_id",
    "users.id",
    "webauthn.aaguid",
    "webauthn.attestation_key",
    "webauthn.credential_id",
    "webauthn.method_id",
    "webauthn.user_id",
];

fn ring(keys: &[u8]) -> KeyRing {
    let line = |key: &u8| String::from_utf8(KeyRing::line(&[*key; 32]).expose().to_vec()).unwrap();
    KeyRing::parse(&keys.iter().map(line).collect::<Vec<_>>().join("\n")).unwrap()
}

fn tag(key: u8) -> KeyTag {
    KeyRing::single(&[key; 32]).primary_tag()
}

/// Every column of bytes in the schema.
async fn columns(place: &Place) -> BTreeSet<String> {
    if place.engine() == Engine::Postgres {
        let query = "SELECT table_name || '.' || column_name FROM information_schema.columns \
                     WHERE table_schema = current_schema() AND data_type = 'bytea'";
        let rows = place.client().await.query(query, &[]).await.unwrap();
        return rows.iter().map(|row| row.get(0)).collect();
    }
    let connection = rusqlite::Connection::open(place.file()).unwrap();
    let query = "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c \
                 WHERE t.type = 'table' AND c.type = 'BLOB'";
    let mut statement = connection.prepare(query).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_that_is_called_a_hash_is_listed_as_one() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let place = Place::new(engine).await;
        place.open().await.close(NOW).await;
        let is_hash = |column: &String| {
            let name = column.split_once('.').unwrap().1;
            ["checksum", "hash", "lookup", "refresh"].contains(&name)
        };
        let found: BTreeSet<_> = columns(&place).await.into_iter().filter(is_hash).collect();
        assert_eq!(found, HASHES.map(str::to_owned).into(), "on {engine}");
        place.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_bytes_is_sealed_anew_or_known_to_be_plain() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let place = Place::new(engine).await;
        place.open().await.close(NOW).await;
        let listed = SEALED.iter().map(|column| column.name).chain(PLAIN.iter().copied());
        let listed: BTreeSet<String> = listed.map(str::to_owned).collect();
        assert_eq!(
            columns(&place).await,
            listed,
            "on {engine}: name new columns in SEALED or here"
        );
        place.remove().await;
    }
}

impl World {
    /// The same world with other keys.
    fn with(&self, ring: KeyRing) -> Self {
        let drawn = AtomicU64::new(1 << 40);
        Self { ring: Arc::new(ring), drawn, ..Self::new(self.store.clone()) }
    }

    /// What stands in a database besides rows of people: mark, keys that last, a checkpoint.
    async fn founded(&self) {
        self.write(Claim { key: "ring", value: self.ring.mark(self.random()) }).await;
        let lasting = self.ring.seal_lasting(self.ring.primary_tag(), self.random()).unwrap();
        self.write(Claim { key: "lasting", value: lasting }).await;
        let message = Message {
            to: "ada@example.org".to_owned(),
            locale: None,
            template: Template::PasswordChanged,
        };
        let envelope = self.envelope(NOW);
        self.write(Enqueue { ring: self.ring.clone(), envelope, message }).await;
        let signers = self.ring.checkpoint_signers();
        let body = b"heads".to_vec();
        let (signature, key_tag) = (signers[0].sign(&body).to_vec(), signers[0].tag().to_string());
        self.write(WriteCheckpoint(Signed { id: self.id(), body, key_tag, signature })).await;
    }

    /// Makes everything anew, `limit` cells at a time; how many there were.
    async fn reseal(&self, limit: i64) -> usize {
        let mut cells = 0;
        for column in &SEALED {
            let mut after = None;
            loop {
                let page = Page { column, tag: self.ring.primary_tag(), after, limit };
                let found = self.write(page).await;
                after = Page::end(&found);
                if after.is_none() {
                    break;
                }
                let made: Vec<Vec<Cell>> = found
                    .iter()
                    .map(|found| found.remade(&self.ring, self.random()).unwrap())
                    .collect();
                cells += made.len();
                let users = found.iter().filter_map(Found::user).collect();
                self.write(Swap { column, cells: made, users }).await;
            }
        }
        cells
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_key_made_is_made_anew_everywhere() {
    each_world(async |world| {
        world.founded().await;
        let (mut person, _) = (world.person().await, world.person().await);
        let (owner, key) = world.key_owner(synced()).await;
        let session = world.sign_in(&person, LATER).await;
        world.begin(&mut world.newcomer().await, LATER).await;
        let needs = world.write(Needs).await;
        let named: Vec<_> = needs.iter().map(|need| need.column).collect();
        assert_eq!(named, SEALED.each_ref().map(|column| column.name), "a row of each");
        assert!(needs.iter().all(|need| need.tag == tag(7)));
        let all: i64 = needs.iter().map(|need| need.rows).sum();

        let both = world.with(ring(&[8, 7]));
        assert_eq!(i64::try_from(both.reseal(2).await).unwrap(), all, "each once, over pages");
        assert_eq!(both.reseal(2).await, 0, "nothing is left");
        let needs = world.write(Needs).await;
        assert!(needs.iter().all(|need| need.tag == tag(8)), "{needs:?}");
        assert_eq!(needs.iter().map(|need| need.rows).sum::<i64>(), all);

        // All of it opens without the older key.
        let lasting = world.write(Claim { key: "lasting", value: Vec::new() }).await;
        let alone = world.with(ring(&[8]).adopt(&lasting).unwrap());
        assert!(alone.ring.knows(&world.write(Claim { key: "ring", value: Vec::new() }).await));
        let code = person.recovery_code(0);
        person.account = alone.read_account(person.id()).await;
        let right = alone.try_right(&person, alone.step(&person, true), LATER).await;
        assert!(right.is_err(), "the step was used before, by the same app");
        let recovered = alone.try_recovery(alone.step(&person, true), &code, LATER).await;
        assert!(recovered.is_ok(), "{:?}", recovered.err());
        assert_eq!(alone.stored(&owner, &key).await.id, key.held.id);
        let load = Load { ring: alone.ring.clone(), id: session.id, now: LATER };
        assert!(alone.write(load).await.is_some());
        assert!(!alone.messages().await.is_empty());
        let checkpoints = alone.write(Checkpoints { after: [0; 16], limit: 10 }).await;
        let signer = &alone.ring.checkpoint_signers()[0];
        for Signed { body, signature, key_tag, .. } in &checkpoints {
            assert!(signer.verify(body, signature));
            assert_eq!(*key_tag, tag(8).to_string());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_meanwhile_is_left_as_it_is() {
    each_world(async |world| {
        let person = world.newcomer().await;
        let both = world.with(ring(&[8, 7]));
        let passwords = &SEALED[0];
        let page = || Page { column: passwords, tag: tag(8), after: None, limit: 10 };
        let found = world.write(page()).await;
        let cells = vec![found[0].remade(&both.ring, both.random()).unwrap()];
        let newer = sql!("UPDATE users SET password = ?2 WHERE id = ?1");
        let written = both.ring.mark([9; 12]);
        world.change(newer, &[person.id().as_bytes(), &written]).await;
        world.write(Swap { column: passwords, cells, users: vec![person.id()] }).await;
        let read = sql!("SELECT password FROM users WHERE id = ?1");
        assert_eq!(world.blob(read, &[person.id().as_bytes()]).await, written);
        // What was moved there does not open there, and is left for somebody to look at.
        let moved = sql!("UPDATE users SET password = ?2 WHERE id = ?1");
        world.change(moved, &[person.id().as_bytes(), &world.ring.mark([3; 12])]).await;
        let found = world.write(page()).await;
        assert!(found[0].remade(&both.ring, both.random()).is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_silent_is_gone_and_a_key_is_dated_by_its_use() {
    each_world(async |world| {
        let says = |id: u8, tags: &[u8], now| Announce {
            node: Some(([id; 16], format!("node {id}"))),
            tags: tags.iter().map(|key| tag(*key)).collect(),
            now,
        };
        let second = NOW.plus(std::time::Duration::from_secs(1));
        world.write(says(1, &[7], NOW)).await;
        world.write(says(1, &[7, 8], second)).await;
        world.write(says(1, &[7, 8], second.plus(Node::STALE))).await;
        world.write(says(2, &[8, 7], second.plus(Node::STALE))).await;
        let now = second.plus(Node::STALE);
        let nodes = world.write(Nodes { now }).await;
        let shown: Vec<_> =
            nodes.iter().map(|node| (node.name.as_str(), node.tags.clone(), node.since)).collect();
        let expected =
            [("node 1", vec![tag(7), tag(8)], second), ("node 2", vec![tag(8), tag(7)], now)];
        assert_eq!(shown, expected);
        let mut known = world.write(Known).await;
        known.sort_by_key(|key| key.known_at);
        assert_eq!(known[0].tag, tag(7));
        assert_eq!((known[0].sealed_from, known[0].sealed_at), (Some(NOW), Some(now)));
        assert_eq!((known[1].known_at, known[1].sealed_from), (second, Some(now)));
        let later = now.plus(Node::STALE).plus(std::time::Duration::from_millis(1));
        assert!(world.write(Nodes { now: later }).await.is_empty());
        assert!(world.write(Needs).await.iter().all(|need: &Need| need.rows > 0));
    })
    .await;
}
