//! People in numbers: accounts that have a password and an authenticator app, made straight in the
//! database with the product's own seals, and what they present.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::digest::{SHA256, digest};
use nightlatch_core::{
    MethodId, Secret, SecretText, Timestamp, UserId,
    email::Email,
    factors::{
        hotp::{self, Algorithm},
        password::{Cost, Memory, NewPassword, PasswordHash, Rules},
        totp::{Parameters, Seed},
    },
    keys::KeyRing,
    proof::Proofs,
    token::SignInStep,
};
use nightlatch_store::{Fault, Store, Tx, Unit, args, sql};

/// Everybody's password.
pub(crate) const PASSWORD: &str = "violin mustard canyon Tuesday";

/// What production asks of a hash at least.
pub(crate) const COST: Cost = Cost { memory_kib: 19_456, iterations: 2, parallelism: 1 };

/// Accounts made in one transaction.
const BATCH: u32 = 250;

/// Transactions under way at the same time while accounts are made.
const AT_ONCE: usize = 8;

static CHOSEN: LazyLock<NewPassword> = LazyLock::new(|| {
    let rules = Rules { min_length: 8, context: &[] };
    rules.check(&SecretText::new(PASSWORD.to_owned())).expect("it passes the rules")
});

/// One person, by number.
#[derive(Clone, Copy)]
pub(crate) struct Person(pub(crate) u32);

impl Person {
    /// Bytes that are this person's alone, and look random.
    fn bytes(self, what: &str) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, format!("{what} {}", self.0).as_bytes()).as_ref());
        bytes
    }

    fn short<const N: usize>(self, what: &str) -> [u8; N] {
        let mut short = [0; N];
        short.copy_from_slice(&self.bytes(what)[..N]);
        short
    }

    pub(crate) fn id(self) -> UserId {
        // Time-ordered, as if one account had been made every second.
        UserId::new(Timestamp::from_seconds(i64::from(self.0)), self.short("user"))
    }

    /// Who has this id.
    pub(crate) fn with_id(id: UserId) -> Option<Self> {
        let mut millis = [0; 8];
        millis[2..].copy_from_slice(&id.as_bytes()[..6]);
        u32::try_from(u64::from_be_bytes(millis) / 1000).ok().map(Self)
    }

    pub(crate) fn method(self) -> MethodId {
        MethodId::new(Timestamp::from_seconds(i64::from(self.0)), self.short("method"))
    }

    pub(crate) fn email(self) -> String {
        format!("person-{}@example.org", self.0)
    }

    /// The code of the app `ahead` steps from now.
    pub(crate) fn code(self, now: Timestamp, ahead: i64) -> String {
        let step = now.seconds().div_euclid(30) + ahead;
        let seed = Secret::new(self.short::<20>("seed").to_vec());
        let counter = u64::try_from(step).unwrap_or_default();
        format!("{:06}", hotp::code_at(&seed, counter, Algorithm::Sha1, 6))
    }

    /// A sign-in of this person after the password, as the server would have handed it out.
    pub(crate) fn step(self, ring: &KeyRing, now: Timestamp, nonce: u64) -> SecretText {
        let mut id = [0; 16];
        id[..6].copy_from_slice(&now.millis().to_be_bytes()[2..]);
        id[8..].copy_from_slice(&nonce.to_be_bytes());
        let step = SignInStep {
            id,
            user: self.id(),
            epoch: 1,
            proofs: Proofs::default().with(&CHOSEN.chosen(self.id(), now)),
            known_device: true,
            verified: None,
            expires_at: now.plus(std::time::Duration::from_mins(10)),
        };
        let mut random = [0; 12];
        random[..8].copy_from_slice(&nonce.to_be_bytes());
        random[8..].copy_from_slice(&self.0.to_be_bytes());
        step.seal(ring, random)
    }
}

/// Makes the accounts from `first` on, `BATCH` of them or as many as there are before `end`.
struct Make {
    ring: Arc<KeyRing>,
    password: Arc<PasswordHash>,
    first: u32,
    end: u32,
}

impl Unit for Make {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        for person in (self.first..self.end.min(self.first + BATCH)).map(Person) {
            self.make(tx, person).await?;
        }
        Ok(())
    }
}

impl Make {
    async fn make(&self, tx: &mut Tx<'_>, person: Person) -> Result<(), Fault> {
        let (user, method) = (person.id(), person.method());
        let sealed = self.password.seal(&self.ring, person.short("password"), user);
        let email = Email::parse(&person.email()).ok_or_else(|| Fault::broken("no address"))?;
        let parameters = Parameters::default();
        let seed = Seed::new(&person.short::<20>("seed"));
        let secret = seed.seal(&self.ring, person.short("nonce"), user, method, &parameters);
        tx.put(
            sql!(
                "INSERT INTO users (id, email, state, epoch, password, password_at, \
                 email_verified_at, is_admin, created_at) VALUES (?1, ?2, 1, 1, ?3, 1, 1, 0, 1)"
            ),
            args![user, email.as_str(), &sealed],
        )
        .await?;
        tx.put(
            sql!("INSERT INTO addresses (lookup, user_id) VALUES (?1, ?2)"),
            args![&email.lookup_key(&self.ring), user],
        )
        .await?;
        tx.put(
            sql!(
                "INSERT INTO methods (user_id, id, factor, name, state, created_at) \
                 VALUES (?1, ?2, 2, 'Authenticator app', 1, 1)"
            ),
            args![user, method],
        )
        .await?;
        tx.put(
            sql!(
                "INSERT INTO totp (user_id, method_id, secret, algorithm, digits, period, \
                 last_step, drift) VALUES (?1, ?2, ?3, 1, 6, 30, 0, 0)"
            ),
            args![user, method, &secret],
        )
        .await
    }
}

/// Makes the accounts 0 to `count`.
pub(crate) async fn make(store: &Store, ring: Arc<KeyRing>, count: u32) -> Result<(), Fault> {
    let hash = PasswordHash::hash(&CHOSEN, [7; 16], COST, &mut Memory::default());
    let password = Arc::new(hash);
    let mut firsts = (0..count).step_by(usize::try_from(BATCH).unwrap_or(1));
    let mut under_way = tokio::task::JoinSet::new();
    loop {
        while under_way.len() < AT_ONCE
            && let Some(first) = firsts.next()
        {
            let (ring, password) = (Arc::clone(&ring), Arc::clone(&password));
            let store = store.clone();
            let make = Make { ring, password, first, end: count };
            under_way.spawn(async move { store.write(make).await });
        }
        match under_way.join_next().await {
            Some(done) => done.map_err(|error| Fault::broken(error.to_string()))??,
            None => return Ok(()),
        }
    }
}
