//! Signing up.

pub mod register;
pub mod verify;
