//! The frame that every request passes: limits, names, addresses, hosts and headers.
//!
//! [`frame::Frame::handle`] is one async function that reads like the way of a request;
//! [`serve`] is the connection loop around it.

pub mod address;
pub mod admin;
mod cors;
mod credentials;
mod door;
pub mod frame;
pub mod headers;
pub mod hosts;
pub mod limiter;
pub mod request_id;
pub mod serve;
