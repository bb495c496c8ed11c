//! A sign-in that begins with a passkey.

use std::sync::Arc;

use nightlatch_core::{
    assurance::Level,
    audit::{Event, Kind, Reason},
    factors::webauthn::Asserted,
    keys::KeyRing,
    message::Template,
    methods::Allowed,
    proof::{Factor, Proofs},
};

use super::{Burn, spend};
use crate::{
    Fault, Sql, Tx, Unit, args, sql,
    units::{
        account::{self, Account, Standing},
        methods::{HOLDING, Held},
        outbox::{self, Envelope},
        presented,
        session::{self, Fresh, Session},
    },
};

/// What has become of an account, and of a ceremony.
static STANDS: &Sql = sql!(
    "SELECT u.epoch, u.state, p.burned FROM (SELECT 1) x LEFT JOIN users u ON u.id = ?1 \
     LEFT JOIN presented p ON p.id = ?2"
);

/// Ends a ceremony whose answer was not accepted. It costs the same for strangers and for credentials
/// that are known; only who has shown that they hold the key is worth an event.
pub struct RefusePasskey {
    /// The ceremony.
    pub burn: Burn,
    /// Whose key it is and why it was refused, if the answer showed that somebody holds it.
    pub known: Option<(Account, Reason)>,
    /// Seals the notice.
    pub ring: Arc<KeyRing>,
    /// The notice that a credential may have been cloned, with the name of its method.
    pub cloned: Option<String>,
    /// For the notice.
    pub envelope: Envelope,
    /// The client's network address.
    pub address: Option<std::net::IpAddr>,
}

impl Unit for RefusePasskey {
    /// Whether this is the ceremony's first answer: who sends one again is told nothing new.
    type Out = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Fault> {
        let first = self.burn.run(tx).await?;
        let reason = self.known.as_ref().map_or(Reason::WrongCredential, |(_, reason)| *reason);
        let event = Event {
            user: self.known.as_ref().map(|(account, _)| account.id),
            factor: Some(Factor::WebAuthn),
            address: self.address,
            ..Event::failure(Kind::SignIn, self.envelope.now, reason)
        };
        let Some((account, _)) = self.known.as_ref().filter(|_| first) else {
            tx.audit_decoy(&event).await?;
            return Ok(first);
        };
        tx.audit(&event).await?;
        if let Some(name) = &self.cloned {
            let template = Template::CredentialCloned { name: name.clone() };
            outbox::notify(tx, &self.ring, &self.envelope, account, template).await?;
        }
        Ok(first)
    }
}

/// Goes on after the right passkey.
pub struct Passkey {
    /// Seals the session's proofs.
    pub ring: Arc<KeyRing>,
    /// The ceremony.
    pub burn: Burn,
    /// The account as it was when the answer was verified.
    pub account: Account,
    /// What was proved.
    pub asserted: Asserted,
    /// The session that may come of it.
    pub fresh: Fresh,
    /// What policy allows.
    pub allowed: Allowed,
}

/// What came of a right passkey.
#[derive(Debug)]
pub enum SignedIn {
    /// A session.
    Session(Box<Session>),
    /// The authenticator showed presence alone: the password is asked for.
    AskPassword(Proofs),
    /// The account takes no such factor now.
    NotAllowed,
    /// The ceremony was presented before, the counter was spent, or the account changed meanwhile.
    Ended,
}

impl Unit for Passkey {
    type Out = SignedIn;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<SignedIn, Fault> {
        let (user, now, proof) = (self.account.id, self.fresh.now, &self.asserted.proof);
        account::lock(tx, user).await?;
        let (stands, held) = tx
            .both::<(Option<i64>, Option<Standing>, Option<bool>), Held>(
                (STANDS, args![user, &self.burn.id]),
                (HOLDING, args![user, Factor::BackupCode.code()]),
            )
            .await?;
        let (epoch, standing, burned) = stands.into_iter().next().unwrap_or_default();
        if burned == Some(true) {
            return Ok(SignedIn::Ended);
        }
        presented::take(tx, &self.burn.id, self.burn.expires_at).await?;
        if (epoch, standing) != (Some(self.account.epoch), Some(Standing::Active)) {
            return Ok(SignedIn::Ended);
        }
        let event = Event {
            user: Some(user),
            factor: Some(Factor::WebAuthn),
            address: self.fresh.address.as_deref().and_then(|text| text.parse().ok()),
            ..Event::success(Kind::SignIn, now)
        };
        if !Held::collect(&held).accepts(Factor::WebAuthn, &self.allowed) {
            let refused = Event::failure(Kind::SignIn, now, Reason::RecoveryRequired);
            tx.audit(&Event { outcome: refused.outcome, reason: refused.reason, ..event }).await?;
            return Ok(SignedIn::NotAllowed);
        }
        if !spend(tx, user, &held, proof, now).await? {
            let refused = Event::failure(Kind::SignIn, now, Reason::ReplayedCode);
            tx.audit(&Event { outcome: refused.outcome, reason: refused.reason, ..event }).await?;
            return Ok(SignedIn::Ended);
        }
        if self.asserted.suspicious {
            tx.audit(&Event { kind: Kind::CounterSuspicious, ..event.clone() }).await?;
        }
        let proofs = Proofs::default().with(proof);
        if proofs.level() < Level::Aal2 {
            return Ok(SignedIn::AskPassword(proofs));
        }
        let session = session::open(tx, &self.ring, &self.fresh, user, proofs).await?;
        let (id, level) = (session.id, session.proofs.level());
        tx.audit(&Event { session: Some(id), level: Some(level), ..event }).await?;
        Ok(SignedIn::Session(Box::new(session)))
    }
}
