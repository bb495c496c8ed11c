//! What administrators do from the command line.

pub mod audit;
pub mod invite;
pub mod users;
