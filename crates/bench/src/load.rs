//! Closed-loop load: so many connections, each with one request under way at a time.

use std::{
    cell::Cell,
    io,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::task::LocalSet;

use crate::http::{Answer, Connection, Request};

/// What a run saw.
#[derive(Default)]
pub(crate) struct Seen {
    /// How long each answer took.
    pub(crate) latencies: Vec<Duration>,
    /// How long all of it took.
    pub(crate) took: Duration,
}

impl Seen {
    /// Answers a second.
    pub(crate) fn per_second(&self) -> f64 {
        count(self.latencies.len()) / self.took.as_secs_f64()
    }

    /// Milliseconds below which this share of the answers stayed.
    pub(crate) fn percentile(&mut self, share: f64) -> f64 {
        self.latencies.sort_unstable();
        let answers = self.latencies.len();
        let at = (0..answers).find(|at| count(at + 1) >= share * count(answers));
        at.map_or(0.0, |at| self.latencies[at].as_secs_f64() * 1e3)
    }

    /// Adds what another run saw.
    pub(crate) fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.took += other.took;
    }
}

/// A number of things, to calculate with.
pub(crate) fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// What is sent, and how.
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) requests: Vec<Request>,
    /// Whether they are sent again and again, and not each once.
    pub(crate) repeat: bool,
    pub(crate) limit: Duration,
}

/// Sends requests in their order until they are used up or the time is over; hands every answer to
/// `check`.
pub(crate) async fn run(
    load: Load,
    check: impl Fn(&Answer) -> Result<(), String> + 'static,
) -> Result<Seen, String> {
    let Load { address, connections, requests, repeat, limit } = load;
    let told = |error: io::Error| format!("a connection broke: {error}");
    let mut opened = Vec::new();
    for _ in 0..connections {
        opened.push(Connection::open(address).await.map_err(told)?);
    }
    let shared = Rc::new((requests, check));
    let next = Rc::new(Cell::new(0));
    let here = LocalSet::new();
    let begun = Instant::now();
    let tasks: Vec<_> = opened
        .into_iter()
        .map(|mut connection| {
            let (shared, next) = (Rc::clone(&shared), Rc::clone(&next));
            here.spawn_local(async move {
                let mut latencies = Vec::new();
                while begun.elapsed() < limit {
                    let at = if repeat { next.get() % shared.0.len() } else { next.get() };
                    let Some(request) = shared.0.get(at) else { break };
                    next.set(at + 1);
                    let sent = Instant::now();
                    let answer = connection.call(request).await.map_err(told)?;
                    latencies.push(sent.elapsed());
                    shared.1(&answer)?;
                }
                Ok::<_, String>(latencies)
            })
        })
        .collect();
    here.await;
    let took = begun.elapsed();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.map_err(|error| error.to_string())??);
    }
    Ok(Seen { latencies, took })
}

/// Insists on a status.
pub(crate) fn expect(answer: &Answer, status: u16) -> Result<(), String> {
    if answer.status == status {
        return Ok(());
    }
    let body = String::from_utf8_lossy(&answer.body);
    Err(format!("{} was answered in place of {status}: {body}", answer.status))
}
