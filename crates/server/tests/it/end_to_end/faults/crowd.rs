//! Many people at once, and what is true of them afterwards.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use super::{
    dice::{Dice, pass},
    journeys::{JOURNEYS, Walk},
    ledger::{Call, Ledger},
    person::Person,
};
use crate::end_to_end::caller::Caller;

/// People who are there at the same time.
const PEOPLE: usize = 6;

/// Journeys of one person; then another one comes.
const JOURNEYS_EACH: u32 = 30;

/// Between tries of a call that gets no answer.
const PAUSE: Duration = Duration::from_millis(30);

/// All people of a run.
pub(crate) struct Crowd {
    pub(crate) ledger: Arc<Ledger>,
    people: Vec<(Person, Dice)>,
}

impl Crowd {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let people = (0..PEOPLE).map(|_| {
            let mut dice = dice.fork();
            (somebody(&mut dice), dice)
        });
        Self { ledger: Arc::default(), people: people.collect() }
    }

    /// Everybody walks until `fault` is done; what it returns.
    pub(crate) async fn walk<T>(
        &mut self,
        caller: &Arc<Caller>,
        fault: impl Future<Output = T>,
    ) -> T {
        let over = Arc::new(AtomicBool::new(false));
        let mut walking = JoinSet::new();
        for (person, dice) in self.people.drain(..) {
            let (caller, ledger) = (Arc::clone(caller), Arc::clone(&self.ledger));
            walking.spawn(walk(person, dice, caller, ledger, Arc::clone(&over)));
        }
        let done = fault.await;
        over.store(true, Ordering::Relaxed);
        self.people = walking.join_all().await;
        done
    }

    /// Compares what everybody was told with what is true now, on a server that works.
    pub(crate) async fn examine(&mut self, caller: &Arc<Caller>) {
        let mut looking = JoinSet::new();
        for (mut person, dice) in self.people.drain(..) {
            let (caller, ledger) = (Arc::clone(caller), Arc::clone(&self.ledger));
            looking.spawn(async move {
                if examine(&mut person, &ledger, &caller).await.is_none() {
                    ledger.flaw(format!("no answer for {}", person.email));
                }
                (person, dice)
            });
        }
        self.people = looking.join_all().await;
        self.ledger.assert_true();
    }
}

fn somebody(dice: &mut Dice) -> Person {
    Person::new(format!("person-{:016x}@example.org", dice.roll()))
}

async fn walk(
    mut person: Person,
    mut dice: Dice,
    caller: Arc<Caller>,
    ledger: Arc<Ledger>,
    over: Arc<AtomicBool>,
) -> (Person, Dice) {
    while !over.load(Ordering::Relaxed) {
        if person.retired || person.journeys == JOURNEYS_EACH {
            person = somebody(&mut dice);
        }
        if person.settle(&ledger, &caller).await {
            person.journeys += 1;
            let registered = person.account;
            let walk = Walk { person: &mut person, caller: &caller, ledger: &ledger };
            if registered {
                dice.one_of(&JOURNEYS)(walk).await;
            } else {
                walk.register().await;
            }
        }
        if person.waits() {
            pass(PAUSE).await;
        }
    }
    (person, dice)
}

/// Everything that one person was told; `None` if an answer is missing.
async fn examine(person: &mut Person, ledger: &Ledger, caller: &Caller) -> Option<()> {
    if !person.settle(ledger, caller).await {
        return None;
    }
    if !person.account || person.retired {
        return Some(());
    }
    for access in &person.over {
        if ledger.call(caller, &Call::get("/auth/session", access)).await?.status != 401 {
            ledger.flaw(format!("a session of {} that was over is not", person.email));
        }
    }
    if let Some(access) = person.access() {
        let reply = ledger.call(caller, &Call::get("/auth/session", access)).await?;
        if reply.status != 200 {
            ledger.flaw(format!("lost: the session of {}: {}", person.email, reply.text));
        }
    }
    // Whatever is granted once more is noted by the ledger.
    for call in person.take_spent() {
        ledger.call(caller, &call).await?;
        if call.path == "/auth/refresh" {
            // Its second use may have ended the session.
            person.session = None;
        }
    }
    let reply = ledger.call(caller, &person.password()).await?;
    let expected = if person.holds() { "mfa_required" } else { "complete" };
    if reply.json["status"] != expected {
        ledger.flaw(format!("lost: {} is not {expected}: {}", person.email, reply.text));
        return Some(());
    }
    if let (Some((name, code)), Some(token)) = (&person.code, reply.json["temp_token"].as_str()) {
        let body = json!({ "temp_token": token, "mfa_token": code });
        let again = Call::post("/auth/login/mfa", None, body).spending("code", name);
        match ledger.call(caller, &again).await?.code() {
            "invalid-code" => person.was_wrong(ledger),
            _ => person.retired = true,
        }
    }
    Some(())
}
