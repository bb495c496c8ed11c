//! People, made by the units themselves.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use nightlatch_core::{
    MethodId, Secret, SecretText, Timestamp, UserId,
    code::{OneTimeCode, RecoveryCode},
    factors::{
        hotp,
        password::{Memory, PasswordHash, Rules},
        recovery_codes::{self, SET_SIZE, StoredSet},
        totp::{Parameters, Seed, Window},
    },
    methods::Allowed,
    proof::{Proof, Proofs},
    token::SignInStep,
};
use nightlatch_store::units::{
    account::{Account, ById},
    enrol::{Begin, Begun, Confirm, Enroller},
    methods::Read,
    recovery_codes::{Reserve, Settle},
    register::{NewAccount, Register},
    second_factor::{Aim, Attempt, Attempted},
    session::Session,
    sign_in::Continued,
    totp::Try,
};

use super::fixture::{CHEAP, LATER, World};
use crate::harness::NOW;

const PASSWORD: &str = "violin mustard canyon";

/// Everybody's password; each account seals the hash for itself.
static HASH: LazyLock<PasswordHash> = LazyLock::new(|| {
    let rules = Rules { min_length: 8, context: &[] };
    let password = rules.check(&SecretText::new(PASSWORD.to_owned())).unwrap();
    PasswordHash::hash(&password, [7; 16], CHEAP, &mut Memory::default())
});

/// An authenticator app.
#[derive(Clone, Copy)]
pub(crate) struct App {
    pub(crate) method: MethodId,
    seed: [u8; 20],
}

impl App {
    fn value(&self, step: i64) -> u32 {
        let (seed, parameters) = (Secret::new(self.seed.to_vec()), Parameters::default());
        let counter = u64::try_from(step).unwrap();
        hotp::code_at(&seed, counter, parameters.algorithm(), parameters.digits())
    }

    /// The code that it shows `ahead` steps after `now`.
    pub(crate) fn code(&self, now: Timestamp, ahead: i64) -> OneTimeCode {
        OneTimeCode::parse(&format!("{:06}", self.value(now.seconds() / 30 + ahead))).unwrap()
    }

    /// A code that it shows at no time near `now`.
    pub(crate) fn wrong(&self, now: Timestamp) -> OneTimeCode {
        let step = now.seconds() / 30;
        let near: Vec<u32> = (step - 20..=step + 20).map(|step| self.value(step)).collect();
        let value = (0..100).find(|value| !near.contains(value)).unwrap();
        OneTimeCode::parse(&format!("{value:06}")).unwrap()
    }
}

/// Somebody with an account, as it was when it was last read.
pub(crate) struct Person {
    pub(crate) account: Account,
    pub(crate) lookups: Vec<[u8; 32]>,
    pub(crate) apps: Vec<App>,
    pub(crate) codes: Vec<SecretText>,
}

impl Person {
    pub(crate) const fn id(&self) -> UserId {
        self.account.id
    }

    /// The proof that the right password is.
    pub(crate) fn password(&self, now: Timestamp) -> Proof {
        let attempt = SecretText::new(PASSWORD.to_owned());
        HASH.verify(self.id(), &attempt, now, &mut Memory::default()).unwrap()
    }

    pub(crate) fn proofs(&self, now: Timestamp) -> Proofs {
        Proofs::default().with(&self.password(now))
    }

    /// One of the recovery codes, as it was typed.
    pub(crate) fn recovery_code(&self, index: usize) -> RecoveryCode {
        RecoveryCode::parse(self.codes[index].expose()).unwrap()
    }
}

impl World {
    /// An account that is not there yet, for an address that nobody has.
    pub(crate) fn new_account(&self) -> NewAccount {
        let (email, lookups) = self.address();
        self.account_for(email, lookups)
    }

    pub(crate) fn account_for(&self, email: String, lookups: Vec<[u8; 32]>) -> NewAccount {
        let id = self.user_id();
        NewAccount {
            id,
            email,
            lookups,
            name: None,
            locale: None,
            password: HASH.seal(&self.ring, self.random(), id),
            verified: true,
            bootstrap_until: None,
            now: NOW,
        }
    }

    /// Somebody with a password and nothing else.
    pub(crate) async fn newcomer(&self) -> Person {
        let account = self.new_account();
        let (id, lookups) = (account.id, account.lookups.clone());
        let envelope = self.envelope(NOW);
        self.write(Register { ring: self.ring.clone(), account, envelope: Some(envelope) }).await;
        let account = self.read_account(id).await;
        Person { account, lookups, apps: Vec::new(), codes: Vec::new() }
    }

    pub(crate) async fn read_account(&self, user: UserId) -> Account {
        self.write(ById { user }).await.unwrap()
    }

    /// Somebody with an authenticator app and ten recovery codes.
    pub(crate) async fn person(&self) -> Person {
        let mut person = self.newcomer().await;
        self.enrol(&mut person).await;
        person
    }

    /// Enrols one more authenticator app, with recovery codes if it is the first. Returns the
    /// session that comes of it.
    pub(crate) async fn enrol(&self, person: &mut Person) -> Session {
        let (enroller, app) = self.begin(person, NOW).await;
        let confirmed = self.write(self.confirm(person, &enroller, app, NOW)).await;
        let (session, account, _) = confirmed.unwrap();
        person.account = *account;
        person.apps.push(app);
        *session
    }

