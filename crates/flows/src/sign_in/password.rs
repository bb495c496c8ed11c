//! The first factor. Addresses with and without an account get the same answer after the same work.

use nightlatch_core::{
    SecretText, Timestamp,
    audit::Reason,
    code::AnyCode,
    lockout::Budget,
    methods::{Demand, Next, State},
    proof::{Factor, Proof, Proofs},
    token::{Device, Enrollment, SignInStep},
};
use nightlatch_store::units::{
    account::{Account, ByAddress, Standing},
    budget::{Reserve, Reserved, Slot},
    sign_in::{Accepted, Continued, Refused as Refusal},
};

use super::{
    Challenge, ENROLLMENT_LIFETIME, EnrollmentRequired, STEP_LIFETIME, SignIn, second_factor,
};
use crate::{
    Client, Env, Refused,
    env::wait_for,
    observer::Outcome,
    passwords::{self, Compared},
    sign_up::register::parse_email,
    tokens,
};

/// A sign-in by password.
#[derive(Debug, Default)]
pub struct Input {
    /// The address.
    pub email: String,
    /// The password.
    pub password: SecretText,
    /// What a device got at its last sign-in: recognises it, proves nothing.
    pub device_token: Option<SecretText>,
    /// The second factor's code, looked at only if the password is right.
    pub mfa_token: Option<AnyCode>,
}

/// Where the attempts at one account's password are counted.
struct Budgets {
    reserve: Vec<Slot>,
    forgive: Vec<i64>,
    ease: Vec<i64>,
    known_device: bool,
}

/// Signs in by password.
///
/// # Errors
///
/// [`Refused::InvalidCredentials`] for a wrong address or password alike;
/// [`Refused::TooManyAttempts`]; and after the right password alone
/// [`Refused::AccountDisabled`], [`Refused::EmailUnverified`] and [`Refused::RecoveryRequired`].
pub async fn sign_in(env: &Env, client: &Client, input: Input) -> Result<SignIn, Refused> {
    let now = env.clock.now();
    let email = parse_email(&input.email)?;
    let lookup = email.lookup_key(&env.ring());
    let account = env.store.read(ByAddress { lookup }).await?;
    let budgets = budgets(env, client, account.as_ref(), &lookup, input.device_token.as_ref());
    let streak = match env.write(Reserve { slots: budgets.reserve.clone(), now }).await? {
        Reserved::Go { streak } => streak,
        Reserved::Wait(until) => {
            env.observer.presented(Factor::Password, Outcome::Limited);
            return Err(Refused::TooManyAttempts(wait_for(until, now)));
        }
    };
    let place = passwords::place(env, &budgets.reserve).await?;
    let slot = budgets.reserve[budgets.reserve.len() - 1].slot;
    let Compared { proof, rehashed } =
        passwords::compare(env, place, account.as_ref(), input.password, now).await?;
    let Some((account, proof)) = account.clone().zip(proof) else {
        let reason = Reason::WrongPassword;
        env.write(Refusal { account, reason, streak, slot, address: client.address, now }).await?;
        return Err(Refused::InvalidCredentials);
    };
    if let Some((reason, refused)) = closed(env, &account) {
        let account = Some(account);
        env.write(Refusal { account, reason, streak, slot, address: client.address, now }).await?;
        return Err(refused);
    }
    let known_device = budgets.known_device;
    let signing_in = go_on(env, client, account, &proof, budgets, rehashed).await?;
    match (signing_in, input.mfa_token) {
        (SignIn::Challenge(challenge), Some(code)) => {
            second_factor::answer(env, client, &challenge.temp_token, code, None)
                .await
                .map(|tokens| SignIn::Complete(Box::new(tokens)))
        }
        (SignIn::Complete(tokens), _) => {
            Ok(SignIn::Complete(Box::new(tokens.with_device(env, known_device, now))))
        }
        (signing_in, _) => Ok(signing_in),
    }
}

