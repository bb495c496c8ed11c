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
    /// What is left of the throughput with the fewest people of this run: the effect of size.
    pub(crate) of_smallest: f64,
    /// How busy the load was itself, at most: near 1 it is what limits, on either side.
    pub(crate) load_busy: f64,
    pub(crate) floor_load_busy: f64,
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
    pub(crate) busy: f64,
}

impl From<Seen> for Round {
    fn from(mut seen: Seen) -> Self {
        Self {
            per_second: seen.per_second(),
            busy: seen.busy(),
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
    /// Adds what was measured; the fewest people come first.
    pub(crate) fn add(&mut self, mut measured: Measured) {
        let same = |it: &&Measured| {
            let key = |it: &Measured| (it.name, it.floor, it.engine.clone(), it.connections);
            key(it) == key(&measured)
        };
        let smallest = self.scenarios.iter().find(same);
        measured.of_smallest = smallest.map_or(1.0, |it| measured.per_second / it.per_second);
        eprintln!(
            "{}, {}, {} people, {} connections: {:.2} of {}",
            measured.name,
            measured.engine,
            measured.users,
            measured.connections,
            measured.ratio,
            measured.floor
        );
        self.scenarios.push(measured);
    }

    pub(crate) fn print(&self, json: bool) {
        if json {
            // Numbers and short texts always have a JSON form.
            println!("{}", serde_json::to_string(self).unwrap_or_default());
            return;
        }
        println!(
            "{:<20} {:<10} {:>9} {:>5} {:>8} {:<13} {:>8} {:>5} {:>6} {:>7} {:>7} {:>9} {:>7} {:>9}",
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
            "floor p99",
            "of few",
            "load busy"
        );
        for it in &self.scenarios {
            let target = it.target.map_or(String::new(), |target| format!("{target:.2}"));
            println!(
                "{:<20} {:<10} {:>9} {:>5} {:>8.0} {:<13} {:>8.0} {:>5.2} {:>6} {:>7.2} {:>7.2} {:>9.2} {:>7.2} {:>4.2} {:>4.2}",
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
                it.floor_p99_ms,
                it.of_smallest,
                it.load_busy,
                it.floor_load_busy
            );
        }
        println!(
            "idle {:.1} MB, loaded {:.1} MB, start {:.0} ms, program {:.1} MB",
            self.idle_rss_mb, self.loaded_rss_mb, self.start_ms, self.binary_mb
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(name: &'static str, users: u32, per_second: f64) -> Measured {
        Measured {
            name,
            engine: "SQLite".to_owned(),
            users,
            connections: 32,
            per_second,
            floor: "rows",
            floor_per_second: 1.0,
            ratio: 1.0,
            p50_ms: 1.0,
            p99_ms: 1.0,
            floor_p99_ms: 1.0,
            target: None,
            of_smallest: 1.0,
            load_busy: 0.0,
            floor_load_busy: 0.0,
        }
    }

    #[test]
    fn the_effect_of_size_is_told_by_the_same_scenario_with_the_fewest_people() {
        let mut report = Report::default();
        report.add(measured("refresh", 1_000, 50.0));
        report.add(measured("mix", 1_000, 200.0));
        report.add(measured("mix", 1_000_000, 150.0));
        report.add(measured("mix", 10_000_000, 100.0));
        let effects: Vec<_> = report.scenarios.iter().map(|it| it.of_smallest).collect();
        assert_eq!(effects, [1.0, 1.0, 0.75, 0.5]);
    }
}
