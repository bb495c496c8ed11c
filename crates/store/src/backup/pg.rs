//! PostgreSQL's side of backups.

use std::{path::Path, pin::pin};

use nightlatch_core::Timestamp;
use rusqlite::{Connection, params_from_iter};
use tokio_postgres::{Client, Row, binary_copy::BinaryCopyInWriter, types::Type};

use super::{
    BackupError,
    tables::{self, Table},
};
use crate::{
    Fault, Value, lite,
    pg::{self, Link, Server},
};

/// Rows that are read in one round trip.
const PAGE: i64 = 1000;

/// Copies the whole database, as it is at one moment, into the empty file `to`.
pub(super) async fn copy(server: &Server, to: &Path, now: Timestamp) -> Result<(), BackupError> {
    pg::check(server).await?;
    lite::migrate(to, now)?;
    let file = lite::open_writer(to)?;
    let link = Link::connect(server).await?;
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    link.client.batch_execute(begin).await.map_err(Fault::from)?;
    file.execute_batch("BEGIN").map_err(Fault::from)?;
    for table in tables::in_order(&file)? {
        read(&link.client, &file, &table).await?;
    }
    file.execute_batch("COMMIT").map_err(Fault::from)?;
    link.client.batch_execute("COMMIT").await.map_err(Fault::from)?;
    Ok(())
}

async fn read(client: &Client, file: &Connection, table: &Table) -> Result<(), Fault> {
    let (name, columns) = (&table.name, table.listed());
    let marks: Vec<_> = (1..=table.columns.len()).map(|number| format!("?{number}")).collect();
    let insert = format!("INSERT INTO {name} ({columns}) VALUES ({})", marks.join(", "));
    let mut insert = file.prepare(&insert)?;
    let open = format!("DECLARE page NO SCROLL CURSOR FOR SELECT {columns} FROM {name}");
    client.batch_execute(&open).await?;
    let fetch = client.prepare(&format!("FETCH {PAGE} FROM page")).await?;
    loop {
        let rows = client.query(&fetch, &[]).await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            insert.execute(params_from_iter(values(row)?))?;
        }
    }
    client.batch_execute("CLOSE page").await?;
    Ok(())
}

fn values(row: &Row) -> Result<Vec<Value<'_>>, Fault> {
    let values = (0..row.len()).map(|index| row.try_get(index)).collect::<Result<_, _>>();
    values.map_err(Fault::from)
}

/// Refuses a database with rows in any table of ours.
pub(super) async fn require_empty(server: &Server) -> Result<(), BackupError> {
    let link = Link::connect(server).await?;
    let tables = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() \
                  AND tablename <> 'migration' ORDER BY tablename";
    for row in link.client.query(tables, &[]).await.map_err(Fault::from)? {
        refuse_rows(&link.client, row.get(0)).await?;
    }
    Ok(())
}

async fn refuse_rows(client: &Client, table: &str) -> Result<(), BackupError> {
    let any = format!("SELECT EXISTS (SELECT 1 FROM \"{table}\")");
    let found: bool = client.query_one(&any, &[]).await.map_err(Fault::from)?.get(0);
    if found { Err(BackupError::NotEmpty(table.to_owned())) } else { Ok(()) }
}

/// Writes all rows of the file `from` into the empty database, in one transaction.
pub(super) async fn fill(server: &Server, from: &Path, now: Timestamp) -> Result<(), BackupError> {
    pg::migrate(server, now).await?;
    let file = lite::open_reader(from)?;
    let link = Link::connect(server).await?;
    link.client.batch_execute("BEGIN").await.map_err(Fault::from)?;
    let tables = tables::in_order(&file)?;
    for table in &tables {
        // Nobody writes from here on, and a server that wrote before is noticed.
        let lock = format!("LOCK TABLE {} IN EXCLUSIVE MODE", table.name);
        link.client.batch_execute(&lock).await.map_err(Fault::from)?;
        refuse_rows(&link.client, &table.name).await?;
    }
    for table in &tables {
        write(&link.client, &file, table).await?;
    }
    link.client.batch_execute("COMMIT").await.map_err(Fault::from)?;
    Ok(())
}

async fn write(client: &Client, file: &Connection, table: &Table) -> Result<(), Fault> {
    let (name, columns) = (&table.name, table.listed());
    let select = format!("SELECT {columns} FROM {name}");
    let described = client.prepare(&select).await?;
    let types: Vec<Type> =
        described.columns().iter().map(|column| column.type_().clone()).collect();
    let sink = client.copy_in(&format!("COPY {name} ({columns}) FROM STDIN BINARY")).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
    let mut statement = file.prepare(&select)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let values = (0..types.len())
            .map(|index| Value::from_sqlite(row.get_ref(index).ok()?))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| {
                Fault::broken(format!("a row of {name} holds a type that is not ours"))
            })?;
        writer.as_mut().write_raw(values).await?;
    }
    writer.finish().await?;
    Ok(())
}
