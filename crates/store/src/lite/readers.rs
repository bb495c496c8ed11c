//! Connections that read, lent for the time of one unit.

use std::{
    path::Path,
    sync::{Condvar, Mutex, PoisonError},
};

use rusqlite::Connection;

use super::{open_reader, say};
use crate::{
    Fault, Tx, Unit,
    chain::Shared,
    tx::Engine,
    unit::{at_once, run},
};

/// A bounded pool: each connection has a page cache of its own, so there are few.
pub(crate) struct Readers {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
}

impl Readers {
    pub(crate) fn open(path: &Path, count: usize) -> Result<Self, Fault> {
        let idle = (0..count.max(1)).map(|_| open_reader(path)).collect::<Result<_, _>>()?;
        Ok(Self { idle: Mutex::new(idle), returned: Condvar::new() })
    }

    /// Runs `unit` on this thread, all its statements on one snapshot.
    pub(crate) fn read<U: Unit>(&self, unit: &U, shared: &Shared) -> Result<U::Out, Fault> {
        let mut connection = self.borrow();
        let outcome = look(&mut connection, unit, shared);
        self.give_back(connection);
        outcome
    }

    fn borrow(&self) -> Connection {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.returned.wait_while(idle, |idle| idle.is_empty());
        let mut idle = waited.unwrap_or_else(PoisonError::into_inner);
        idle.pop().expect("the wait ends when a connection is there")
    }

    fn give_back(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        self.returned.notify_one();
    }
}

fn look<U: Unit>(connection: &mut Connection, unit: &U, shared: &Shared) -> Result<U::Out, Fault> {
    if U::ONE_QUESTION {
        let tx = Tx::new(Engine::Lite(connection), None, shared);
        return at_once(run(unit, &mut tx.for_one_question()));
    }
    say(connection, "BEGIN")?;
    let mut tx = Tx::new(Engine::Lite(connection), None, shared);
    let outcome = at_once(run(unit, &mut tx));
    drop(tx);
    say(connection, "COMMIT")?;
    outcome
}
