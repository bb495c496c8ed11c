//! Fills a database with people: one thread makes their rows, with the product's own seals, while
//! another hands them to the engine in bulk. However many there are, few of them are in memory.

use std::{path::Path, pin::pin, thread};

use async_channel::{Receiver, Sender};
use nightlatch_core::{
    email::Email,
    factors::{
        password::{Memory, PasswordHash},
        totp::{Parameters, Seed},
        webauthn::credential_lookup,
    },
    keys::KeyRing,
};
use rusqlite::{Connection, params_from_iter, types::Value};
use tokio_postgres::{
    Client,
    binary_copy::BinaryCopyInWriter,
    types::{ToSql, Type},
};

use crate::{
    passkey,
    people::{CHOSEN, COST, Person},
    place::{KEY, connect},
};

/// People whose rows are made at a time.
const CHUNK: u32 = 5_000;

/// The tables, each after those that it refers to, and the columns that are filled.
const TABLES: [(&str, &str); 6] = [
    (
        "users",
        "id, email, state, epoch, password, password_at, email_verified_at, is_admin, created_at",
    ),
    ("addresses", "lookup, user_id"),
    ("methods", "user_id, id, factor, name, state, created_at"),
    ("totp", "user_id, method_id, secret, algorithm, digits, period, last_step, drift"),
    ("credentials", "lookup, user_id, method_id"),
    (
        "webauthn",
        "user_id, method_id, kind, credential_id, public_key, aaguid, attestation, trusted, \
         transports, discoverable, rp_id, backup_eligible, backup_state, uv_initialized, sign_count",
    ),
];

/// The rows of some people, in the order of [`TABLES`].
type Rows = [Vec<Vec<Value>>; 6];

/// Makes the rows of `people` elsewhere, a chunk at a time.
fn rows(people: u32) -> Receiver<Rows> {
    let (made, rows) = async_channel::bounded(2);
    thread::spawn(move || make(people, &made));
    rows
}

fn make(people: u32, made: &Sender<Rows>) {
    let ring = KeyRing::single(&KEY);
    let password = PasswordHash::hash(&CHOSEN, [7; 16], COST, &mut Memory::default());
    let mut next = 0;
    while next < people {
        let end = people.min(next + CHUNK);
        let mut rows = Rows::default();
        for person in (next..end).map(Person) {
            add(&mut rows, person, &password, &ring);
        }
        if made.send_blocking(rows).is_err() {
            // Whoever filled the database gave up, and says why.
            return;
        }
        next = end;
    }
}

fn add(rows: &mut Rows, person: Person, password: &PasswordHash, ring: &KeyRing) {
    let [users, addresses, methods, totp, credentials, webauthn] = rows;
    let (user, app) = (person.id(), person.app());
    let email = Email::parse(&person.email()).expect("an address");
    let parameters = Parameters::default();
    let secret = Seed::new(&person.seed());
    let secret = secret.seal(ring, person.short("app's nonce"), user, app, &parameters);
    let passkey = passkey::record(person);
    let key = passkey.seal_key(ring, person.short("passkey's nonce"));
    let password = password.seal(ring, person.short("password"), user);
    let (user, app) = (blob(user.as_bytes()), blob(app.as_bytes()));
    let method = blob(passkey.method.as_bytes());
    let lookup = blob(&credential_lookup(&passkey.id));
    let (no, yes) = (|| Value::from(0), || Value::from(1));

    let address = text(email.as_str());
    let password = Value::from(password);
    users.push(vec![user.clone(), address, yes(), yes(), password, yes(), yes(), no(), yes()]);
    addresses.push(vec![blob(&email.lookup_key(ring)), user.clone()]);
    for (method, factor, name) in [(&app, 2, "Authenticator app"), (&method, 5, "Passkey")] {
        methods.push(vec![
            user.clone(),
            method.clone(),
            Value::from(factor),
            text(name),
            yes(),
            yes(),
        ]);
    }
    let (digits, period) = (Value::from(6), Value::from(30));
    totp.push(vec![user.clone(), app, Value::from(secret), yes(), digits, period, no(), no()]);
    credentials.push(vec![lookup, user.clone(), method.clone()]);
    webauthn.push(vec![
        user,
        method,
        Value::from(passkey.kind.code()),
        blob(&passkey.id),
        Value::from(key),
        blob(&passkey.aaguid.0),
        text(&passkey.attestation),
        no(),
        text(&passkey.transports.join(" ")),
        yes(),
        text(&passkey.rp_id),
        yes(),
        yes(),
        yes(),
        no(),
    ]);
}

fn blob(bytes: &[u8]) -> Value {
    Value::Blob(bytes.to_vec())
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Fills a file that nobody has open: in one transaction, without a journal and unsynced, as a run that
/// breaks off leaves nothing behind.
pub(crate) fn sqlite(file: &Path, people: u32) -> rusqlite::Result<()> {
    let connection = Connection::open(file)?;
    connection.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; \
         PRAGMA cache_size = -262144; BEGIN",
    )?;
    let made = rows(people);
    while let Ok(rows) = made.recv_blocking() {
        for ((table, columns), rows) in TABLES.iter().zip(rows) {
            let marks = vec!["?"; columns.split(',').count()].join(", ");
            let insert = format!("INSERT INTO {table} ({columns}) VALUES ({marks})");
            let mut insert = connection.prepare_cached(&insert)?;
            for row in rows {
                insert.execute(params_from_iter(row))?;
            }
        }
    }
    connection.execute_batch("COMMIT")
}

/// Fills a database by `COPY`.
pub(crate) async fn postgres(url: &str, people: u32) -> Result<(), String> {
    let client = connect(url).await?;
    // The rows refer to one another by how they are made: no need to look each up.
    let settings = "SET synchronous_commit = off; SET session_replication_role = replica";
    let set = client.batch_execute(settings).await;
    set.map_err(|error| error.to_string())?;
    let made = rows(people);
    while let Ok(rows) = made.recv().await {
        for (table, rows) in TABLES.iter().zip(rows) {
            let copied = copy(&client, table, &rows).await;
            copied.map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

async fn copy(
    client: &Client,
    (table, columns): &(&str, &str),
    rows: &[Vec<Value>],
) -> Result<(), tokio_postgres::Error> {
    let statement = format!("COPY {table} ({columns}) FROM STDIN BINARY");
    let types: Vec<Type> = rows.first().into_iter().flatten().map(|value| typed(value).1).collect();
    let copy = BinaryCopyInWriter::new(client.copy_in(statement.as_str()).await?, &types);
    let mut copy = pin!(copy);
    for row in rows {
        let row: Vec<&(dyn ToSql + Sync)> = row.iter().map(|value| typed(value).0).collect();
        copy.as_mut().write(&row).await?;
    }
    copy.finish().await.map(drop)
}

/// A value as PostgreSQL takes it, and its type there.
fn typed(value: &Value) -> (&(dyn ToSql + Sync), Type) {
    match value {
        Value::Integer(number) => (number, Type::INT8),
        Value::Text(text) => (text, Type::TEXT),
        Value::Blob(bytes) => (bytes, Type::BYTEA),
        Value::Null | Value::Real(_) => (&None::<i64>, Type::INT8),
    }
}
