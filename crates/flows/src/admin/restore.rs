//! After a database was restored from a backup, before anybody is served from it.

use nightlatch_store::units::{
    account::Account,
    outbox::Envelope,
    restore::{Holders, Revoke},
};

use crate::{Env, Refused};

const PAGE: i64 = 1000;

/// Makes void whatever the backup believes to be good and may be spent, ended or replaced since:
/// sessions, sealed tokens, sent codes, links and invitations, shown one-time codes, recovery codes.
/// The owners of recovery codes are told; how many there are.
///
/// # Errors
///
/// The store's; then nothing has changed.
pub async fn revoke(env: &Env) -> Result<usize, Refused> {
    let now = env.clock.now();
    let mut holders: Vec<(Account, Envelope)> = Vec::new();
    loop {
        let after = holders.last().map(|(account, _)| account.id);
        let page = env.store.read_slow(Holders { after, limit: PAGE }).await?;
        if page.is_empty() {
            break;
        }
        holders.extend(page.into_iter().map(|account| (account, env.envelope(now))));
    }
    let told = holders.len();
    env.write(Revoke { ring: env.ring(), era: env.random(), holders, now }).await?;
    Ok(told)
}
