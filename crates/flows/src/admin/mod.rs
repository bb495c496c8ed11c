//! What administrators do from the command line.

pub mod audit;
pub mod invite;
pub mod keys;
pub mod plaintext;
pub mod reseal;
pub mod restore;
pub mod users;
