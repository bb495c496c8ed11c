//! The values that labels of metrics can have: closed lists, never input, ids or addresses.

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It was handed over.
    Delivered,
    /// It could not be handed over.
    Failed,
}

impl Sent {
    pub(crate) const ALL: [Self; 2] = [Self::Delivered, Self::Failed];

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
    pub(crate) const ALL: [Self; 6] =
        [Self::Limited, Self::Host, Self::Credentials, Self::Busy, Self::TimedOut, Self::Panicked];

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
