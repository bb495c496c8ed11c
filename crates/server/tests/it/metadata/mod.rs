//! What a metadata file does: it is believed only when it is signed, read again, and it suspends what
//! it calls broken.

mod renew;
mod review;
mod service;
mod start;
