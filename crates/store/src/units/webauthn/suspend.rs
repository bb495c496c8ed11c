//! Suspending authenticators whose model is known to be broken.

use std::sync::Arc;

use nightlatch_core::{
    MethodId, UserId,
    audit::{Event, Kind, Reason},
    factors::webauthn::Aaguid,
    keys::KeyRing,
    message::Template,
    proof::Factor,
};

use crate::{
    Fault, Tx, Unit, args, sql,
    units::{
        account,
        outbox::{self, Envelope},
    },
};

/// Lists the models that active methods have: an AAGUID, or the identifier of the key that attested
/// it where there is none.
pub struct Models;

impl Unit for Models {
    type Out = Vec<(Aaguid, Option<Vec<u8>>)>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Out, Fault> {
        let rows = tx
            .rows::<([u8; 16], Option<Vec<u8>>)>(
                sql!(
                    "SELECT DISTINCT w.aaguid, w.attestation_key FROM webauthn w JOIN methods m \
                     ON m.user_id = w.user_id AND m.id = w.method_id WHERE m.state = 1"
                ),
                args![],
            )
            .await?;
        Ok(rows.into_iter().map(|(aaguid, key)| (Aaguid(aaguid), key)).collect())
    }
}

/// Lists some active methods of one model.
pub struct OfModel {
    /// The model.
    pub aaguid: Aaguid,
    /// The identifier of the key that attested it, if it has no AAGUID.
    pub attestation_key: Option<Vec<u8>>,
}

impl Unit for OfModel {
    type Out = Vec<(UserId, MethodId)>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Out, Fault> {
        let Some(key) = &self.attestation_key else {
            return tx
                .rows(
                    sql!(
                        "SELECT w.user_id, w.method_id FROM webauthn w JOIN methods m \
                         ON m.user_id = w.user_id AND m.id = w.method_id WHERE m.state = 1 \
                         AND w.aaguid = ?1 AND w.attestation_key IS NULL LIMIT 100"
                    ),
                    args![&self.aaguid.0],
                )
                .await;
        };
        tx.rows(
            sql!(
                "SELECT w.user_id, w.method_id FROM webauthn w JOIN methods m \
                 ON m.user_id = w.user_id AND m.id = w.method_id WHERE m.state = 1 \
                 AND w.aaguid = ?1 AND w.attestation_key = ?2 LIMIT 100"
            ),
            args![&self.aaguid.0, key],
        )
        .await
    }
}

/// Suspends one method of a broken model: it goes on to require, and no longer satisfies.
pub struct Suspend {
    /// Seals the notice.
    pub ring: Arc<KeyRing>,
    /// Whose.
    pub user: UserId,
    /// Which method.
    pub method: MethodId,
    /// The notice.
    pub envelope: Envelope,
}

impl Unit for Suspend {
    /// Whether it was active until now.
    type Out = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Fault> {
        // The account is the lock, and is taken before its methods like everywhere else.
        let held = tx
            .row::<(i64,)>(
                sql!(
                    "SELECT epoch FROM users WHERE id = ?1",
                    pg: "SELECT epoch FROM users WHERE id = $1 FOR NO KEY UPDATE"
                ),
                args![self.user],
            )
            .await?;
        let account = account::by_id(tx, self.user).await?;
        let Some(account) = account.filter(|_| held.is_some()) else { return Ok(false) };
        let name = tx
            .row::<(String,)>(
                sql!(
                    "UPDATE methods SET state = 3 WHERE user_id = ?1 AND id = ?2 AND state = 1 \
                     RETURNING name"
                ),
                args![self.user, self.method],
            )
            .await?;
        let Some((name,)) = name else { return Ok(false) };
        // Whatever was begun with it ends.
        tx.changed(self.user);
        tx.put(sql!("UPDATE users SET epoch = epoch + 1 WHERE id = ?1"), args![self.user]).await?;
        tx.audit(&Event {
            user: Some(self.user),
            factor: Some(Factor::WebAuthn),
            reason: Some(Reason::CompromisedModel),
            ..Event::success(Kind::MethodSuspended, self.envelope.now)
        })
        .await?;
        let template = Template::FactorSuspended { name };
        outbox::notify(tx, &self.ring, &self.envelope, &account, template).await?;
        Ok(true)
    }
}
