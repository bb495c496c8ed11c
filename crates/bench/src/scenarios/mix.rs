//! Calls of every kind at once, in the shares of an ordinary day; without passwords, whose hashes would
//! hide the rest.

use super::{
    Bench, SLICE, Side, Stage,
    calls::{WARM, call},
    codes::{again, next},
};
use crate::{http::Request, now, report::Report};

/// A kind of call.
#[derive(Clone, Copy)]
enum Kind {
    /// Who is signed in, with a token that was seen before.
    Session,
    /// What somebody has enrolled.
    Methods,
    Refresh,
    Totp,
    Passkey,
    WrongCode,
    Unauthenticated,
}

/// How many of a hundred calls are of each kind.
const SHARES: [(Kind, usize); 7] = [
    (Kind::Session, 70),
    (Kind::Methods, 10),
    (Kind::Refresh, REFRESHED),
    (Kind::Totp, 6),
    (Kind::Passkey, 3),
    (Kind::WrongCode, 2),
    (Kind::Unauthenticated, 1),
];

const REFRESHED: usize = 8;

/// So many calls, well mixed.
fn kinds(count: usize) -> impl Iterator<Item = Kind> {
    let hundred: Vec<Kind> = SHARES.iter().flat_map(|(kind, share)| vec![*kind; *share]).collect();
    // Every place has a turn, as 37 and 100 have no divisor in common.
    (0..count).map(move |number| hundred[number * 37 % 100])
}

impl Bench<'_> {
    /// All of it, against a floor that answers the same shares bare or with rows.
    pub(super) async fn mix(
        &self,
        on: &Stage,
        connections: usize,
        report: &mut Report,
    ) -> Result<(), String> {
        const NAME: &str = "mix";
        if !self.wants(NAME) {
            return Ok(());
        }
        // On the floor, every fifth call takes a person and their code.
        let count = SLICE.min(5 * self.slice());
        let warm = self.signed_in(&on.ours, WARM).await?;
        let sessions = self.signed_in(&on.ours, count * REFRESHED / 100 + REFRESHED).await?;
        let ours = || {
            let now = now();
            let mut refreshed = 0..;
            let mut turns = (0..WARM).cycle();
            let mut warm_call = |path| call(path, &warm.borrow()[turns.next().unwrap_or(0)]);
            let request = |kind| match kind {
                Kind::Session => warm_call("/auth/session"),
                Kind::Methods => warm_call("/auth/mfa/methods"),
                Kind::Refresh => again(&sessions, refreshed.next().unwrap_or(0), next),
                Kind::Totp => self.code(true, now),
                Kind::Passkey => self.passkey(),
                Kind::WrongCode => self.code(false, now),
                Kind::Unauthenticated => Request::get("/auth/session", None).expecting(401),
            };
            kinds(count).map(request).collect()
        };
        let floor = || {
            let now = now();
            let request = |kind| match kind {
                Kind::Session | Kind::Methods => call("/auth/session", &warm.borrow()[0]),
                Kind::Refresh | Kind::Totp | Kind::WrongCode => self.row(now),
                Kind::Passkey => self.passkey(),
                Kind::Unauthenticated => Request::get("/auth/session", None),
            };
            kinds(count).map(request).collect()
        };
        let ours = Side { renew: self.renewed(&self.place), ..Side::new(&on.ours, ours) };
        let floor = Side { renew: self.renewed(&self.copy), ..Side::new(&on.rows, floor) };
        self.duel(NAME, ours, vec![("rows", floor, None)], connections, report).await
    }
}
