//! The key ring as the database sees it: which keys rows name, which keys running servers have, and
//! sealing anew what an older key sealed.

mod nodes;
mod reseal;
mod sealed;

pub use nodes::{Announce, Changed, Known, KnownKey, Leave, Node, Nodes};
pub use reseal::{Every, Page, Swap};
pub use sealed::{Found, Need, Needs, SEALED, SealedColumn};

/// What identifies a row, and what is written to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// `TEXT`.
    Text(String),
    /// `BLOB`, `BYTEA`.
    Blob(Vec<u8>),
}

impl<'a> From<&'a Cell> for crate::Value<'a> {
    fn from(cell: &'a Cell) -> Self {
        match cell {
            Cell::Text(text) => Self::Text(text),
            Cell::Blob(bytes) => Self::Blob(bytes),
        }
    }
}
