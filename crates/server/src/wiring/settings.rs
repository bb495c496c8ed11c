//! The settings of journeys, made of what the operator wrote.

use nightlatch_core::{
    assurance,
    factors::{
        hotp::Algorithm,
        password::Cost,
        totp::{Parameters, Window},
        webauthn::RelyingParty,
    },
    methods::Allowed,
};
use nightlatch_flows::{Settings, settings};

use crate::config::{
    Argon2, Config, Delivery, Lifetimes, Mode, Registration, Sessions, Totp, TotpAlgorithm,
    WebAuthn,
};

/// What journeys go by under `config`.
#[must_use]
pub fn of(config: &Config) -> Settings {
    Settings {
        public_url: config.public_url.origin().to_owned(),
        registration: match config.accounts.registration {
            Registration::Open => settings::Registration::Open,
            Registration::Invite => settings::Registration::Invite,
            Registration::Closed => settings::Registration::Closed,
        },
        verify_email: config.accounts.verify_email,
        first_enrollment_mail: config.mode == Mode::Serve && config.delivery != Delivery::Off,
        password_min_length: config.passwords.min_length,
        password_min_length_with_mfa: config.passwords.min_length_with_mfa,
        password_cost: cost(config.passwords.argon2),
        lifetimes: lifetimes(&config.sessions),
        step_up_max_age: config.step_up_max_age,
        totp_issuer: config.totp.issuer.clone(),
        totp_parameters: parameters(&config.totp),
        totp_window: if config.totp.window == 0 { Window::Strict } else { Window::OneStep },
        webauthn: webauthn(&config.webauthn),
        allowed: Allowed::default(),
        audiences: config.tokens.audiences.clone(),
        access_lifetime: config.tokens.access_lifetime,
    }
}

const fn cost(argon2: Argon2) -> Cost {
    Cost {
        memory_kib: argon2.memory_kib,
        iterations: argon2.iterations,
        parallelism: argon2.parallelism,
    }
}

const fn lifetimes(sessions: &Sessions) -> assurance::Lifetimes {
    const fn lifetime(Lifetimes { idle, absolute }: Lifetimes) -> assurance::Lifetime {
        assurance::Lifetime { idle, absolute }
    }
    assurance::Lifetimes {
        aal1: lifetime(sessions.aal1),
        aal2: lifetime(sessions.aal2),
        aal3: lifetime(sessions.aal3),
    }
}

fn webauthn(webauthn: &WebAuthn) -> settings::WebAuthn {
    settings::WebAuthn {
        party: RelyingParty {
            id: webauthn.rp_id.clone(),
            origins: webauthn.origins.clone(),
            allow_cross_origin: !webauthn.top_origins.is_empty(),
            top_origins: webauthn.top_origins.clone(),
        },
        name: webauthn.name.clone(),
        highest: webauthn.highest.clone(),
    }
}

fn parameters(totp: &Totp) -> Parameters {
    let algorithm = match totp.algorithm {
        TotpAlgorithm::Sha1 => Algorithm::Sha1,
        TotpAlgorithm::Sha256 => Algorithm::Sha256,
        TotpAlgorithm::Sha512 => Algorithm::Sha512,
    };
    let period = u32::try_from(totp.period.as_secs()).unwrap_or(u32::MAX);
    Parameters::new(algorithm, totp.digits.into(), period)
        .expect("settings hold 6 or 8 digits and 15 to 60 seconds, which are valid parameters")
}
