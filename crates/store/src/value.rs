//! What goes into a statement and comes out of a column: the three types that both engines share.

use std::error::Error;

use bytes::BytesMut;
use nightlatch_core::{EventId, MethodId, SessionId, Timestamp, UserId};
use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, WrongType};

/// A parameter or the content of a column.
///
/// Moments are `Int` milliseconds, flags are `Int` 0 and 1, ids and hashes are `Blob`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// No value.
    Null,
    /// `INTEGER` on SQLite, `BIGINT` on PostgreSQL.
    Int(i64),
    /// `TEXT`.
    Text(&'a str),
    /// `BLOB` on SQLite, `BYTEA` on PostgreSQL.
    Blob(&'a [u8]),
    /// An id handed in by value: a parameter only, and a `Blob` to the database.
    Id([u8; 16]),
}

/// The parameters of a statement, each by [`Value::from`](crate::Value): `args![&id, now, "name"]`.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => {
        &[$($crate::Value::from($value)),*]
    };
}

impl From<i64> for Value<'_> {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl From<&i64> for Value<'_> {
    fn from(int: &i64) -> Self {
        Self::Int(*int)
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Int(i64::from(flag))
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(at: Timestamp) -> Self {
        Self::Int(at.millis())
    }
}

impl From<&Timestamp> for Value<'_> {
    fn from(at: &Timestamp) -> Self {
        Self::Int(at.millis())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Blob(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Value<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Blob(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Blob(bytes)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(option: Option<T>) -> Self {
        option.map_or(Self::Null, Into::into)
    }
}

macro_rules! ids {
    ($($id:ident),*) => {$(
        impl From<$id> for Value<'_> {
            fn from(id: $id) -> Self {
                Self::Id(*id.as_bytes())
            }
        }

        impl<'a> From<&'a $id> for Value<'a> {
            fn from(id: &'a $id) -> Self {
                Self::Blob(id.as_bytes())
            }
        }
    )*};
}

ids!(UserId, MethodId, SessionId, EventId);

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Null => ValueRef::Null,
            Self::Int(int) => ValueRef::Integer(int),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
            Self::Id(ref id) => ValueRef::Blob(id),
        }))
    }
}

impl<'a> Value<'a> {
    /// The bytes that a column holds, if it holds bytes.
    pub(crate) const fn blob(self) -> Option<&'a [u8]> {
        if let Self::Blob(bytes) = self { Some(bytes) } else { None }
    }

    /// What SQLite has in a column; `None` for a type or an encoding that is not ours.
    pub(crate) fn from_sqlite(value: ValueRef<'a>) -> Option<Self> {
        match value {
            ValueRef::Null => Some(Self::Null),
            ValueRef::Integer(int) => Some(Self::Int(int)),
            ValueRef::Text(text) => std::str::from_utf8(text).ok().map(Self::Text),
            ValueRef::Blob(bytes) => Some(Self::Blob(bytes)),
            ValueRef::Real(_) => None,
        }
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(int) => int.to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Blob(bytes) => bytes.to_sql(ty, out),
            Self::Id(id) => id.as_slice().to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(ty)
    }

    fn to_sql_checked(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let fits = match self {
            Self::Null => <Self as ToSql>::accepts(ty),
            Self::Int(_) => *ty == Type::INT8,
            Self::Text(_) => *ty == Type::TEXT,
            Self::Blob(_) | Self::Id(_) => *ty == Type::BYTEA,
        };
        if fits { self.to_sql(ty, out) } else { Err(Box::new(WrongType::new::<Self>(ty.clone()))) }
    }
}

impl<'a> FromSql<'a> for Value<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        if *ty == Type::INT8 {
            i64::from_sql(ty, raw).map(Self::Int)
        } else if *ty == Type::TEXT {
            <&str>::from_sql(ty, raw).map(Self::Text)
        } else {
            <&[u8]>::from_sql(ty, raw).map(Self::Blob)
        }
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(ty: &Type) -> bool {
        <Self as ToSql>::accepts(ty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_made_from_plain_values() {
        let user = UserId::from_bytes([7; 16]);
        let given: &[Value<'_>] = args![
            5,
            true,
            "text",
            &[1_u8, 2],
            Timestamp::from_millis(9),
            &user,
            user,
            Some(user),
            None::<UserId>,
            None::<i64>,
        ];
        let expected = [
            Value::Int(5),
            Value::Int(1),
            Value::Text("text"),
            Value::Blob(&[1, 2]),
            Value::Int(9),
            Value::Blob(&[7; 16]),
            Value::Id([7; 16]),
            Value::Id([7; 16]),
            Value::Null,
            Value::Null,
        ];
        assert_eq!(given, expected);
    }

    #[test]
    fn postgres_gets_no_other_type_than_the_one_it_expects() {
        let mut out = BytesMut::new();
        for (value, ty) in [
            (Value::Int(1), Type::INT4),
            (Value::Int(1), Type::TEXT),
            (Value::Text("1"), Type::BYTEA),
            (Value::Blob(b"1"), Type::TEXT),
            (Value::Null, Type::INT4),
        ] {
            assert!(value.to_sql_checked(&ty, &mut out).is_err(), "{value:?} as {ty}");
        }
        assert!(out.is_empty());
    }
}
