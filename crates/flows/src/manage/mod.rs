//! Managing what is enrolled.

pub mod methods;
pub mod recovery_codes;
