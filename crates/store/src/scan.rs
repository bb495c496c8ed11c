//! Everything that a database holds as text or as bytes, shown to whoever looks for what should not
//! be there.
//!
//! Tables and columns are those that there are, so that no list of them can be out of date. Each
//! table is read as it is at one moment, a page at a time, beside whoever writes.

use std::path::Path;

use rusqlite::types::ValueRef;
use tokio_postgres::Client;

use crate::{
    Database, Fault, Value, lite,
    options::Place,
    pg::{Link, Server},
};

/// Rows that are read from PostgreSQL in one round trip.
const PAGE: i64 = 1000;

/// Looks at the content of one cell: `table.column`, and the bytes.
pub type Look<'a> = &'a mut (dyn FnMut(&str, &[u8]) + Send);

/// How much was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Tables that hold text or bytes.
    pub tables: usize,
    /// Their rows.
    pub rows: u64,
}

/// Shows all of `database` to `look`. Takes as long as there are rows, and on SQLite this thread.
///
/// # Errors
///
/// A [`Fault`].
pub async fn scan(database: &Database, look: Look<'_>) -> Result<Scanned, Fault> {
    match &database.0 {
        Place::Sqlite(path) => scan_file(path, look),
        Place::Postgres(config) => scan_server(&Server::new(config)?, look).await,
    }
}

/// A table, and those of its columns that hold text or bytes.
struct Table {
    name: String,
    columns: Vec<String>,
}

impl Table {
    /// Groups rows of table and column, which are in order.
    fn group(rows: impl IntoIterator<Item = (String, String)>) -> Vec<Self> {
        let mut tables: Vec<Self> = Vec::new();
        for (name, column) in rows {
            match tables.last_mut().filter(|table| table.name == name) {
                Some(table) => table.columns.push(column),
                None => tables.push(Self { name, columns: vec![column] }),
            }
        }
        tables
    }

    fn select(&self) -> String {
        let columns: Vec<_> = self.columns.iter().map(|name| quoted(name)).collect();
        format!("SELECT {} FROM {}", columns.join(", "), quoted(&self.name))
    }

    /// `table.column`, for each.
    fn places(&self) -> Vec<String> {
        self.columns.iter().map(|column| format!("{}.{column}", self.name)).collect()
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn scan_file(path: &Path, look: Look<'_>) -> Result<Scanned, Fault> {
    const TABLES: &str = "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c \
                          WHERE t.type = 'table' AND c.type <> 'INTEGER' AND c.type <> 'BIGINT' \
                          ORDER BY t.name, c.cid";
    let file = lite::open_reader(path)?;
    let mut tables = file.prepare(TABLES)?;
    let tables = tables.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let tables = Table::group(tables.collect::<Result<Vec<_>, _>>()?);
    let mut scanned = Scanned { tables: tables.len(), rows: 0 };
    for table in &tables {
        let places = table.places();
        let mut statement = file.prepare(&table.select())?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            scanned.rows += 1;
            for (index, place) in places.iter().enumerate() {
                if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = row.get_ref(index)? {
                    look(place, bytes);
                }
            }
        }
    }
    Ok(scanned)
}

async fn scan_server(server: &Server, look: Look<'_>) -> Result<Scanned, Fault> {
    const TABLES: &str = "SELECT CAST(c.table_name AS TEXT), CAST(c.column_name AS TEXT) \
                          FROM information_schema.columns c JOIN information_schema.tables t \
                          ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
                          WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' \
                          AND c.data_type IN ('text', 'bytea') \
                          ORDER BY c.table_name, c.ordinal_position";
    let link = Link::connect(server).await?;
    let rows = link.client.query(TABLES, &[]).await?;
    let tables = Table::group(rows.iter().map(|row| (row.get(0), row.get(1))));
    let mut scanned = Scanned { tables: tables.len(), rows: 0 };
    for table in &tables {
        scanned.rows += scan_table(&link.client, table, look).await?;
    }
    Ok(scanned)
}

async fn scan_table(client: &Client, table: &Table, look: Look<'_>) -> Result<u64, Fault> {
    let places = table.places();
    let open = format!("BEGIN READ ONLY; DECLARE page NO SCROLL CURSOR FOR {}", table.select());
    client.batch_execute(&open).await?;
    let fetch = client.prepare(&format!("FETCH {PAGE} FROM page")).await?;
    let mut seen = 0;
    loop {
        let rows = client.query(&fetch, &[]).await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            seen += 1;
            for (index, place) in places.iter().enumerate() {
                match row.try_get(index)? {
                    Value::Text(text) => look(place, text.as_bytes()),
                    Value::Blob(bytes) => look(place, bytes),
                    Value::Null | Value::Int(_) | Value::Id(_) => {}
                }
            }
        }
    }
    client.batch_execute("COMMIT").await?;
    Ok(seen)
}
