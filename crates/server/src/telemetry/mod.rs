//! What the server tells its operator: logs and metrics, never secrets, addresses or bodies.

mod labels;
pub(crate) mod line;
pub mod logs;
pub mod metrics;
mod output;
mod process;
