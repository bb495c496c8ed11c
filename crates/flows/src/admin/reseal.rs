//! Sealing anew what older keys sealed, while servers serve.
//!
//! Some cells at a time are read, made anew and put into the place of exactly what was read, so that
//! nobody's change is lost and nobody waits for more than a moment. It can be cut at any time and
//! begun again: what was done stays done.

use nightlatch_store::units::keys::{Found, Page, SEALED, SealedColumn, Swap};

use crate::{Env, Refused};

/// Cells in one unit of work.
const BATCH: i64 = 100;

/// Nodes may seal with the older key while they take the new one; after this many passes they are too
/// many to be that.
const MOST_PASSES: usize = 10;

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Cells that were made anew.
    pub cells: u64,
    /// Cells that no key of the ring made where they are; they were left as they were.
    pub unreadable: u64,
}

/// Makes everything anew that another key than the sealing one made.
///
/// # Errors
///
/// The store's. What was made anew until then stays.
pub async fn reseal(env: &Env) -> Result<Resealed, Refused> {
    let mut all = Resealed::default();
    for _ in 0..MOST_PASSES {
        let mut pass = Resealed::default();
        for column in &SEALED {
            reseal_column(env, column, &mut pass).await?;
        }
        all = Resealed { cells: all.cells + pass.cells, unreadable: pass.unreadable };
        if pass.cells == 0 {
            break;
        }
    }
    Ok(all)
}

async fn reseal_column(
    env: &Env,
    column: &'static SealedColumn,
    done: &mut Resealed,
) -> Result<(), Refused> {
    let mut after = None;
    loop {
        let ring = env.ring();
        let page = Page { column, tag: ring.primary_tag(), after, limit: BATCH };
        let found = env.store.read_slow(page).await?;
        after = Page::end(&found);
        if after.is_none() {
            return Ok(());
        }
        let cells: Vec<_> =
            found.iter().filter_map(|found| found.remade(&ring, env.random())).collect();
        let made = u64::try_from(cells.len()).unwrap_or(u64::MAX);
        done.unreadable += u64::try_from(found.len()).unwrap_or(u64::MAX) - made;
        done.cells += made;
        let users = found.iter().filter_map(Found::user).collect();
        env.store.write(Swap { column, cells, users }).await?;
    }
}
