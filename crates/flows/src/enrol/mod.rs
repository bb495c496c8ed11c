//! Enrolling second factors.

pub mod qr;
pub mod totp;
