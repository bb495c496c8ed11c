//! What was measured, for people and for programs.

use serde::Serialize;

use crate::load::Seen;

/// One scenario against one floor.
#[derive(Serialize)]
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) engine: String,
    pub(crate) users: u32,
    pub(crate) connections: usize,
    pub(crate) per_second: f64,
    pub(crate) floor: &'static str,
    pub(crate) floor_per_second: f64,
    /// The median of the rounds' ratios.
    pub(crate) ratio: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) floor_p99_ms: f64,
    /// The share of the floor's throughput that is asked for.
    pub(crate) target: Option<f64>,
}

/// Everything that a run measured.
#[derive(Default, Serialize)]
pub(crate) struct Report {
    pub(crate) scenarios: Vec<Measured>,
    /// Memory after the start, at most.
    pub(crate) idle_rss_mb: f64,
    /// Memory after all load, at most.
    pub(crate) loaded_rss_mb: f64,
    /// Time until the server answered, at most.
    pub(crate) start_ms: f64,
    /// Size of the program.
    pub(crate) binary_mb: f64,
}

/// What one side showed in one round.
pub(crate) struct Round {
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

impl From<Seen> for Round {
    fn from(mut seen: Seen) -> Self {
        Self {
            per_second: seen.per_second(),
            p50_ms: seen.percentile(0.5),
            p99_ms: seen.percentile(0.99),
        }
    }
}

/// The middle one; of an even number the upper one of the two.
pub(crate) fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

impl Report {
    pub(crate) fn print(&self, json: bool) {
        if json {
            // Numbers and short texts always have a JSON form.
            println!("{}", serde_json::to_string(self).unwrap_or_default());
            return;
        }
        println!(
            "{:<20} {:<10} {:>9} {:>5} {:>9} {:>7} {:>9} {:>6} {:>6} {:>8} {:>8} {:>9}",
            "scenario",
            "engine",
            "users",
            "conns",
            "per s",
            "floor",
            "per s",
            "ratio",
            "target",
            "p50 ms",
            "p99 ms",
            "floor p99"
        );
        for it in &self.scenarios {
            let target = it.target.map_or(String::new(), |target| format!("{target:.2}"));
            println!(
                "{:<20} {:<10} {:>9} {:>5} {:>9.0} {:>7} {:>9.0} {:>6.2} {:>6} {:>8.2} {:>8.2} {:>9.2}",
                it.name,
                it.engine,
                it.users,
                it.connections,
                it.per_second,
                it.floor,
                it.floor_per_second,
                it.ratio,
                target,
                it.p50_ms,
                it.p99_ms,
                it.floor_p99_ms
            );
        }
        println!(
            "idle {:.1} MB, loaded {:.1} MB, start {:.0} ms, program {:.1} MB",
            self.idle_rss_mb, self.loaded_rss_mb, self.start_ms, self.binary_mb
        );
    }
}
