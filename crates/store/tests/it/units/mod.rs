//! The contract of the units of work, on both engines: what is one-time is taken once whoever races
//! for it, every guess is counted, what is enrolled is enforced, and a refusal tells strangers
//! nothing.

mod alike;
mod attempt;
mod credentials;
mod disable;
mod enforced;
mod enrol;
mod enrol_credential;
mod fixture;
mod keys;
mod lockout;
mod mail_code;
mod once_account;
mod once_credential;
mod once_factor;
mod outbox;
mod passkey;
mod peek;
mod person;
mod race;
mod refresh;
mod replay;
mod replay_credential;
mod seals;
mod second_password;
mod streaks;
mod suspend;
mod upkeep;
mod witness;
