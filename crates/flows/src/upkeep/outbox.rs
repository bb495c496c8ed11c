//! Sending what waits in the outbox.

use std::time::Duration;

use nightlatch_core::message::Message;
use nightlatch_store::units::outbox::{Claim, Postpone, Settle};

use crate::{
    Env, Refused,
    courier::{Courier, Undelivered, render},
};

/// A sender that dies gives its message back after this long.
const LEASE: Duration = Duration::from_mins(2);

/// The first pause after a failed delivery; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// Deliveries that are tried before a message is dropped.
const MOST_TRIES: i64 = 8;

/// What came of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Nothing is due.
    Nothing,
    /// One message was delivered.
    Delivered,
    /// One message was put off.
    Later,
    /// One message was dropped.
    Dropped,
}

/// Sends one message that is due.
///
/// # Errors
///
/// The store's.
pub async fn send_one(env: &Env, courier: &dyn Courier) -> Result<Sent, Refused> {
    let now = env.clock.now();
    let claimed = env.store.write(Claim { now, retry_at: now.plus(LEASE) }).await?;
    let Some(claimed) = claimed else { return Ok(Sent::Nothing) };
    let id = claimed.id;
    let Some(message) = Message::open(&env.ring(), &claimed.body, id) else {
        tracing::error!("A message in the outbox does not open with this key ring; dropped");
        env.store.write(Settle { id }).await?;
        return Ok(Sent::Dropped);
    };
    let mail = render(&env.ring(), &env.settings.public_url, &message);
    match courier.deliver(mail).await {
        Ok(()) => {
            env.store.write(Settle { id }).await?;
            Ok(Sent::Delivered)
        }
        Err(Undelivered::Later) if claimed.tries < MOST_TRIES => {
            let doublings = u32::try_from(claimed.tries - 1).unwrap_or(0);
            let pause = FIRST_PAUSE.saturating_mul(1 << doublings);
            env.store.write(Postpone { id, due_at: env.clock.now().plus(pause) }).await?;
            Ok(Sent::Later)
        }
        Err(Undelivered::Later | Undelivered::Never) => {
            env.store.write(Settle { id }).await?;
            Ok(Sent::Dropped)
        }
    }
}
