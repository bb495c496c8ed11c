//! A short run of the whole bench, so that it does not rot: every scenario gets the answers that it
//! expects, on both engines. How fast that is says nothing here.

use std::{path::Path, process::Command};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_nightlatch-bench");

/// Each scenario with its floors, on either engine.
const SCENARIOS: [(&str, &str); 13] = [
    ("mix", "rows"),
    ("password", "argon2"),
    ("refresh", "rows"),
    ("refused_code", "rows"),
    ("refused_token", "bare"),
    ("session_cold", "bare"),
    ("session_warm", "bare"),
    ("totp_in_a_flood", "alone"),
    ("totp_sign_in", "bare"),
    ("totp_sign_in", "rows"),
    ("totp_step_up", "rows"),
    ("unauthenticated", "bare"),
    ("webauthn_sign_in", "rows"),
];

#[test]
fn every_scenario_gets_the_answers_that_it_expects() {
    let server = Path::new(PROGRAM).with_file_name("nightlatch");
    assert!(
        server.is_file(),
        "there is no server to measure; `cargo build -p nightlatch` makes it"
    );
    let few = ["--users", "100", "--connections", "4", "--rounds", "1", "--seconds", "0.02"];
    let run = Command::new(PROGRAM).args(["run", "--json"]).args(few).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));

    // One object, and nothing beside it.
    let report: Value = serde_json::from_slice(&run.stdout).unwrap();
    for name in ["idle_rss_mb", "loaded_rss_mb", "start_ms", "binary_mb"] {
        assert!(report[name].as_f64().unwrap() > 0.0, "{name}");
    }
    let measured = report["scenarios"].as_array().unwrap();
    let mut seen: Vec<String> = measured
        .iter()
        .map(|it| format!("{} {} {}", it["engine"], it["name"], it["floor"]))
        .collect();
    let mut expected = Vec::new();
    for engine in ["SQLite", "PostgreSQL"] {
        let one_statement = (engine == "PostgreSQL").then_some(("totp_one_statement", "rows"));
        for (name, floor) in SCENARIOS.into_iter().chain(one_statement) {
            expected.push(format!("{engine:?} {name:?} {floor:?}"));
        }
    }
    seen.sort_unstable();
    expected.sort_unstable();
    assert_eq!(seen, expected);
    for it in measured {
        for name in ["per_second", "floor_per_second", "ratio", "of_smallest", "p50_ms", "p99_ms"] {
            assert!(it[name].as_f64().unwrap() > 0.0, "{name} of {it}");
        }
    }
}
