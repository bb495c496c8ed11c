//! Enrolling a passkey or a security key: its registration proves it.

use nightlatch_core::{
    MethodId, UserId,
    factors::{
        recovery_codes::StoredSet,
        webauthn::{Credential, MOST_CREDENTIALS, credential_lookup},
    },
    keys::Nonce,
    proof::{Evidence, Factor, Proof},
};

use super::{Completion, drop_pending};
use crate::{
    Fault, Tx, Unit, args, sql,
    units::{
        account::{self, Account},
        methods, recovery_codes, second_factor,
        session::Session,
        webauthn::Burn,
    },
};

/// Enrols a credential whose registration was verified.
pub struct Enrol {
    /// What the registration completes.
    pub completion: Completion,
    /// The ceremony.
    pub burn: Burn,
    /// The account's epoch when the ceremony began.
    pub epoch: i64,
    /// The credential.
    pub credential: Credential,
    /// Seals its key.
    pub nonce: Nonce,
    /// Its name.
    pub name: String,
    /// What the registration proved.
    pub proof: Proof,
    /// Recovery codes to be activated with it, for an account without a second factor.
    pub codes: Option<StoredSet>,
}

/// Why a credential was not enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotEnrolled {
    /// The ceremony was presented before, or what it belongs to is over.
    Over,
    /// The account has this credential.
    Exists,
    /// Another account has it.
    Taken,
    /// There are as many as there may be.
    TooMany,
}

/// A credential that was enrolled.
#[derive(Debug)]
pub struct Enrolled {
    /// The session, raised by the new factor.
    pub session: Box<Session>,
    /// The account.
    pub account: Box<Account>,
    /// The new method.
    pub method: MethodId,
    /// Whether the recovery codes were activated with it.
    pub codes: bool,
}

impl Unit for Enrol {
    type Out = Result<Enrolled, NotEnrolled>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Out, Fault> {
        let user = self.completion.user;
        let Evidence::Registration { method, .. } = self.proof.evidence() else {
            return Err(Fault::broken("not the proof of a registration"));
        };
        if self.proof.user() != user || *method != self.credential.method {
            return Err(Fault::broken("a registration was presented for another account"));
        }
        if !self.burn.run(tx).await? || !account::hold_epoch(tx, user, self.epoch).await? {
            return Ok(Err(NotEnrolled::Over));
        }
        let Ok(held) = self.completion.hold(tx).await? else {
            return Ok(Err(NotEnrolled::Over));
        };
        let holding = methods::holding(tx, user).await?;
        let keys = holding.methods.iter().filter(|method| method.factor == Factor::WebAuthn);
        if keys.count() >= MOST_CREDENTIALS {
            return Ok(Err(NotEnrolled::TooMany));
        }
        if let Some(taken) = self.claim(tx, user).await? {
            return Ok(Err(taken));
        }
        account::raise_held(tx, user, self.epoch).await?;
        let account = account::by_id(tx, user).await?;
        let account = account.ok_or_else(|| Fault::corrupt("users"))?;
        let first = !holding.required();
        if first {
            self.completion.end_others(tx, held.as_ref()).await?;
        }
        drop_pending(tx, user).await?;
        let codes = self.codes.as_ref().filter(|_| first);
        if let Some(set) = codes {
            recovery_codes::insert(tx, user, set, true, self.completion.fresh.now).await?;
            second_factor::reset(tx, user, Factor::BackupCode).await?;
        }
        self.insert(tx, user).await?;
        let session = self.completion.session(tx, held, &self.proof).await?;
        let told = (Factor::WebAuthn, self.name.as_str());
        self.completion.told(tx, &account, &session, told).await?;
        Ok(Ok(Enrolled {
            session: Box::new(session),
            account: Box::new(account),
            method: *method,
            codes: codes.is_some(),
        }))
    }
}

impl Enrol {
    /// Claims the credential id for this account, or says who has it. One of many wins.
    async fn claim(&self, tx: &mut Tx<'_>, user: UserId) -> Result<Option<NotEnrolled>, Fault> {
        let lookup = credential_lookup(&self.credential.id);
        let claimed = tx
            .hit(
                sql!(
                    "INSERT INTO credentials (lookup, user_id, method_id) VALUES (?1, ?2, ?3) \
                     ON CONFLICT (lookup) DO NOTHING"
                ),
                args![&lookup, user, self.credential.method],
            )
            .await?;
        if claimed {
            let again = sql!("DELETE FROM removed_credentials WHERE lookup = ?1");
            tx.put(again, args![&lookup]).await?;
            return Ok(None);
        }
        let owner = tx
            .row::<(UserId,)>(
                sql!("SELECT user_id FROM credentials WHERE lookup = ?1"),
                args![&lookup],
            )
            .await?;
        let own = owner.is_some_and(|(owner,)| owner == user);
        Ok(Some(if own { NotEnrolled::Exists } else { NotEnrolled::Taken }))
    }

    async fn insert(&self, tx: &mut Tx<'_>, user: UserId) -> Result<(), Fault> {
        let (credential, now) = (&self.credential, self.completion.fresh.now);
        tx.put(
            sql!(
                "INSERT INTO methods (user_id, id, factor, name, state, created_at) \
                 VALUES (?1, ?2, ?3, ?4, 1, ?5)"
            ),
            args![user, credential.method, Factor::WebAuthn.code(), &self.name, now],
        )
        .await?;
        tx.put(
            sql!(
                "INSERT INTO webauthn (user_id, method_id, kind, credential_id, public_key, aaguid, \
                 attestation_key, attestation, trusted, transports, attachment, discoverable, rp_id, \
                 backup_eligible, backup_state, uv_initialized, sign_count, last_used_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, \
                 ?18)"
            ),
            args![
                user,
                credential.method,
                credential.kind.code(),
                &credential.id,
                &credential.seal_key(&self.completion.ring, self.nonce),
                &credential.aaguid.0,
                credential.attestation_key.as_ref(),
                &credential.attestation,
                credential.trusted,
                &credential.transports.join(" "),
                credential.attachment.as_deref(),
                credential.discoverable,
                &credential.rp_id,
                credential.backup_eligible,
                credential.state.backup_state,
                credential.state.uv_initialized,
                i64::from(credential.state.sign_count),
                now
            ],
        )
        .await
    }
}
