//! People, made by the units themselves.

use std::{sync::LazyLock, time::Duration};

use nightlatch_core::{
    MethodId, Secret, SecretText, Timestamp, UserId,
    code::{OneTimeCode, RecoveryCode},
    factors::{
        hotp,
        password::{Memory, PasswordHash, Rules},
        recovery_codes::{self, SET_SIZE, StoredSet},
        totp::{Parameters, Seed, Window},
    },
    proof::{Proof, Proofs},
};
use nightlatch_store::units::{
    account::{Account, ById},
    enrol::{Begin, Begun, Completion, Confirm, Enroller},
    methods::Read,
    register::{NewAccount, Register},
    session::Session,
};

use super::fixture::{CHEAP, World};
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
    pub(crate) lookup: [u8; 32],
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
    /// An account that is not there yet.
    pub(crate) fn account_for(&self, email: String, lookup: [u8; 32]) -> NewAccount {
        let id = self.user_id();
        NewAccount {
            id,
            email,
            lookup,
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
        let (email, lookup) = self.address();
        let account = self.account_for(email, lookup);
        let (id, envelope) = (account.id, Some(self.envelope(NOW)));
        self.write(Register { ring: self.ring.clone(), account, envelope }).await;
        let account = self.read_account(id).await;
        Person { account, lookup, apps: Vec::new(), codes: Vec::new() }
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
        let enroller =
            Enroller::SignIn { id: lineage, proofs, expires_at: now.plus(Duration::from_mins(15)) };
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
            completion: self.completion(person, enroller, now),
            code: app.code(now, 0),
            window: Window::default(),
        }
    }

    /// What the proof of a new factor completes.
    pub(crate) fn completion(
        &self,
        person: &Person,
        enroller: &Enroller,
        now: Timestamp,
    ) -> Completion {
        Completion {
            ring: self.ring.clone(),
            user: person.id(),
            enroller: enroller.clone(),
            fresh: self.fresh(now),
            envelope: self.envelope(now),
        }
    }

    pub(crate) fn recovery_set(&self, user: UserId) -> (Vec<SecretText>, StoredSet) {
        let entropy: [[u8; 10]; SET_SIZE] = std::array::from_fn(|_| self.random());
        let (id, salt, memory) = (self.id(), self.random(), &mut Memory::default());
        recovery_codes::generate(&self.ring, user, id, salt, &entropy, CHEAP, memory)
    }

    /// Recovery codes that are left.
    pub(crate) async fn codes_left(&self, person: &Person) -> i64 {
        self.write(Read { user: person.id() }).await.0.codes_left
    }
}
