//! Numbers for the operator, as OpenMetrics text. The registry belongs to the server, not to the
//! process, so that tests and two servers in one process do not share it.

use std::{borrow::Cow, time::Duration};

use nightlatch_core::proof::Factor;
use nightlatch_flows::observer::{Observer, Outcome, Source};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

pub(crate) use crate::telemetry::labels::Refused;
pub use crate::telemetry::labels::Sent;
use crate::telemetry::process::Process;

/// The media type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds in seconds: from a cached answer to a request that gives up.
/// What an alert compares with is one of them.
const BUCKETS: [f64; 13] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

type One = [(&'static str, &'static str); 1];
type Two = [(&'static str, &'static str); 2];
/// Route and method, then status.
type Answered = ([(&'static str, Cow<'static, str>); 2], [(&'static str, u16); 1]);

/// Every number this server keeps.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    durations: Family<Answered, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    refused: Family<One, Counter>,
    attempts: Family<Two, Counter>,
    password_hashes: Counter,
    messages: Family<Two, Counter>,
    /// From memory, and from the database.
    callers: [Counter; 2],
    hears_changes: Gauge,
    keys_refused: Gauge,
    ready: Gauge,
    /// Writes, and reads.
    waiting: [Gauge; 2],
}

impl Metrics {
    /// Starts counting; `version` is the server's.
    #[must_use]
    pub fn new(version: &'static str) -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        let mut this = Self {
            registry: Registry::default(),
            durations: Family::new_with_constructor(histogram),
            in_flight: Gauge::default(),
            refused: Family::default(),
            attempts: Family::default(),
            password_hashes: Counter::default(),
            messages: Family::default(),
            callers: [Counter::default(), Counter::default()],
            hears_changes: Gauge::default(),
            keys_refused: Gauge::default(),
            ready: Gauge::default(),
            waiting: [Gauge::default(), Gauge::default()],
        };
        this.register(version);
        this.begin_at_zero();
        this
    }

    /// Has every series with a closed list of labels there from the start: what begins with the first
    /// event hides it from whoever asks for an increase.
    fn begin_at_zero(&self) {
        for reason in Refused::ALL {
            let _ = self.refused.get_or_create(&[("reason", reason.as_str())]);
        }
        for factor in Factor::ALL {
            for outcome in [Outcome::Accepted, Outcome::Refused, Outcome::Limited] {
                let _ = self.attempts.get_or_create(&attempt(factor, outcome));
            }
        }
        for result in Sent::ALL {
            let _ =
                self.messages.get_or_create(&[("channel", "email"), ("result", result.as_str())]);
        }
    }

    /// Gives every number its name and the sentence that explains it.
    fn register(&mut self, version: &'static str) {
        self.registry.register_collector(Box::new(Process));
        let registry = self.registry.sub_registry_with_prefix("nightlatch");
        registry.register_with_unit(
            "http_request_duration",
            "How long requests took, from their headers to their answer",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register(
            "http_in_flight",
            "Requests that are being worked on",
            self.in_flight.clone(),
        );
        registry.register(
            "http_refused",
            "Requests that were answered before or in place of their route",
            self.refused.clone(),
        );
        registry.register(
            "attempts",
            "Factors that were presented, also by strangers, and what came of it",
            self.attempts.clone(),
        );
        registry.register(
            "password_hashes",
            "Slow hashes that were made, for checking or keeping passwords and recovery codes",
            self.password_hashes.clone(),
        );
        registry.register(
            "messages",
            "Messages that were handed over for delivery, by channel and result",
            self.messages.clone(),
        );
        let callers = Family::<One, Counter>::default();
        registry.register(
            "callers",
            "Access tokens that were presented, by what told whose they are",
            callers.clone(),
        );
        self.callers =
            ["memory", "database"].map(|source| callers.get_or_create_owned(&[("source", source)]));
        registry.register(
            "hears_changes",
            "Whether changes by other nodes and commands are heard of; if not, nothing is from memory",
            self.hears_changes.clone(),
        );
        registry.register(
            "keys_refused",
            "Whether the key file says something that this server does not take",
            self.keys_refused.clone(),
        );
        registry.register(
            "ready",
            "Whether this server is to be sent requests: it takes writes, its clock is right and it is not stopping",
            self.ready.clone(),
        );
        let waiting = Family::<One, Gauge>::default();
        registry.register(
            "store_waiting",
            "Transactions that wait for a writer or a reader of the database",
            waiting.clone(),
        );
        self.waiting =
            ["writes", "reads"].map(|queue| waiting.get_or_create_owned(&[("queue", queue)]));
        registry.register(
            "build",
            "The version that is running",
            Info::new(vec![("version", version)]),
        );
    }

    /// All numbers, as the media type [`CONTENT_TYPE`].
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// Notes whether changes by others are heard of.
    pub fn hears_changes(&self, hears: bool) {
        self.hears_changes.set(i64::from(hears));
    }

    /// Notes whether this server is to be sent requests.
    pub fn ready(&self, ready: bool) {
        self.ready.set(i64::from(ready));
    }

    /// Notes how many writes and reads wait for the database.
    pub fn waiting(&self, counts: [usize; 2]) {
        for (gauge, count) in self.waiting.iter().zip(counts) {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Counts a message; `channel` names one of the fixed channels, never an address.
    pub fn message(&self, channel: &'static str, result: Sent) {
        let labels = [("channel", channel), ("result", result.as_str())];
        self.messages.get_or_create(&labels).inc();
    }

    /// Notes whether the key file says what is not taken.
    pub(crate) fn keys_refused(&self, refused: bool) {
        self.keys_refused.set(i64::from(refused));
    }

    /// Counts a request as under way for as long as the answer is kept.
    pub(crate) fn request_under_way(&self) -> UnderWay<'_> {
        self.in_flight.inc();
        UnderWay(&self.in_flight)
    }

    pub(crate) fn request_refused(&self, reason: Refused) {
        self.refused.get_or_create(&[("reason", reason.as_str())]).inc();
    }

    pub(crate) fn request_answered(
        &self,
        route: Cow<'static, str>,
        method: &'static str,
        status: u16,
        took: Duration,
    ) {
        let labels = ([("route", route), ("method", method.into())], [("status", status)]);
        self.durations.get_or_create(&labels).observe(took.as_secs_f64());
    }
}

/// A request that is being worked on.
#[derive(Debug)]
pub(crate) struct UnderWay<'a>(&'a Gauge);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn attempt(factor: Factor, outcome: Outcome) -> Two {
    let outcome = match outcome {
        Outcome::Accepted => "accepted",
        Outcome::Refused => "refused",
        Outcome::Limited => "limited",
    };
    [("factor", factor.as_str()), ("outcome", outcome)]
}

impl Observer for Metrics {
    fn presented(&self, factor: Factor, outcome: Outcome) {
        self.attempts.get_or_create(&attempt(factor, outcome)).inc();
    }

    fn hashed(&self) {
        self.password_hashes.inc();
    }

    fn recognized(&self, source: Source) {
        let [memory, database] = &self.callers;
        match source {
            Source::Memory => memory.inc(),
            Source::Database => database.inc(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/metrics.md"));

    fn used() -> Metrics {
        let metrics = Metrics::new("1.2.3");
        metrics.presented(Factor::Password, Outcome::Accepted);
        metrics.hashed();
        metrics.recognized(Source::Memory);
        metrics.hears_changes(true);
        metrics.ready(true);
        metrics.waiting([1, 2]);
        metrics.message("email", Sent::Delivered);
        metrics.request_refused(Refused::Host);
        metrics.request_answered("/a/{id}".into(), "GET", 200, Duration::from_millis(3));
        metrics
    }

    #[test]
    fn every_metric_has_a_help_sentence_and_a_row_in_the_reference() {
        let text = used().render();
        let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let names: Vec<_> = names.filter_map(|rest| rest.split(' ').next()).collect();
        assert_eq!(names.len(), 16);
        for name in names {
            let help = format!("# HELP {name} ");
            let help = text.lines().find_map(|line| line.strip_prefix(&help)).unwrap();
            assert!(help.ends_with('.') && help.starts_with(char::is_uppercase), "{name}: {help}");
            assert!(REFERENCE.contains(&format!("| `{name}")), "the reference lacks {name}");
        }
    }

    #[test]
    fn names_and_labels_are_as_promised() {
        let text = used().render();
        for line in [
            "nightlatch_attempts_total{factor=\"totp\",outcome=\"limited\"} 0",
            "nightlatch_http_refused_total{reason=\"panicked\"} 0",
            "nightlatch_messages_total{channel=\"email\",result=\"failed\"} 0",
            "nightlatch_store_waiting{queue=\"reads\"} 2",
            "nightlatch_ready 1",
            "nightlatch_attempts_total{factor=\"password\",outcome=\"accepted\"} 1",
            "nightlatch_password_hashes_total 1",
            "nightlatch_callers_total{source=\"memory\"} 1",
            "nightlatch_callers_total{source=\"database\"} 0",
            "nightlatch_hears_changes 1",
            "nightlatch_messages_total{channel=\"email\",result=\"delivered\"} 1",
            "nightlatch_http_refused_total{reason=\"host\"} 1",
            "nightlatch_http_request_duration_seconds_count\
             {route=\"/a/{id}\",method=\"GET\",status=\"200\"} 1",
            "nightlatch_http_in_flight 0",
            "nightlatch_keys_refused 0",
            "nightlatch_build_info{version=\"1.2.3\"} 1",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn a_request_counts_as_under_way_until_it_is_dropped() {
        let metrics = Metrics::new("1.2.3");
        let under_way = metrics.request_under_way();
        assert!(metrics.render().contains("nightlatch_http_in_flight 1\n"));
        drop(under_way);
        assert!(metrics.render().contains("nightlatch_http_in_flight 0\n"));
    }
}
