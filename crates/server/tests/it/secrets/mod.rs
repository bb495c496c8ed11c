//! A stolen database, a log or a refusal gives nothing away: every journey is made with secrets that
//! are known, and then they are looked for, in every form, wherever something is kept or told.

mod search;
mod story;
mod witness;

use std::{
    io::{self, Write},
    sync::{Arc, LazyLock, Mutex},
};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::{
    acts::ADA,
    app::{Setup, each_engine_with},
    calls::{APPLICATION, calls},
    database,
    secrets::{
        search::{Place, forms, latin},
        witness::Witness,
    },
};

/// Everything that this process logs, at the finest level.
static LOG: LazyLock<Lines> = LazyLock::new(|| {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    lines
});

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

#[tokio::test]
async fn no_secret_is_kept_or_told_in_any_form() {
    LazyLock::force(&LOG);
    let setup = Setup::default().settings(|settings| {
        settings.verify_email = true;
        settings.first_enrollment_mail = true;
        settings.audiences = vec![APPLICATION.to_owned()];
    });
    each_engine_with(setup, async |app| {
        let mut witness = Witness::new(&app);
        story::tell(&mut witness).await;
        for call in calls(&app).await {
            assert!(witness.saw(&call), "{call} is no part of the story");
        }
        let metrics = app.operator("/metrics").await.expect(200).text;
        let log = String::from_utf8(LOG.0.lock().unwrap().clone()).unwrap();
        assert!(log.contains("Request answered"), "nothing was logged");
        let files = latin(&database::bytes(&app).await);
        assert!(Place::new("", &files).has(ADA), "an address is not found in the files");

        let rows = witness.rows();
        let places = [
            Place::new("the database's rows", &rows),
            Place::new("the database's files", &files),
            Place::new("the log", &log),
            Place::new("the metrics", &metrics),
            Place::new("the problems", &witness.problems),
        ];
        assert!(witness.secrets.len() > 70, "only {} secrets", witness.secrets.len());
        for (name, secret) in &witness.secrets {
            for form in forms(secret) {
                for place in &places {
                    assert!(!place.has(&form), "{name} is in {} as {form:?}", place.name);
                }
            }
        }
    })
    .await;
}
