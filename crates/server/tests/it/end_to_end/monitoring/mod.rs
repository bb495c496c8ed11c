//! What `deploy/` asks of the numbers, a server has; and what it has, is explained.

mod promql;

use std::collections::{BTreeMap, BTreeSet};

use nightlatch_store::Engine;
use serde_json::{Value, json};

use self::promql::asked;
use super::installation::Installation;

const ALERTS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/prometheus/alerts.yaml"));
const DASHBOARD: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/grafana/nightlatch.json"));
const REFERENCE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/metrics.md"));

/// Requests of people: an alert is not raised, nor calmed, by whoever asks how a node is.
const WITHOUT_WATCHERS: &str = r#"{route!~"/healthz|/readyz|/metrics""#;

/// What Prometheus itself adds to every series.
const ADDED: [&str; 2] = ["instance", "job"];

/// The series that a server serves: names of samples with the values of their labels.
struct Served(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

impl Served {
    fn read(text: &str) -> Self {
        let mut served = Self(BTreeMap::new());
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, _value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let known = served.0.entry(name.to_owned()).or_default();
            for label in labels.trim_end_matches('}').split("\",").filter(|label| !label.is_empty())
            {
                let (label, value) = label.split_once("=\"").unwrap();
                let values = known.entry(label.to_owned()).or_default();
                values.insert(value.trim_end_matches('"').to_owned());
            }
        }
        served
    }

    /// Insists that the limit of a quantile is a bound of its buckets: between two it is a guess.
    #[track_caller]
    fn tells_from(&self, expression: &str) {
        let (_, limit) = expression.rsplit_once("> ").unwrap();
        let limit: f64 = limit.parse().unwrap();
        let (metric, _) = &asked(expression).metrics[0];
        let mut bounds = self.0[metric]["le"].iter().map(|bound| bound.parse::<f64>().unwrap());
        assert!(
            bounds.any(|bound| bound.total_cmp(&limit).is_eq()),
            "no bound {limit}: {expression}"
        );
    }

    /// Insists that there is all that `expression` asks for.
    #[track_caller]
    fn answers(&self, expression: &str) {
        let asked = asked(expression);
        assert!(!asked.metrics.is_empty(), "{expression} asks for nothing");
        let mut labels: BTreeSet<&str> = ADDED.into();
        for (name, matchers) in &asked.metrics {
            if name == "up" {
                continue;
            }
            let known = self.0.get(name);
            let known = known.unwrap_or_else(|| panic!("no {name}, which {expression} asks for"));
            labels.extend(known.keys().map(String::as_str));
            // What is left out (`!~`) has to be there as well, or nothing is left out.
            for (label, value) in
                matchers.iter().filter(|(name, _)| !ADDED.contains(&name.as_str()))
            {
                let values = known.get(label);
                let values = values.unwrap_or_else(|| panic!("no {label} in {name}: {expression}"));
                // Statuses come as they come; all others are there from the start.
                let all = label == "status" || value.split('|').all(|one| values.contains(one));
                assert!(all, "no {label}={value} in {name}: {expression}");
            }
        }
        for label in &asked.labels {
            assert!(labels.contains(label.as_str()), "no {label} to go by: {expression}");
        }
    }
}

/// The numbers of a server on which a little of everything happened.
async fn metrics() -> String {
    let installation = Installation::new(Engine::Sqlite, "").await;
    let server = installation.dev().await;
    server.public.register("ada@example.org").await;
    let access = server.public.sign_in("ada@example.org").await;
    server.public.get("/auth/session", Some(&access)).await.expect(200);
    server.operator.get("/healthz", None).await.expect(204);
    // A call is in the numbers of the next one.
    server.operator.get("/metrics", None).await.expect(200);
    let text = server.operator.get("/metrics", None).await.expect(200).text;
    server.stop().await;
    text
}

/// The names in `# KIND name ..` lines.
fn told<'a>(text: &'a str, kind: &str) -> BTreeMap<&'a str, &'a str> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("# ")?.strip_prefix(kind));
    lines.filter_map(|line| line.trim_start().split_once(' ')).collect()
}

#[tokio::test]
async fn every_number_is_explained_and_everything_explained_is_a_number() {
    let text = metrics().await;
    let (kinds, helps) = (told(&text, "TYPE"), told(&text, "HELP"));
    let mut names = BTreeSet::new();
    for (family, kind) in kinds {
        let help = helps.get(family).unwrap_or_else(|| panic!("{family} has no help"));
        assert!(help.ends_with('.') && help.split(' ').count() > 2, "{family}: {help}");
        names.insert(match kind {
            "counter" => format!("{family}_total"),
            "info" => format!("{family}_info"),
            _ => family.to_owned(),
        });
    }
    let documented = REFERENCE.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let documented: BTreeSet<_> = documented.map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names, documented);
}

#[tokio::test]
async fn alerts_ask_for_what_a_server_has_and_say_what_to_do() {
    let served = Served::read(&metrics().await);
    let alerts: Vec<_> = ALERTS.split("- alert: ").skip(1).collect();
    assert!(alerts.len() > 10, "{}", alerts.len());
    for alert in alerts {
        let text = |key: &str| {
            let value = alert.lines().find_map(|line| line.trim().strip_prefix(key));
            value.unwrap_or_else(|| panic!("no {key} in {alert}")).trim()
        };
        let expression = text("expr:");
        served.answers(expression);
        if expression.starts_with("histogram_quantile(") {
            served.tells_from(expression);
        }
        let requests = expression.matches("nightlatch_http_request_duration_seconds").count();
        assert_eq!(expression.matches(WITHOUT_WATCHERS).count(), requests, "{expression}");
        for key in ["summary:", "next:"] {
            assert!(text(key).ends_with('.') && !text(key).contains(": "), "{key} {}", text(key));
        }
        assert!(["critical", "warning"].contains(&text("severity:")), "{alert}");
    }
}

#[tokio::test]
async fn the_dashboard_shows_what_a_server_has() {
    let served = Served::read(&metrics().await);
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    assert_eq!(dashboard["uid"], "nightlatch");
    assert_eq!(dashboard["templating"]["list"][0]["type"], "datasource");
    let mut shown = String::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        if panel["type"] == "row" {
            continue;
        }
        assert_eq!(panel["datasource"], json!({ "type": "prometheus", "uid": "${datasource}" }));
        let field = |pointer: &str| panel.pointer(pointer).and_then(Value::as_str).unwrap_or("");
        for pointer in ["/title", "/description", "/fieldConfig/defaults/unit"] {
            assert_ne!(field(pointer), "", "{pointer} in {panel}");
        }
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            served.answers(expression);
            shown.push_str(expression);
        }
    }
    for family in told(&metrics().await, "TYPE").into_keys() {
        assert!(shown.contains(family), "{family} is not shown");
    }
}
