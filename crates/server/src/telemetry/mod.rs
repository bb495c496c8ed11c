//! What the server tells its operator: logs and metrics, never secrets, addresses or bodies.

mod labels;
pub mod logs;
pub mod metrics;
