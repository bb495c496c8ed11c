//! The product as its callers see it: every test runs the whole of it in process, on SQLite and on
//! PostgreSQL, on a clock that is turned by hand.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, which is what is wanted")]

mod acts;
mod admin;
mod app;
mod audit;
mod bodies;
mod calls;
mod database;
mod device;
mod end_to_end;
mod enumeration;
mod frame;
mod frame_pages;
mod frame_sockets;
mod keys;
mod lockout;
mod main_job;
mod metadata;
mod once;
mod openapi;
mod passkeys;
mod passwords;
mod place;
mod recovery_codes;
mod registration;
mod restored;
mod secrets;
mod sessions;
mod shapes;
mod states;
mod step_up;
mod story;
mod tokens_table;
mod warm;
mod well_known;
