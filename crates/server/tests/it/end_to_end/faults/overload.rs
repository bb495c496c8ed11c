//! Too much at once: more passwords than there are hashes for, and more than a connection may ask.

use std::{fs, sync::Arc, time::Duration};

use nightlatch_store::Engine;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, timeout},
};

use super::dice::pass;
use crate::{
    app::Totp,
    end_to_end::{
        authenticator::now,
        caller::Caller,
        installation::{Installation, OPEN},
        process::PATIENCE,
        server::HOST,
    },
};
use nightlatch_core::Timestamp;

const ADA: &str = "ada@example.org";

/// Who presents passwords at the same time, and how many may wait.
const FLOOD: usize = 48;
const QUEUE: &str = "passwords.permits = 1\npasswords.queue = 4\n";

/// What the process may gain under a flood.
const MEMORY_KIB: u64 = 64 * 1024;

/// Resident memory of a process, in KiB.
fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Presents wrong passwords, each for another address, until told to stop; how many were turned away
/// and how many compared.
async fn flood(caller: Arc<Caller>, who: usize, until: Instant) -> (u64, u64) {
    let (mut away, mut compared) = (0, 0);
    for count in 0.. {
        if Instant::now() > until {
            break;
        }
        let email = format!("flood-{who}-{count}@example.org");
        let body = json!({ "email": email, "password": "mustard canyon violin" });
        let reply = caller.post("/auth/login", None, body).await;
        match reply.status.as_u16() {
            503 => {
                assert!(reply.headers.contains_key("retry-after"), "{}", reply.text);
                away += 1;
            }
            401 => compared += 1,
            _ => panic!("{}", reply.text),
        }
    }
    (away, compared)
}

#[tokio::test]
async fn a_flood_of_passwords_leaves_codes_and_sessions_responsive_and_memory_flat() {
    let installation = Installation::new(Engine::Sqlite, &format!("{OPEN}{QUEUE}")).await;
    let server = installation.migrate_and_serve().await;
    let caller = &server.public;
    caller.register(ADA).await;
    let access = caller.sign_in(ADA).await;
    let setup = caller.post("/auth/mfa/enable", Some(&access), Value::Null).await.expect(200);
    let totp = Totp::from_base32(&setup.text_at("/secret"));
    let code = |step: i64| totp.code_at(Timestamp::from_seconds(now() + step * 30));
    let body = json!({ "token": code(-1) });
    let confirmed = caller.post("/auth/mfa/confirm", Some(&access), body).await.expect(200);
    let access = confirmed.text_at("/tokens/access_token");
    let challenges = [caller.challenge(ADA).await, caller.challenge(ADA).await];

    let before = memory(server.running.id());
    let until = Instant::now() + Duration::from_secs(3);
    let mut floods = JoinSet::new();
    for who in 0..FLOOD {
        floods.spawn(flood(Arc::clone(caller), who, until));
    }
    pass(Duration::from_millis(500)).await;
    let mut longest = Duration::ZERO;
    for (step, challenge) in (0..).zip(&challenges) {
        let begun = Instant::now();
        caller.get("/auth/session", Some(&access)).await.expect(200);
        let reply = caller.answer(challenge, &code(step)).await;
        // The step may have turned meanwhile, which is an answer all the same.
        assert!(reply.status == 200 || reply.code() == "invalid-code", "{}", reply.text);
        longest = longest.max(begun.elapsed());
    }
    let done = floods.join_all().await;
    let (away, compared) = done.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let grown = memory(server.running.id()).saturating_sub(before);
    println!(
        "passwords compared {compared}, turned away {away}; a code and a session took {longest:?}; \
         memory {before} KiB, grown by {grown} KiB"
    );
    assert!(away > compared && compared > 0, "{away} {compared}");
    assert!(longest < Duration::from_secs(5), "{longest:?}");
    assert!(grown < MEMORY_KIB, "{grown}");
    server.stop().await;
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The head of `GET /auth/config`, without any table: names and values as they are (RFC 7541 §6.2.2).
fn head() -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in
        [(":method", "GET"), (":scheme", "http"), (":path", "/auth/config"), (":authority", HOST)]
    {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.as_bytes());
        }
    }
    block
}

#[tokio::test]
async fn streams_that_are_reset_at_once_end_their_connection_and_no_other() {
    let installation = Installation::new(Engine::Sqlite, OPEN).await;
    let server = installation.migrate_and_serve().await;
    let before = memory(server.running.id());
    let mut stream = TcpStream::connect(server.public.address()).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(4, 0, 0, &[])).await.unwrap();
    let head = head();
    let mut sent: u32 = 0;
    for number in 0..20_000 {
        let id = number * 2 + 1;
        // HEADERS with END_STREAM and END_HEADERS, then RST_STREAM with CANCEL.
        let both = [frame(1, 5, id, &head), frame(3, 0, id, &8_u32.to_be_bytes())].concat();
        if stream.write_all(&both).await.is_err() {
            break;
        }
        sent += 1;
    }
    let mut rest = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection goes on");
    server.public.get("/auth/config", None).await.expect(200);
    let grown = memory(server.running.id()).saturating_sub(before);
    println!("streams reset {sent}; memory grown by {grown} KiB");
    assert!(grown < MEMORY_KIB, "{grown}");
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let installation = Installation::new(Engine::Sqlite, OPEN).await;
    let server = installation.migrate_and_serve().await;
    let mut stream = TcpStream::connect(server.public.address()).await.unwrap();
    let head = format!(
        "POST /auth/login HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n\
         Content-Length: 1000000000\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    server.stop().await;
}
