//! What is measured: each scenario is a way to make requests for the server and for its floors.

mod calls;
mod codes;
mod mix;
mod passkeys;
mod passwords;

use std::{
    cell::{Cell, RefCell},
    fs,
    rc::Rc,
    time::Duration,
};

use nightlatch_core::keys::KeyRing;
use nightlatch_store::Engine;
use serde_json::Value;

use crate::{
    http::{Answer, Request},
    load::{self, Load, Seen},
    now,
    people::Person,
    place::{KEY, Place},
    process::{Served, beside},
    report::{Measured, Report, Round, median},
};

/// Up to so many people, their codes are made new in the database between slices of a round; of more
/// people than that everybody has the next code before their next turn.
const FEW: u32 = 500_000;

/// Requests that are prepared at a time.
const SLICE: usize = 30_000;

/// How a run goes.
pub(crate) struct Plan {
    pub(crate) connections: Vec<usize>,
    pub(crate) rounds: usize,
    pub(crate) limit: Duration,
    pub(crate) only: String,
}

/// One side of a comparison: where it is, and what is sent.
struct Side<'a> {
    served: &'a Served,
    /// Makes the requests of one slice.
    requests: Box<dyn Fn() -> Vec<Request> + 'a>,
    repeat: bool,
    /// Where codes have to be made new before each slice.
    renew: Option<&'a Place>,
}

impl<'a> Side<'a> {
    /// Sends what `requests` makes, each once.
    fn new(served: &'a Served, requests: impl Fn() -> Vec<Request> + 'a) -> Self {
        Self { served, requests: Box::new(requests), repeat: false, renew: None }
    }

    async fn round(&self, connections: usize, limit: Duration) -> Result<Seen, String> {
        let mut seen = Seen::default();
        loop {
            if let Some(place) = self.renew {
                place.forget_codes().await?;
            }
            let load = Load {
                address: self.served.address,
                connections,
                requests: (self.requests)(),
                repeat: self.repeat,
                limit: limit.saturating_sub(seen.took),
            };
            seen.add(load::run(load).await?);
            if seen.took >= limit || self.renew.is_none() {
                return Ok(seen);
            }
        }
    }
}

/// What sessions were answered last.
type Sessions = Rc<RefCell<Vec<Value>>>;

/// The JSON of an answer.
fn body(answer: &Answer) -> Result<Value, String> {
    serde_json::from_slice(&answer.body).map_err(|error| error.to_string())
}

/// Everything that is measured: the server, and its floors.
struct Stage {
    ours: Served,
    bare: Served,
    rows: Served,
    argon2: Served,
    /// PostgreSQL's alone.
    one_statement: Option<Served>,
}

/// A database of one size on one engine, the server on it and the floors on a copy.
pub(crate) struct Bench<'a> {
    plan: &'a Plan,
    ring: KeyRing,
    people: u32,
    place: Place,
    copy: Place,
    /// Whose turn it is.
    next: Cell<u32>,
    nonce: Cell<u64>,
}

impl<'a> Bench<'a> {
    pub(crate) async fn new(engine: Engine, people: u32, plan: &'a Plan) -> Result<Self, String> {
        let place = Place::new(engine, people, now()).await?;
        let copy = place.copy().await?;
        let ring = KeyRing::single(&KEY);
        let (next, nonce) = (Cell::new(0), Cell::new(0));
        Ok(Self { plan, ring, people, place, copy, next, nonce })
    }

    /// Measures every scenario that the plan asks for.
    pub(crate) async fn measure(self, report: &mut Report) -> Result<(), String> {
        let on = self.stage().await?;
        report.idle_rss_mb = report.idle_rss_mb.max(on.ours.memory().0);
        report.start_ms = report.start_ms.max(on.ours.start_ms);
        let size = fs::metadata(beside("nightlatch")?).map_err(|error| error.to_string())?.len();
        report.binary_mb = f64::from(u32::try_from(size >> 10).unwrap_or(u32::MAX)) / 1024.0;
        for connections in &self.plan.connections {
            self.sign_in(&on, *connections, report).await?;
            self.one_statement(&on, *connections, report).await?;
            self.webauthn_sign_in(&on, *connections, report).await?;
            self.step_up(&on, *connections, report).await?;
            self.refresh(&on, *connections, report).await?;
            self.refused_code(&on, *connections, report).await?;
            self.session_warm(&on, *connections, report).await?;
            self.session_cold(&on, *connections, report).await?;
            self.unauthenticated(&on, *connections, report).await?;
            self.mix(&on, *connections, report).await?;
        }
        self.password(&on, report).await?;
        self.flood(&on, report).await?;
        report.loaded_rss_mb = report.loaded_rss_mb.max(on.ours.memory().1);
        let Stage { ours, bare, rows, argon2, one_statement } = on;
        for served in [ours, bare, rows, argon2].into_iter().chain(one_statement) {
            served.stop().await;
        }
        self.place.remove().await?;
        self.copy.remove().await
    }

