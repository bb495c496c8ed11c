//! Where everything is put together: settings become an installation, and an installation a server.
//!
//! [`installation`] opens what is remembered and checks that it is ours, [`routes`] puts the
//! journeys behind the frame, [`upkeep`] does what nobody asks for, and [`server`] runs it all until
//! it is told to stop.

pub mod backup;
pub mod installation;
pub mod key_file;
pub mod keys;
pub mod metadata;
pub mod private_file;
pub mod routes;
pub mod server;
pub mod settings;
pub mod signals;
#[cfg(test)]
mod tests;
pub mod upkeep;
pub mod watch;
