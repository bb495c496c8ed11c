//! Reading the file again: what holds goes on to hold until something better comes.

use std::{
    fs,
    io::{self, Write},
    sync::{Arc, Mutex},
};

use nightlatch::{config::MetadataFile, wiring::metadata::renew};
use nightlatch_store::Engine;
use serde_json::json;

use super::service::Service;
use crate::{
    acts::HOUR,
    app::{App, Setup},
};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads the file again; the number of what holds now, and the warnings.
async fn renewed(app: &App, file: &MetadataFile) -> (Option<u64>, String) {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    renew(&app.env, file).await;
    drop(guard);
    let warnings = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    (app.env.metadata.current().map(|blob| blob.no), warnings)
}

#[tokio::test]
async fn what_is_older_or_broken_does_not_replace_what_holds() {
    let app = App::new(Engine::Sqlite, Setup::default()).await;
    let service = Service::new();
    let file = service.file();
    service.publish(7, "2027-02-01", &json!([]));
    assert_eq!(renewed(&app, &file).await, (Some(7), String::new()));

    service.publish(6, "2027-02-01", &json!([]));
    let (no, warnings) = renewed(&app, &file).await;
    assert_eq!(no, Some(7));
    assert!(warnings.contains("older than the one before it"), "{warnings}");

    service.replace(b"not a blob");
    let (no, warnings) = renewed(&app, &file).await;
    assert_eq!(no, Some(7));
    assert!(warnings.contains("those before go on to hold"), "{warnings}");

    fs::remove_file(&file.path).unwrap();
    let (no, warnings) = renewed(&app, &file).await;
    assert_eq!(no, Some(7));
    assert!(warnings.contains("can't be read"), "{warnings}");

    service.publish(8, "2027-02-01", &json!([]));
    assert_eq!(renewed(&app, &file).await, (Some(8), String::new()));
}

#[tokio::test]
async fn metadata_whose_next_issue_is_overdue_are_warned_of_every_time() {
    let app = App::new(Engine::Sqlite, Setup::default()).await;
    let service = Service::new();
    let file = service.file();
    assert_eq!(renewed(&app, &file).await, (Some(1), String::new()));
    app.clock.advance(18 * 24 * HOUR);
    for _ in 0..2 {
        let (no, warnings) = renewed(&app, &file).await;
        assert_eq!(no, Some(1));
        assert!(warnings.contains("out of date"), "{warnings}");
        app.clock.advance(24 * HOUR);
    }
    service.publish(2, "2027-04-01", &json!([]));
    assert_eq!(renewed(&app, &file).await, (Some(2), String::new()));
}
