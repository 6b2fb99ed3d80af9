//! How many are here at once: in all, of one account, and of one account not let in yet. A flood of one account meets its
//! own bound before it meets anybody else.

use super::{CONNECTIONS_MAX, CONNECTIONS_PER_ACCOUNT_MAX, SIGNING_IN_PER_ACCOUNT_MAX};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Everybody who is connected, by user id.
#[derive(Debug, Default)]
pub struct Crowd(Mutex<BTreeMap<u32, Count>>);

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    here: usize,
    signing_in: usize,
}

impl Crowd {
    /// A place for one more connection of an account; `None`: there are too many.
    pub fn take(self: &Arc<Self>, uid: u32) -> Option<Pass> {
        let mut counts = self.counts();
        let all: usize = counts.values().map(|count| count.here).sum();
        let own = counts.get(&uid).copied().unwrap_or_default();
        let full = all >= CONNECTIONS_MAX
            || own.here >= CONNECTIONS_PER_ACCOUNT_MAX
            || own.signing_in >= SIGNING_IN_PER_ACCOUNT_MAX;
        (!full).then(|| {
            counts.insert(uid, Count { here: own.here + 1, signing_in: own.signing_in + 1 });
            Pass { crowd: Arc::clone(self), uid, signing_in: true }
        })
    }

    /// Whether nobody is here.
    pub fn is_empty(&self) -> bool {
        self.counts().is_empty()
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<u32, Count>> {
        // Counting cannot fail half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, for as long as it is kept.
#[derive(Debug)]
pub struct Pass {
    crowd: Arc<Crowd>,
    uid: u32,
    signing_in: bool,
}

impl Pass {
    /// The connection was let in.
    pub fn let_in(&mut self) {
        if std::mem::take(&mut self.signing_in)
            && let Some(count) = self.crowd.counts().get_mut(&self.uid)
        {
            count.signing_in = count.signing_in.saturating_sub(1);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.let_in();
        let mut counts = self.crowd.counts();
        if let Some(count) = counts.get_mut(&self.uid) {
            count.here = count.here.saturating_sub(1);
            if count.here == 0 {
                counts.remove(&self.uid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_account_fills_its_own_places_alone() {
        let crowd = Arc::new(Crowd::default());
        let mut let_in = Vec::new();
        while let_in.len() < CONNECTIONS_PER_ACCOUNT_MAX {
            let mut pass = crowd.take(1).unwrap();
            pass.let_in();
            let_in.push(pass);
        }
        assert!(crowd.take(1).is_none());
        let waiting: Vec<Pass> = std::iter::from_fn(|| crowd.take(2)).collect();
        assert_eq!(waiting.len(), SIGNING_IN_PER_ACCOUNT_MAX);
        let others: Vec<Pass> = (3..).map_while(|uid| crowd.take(uid)).collect();
        assert_eq!(let_in.len() + waiting.len() + others.len(), CONNECTIONS_MAX);
        drop((let_in, waiting));
        assert!(crowd.take(1).is_some() && crowd.take(2).is_some() && !crowd.is_empty());
        drop(others);
        assert!(crowd.is_empty());
    }
}
