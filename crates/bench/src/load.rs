//! Closed-loop load: so many connections, each with one request under way at a time.

use std::{
    cell::Cell,
    fs,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::task::LocalSet;

use crate::http::{Connection, Request};

/// What a run saw.
#[derive(Default)]
pub(crate) struct Seen {
    /// How long each request took, with whatever came next.
    pub(crate) latencies: Vec<Duration>,
    /// How long all of it took.
    pub(crate) took: Duration,
    /// How long this thread had a processor meanwhile.
    busy: Duration,
}

impl Seen {
    /// Requests a second.
    pub(crate) fn per_second(&self) -> f64 {
        count(self.latencies.len()) / self.took.as_secs_f64()
    }

    /// The share of the time in which the load itself was at work: near 1 it is what limits.
    pub(crate) fn busy(&self) -> f64 {
        self.busy.as_secs_f64() / self.took.as_secs_f64()
    }

    /// Milliseconds below which this share of the requests stayed.
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
        self.busy += other.busy;
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

/// Sends requests in their order until they are used up or the time is over.
pub(crate) async fn run(load: Load) -> Result<Seen, String> {
    let Load { address, connections, requests, repeat, limit } = load;
    let mut opened = Vec::new();
    for _ in 0..connections {
        let connection = Connection::open(address).await;
        opened.push(connection.map_err(|error| format!("no connection: {error}"))?);
    }
    let requests = Rc::new(requests);
    let next = Rc::new(Cell::new(0));
    let here = LocalSet::new();
    let (begun, before) = (Instant::now(), on_processor());
    let tasks: Vec<_> = opened
        .into_iter()
        .map(|mut connection| {
            let (requests, next) = (Rc::clone(&requests), Rc::clone(&next));
            here.spawn_local(async move {
                let mut latencies = Vec::new();
                // However short the time is, everybody asks once.
                while latencies.is_empty() || begun.elapsed() < limit {
                    let at = if repeat { next.get() % requests.len() } else { next.get() };
                    let Some(request) = requests.get(at) else { break };
                    next.set(at + 1);
                    let sent = Instant::now();
                    connection.exchange(request).await?;
                    latencies.push(sent.elapsed());
                }
                Ok::<_, String>(latencies)
            })
        })
        .collect();
    here.await;
    let (took, busy) = (begun.elapsed(), on_processor().saturating_sub(before));
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.map_err(|error| error.to_string())??);
    }
    Ok(Seen { latencies, took, busy })
}

/// How long this thread has had a processor so far.
fn on_processor() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = told.split_whitespace().next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}
