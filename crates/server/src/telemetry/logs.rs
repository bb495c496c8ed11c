//! The log: one line an event, on standard error.
//!
//! Each request is a span with its `request_id`, so that whatever happens on its behalf can be
//! found by the id that the caller was told.

use std::{io, panic};

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::ParseError,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
};

use crate::config::{Log, LogFormat};

/// Starts the log of this process, panics included.
///
/// A panic is told by its place alone: its message may hold what a request carried.
///
/// # Errors
///
/// The level is not one. A log that was started already stays as it is.
pub fn start(settings: &Log) -> Result<(), ParseError> {
    let subscriber = subscriber(settings, io::stderr)?;
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, "Panicked");
        }));
    }
    Ok(())
}

fn subscriber<W>(settings: &Log, writer: W) -> Result<impl Subscriber + use<W>, ParseError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match settings.format {
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .with_writer(writer)
            .boxed(),
        LogFormat::Text => fmt::layer().with_ansi(false).with_writer(writer).boxed(),
    };
    let filter = EnvFilter::try_new(&settings.level)?;
    Ok(Registry::default().with(lines.with_filter(filter)))
}