    async fn stage(&self) -> Result<Stage, String> {
        let floor = async |kind| Served::floor(kind, &self.copy).await;
        let one_statement = match self.place.engine() {
            Engine::Sqlite => None,
            Engine::Postgres => Some(floor("one_statement").await?),
        };
        Ok(Stage {
            ours: Served::nightlatch(&self.place).await?,
            bare: floor("bare").await?,
            rows: floor("rows").await?,
            argon2: floor("argon2").await?,
            one_statement,
        })
    }

    fn wants(&self, name: &str) -> bool {
        name.contains(&self.plan.only)
    }

    /// The next person, in an order that has nothing to do with where their rows are.
    fn person(&self) -> Person {
        let turn = self.next.get();
        self.next.set(turn.wrapping_add(1));
        // A prime that divides no number of people here: everybody has a turn before anybody has
        // another.
        let spread = u64::from(turn % self.people) * 7_368_787 % u64::from(self.people);
        Person(u32::try_from(spread).unwrap_or_default())
    }

    fn nonce(&self) -> u64 {
        self.nonce.set(self.nonce.get() + 1);
        self.nonce.get()
    }

    /// Where codes must be made new before each slice.
    fn renewed<'p>(&self, place: &'p Place) -> Option<&'p Place> {
        (self.people <= FEW).then_some(place)
    }

    /// So many requests of one slice that nobody comes twice with one code, if every request takes a
    /// person.
    fn slice(&self) -> usize {
        SLICE.min(usize::try_from(self.people).unwrap_or(usize::MAX))
    }

    /// Lets both sides take turns.
    async fn duel(
        &self,
        name: &'static str,
        ours: Side<'_>,
        floors: Vec<(&'static str, Side<'_>, Option<f64>)>,
        connections: usize,
        report: &mut Report,
    ) -> Result<(), String> {
        if !self.wants(name) {
            return Ok(());
        }
        let limit = self.plan.limit;
        let mut rounds: Vec<Vec<(Round, Round)>> = floors.iter().map(|_| Vec::new()).collect();
        for _ in 0..self.plan.rounds {
            for (number, (kind, floor, _)) in floors.iter().enumerate() {
                let ours = ours.round(connections, limit).await;
                let ours = ours.map_err(|error| format!("{name}: {error}"))?;
                let floor = floor.round(connections, limit).await;
                let floor = floor.map_err(|error| format!("{name}, {kind}: {error}"))?;
                rounds[number].push((ours.into(), floor.into()));
            }
        }
        for ((floor, _, target), rounds) in floors.iter().zip(&rounds) {
            report.add(self.measured(name, connections, floor, *target, rounds));
        }
        Ok(())
    }

    fn measured(
        &self,
        name: &'static str,
        connections: usize,
        floor: &'static str,
        target: Option<f64>,
        rounds: &[(Round, Round)],
    ) -> Measured {
        let of = |pick: fn(&(Round, Round)) -> f64| median(rounds.iter().map(pick));
        Measured {
            name,
            engine: self.place.engine().to_string(),
            users: self.people,
            connections,
            per_second: of(|(ours, _)| ours.per_second),
            floor,
            floor_per_second: of(|(_, floor)| floor.per_second),
            ratio: of(|(ours, floor)| ours.per_second / floor.per_second),
            p50_ms: of(|(ours, _)| ours.p50_ms),
            p99_ms: of(|(ours, _)| ours.p99_ms),
            floor_p99_ms: of(|(_, floor)| floor.p99_ms),
            target,
            of_smallest: 1.0,
            load_busy: of(|(ours, _)| ours.busy),
            floor_load_busy: of(|(_, floor)| floor.busy),
        }
    }
}