    /// Begins an enrolment that a sign-in demanded.
    pub(crate) async fn begin(&self, person: &mut Person, now: Timestamp) -> (Enroller, App) {
        let lineage = self.id();
        let proofs = person.proofs(now);
        let enroller = Enroller::SignIn { id: lineage, proofs, expires_at: now };
        let app = self.app();
        let (codes, set) = self.recovery_set(person.id());
        let begun = self.write(self.beginning(person, lineage, app, Some(set), now)).await;
        match begun {
            Begun::Pending { codes: true } => person.codes = codes,
            Begun::Pending { codes: false } => {}
            other => panic!("{other:?}"),
        }
        (enroller, app)
    }

    /// An app that nobody enrolled yet.
    pub(crate) fn app(&self) -> App {
        App { method: self.method_id(), seed: self.random() }
    }

    pub(crate) fn beginning(
        &self,
        person: &Person,
        lineage: [u8; 16],
        app: App,
        codes: Option<StoredSet>,
        now: Timestamp,
    ) -> Begin {
        let (user, parameters) = (person.id(), Parameters::default());
        let seed = Seed::new(&app.seed);
        Begin {
            account: person.account.clone(),
            lineage,
            method: app.method,
            name: Some(app.method.to_string()),
            secret: seed.seal(&self.ring, self.random(), user, app.method, &parameters),
            parameters,
            codes,
            expires_at: now.plus(Duration::from_mins(10)),
            now,
        }
    }

    pub(crate) fn confirm(
        &self,
        person: &Person,
        enroller: &Enroller,
        app: App,
        now: Timestamp,
    ) -> Confirm {
        Confirm {
            ring: self.ring.clone(),
            user: person.id(),
            enroller: enroller.clone(),
            code: app.code(now, 0),
            window: Window::default(),
            fresh: self.fresh(now),
            envelope: self.envelope(now),
        }
    }

    pub(crate) fn recovery_set(&self, user: UserId) -> (Vec<SecretText>, StoredSet) {
        let entropy: [[u8; 10]; SET_SIZE] = std::array::from_fn(|_| self.random());
        let (id, salt, memory) = (self.id(), self.random(), &mut Memory::default());
        recovery_codes::generate(&self.ring, user, id, salt, &entropy, CHEAP, memory)
    }

    /// Between the password and the second factor.
    pub(crate) fn step(&self, person: &Person, known_device: bool) -> Aim {
        Aim::SignIn(Arc::new(SignInStep {
            id: self.id(),
            user: person.id(),
            epoch: person.account.epoch,
            proofs: person.proofs(LATER),
            known_device,
            expires_at: LATER.plus(Duration::from_mins(5)),
        }))
    }

    pub(crate) fn attempt(&self, aim: Aim, now: Timestamp) -> Attempt {
        let (fresh, envelope) = (self.fresh(now), self.envelope(now));
        Attempt { ring: self.ring.clone(), aim, allowed: Allowed::default(), fresh, envelope }
    }

    /// A try of a code for `aim`.
    pub(crate) fn trying(&self, aim: Aim, code: OneTimeCode, now: Timestamp) -> Try {
        let attempt = self.attempt(aim, now);
        Try { attempt, code, method: None, window: Window::default() }
    }

    /// Tries the right code of the first app for `aim`.
    pub(crate) async fn try_right(&self, person: &Person, aim: Aim, now: Timestamp) -> Attempted {
        self.write(self.trying(aim, person.apps[0].code(now, 0), now)).await
    }

    /// Tries a wrong code of the first app for `aim`.
    pub(crate) async fn try_wrong(&self, person: &Person, aim: Aim, now: Timestamp) -> Attempted {
        self.write(self.trying(aim, person.apps[0].wrong(now), now)).await
    }

    /// Tries a recovery code from its count to its end.
    pub(crate) async fn try_recovery(
        &self,
        aim: Aim,
        code: &RecoveryCode,
        now: Timestamp,
    ) -> Attempted {
        let attempt = self.attempt(aim, now);
        let (user, ring, memory) = (attempt.user(), &self.ring, &mut Memory::default());
        let (account, set) = self.write(Reserve { attempt: attempt.clone() }).await?;
        let proof = set.verify(ring, user, code, now, memory);
        let low_stock = self.envelope(now);
        self.write(Settle { attempt, account: *account, proof, low_stock }).await
    }

    /// A session with both factors.
    pub(crate) async fn sign_in(&self, person: &Person, now: Timestamp) -> Session {
        let attempted = self.try_right(person, self.step(person, true), now).await;
        *attempted.unwrap().0
    }

    /// A session with the password alone, and the random part of its refresh token.
    pub(crate) async fn weak_session(&self, person: &Person) -> (Session, [u8; 32]) {
        let accepted = self.accepted(person, person.proofs(LATER));
        let random = accepted.fresh.random;
        match self.write(accepted).await {
            Continued::Session(session) => (*session, random),
            other => panic!("{other:?}"),
        }
    }

    /// Recovery codes that are left.
    pub(crate) async fn codes_left(&self, person: &Person) -> i64 {
        self.write(Read { user: person.id() }).await.0.codes_left
    }
}
