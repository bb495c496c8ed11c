//! Several requests in one round trip.
//!
//! A request of the driver leaves when its future is polled for the first time. So all are polled
//! once, in their order, before the first answer is waited for.

use std::{future::poll_fn, pin::Pin, task::Poll};

use crate::Fault;

/// A request that has not left yet.
pub(crate) type Request<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

enum Sent<'a, T> {
    Waiting(Request<'a, T>),
    Answered(T),
}

impl<'a, T> Sent<'a, T> {
    /// An error is of a request that did not leave: nothing is to leave after it.
    async fn send(mut request: Request<'a, T>) -> Result<Self, Fault> {
        let poll = poll_fn(|context| Poll::Ready(request.as_mut().poll(context))).await;
        match poll {
            Poll::Ready(answer) => answer.map(Self::Answered),
            Poll::Pending => Ok(Self::Waiting(request)),
        }
    }

    async fn answer(self) -> Result<T, Fault> {
        match self {
            Self::Waiting(request) => request.await,
            Self::Answered(answer) => Ok(answer),
        }
    }
}

/// Sends a request whose answer nobody waits for.
pub(crate) async fn send(request: Request<'_, ()>) {
    drop(Sent::send(request).await);
}

/// Sends `first` and then `asked` without waiting in between; the answers of `asked`, or the first
/// error in their order. Answers that are not waited for are read and dropped by the connection.
pub(crate) async fn pipeline<T>(
    first: Vec<Request<'_, ()>>,
    asked: Vec<Request<'_, T>>,
) -> Result<Vec<T>, Fault> {
    let mut sent = Vec::with_capacity(first.len());
    for request in first {
        sent.push(Sent::send(request).await?);
    }
    let mut waiting = Vec::with_capacity(asked.len());
    for request in asked {
        waiting.push(Sent::send(request).await?);
    }
    for request in sent {
        request.answer().await?;
    }
    let mut answers = Vec::with_capacity(waiting.len());
    for request in waiting {
        answers.push(request.answer().await?);
    }
    Ok(answers)
}
