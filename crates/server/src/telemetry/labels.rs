//! The values that labels of metrics can have: closed lists, never input, ids or addresses.

/// What somebody proved, or tried to, when signing in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// A password.
    Password,
    /// A code from an authenticator app.
    Totp,
    /// A recovery code.
    BackupCode,
    /// A code sent by mail.
    Email,
}

impl Factor {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Totp => "totp",
            Self::BackupCode => "backup_code",
            Self::Email => "email",
        }
    }
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was right.
    Accepted,
    /// It was wrong, stale or used.
    Refused,
    /// It was not looked at, because there were too many.
    Limited,
}

impl Outcome {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Limited => "limited",
        }
    }
}

/// How somebody is kept from trying on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lockout {
    /// For a while.
    Delay,
    /// Until the owner recovers or reactivates the method.
    Disabled,
}

impl Lockout {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Delay => "delay",
            Self::Disabled => "disabled",
        }
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It was handed over.
    Delivered,
    /// It could not be handed over.
    Failed,
}

impl Sent {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// Why the frame answered in place of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Too many requests from one address.
    Limited,
    /// A host that is not served.
    Host,
    /// Two proofs of who the caller is.
    Credentials,
    /// Too many requests at the same time.
    Busy,
    /// The route took too long.
    TimedOut,
    /// The route panicked.
    Panicked,
}

impl Refused {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Limited => "limited",
            Self::Host => "host",
            Self::Credentials => "credentials",
            Self::Busy => "busy",
            Self::TimedOut => "timed_out",
            Self::Panicked => "panicked",
        }
    }
}
