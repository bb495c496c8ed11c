//! The database as whoever steals it finds it: every row of every table, beside the store.

use std::{fmt::Write, fs};

use nightlatch_store::Engine;
use rusqlite::{Connection, OpenFlags, types::ValueRef};
use tokio_postgres::{Client, NoTls};

use crate::app::App;

/// Every row of every table as text, bytes in hex; the tables of an installation alone.
pub(crate) async fn dump(app: &App) -> String {
    match app.env.store.engine() {
        Engine::Sqlite => dump_sqlite(&file(app)).unwrap(),
        Engine::Postgres => dump_postgres(&connect(app).await).await,
    }
}

/// All bytes that are on the disk (SQLite), or the same as [`dump`] (PostgreSQL).
pub(crate) async fn bytes(app: &App) -> Vec<u8> {
    if app.env.store.engine() == Engine::Postgres {
        return dump(app).await.into_bytes();
    }
    let path = file(app);
    let parts = ["", "-wal", "-shm"].map(|part| fs::read(format!("{path}{part}")));
    assert!(parts[0].is_ok(), "there is no file {path}");
    parts.into_iter().flat_map(Result::unwrap_or_default).collect()
}

/// Changes the database behind the store's back.
pub(crate) async fn tamper(app: &App, statement: &str) {
    let changed = match app.env.store.engine() {
        Engine::Sqlite => {
            let connection = Connection::open(file(app)).unwrap();
            connection.execute(statement, []).unwrap()
        }
        Engine::Postgres => {
            let changed = connect(app).await.execute(statement, &[]).await.unwrap();
            usize::try_from(changed).unwrap()
        }
    };
    assert!(changed > 0, "nothing was changed by {statement}");
}

/// How many rows a table has.
pub(crate) async fn count(app: &App, table: &str) -> usize {
    let query = format!("SELECT COUNT(*) FROM {table}");
    let count: i64 = match app.env.store.engine() {
        Engine::Sqlite => {
            Connection::open(file(app)).unwrap().query_row(&query, [], |row| row.get(0)).unwrap()
        }
        Engine::Postgres => connect(app).await.query_one(&query, &[]).await.unwrap().get(0),
    };
    usize::try_from(count).unwrap()
}

fn file(app: &App) -> String {
    app.database().strip_prefix("sqlite:").unwrap().to_owned()
}

async fn connect(app: &App) -> Client {
    let (client, connection) = tokio_postgres::connect(&app.database(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn dump_sqlite(path: &str) -> rusqlite::Result<String> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut names =
        connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")?;
    let names = names.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    let mut lines = Vec::new();
    for name in names {
        let mut statement = connection.prepare(&format!("SELECT * FROM {name}"))?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let mut line = format!("{name}: ");
            for column in 0..columns {
                line.push_str(&show(row.get_ref(column)?));
            }
            lines.push(line);
        }
    }
    lines.sort();
    Ok(lines.join("\n"))
}

fn show(value: ValueRef<'_>) -> String {
    let mut text = String::from("|");
    match value {
        ValueRef::Null => {}
        ValueRef::Integer(int) => write!(text, "{int}").unwrap(),
        ValueRef::Real(real) => write!(text, "{real}").unwrap(),
        ValueRef::Text(bytes) => text.push_str(&String::from_utf8_lossy(bytes)),
        ValueRef::Blob(bytes) => data_encoding::HEXLOWER.encode_append(bytes, &mut text),
    }
    text
}

async fn dump_postgres(client: &Client) -> String {
    let names = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
    let mut lines = Vec::new();
    for name in client.query(names, &[]).await.unwrap() {
        let name: String = name.get(0);
        let rows = client.query(&format!("SELECT t::text FROM {name} t"), &[]).await.unwrap();
        lines.extend(rows.iter().map(|row| format!("{name}: {}", row.get::<_, String>(0))));
    }
    lines.sort();
    lines.join("\n")
}
