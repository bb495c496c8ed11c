//! The product as its users run it: the real program, real sockets, real time, real databases, and
//! the programs of others (`zbarimg`, `oathtool`, `curl`) in the place of phones and terminals.
//!
//! Nothing here waits for a while: tests wait for what a process says or does, and give up after
//! [`process::PATIENCE`]. Whatever a server logged is searched for the secrets that went through it
//! when it is [stopped](server::Server::stop).

mod administrator;
mod authenticator;
mod backup;
mod banner;
mod caller;
mod doctor;
mod faults;
mod installation;
mod journal;
mod main_job;
mod monitoring;
mod nginx;
mod nodes;
mod operator;
mod process;
mod proxy;
mod refusals;
mod rolling;
mod rotation;
mod samples;
mod server;
mod stopping;
