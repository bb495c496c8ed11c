//! Where messages go.

pub mod mailbox;
