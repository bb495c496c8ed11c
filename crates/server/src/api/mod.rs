//! The JSON API.
//!
//! A handler parses, calls one flow and renders; [`doc`] shows the pattern.

pub mod body;
mod code;
pub mod doc;
pub mod params;
pub mod problem;
mod strict;
