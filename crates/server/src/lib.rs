//! Nightlatch.

pub mod api;
pub mod config;
pub mod http;
pub mod telemetry;
