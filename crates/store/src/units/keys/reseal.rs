//! Reading cells some at a time, and making them anew: read, make, and put into the place of exactly
//! what was read.

use nightlatch_core::{UserId, keys::KeyTag};

use super::{Cell, Found, SealedColumn, sealed::Start};
use crate::{Fault, Tx, Unit, Value};

/// Reads cells that another key than `tag` made, in the order of their rows.
pub struct Page {
    /// Where.
    pub column: &'static SealedColumn,
    /// The key that seals now.
    pub tag: KeyTag,
    /// After the row with this key; from the first one if there is none.
    pub after: Option<Vec<Cell>>,
    /// How many at most.
    pub limit: i64,
}

impl Page {
    /// Where the next page begins.
    #[must_use]
    pub fn end(found: &[Found]) -> Option<Vec<Cell>> {
        found.last().map(|found| found.key.clone())
    }
}

impl Unit for Page {
    type Out = Vec<Found>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Found>, Fault> {
        page(tx, self.column, &self.tag.to_bytes(), self.after.as_ref(), self.limit).await
    }
}

/// Reads cells, whichever key made them, in the order of their rows.
pub struct Every {
    /// Where.
    pub column: &'static SealedColumn,
    /// After the row with this key; from the first one if there is none.
    pub after: Option<Vec<Cell>>,
    /// How many at most.
    pub limit: i64,
}

impl Unit for Every {
    type Out = Vec<Found>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Found>, Fault> {
        // Longer than any name of a key, so that no cell is of this one.
        page(tx, self.column, &[0; 5], self.after.as_ref(), self.limit).await
    }
}

/// Cells that another key than `tag` made.
async fn page(
    tx: &mut Tx<'_>,
    column: &SealedColumn,
    tag: &[u8],
    after: Option<&Vec<Cell>>,
    limit: i64,
) -> Result<Vec<Found>, Fault> {
    let mut args = vec![Value::from(tag), Value::from(limit)];
    match after {
        Some(key) => args.extend(key.iter().map(Value::from)),
        None => args.extend(column.start.iter().map(|part| match part {
            Start::Text => Value::Text(""),
            Start::Blob => Value::Blob(&[]),
        })),
    }
    tx.rows(column.page, &args).await
}

/// Puts cells that [`Found::remade`] made into the places of those that were read. A cell that changed
/// in between is left alone: whoever changed it sealed it too.
pub struct Swap {
    /// Where.
    pub column: &'static SealedColumn,
    /// The parameters for each.
    pub cells: Vec<Vec<Cell>>,
    /// Whose accounts and sessions they are.
    pub users: Vec<UserId>,
}

impl Unit for Swap {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        for user in &self.users {
            // What is sealed stays what it was, and who takes another ring forgets what was read under
            // the one before: others do no harm by it.
            tx.changed_here(*user);
        }
        for cells in &self.cells {
            let args: Vec<Value<'_>> = cells.iter().map(Value::from).collect();
            tx.put(self.column.swap, &args).await?;
        }
        Ok(())
    }
}
