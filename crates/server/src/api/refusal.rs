//! How a journey's refusal is told: the one place that knows both words.

use std::time::Duration;

use nightlatch_core::gate;
use nightlatch_flows::{Invalid, Refused};
use nightlatch_store::Fault;

use crate::api::problem::{Code, Problem, Required};

/// When a caller may try again where more was waiting than is taken on.
const BUSY: Duration = Duration::from_secs(1);

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid(values) => invalid(values),
            Refused::Unauthenticated => Code::Unauthenticated.into(),
            Refused::InvalidCredentials => Code::InvalidCredentials.into(),
            Refused::InvalidCode => Code::InvalidCode.into(),
            Refused::InvalidCredential(None) => Code::InvalidPasskey.into(),
            Refused::InvalidCredential(Some(unknown)) => {
                Self::new(Code::InvalidPasskey).unknown_credential(unknown)
            }
            Refused::CredentialRefused => Code::InvalidCredential.into(),
            Refused::CredentialExists => Code::CredentialExists.into(),
            Refused::InvalidToken => Code::InvalidToken.into(),
            Refused::FlowEnded => Code::FlowEnded.into(),
            Refused::MethodNotAllowed => Code::MethodNotAllowed.into(),
            Refused::TooManyAttempts(wait) => Self::new(Code::TooManyAttempts).retry_after(wait),
            Refused::EmailUnverified => Code::EmailUnverified.into(),
            Refused::RecoveryRequired => Code::RecoveryRequired.into(),
            Refused::AccountDisabled => Code::AccountDisabled.into(),
            Refused::RegistrationClosed => Code::RegistrationClosed.into(),
            Refused::PasswordRequired => Code::PasswordRequired.into(),
            Refused::AlreadyEnabled => Code::AlreadyEnabled.into(),
            Refused::TooManyMethods => {
                Self::new(Code::Conflict).detail("There is no room for another method.")
            }
            Refused::SetupNotFound => Code::SetupNotFound.into(),
            Refused::SetupCode => Code::InvalidSetupCode.into(),
            Refused::RefreshSuperseded => Code::RefreshSuperseded.into(),
            Refused::StepUp(required) => step_up(&required),
            Refused::LastMethod => Code::LastMethod.into(),
            Refused::NotFound => Code::NotFound.into(),
            Refused::Conflict => {
                Self::new(Code::Conflict).detail("It changed meanwhile. Try again.")
            }
            Refused::Busy => Self::new(Code::Busy).retry_after(BUSY),
            Refused::Store(fault) => store(&fault),
        }
    }
}

fn invalid(values: Vec<Invalid>) -> Problem {
    values.into_iter().fold(Code::InvalidValues.into(), |problem: Problem, value| {
        problem.and_field(value.field, value.detail)
    })
}

fn step_up(required: &gate::Required) -> Problem {
    Problem::step_up(Required {
        level: required.level.as_str(),
        max_age: required.max_age.as_secs(),
        methods: required.methods.iter().map(|factor| factor.as_str()).collect(),
    })
}

/// What the store could not do. Only what trying again can't mend is a fault of this side.
fn store(fault: &Fault) -> Problem {
    match fault {
        Fault::Busy | Fault::Conflict(_) => Problem::new(Code::Busy).retry_after(BUSY),
        // The store tells operators of an outage, once.
        Fault::Unavailable(_) => Code::Unavailable.into(),
        Fault::Broken(_) => Problem::internal(fault),
    }
}

#[cfg(test)]
mod tests {
    use nightlatch_core::{assurance::Level, proof::Factor};

    use super::*;

    #[track_caller]
    fn check(refused: Refused, status: u16, code: &str) {
        let problem = Problem::from(refused);
        assert_eq!((problem.status().as_u16(), problem.code().as_str()), (status, code));
    }

    #[test]
    fn refusals_have_the_statuses_of_the_contract() {
        check(Refused::invalid("email", "No."), 422, "invalid-values");
        check(Refused::InvalidCode, 401, "invalid-code");
        check(Refused::SetupCode, 400, "invalid-code");
        check(Refused::InvalidCredential(None), 401, "invalid-credential");
        check(Refused::CredentialRefused, 400, "invalid-credential");
        check(Refused::CredentialExists, 409, "credential-exists");
        check(Refused::InvalidToken, 400, "invalid-token");
        check(Refused::FlowEnded, 401, "flow-ended");
        check(Refused::RefreshSuperseded, 409, "refresh-superseded");
        check(Refused::TooManyMethods, 409, "conflict");
        check(Refused::TooManyAttempts(Duration::from_secs(9)), 429, "too-many-attempts");
    }

    #[test]
    fn a_step_up_names_level_and_methods() {
        let (max_age, methods) = (Duration::from_mins(5), vec![Factor::Totp, Factor::BackupCode]);
        let required = gate::Required { level: Level::Aal2, max_age, methods };
        check(Refused::StepUp(required), 403, "mfa-required");
    }

    #[test]
    fn a_broken_store_is_our_fault_and_a_busy_one_nobodys() {
        check(Refused::Busy, 503, "busy");
        check(Refused::Store(Fault::Busy), 503, "busy");
        check(Refused::Store(Fault::corrupt("users.state")), 500, "internal");
    }
}
