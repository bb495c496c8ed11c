//! The tables and columns that a file has: what is copied is what is there, so that no list of them
//! can be out of date.

use rusqlite::Connection;

use crate::Fault;

/// One table.
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
}

/// All tables but the list of applied steps, each after those that its rows refer to.
pub(super) fn in_order(file: &Connection) -> Result<Vec<Table>, Fault> {
    let names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'migration' \
                 AND name NOT LIKE 'sqlite@_%' ESCAPE '@' ORDER BY name";
    let mut waiting = texts(file, names, [])?;
    let mut done: Vec<Table> = Vec::new();
    while !waiting.is_empty() {
        let mut later = Vec::new();
        let before = done.len();
        for name in waiting {
            let refers = "SELECT DISTINCT \"table\" FROM pragma_foreign_key_list(?1)";
            let refers = texts(file, refers, [&name])?;
            if refers.iter().all(|other| done.iter().any(|table| table.name == *other)) {
                let columns = "SELECT name FROM pragma_table_info(?1) ORDER BY cid";
                let columns = texts(file, columns, [&name])?;
                done.push(Table { name, columns });
            } else {
                later.push(name);
            }
        }
        if done.len() == before {
            return Err(Fault::broken("tables refer to each other in a ring"));
        }
        waiting = later;
    }
    Ok(done)
}

fn texts(
    file: &Connection,
    query: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<String>, Fault> {
    let mut statement = file.prepare(query)?;
    let rows = statement.query_map(params, |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

impl Table {
    /// The names of its columns, as a statement lists them: ours need no quotes.
    pub(super) fn listed(&self) -> String {
        self.columns.join(", ")
    }
}