fn budgets(
    env: &Env,
    client: &Client,
    account: Option<&Account>,
    address: &[u8; 32],
    device: Option<&SecretText>,
) -> Budgets {
    if let Some(device) = account.and_then(|account| known_device(env, account, device)) {
        let slot = env.budget(Budget::KnownDevice, address, &device.id);
        return Budgets {
            reserve: vec![slot],
            forgive: vec![slot.slot],
            ease: Vec::new(),
            known_device: true,
        };
    }
    let network = env.budget(Budget::Network, address, &client.network());
    let anywhere = env.budget(Budget::Anywhere, address, b"");
    Budgets {
        reserve: vec![network, anywhere],
        forgive: vec![network.slot],
        ease: vec![anywhere.slot],
        known_device: false,
    }
}

/// The device of this account that `token` was given to, unless the password changed since.
pub(super) fn known_device(
    env: &Env,
    account: &Account,
    token: Option<&SecretText>,
) -> Option<Device> {
    token.and_then(|text| Device::open(&env.ring(), text)).filter(|device| {
        device.user == account.id
            && account.password_at.is_none_or(|changed| device.issued_at >= changed)
    })
}

/// Whether the account is closed to whoever knows its password, and why.
pub(crate) fn closed(env: &Env, account: &Account) -> Option<(Reason, Refused)> {
    if account.standing == Standing::Disabled {
        return Some((Reason::Disabled, Refused::AccountDisabled));
    }
    let unverified = env.settings.verify_email && account.email_verified_at.is_none();
    unverified.then_some((Reason::EmailUnverified, Refused::EmailUnverified))
}

/// Whether policy demands a second factor: of administrators, always.
pub(crate) fn demand(account: &Account, now: Timestamp) -> Demand {
    if account.bootstrap_until.is_some_and(|until| now < until) {
        Demand::Enroll
    } else if account.is_admin {
        Demand::Vouched
    } else {
        Demand::None
    }
}

async fn go_on(
    env: &Env,
    client: &Client,
    account: Account,
    proof: &Proof,
    budgets: Budgets,
    rehashed: Option<Vec<u8>>,
) -> Result<SignIn, Refused> {
    let fresh = env.fresh(client, env.clock.now());
    let (now, random) = (fresh.now, fresh.random);
    let proofs = Proofs::default().with(proof);
    let unit = Accepted {
        ring: env.ring(),
        account: account.clone(),
        fresh,
        allowed: env.settings.allowed.clone(),
        demand: demand(&account, now),
        proofs: proofs.clone(),
        forgive: budgets.forgive,
        ease: budgets.ease,
        rehashed,
    };
    let (next, holding) = match env.write(unit).await? {
        Continued::Session(session) => {
            let tokens = tokens::hand_out(env, *session, account, random, now);
            return Ok(SignIn::Complete(Box::new(tokens)));
        }
        Continued::More(next, holding) => (next, holding),
        Continued::Changed => return Err(Refused::Conflict),
    };
    match next {
        Next::Challenge(factors) => {
            let step = SignInStep {
                id: env.id(now),
                user: account.id,
                epoch: account.epoch,
                proofs,
                known_device: budgets.known_device,
                verified: None,
                expires_at: now.plus(STEP_LIFETIME),
            };
            let mut methods = holding.methods;
            methods
                .retain(|method| method.state == State::Active && factors.contains(&method.factor));
            Ok(SignIn::Challenge(Challenge {
                temp_token: step.seal(&env.ring(), env.random()),
                factors,
                methods,
                expires_in: STEP_LIFETIME,
            }))
        }
        Next::Enroll => {
            // Nobody becomes an administrator later than the one who runs the server allowed.
            let latest = now.plus(ENROLLMENT_LIFETIME);
            let expires_at = account.bootstrap_until.map_or(latest, |until| until.min(latest));
            let token = Enrollment {
                id: env.id(now),
                user: account.id,
                epoch: account.epoch,
                proofs,
                expires_at,
            };
            Ok(SignIn::EnrollmentRequired(EnrollmentRequired {
                temp_token: token.seal(&env.ring(), env.random()),
                allowed: env.settings.allowed.enrollable(),
                expires_in: expires_at.since(now),
            }))
        }
        Next::Recover => Err(Refused::RecoveryRequired),
        Next::Complete => Err(Refused::Conflict),
    }
}
