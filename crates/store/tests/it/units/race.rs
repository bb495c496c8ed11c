//! Many at the same time.

use nightlatch_store::{Engine, Store, Unit};

use super::fixture::World;

/// How many run at the same time.
pub(crate) const RUNNERS: usize = 64;

/// How often a race is run: a round costs more on PostgreSQL.
pub(crate) fn rounds(store: &Store) -> usize {
    match store.engine() {
        Engine::Sqlite => 50,
        Engine::Postgres => 20,
    }
}

impl World {
    /// Runs units that have to succeed, or to refuse, each on a task of its own.
    pub(crate) async fn race<U: Unit>(&self, units: impl IntoIterator<Item = U>) -> Vec<U::Out> {
        let write = |unit: U| {
            let store = self.store.clone();
            async move { store.write(unit).await.unwrap() }
        };
        together(units.into_iter().map(write)).await
    }
}

/// Runs futures, each on a task of its own.
pub(crate) async fn together<F>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let tasks: Vec<_> = futures.into_iter().map(tokio::spawn).collect();
    let mut outcomes = Vec::with_capacity(tasks.len());
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

/// How many of `outcomes` are as `wanted`.
pub(crate) fn count<T>(outcomes: &[T], wanted: impl Fn(&T) -> bool) -> usize {
    outcomes.iter().filter(|outcome| wanted(outcome)).count()
}
