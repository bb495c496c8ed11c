//! What tests look up, and change, behind the units' backs.

use std::marker::PhantomData;

use nightlatch_core::{UserId, message::Message};
use nightlatch_store::{Column, Fault, Sql, Tx, Unit, Value, args, sql, units::audit::Events};
use serde_json::Value as Json;

use super::fixture::World;

/// Changes rows; the parameters are blobs.
struct Change(&'static Sql, Vec<Vec<u8>>);

impl Unit for Change {
    type Out = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Fault> {
        let args: Vec<Value<'_>> = self.1.iter().map(Value::from).collect();
        // As if by hand: nobody is told.
        tx.changed_nobody();
        tx.hit(self.0, &args).await
    }
}

/// Reads one column of at most one row; the parameters are blobs.
struct Look<C>(&'static Sql, Vec<Vec<u8>>, PhantomData<fn() -> C>);

impl<C: Column + Send + 'static> Unit for Look<C> {
    type Out = Option<(C,)>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Out, Fault> {
        let args: Vec<Value<'_>> = self.1.iter().map(Value::from).collect();
        tx.row(self.0, &args).await
    }
}

/// Reads the outbox.
struct Outbox;

impl Unit for Outbox {
    type Out = Vec<([u8; 16], Vec<u8>)>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Out, Fault> {
        tx.rows(sql!("SELECT id, body FROM outbox ORDER BY id"), args![]).await
    }
}

impl World {
    /// Changes rows; at least one, or the test is wrong.
    pub(crate) async fn change(&self, sql: &'static Sql, blobs: &[&[u8]]) {
        let blobs = blobs.iter().map(|blob| blob.to_vec()).collect();
        let changed = self.store.write(Change(sql, blobs)).await.unwrap();
        assert!(changed, "{} changes nothing", sql.sqlite());
        self.witness.forget();
    }

    /// What a statement returns: one row of one column.
    async fn look<C: Column + Send + 'static>(&self, sql: &'static Sql, blobs: &[&[u8]]) -> C {
        let blobs = blobs.iter().map(|blob| blob.to_vec()).collect();
        self.write(Look(sql, blobs, PhantomData)).await.unwrap().0
    }

    pub(crate) async fn number(&self, sql: &'static Sql, blobs: &[&[u8]]) -> i64 {
        self.look(sql, blobs).await
    }

    pub(crate) async fn blob(&self, sql: &'static Sql, blobs: &[&[u8]]) -> Vec<u8> {
        self.look(sql, blobs).await
    }

    /// How many rows of sessions a user has, over ones included.
    pub(crate) async fn sessions_of(&self, user: UserId) -> i64 {
        let count = sql!("SELECT COUNT(*) FROM sessions WHERE user_id = ?1");
        self.number(count, &[user.as_bytes()]).await
    }

    /// The messages that wait, oldest first.
    pub(crate) async fn messages(&self) -> Vec<Message> {
        let rows = self.write(Outbox).await;
        rows.iter().map(|(id, body)| Message::open(&self.ring, body, *id).unwrap()).collect()
    }

    /// The audit trail of a user: kinds of events with their reasons, in no certain order where
    /// several lanes wrote.
    pub(crate) async fn trail(&self, user: UserId) -> Vec<String> {
        let events = self.write(Events { after: ([0; 16], 0), limit: 10_000 }).await;
        let bodies = events.iter().map(|event| serde_json::from_str(&event.body).unwrap());
        bodies
            .filter(|event: &Json| event["user"] == user.to_string())
            .map(|event| match event["reason"].as_str() {
                Some(reason) => format!("{}: {reason}", event["kind"].as_str().unwrap()),
                None => event["kind"].as_str().unwrap().to_owned(),
            })
            .collect()
    }
}
