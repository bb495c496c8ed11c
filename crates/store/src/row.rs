//! Reading rows: columns by position into plain types; a column of another shape is a fault.

use std::any::type_name;

use nightlatch_core::{EventId, MethodId, SessionId, Timestamp, UserId};

use crate::{Fault, Value};

/// One row of an answer.
pub struct Row<'a>(Cells<'a>);

enum Cells<'a> {
    Lite(&'a rusqlite::Row<'a>),
    Pg(&'a tokio_postgres::Row),
}

impl<'a> Row<'a> {
    pub(crate) const fn lite(row: &'a rusqlite::Row<'a>) -> Self {
        Self(Cells::Lite(row))
    }

    pub(crate) const fn pg(row: &'a tokio_postgres::Row) -> Self {
        Self(Cells::Pg(row))
    }

    /// The column at `index`, counted from 0.
    ///
    /// # Errors
    ///
    /// [`Fault::Broken`] if there is no such column or it does not hold a `C`.
    pub fn get<C: Column>(&self, index: usize) -> Result<C, Fault> {
        C::read(self, index)
    }

    /// What the column at `index` holds, if it is one of our types.
    fn value(&self, index: usize) -> Option<Value<'_>> {
        match self.0 {
            Cells::Lite(row) => row.get_ref(index).ok().and_then(Value::from_sqlite),
            Cells::Pg(row) => row.try_get(index).ok(),
        }
    }

    fn plain<C>(&self, index: usize, read: fn(Value<'_>) -> Option<C>) -> Result<C, Fault> {
        self.value(index).and_then(read).ok_or_else(|| {
            Fault::broken(format!("column {index} does not hold a {}", type_name::<C>()))
        })
    }
}

/// A type that a column can hold.
pub trait Column: Sized {
    /// Reads the column at `index`; [`Row::get`] of a plainer type is what it builds on.
    ///
    /// # Errors
    ///
    /// [`Fault::Broken`] if the column holds something else.
    fn read(row: &Row<'_>, index: usize) -> Result<Self, Fault>;
}

impl Column for i64 {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, Fault> {
        row.plain(index, |value| if let Value::Int(int) = value { Some(int) } else { None })
    }
}

impl Column for bool {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, Fault> {
        row.plain(index, |value| match value {
            Value::Int(0) => Some(false),
            Value::Int(1) => Some(true),
            Value::Null | Value::Int(_) | Value::Text(_) | Value::Blob(_) | Value::Id(_) => None,
        })
    }
}

impl Column for Timestamp {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, Fault> {
        row.get(index).map(Self::from_millis)
    }
}

impl Column for String {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, Fault> {
        row.plain(index, |value| match value {
            Value::Text(text) => Some(text.to_owned()),
            Value::Null | Value::Int(_) | Value::Blob(_) | Value::Id(_) => None,
        })
    }
}

impl Column for Vec<u8> {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, Fault> {
        row.plain(index, |value| value.blob().map(<[u8]>::to_vec))
    }
}

impl<const N: usize> Column for [u8; N] {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, Fault> {
        row.plain(index, |value| value.blob()?.try_into().ok())
    }
}

impl<C: Column> Column for Option<C> {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, Fault> {
        if row.value(index) == Some(Value::Null) { Ok(None) } else { row.get(index).map(Some) }
    }
}

macro_rules! ids {
    ($($id:ident),*) => {$(
        impl Column for $id {
            fn read(row: &Row<'_>, index: usize) -> Result<Self, Fault> {
                row.get(index).map(Self::from_bytes)
            }
        }
    )*};
}

ids!(UserId, MethodId, SessionId, EventId);

/// A type that a row is read into: tuples of [`Column`]s, and whatever implements it.
pub trait FromRow: Sized {
    /// Reads the row.
    ///
    /// # Errors
    ///
    /// [`Fault::Broken`] for a row of another shape.
    fn from_row(row: &Row<'_>) -> Result<Self, Fault>;
}

macro_rules! tuples {
    ($($column:ident $index:literal),+) => {
        impl<$($column: Column),+> FromRow for ($($column,)+) {
            fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
                Ok(($(row.get::<$column>($index)?,)+))
            }
        }
    };
}

tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// What a `C` reads from the column that `expression` makes.
    fn read<C: Column>(expression: &str) -> Option<C> {
        let database = Connection::open_in_memory().unwrap();
        let query = format!("SELECT {expression}");
        let value = database.query_row(&query, [], |row| Ok(Row::lite(row).get(0).ok()));
        value.unwrap()
    }

    #[test]
    fn a_column_is_read_as_what_it_holds() {
        assert_eq!(read("1"), Some(1_i64));
        assert_eq!(read("1"), Some(true));
        assert_eq!(read("'a'"), Some("a".to_owned()));
        assert_eq!(read("x'0102'"), Some([1_u8, 2]));
        assert_eq!(read("x'0102'"), Some(vec![1_u8, 2]));
        assert_eq!(read::<Option<i64>>("NULL"), Some(None));
        assert_eq!(read("7"), Some(Some(Timestamp::from_millis(7))));
    }

    #[test]
    fn a_column_of_another_shape_is_not_read() {
        assert_eq!(read::<i64>("'1'"), None);
        assert_eq!(read::<i64>("1.5"), None);
        assert_eq!(read::<i64>("NULL"), None);
        assert_eq!(read::<bool>("2"), None);
        assert_eq!(read::<String>("x'61'"), None);
        assert_eq!(read::<UserId>("zeroblob(15)"), None);
        assert_eq!(read::<Option<[u8; 2]>>("x'01'"), None);
    }
}
