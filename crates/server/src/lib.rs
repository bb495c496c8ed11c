//! Nightlatch, the product: the JSON API, the pages, the command line, and the wiring between them
//! and the journeys.

pub mod api;
pub mod cli;
pub mod config;
pub mod delivery;
pub mod http;
pub mod pages;
pub mod telemetry;
pub mod wiring;
