//! Sources that are turned away for a while: too many of their connections tried to sign in, or dawdled, and never were let in.
//!
//! Invariants: so many sources are remembered and no more; whoever is turned away costs no handshake. An on-call network is
//! counted like any other; that it is let through all the same is its caller's to say.

use core::net::{IpAddr, Ipv6Addr};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Connections of one source that may fail within [`WITHIN`]: an office behind one address has a bad morning with fewer.
pub const FAILURES_MAX: u32 = 10;

/// Failures are counted together for so long after the first.
pub const WITHIN: Duration = Duration::from_secs(10 * 60);

/// So long a source is turned away then.
pub const TURNED_AWAY: Duration = Duration::from_secs(10 * 60);

/// Sources remembered at most: beyond it the oldest is forgotten, so that a botnet fills no memory.
const SOURCES_MAX: usize = 16_384;

/// Who failed lately.
#[derive(Debug, Default)]
pub struct Penalties(Mutex<BTreeMap<IpAddr, Failures>>);

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    first: Instant,
    until: Option<Instant>,
}

/// What counts as one source: an IPv4 address, or the /64 that one IPv6 household has.
pub fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(four) => four.into(),
        IpAddr::V6(six) => Ipv6Addr::from_bits(six.to_bits() >> 64 << 64).into(),
    }
}

impl Penalties {
    /// Whether connections from here are turned away at this moment.
    pub fn turns_away(&self, from: IpAddr, now: Instant) -> bool {
        self.book().get(&source(from)).and_then(|failures| failures.until).is_some_and(|until| now < until)
    }

    /// A connection from here was not let in. Whether this was the one too many.
    pub fn failed(&self, from: IpAddr, now: Instant) -> bool {
        let mut book = self.book();
        let from = source(from);
        if book.len() >= SOURCES_MAX && !book.contains_key(&from) {
            let oldest = book.iter().min_by_key(|(_, failures)| failures.first).map(|(address, _)| *address);
            oldest.map(|address| book.remove(&address));
        }
        let afresh = Failures { count: 0, first: now, until: None };
        let failures = book.entry(from).or_insert(afresh);
        let over = match failures.until {
            Some(until) => now >= until,
            None => now.duration_since(failures.first) >= WITHIN,
        };
        if over {
            *failures = afresh;
        }
        failures.count = failures.count.saturating_add(1);
        let too_many = failures.count >= FAILURES_MAX && failures.until.is_none();
        if too_many {
            failures.until = Some(now + TURNED_AWAY);
        }
        too_many
    }

    fn book(&self) -> MutexGuard<'_, BTreeMap<IpAddr, Failures>> {
        // Counting cannot fail half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn s_a_source_that_fails_too_often_is_turned_away_for_a_while_and_no_other_is() {
        let (penalties, now) = (Penalties::default(), Instant::now());
        let (bad, good) = (address("192.0.2.1"), address("192.0.2.2"));
        for nr in 1..FAILURES_MAX {
            assert!(!penalties.failed(bad, now + Duration::from_secs(nr.into())));
            assert!(!penalties.turns_away(bad, now));
        }
        let last = now + Duration::from_secs(60);
        assert!(penalties.failed(bad, last) && penalties.turns_away(bad, last));
        assert!(penalties.turns_away(address("::ffff:192.0.2.1"), last), "the same in other clothes");
        assert!(!penalties.turns_away(good, last));
        assert!(!penalties.turns_away(bad, last + TURNED_AWAY));
        assert!(!penalties.failed(bad, last + TURNED_AWAY), "then it is counted from the start");
    }

    #[test]
    fn s_failures_far_apart_are_not_counted_together() {
        let (penalties, now) = (Penalties::default(), Instant::now());
        for nr in 0..3 * FAILURES_MAX {
            assert!(!penalties.failed(address("192.0.2.1"), now + WITHIN * nr));
        }
    }

    #[test]
    fn s_one_household_is_one_source_and_a_botnet_fills_no_memory() {
        assert_eq!(source(address("2001:db8:1:2:3:4:5:6")), source(address("2001:db8:1:2::9")));
        assert_ne!(source(address("2001:db8:1:2::1")), source(address("2001:db8:1:3::1")));
        let (penalties, now) = (Penalties::default(), Instant::now());
        for nr in 0..=u32::try_from(SOURCES_MAX).unwrap() {
            penalties.failed(IpAddr::from(core::net::Ipv4Addr::from_bits(nr)), now + Duration::from_millis(nr.into()));
        }
        assert_eq!(penalties.book().len(), SOURCES_MAX);
        assert!(!penalties.book().contains_key(&address("0.0.0.0")), "the oldest is forgotten");
    }
}
