//! Units of work: each file is what one kind of journey asks of the database, each unit one
//! transaction.
//!
//! A refusal is a value and is committed, because what was counted or burned on the way to it must
//! stay; a [`Fault`](crate::Fault) leaves nothing. Guards come first and writes after, so that a
//! refusing unit has nothing to undo.

pub mod account;
pub mod admin;
pub mod audit;
pub mod budget;
pub mod enrol;
pub mod examine;
pub mod keys;
pub mod mail_code;
pub mod meta;
pub mod methods;
pub mod outbox;
pub mod password;
pub mod presented;
pub mod recovery_codes;
pub mod refresh;
pub mod register;
pub mod restore;
pub mod risks;
pub mod second_factor;
pub mod second_password;
pub mod session;
pub mod sign_in;
pub mod totp;
pub mod upkeep;
pub mod webauthn;
