//! The product as its callers see it: every test runs the whole of it in process, on SQLite and on
//! PostgreSQL, on a clock that is turned by hand.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, which is what is wanted")]

mod acts;
mod app;
mod calls;
mod database;
mod end_to_end;
mod frame;
mod frame_pages;
mod frame_sockets;
mod lockout;
mod once;
mod openapi;
mod place;
mod registration;
mod states;
mod story;
mod tokens_table;
