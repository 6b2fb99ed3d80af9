//! How many are here at once: in all, of one account, and not let in yet of one account or source. A flood of one meets its
//! own bound before it meets anybody else, and whoever floods the network's door leaves places for the socket's.

use super::{SIGNING_IN_PER_ACCOUNT_MAX, SIGNING_IN_PER_SOURCE_MAX, STARTUPS, Startups};
use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whose connections are counted together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Whom {
    /// An account of this machine.
    Account(u32),
    /// A source on the network.
    Source(IpAddr),
}

/// How many may be connected at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Places {
    /// In all.
    pub all: usize,
    /// Of one person over SSH.
    pub of_one_person: usize,
    /// Whether the source is one of an on-call network.
    pub on_call: bool,
}

impl Places {
    /// Of one account at the socket: nobody can keep a whole company out.
    pub fn of_one_account(self) -> usize {
        self.all / 2
    }
}

/// Everybody who is connected.
#[derive(Debug, Default)]
pub struct Crowd(Mutex<BTreeMap<Whom, Count>>);

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    here: usize,
    signing_in: usize,
}

impl Startups {
    /// Whether one more is turned away while so many sign in. `dice` is any byte, each as likely: the more there are, the
    /// likelier, so that among a flood some honest ones get through.
    pub fn turns_away(self, signing_in: usize, dice: u8) -> bool {
        if signing_in < self.begin {
            return false;
        }
        if signing_in >= self.full {
            return true;
        }
        let rise = (100 - self.percent) * (signing_in - self.begin) / (self.full - self.begin);
        usize::from(dice) * 100 < (self.percent + rise) * 256
    }
}

impl Crowd {
    /// A place for one more connection; `None`: there are too many. `dice` decides for some that come from the network.
    pub fn take(self: &Arc<Self>, whom: Whom, dice: u8, places: Places) -> Option<Pass> {
        let mut counts = self.counts();
        let all: usize = counts.values().map(|count| count.here).sum();
        let own = counts.get(&whom).copied().unwrap_or_default();
        let full = all >= places.all
            || match whom {
                Whom::Account(_) => own.here >= places.of_one_account() || own.signing_in >= SIGNING_IN_PER_ACCOUNT_MAX,
                Whom::Source(_) => {
                    let of_sources = counts.iter().filter(|(whom, _)| matches!(whom, Whom::Source(_)));
                    let signing_in = of_sources.map(|(_, count)| count.signing_in).sum();
                    // From where somebody is in already, or on call, people come; a flood of strangers keeps them out nowhere.
                    let people = places.on_call || own.here > own.signing_in;
                    own.signing_in >= SIGNING_IN_PER_SOURCE_MAX || !people && STARTUPS.turns_away(signing_in, dice)
                }
            };
        (!full).then(|| {
            counts.insert(whom, Count { here: own.here + 1, signing_in: own.signing_in + 1 });
            Pass { crowd: Arc::clone(self), whom, signing_in: true }
        })
    }

    /// Whether nobody is here.
    pub fn is_empty(&self) -> bool {
        self.counts().is_empty()
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<Whom, Count>> {
        // Counting cannot fail half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, for as long as it is kept.
#[derive(Debug)]
pub struct Pass {
    crowd: Arc<Crowd>,
    whom: Whom,
    signing_in: bool,
}

impl Pass {
    /// The connection was let in.
    pub fn let_in(&mut self) {
        if std::mem::take(&mut self.signing_in)
            && let Some(count) = self.crowd.counts().get_mut(&self.whom)
        {
            count.signing_in = count.signing_in.saturating_sub(1);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.let_in();
        let mut counts = self.crowd.counts();
        if let Some(count) = counts.get_mut(&self.whom) {
            count.here = count.here.saturating_sub(1);
            if count.here == 0 {
                counts.remove(&self.whom);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;

    const PLACES: Places = Places { all: 256, of_one_person: 64, on_call: false };

    #[test]
    fn one_account_fills_its_own_places_alone() {
        let crowd = Arc::new(Crowd::default());
        let take = |uid: u32| crowd.take(Whom::Account(uid), 0, PLACES);
        let mut let_in = Vec::new();
        while let_in.len() < PLACES.of_one_account() {
            let mut pass = take(1).unwrap();
            pass.let_in();
            let_in.push(pass);
        }
        assert!(take(1).is_none());
        let waiting: Vec<Pass> = std::iter::from_fn(|| take(2)).collect();
        assert_eq!(waiting.len(), SIGNING_IN_PER_ACCOUNT_MAX);
        let others: Vec<Pass> = (3..).map_while(take).collect();
        assert_eq!(let_in.len() + waiting.len() + others.len(), PLACES.all);
        drop((let_in, waiting));
        assert!(take(1).is_some() && take(2).is_some() && !crowd.is_empty());
        drop(others);
        assert!(crowd.is_empty());
    }

    #[test]
    fn s_a_flood_from_the_network_leaves_places_for_everybody_else() {
        let crowd = Arc::new(Crowd::default());
        let source = |nr: u32| Whom::Source(Ipv4Addr::from_bits(nr).into());
        let one: Vec<Pass> = std::iter::from_fn(|| crowd.take(source(1), u8::MAX, PLACES)).collect();
        assert_eq!(one.len(), SIGNING_IN_PER_SOURCE_MAX);
        let lucky: Vec<Pass> = (2..1_000).filter_map(|nr| crowd.take(source(nr), u8::MAX, PLACES)).collect();
        assert_eq!(one.len() + lucky.len(), STARTUPS.full, "never more, however lucky");
        assert!(crowd.take(Whom::Account(1), 0, PLACES).is_some(), "the socket is no part of it");
        let known: Vec<Pass> =
            (0..4).filter_map(|_| crowd.take(source(2_000), 0, Places { on_call: true, ..PLACES })).collect();
        assert_eq!(known.len(), SIGNING_IN_PER_SOURCE_MAX, "whoever is on call is none of a flood, and no flood");
        drop((one, lucky, known));
        let mut office = crowd.take(source(8), 0, PLACES).unwrap();
        office.let_in();
        let flood: Vec<Pass> = (100..1_000).filter_map(|nr| crowd.take(source(nr), u8::MAX, PLACES)).collect();
        assert_eq!(flood.len(), STARTUPS.full);
        assert!(crowd.take(source(8), 0, PLACES).is_some(), "nor is an office where somebody is in");
        drop((office, flood));
        let mut in_already: Vec<Pass> = (0..50).filter_map(|_| crowd.take(source(1), 0, PLACES)).collect();
        in_already.iter_mut().for_each(Pass::let_in);
        assert!(crowd.take(source(1), 0, PLACES).is_some(), "whoever is let in fills no place at the door");
    }

    #[test]
    fn s_the_more_sign_in_the_likelier_one_more_is_turned_away() {
        let share =
            |signing_in: usize| (0..=u8::MAX).filter(|dice| STARTUPS.turns_away(signing_in, *dice)).count() * 100 / 256;
        assert_eq!((share(0), share(9), share(10), share(60)), (0, 0, 30, 100));
        assert!((10..60).map(share).is_sorted() && share(35) > 60 && share(59) < 100);
    }
}
