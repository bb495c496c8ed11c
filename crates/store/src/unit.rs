//! Units of work: plain data in, one transaction, an answer out.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use tokio::sync::oneshot;

use crate::{Fault, Tx};

/// One transaction. `Ok` commits, a refusal too: what was burnt or counted must stay. `Err` leaves
/// nothing.
///
/// A unit may run more than once (a deadlock, a neighbour's fault), so it has no effect but through
/// `tx`; and it awaits nothing but `tx`: on SQLite its future is polled once. Guards come first and
/// writes after, so that a refusing unit has nothing to undo.
///
/// ```
/// use nightlatch_store::{Fault, Tx, Unit, args, sql};
///
/// /// Accepts a step of a one-time password once.
/// struct Accept { method: [u8; 16], step: i64 }
///
/// impl Unit for Accept {
///     type Out = bool;
///
///     async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Fault> {
///         let step = sql!("UPDATE totp SET last_step = ?2 WHERE id = ?1 AND last_step < ?2");
///         tx.hit(step, args![&self.method, self.step]).await
///     }
/// }
/// ```
pub trait Unit: Send + Sync + 'static {
    /// What the unit answers.
    type Out: Send + 'static;

    /// Whether it asks one question and nothing else: what is read by one statement is of one moment,
    /// so that [`Store::read`](crate::Store::read) puts no transaction around it.
    const ONE_QUESTION: bool = false;

    /// Does the work. Implementations write `async fn run`.
    fn run(&self, tx: &mut Tx<'_>) -> impl Future<Output = Result<Self::Out, Fault>> + Send;
}

/// Runs `unit`; a panic in it, and going on after a failed statement, are faults of the unit.
pub(crate) async fn run<U: Unit>(unit: &U, tx: &mut Tx<'_>) -> Result<U::Out, Fault> {
    let out = caught(async { unit.run(&mut *tx).await }).await?;
    if tx.failed() {
        return Err(Fault::broken("a unit of work went on after a fault"));
    }
    if tx.is_silent() {
        return Err(Fault::broken("a unit of work did not say whose account it changed"));
    }
    Ok(out)
}

async fn caught<T>(future: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let mut future = pin!(future);
    // Nothing of a unit that panicked is looked at again: its transaction is rolled back.
    poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)))
            .unwrap_or_else(|_| Poll::Ready(Err(Fault::broken("a unit of work panicked"))))
    })
    .await
}

/// The outcome of a future that has nothing to wait for.
pub(crate) fn at_once<T>(future: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(Fault::broken("a unit of work waited for something")),
    }
}

/// A unit on its way through a queue, of whatever type, with the caller who waits for it.
pub(crate) trait Job: Send {
    /// Runs the unit and keeps what it answers.
    fn run<'a>(
        &'a mut self,
        tx: &'a mut Tx<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>>;

    /// Whether the unit asks [one question](Unit::ONE_QUESTION).
    fn asks_one_question(&self) -> bool;

    /// Tells the caller, if it still waits: the unit's answer, or why there is none.
    fn answer(self: Box<Self>, verdict: Result<(), Fault>);
}

/// What the caller of a job waits for.
pub(crate) type Answer<T> = oneshot::Receiver<Result<T, Fault>>;

struct Queued<U: Unit> {
    unit: U,
    out: Option<U::Out>,
    caller: oneshot::Sender<Result<U::Out, Fault>>,
}

/// Packs `unit` for a queue.
pub(crate) fn job<U: Unit>(unit: U) -> (Box<dyn Job>, Answer<U::Out>) {
    let (caller, answer) = oneshot::channel();
    (Box::new(Queued { unit, out: None, caller }), answer)
}

impl<U: Unit> Job for Queued<U> {
    fn run<'a>(
        &'a mut self,
        tx: &'a mut Tx<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>> {
        Box::pin(async move {
            self.out = Some(run(&self.unit, tx).await?);
            Ok(())
        })
    }

    fn asks_one_question(&self) -> bool {
        U::ONE_QUESTION
    }

    fn answer(self: Box<Self>, verdict: Result<(), Fault>) {
        let Self { out, caller, .. } = *self;
        let answer = verdict.and_then(|()| out.ok_or_else(|| Fault::broken("a unit did not run")));
        // A caller who left does not hear it; the work is done all the same.
        let _ = caller.send(answer);
    }
}
