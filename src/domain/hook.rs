//! Requests over HTTP that a machine signs: how old one may be, and that none is heard twice (Z49).
//!
//! The form is that of the notices the server itself sends: HMAC-SHA256 over the timestamp, a dot and the body.
//!
//! Invariants: which requests were heard is folded from the record, so that neither a restart nor another server of the same
//! data hears one again; it is remembered for longer than any is fresh, and no longer.

use super::id::{Digest, Timestamp};
use imbl::{OrdMap, OrdSet};

/// How far the moment of signing may be from now, before it and after it: clocks differ, and a line can be slow.
pub const FRESH_MS: u64 = 300_000;

/// How long a request is remembered: one that was signed in the future is fresh for twice as long.
const REMEMBERED_MS: u64 = 2 * FRESH_MS + 60_000;

/// Whether a request that was signed then is fresh now.
pub fn is_fresh(signed: Timestamp, now: Timestamp) -> bool {
    signed.0.abs_diff(now.0) <= FRESH_MS
}

/// How often a request was heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Times {
    /// Once.
    Once,
    /// Again, and that is on record too.
    Again,
}

/// Requests that were heard lately.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Heard {
    requests: OrdMap<Digest, Times>,
    since: OrdSet<(Timestamp, Digest)>,
}

impl Heard {
    /// How often; nothing where never, or long ago.
    pub fn times(&self, request: Digest) -> Option<Times> {
        self.requests.get(&request).copied()
    }

    /// Something of it is on record: the first time, or that it came `again`.
    pub fn note(&mut self, request: Digest, at: Timestamp, again: bool) {
        while let Some((since, old)) = self.since.get_min().copied()
            && at.ms_since(since) > REMEMBERED_MS
        {
            self.since.remove(&(since, old));
            self.requests.remove(&old);
        }
        if again {
            self.requests.insert(request, Times::Again);
        } else if !self.requests.contains_key(&request) {
            self.requests.insert(request, Times::Once);
            self.since.insert((at, request));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_435_200_000);

    fn after(ms: i64) -> Timestamp {
        Timestamp(NOW.0 + ms)
    }

    #[test]
    fn z49_a_request_is_fresh_for_five_minutes_either_way_and_no_longer() {
        for (ms, fresh) in [(0, true), (300_000, true), (-300_000, true), (300_001, false), (-300_001, false)] {
            assert_eq!(is_fresh(after(ms), NOW), fresh, "{ms}");
        }
        assert!(!is_fresh(Timestamp(i64::MIN), NOW) && !is_fresh(Timestamp(i64::MAX), NOW));
    }

    #[test]
    fn z49_a_request_is_remembered_for_longer_than_it_is_fresh_and_then_forgotten() {
        let mut heard = Heard::default();
        let [one, other] = [b"one", b"two"].map(|text| Digest::of(text));
        heard.note(one, NOW, false);
        assert_eq!((heard.times(one), heard.times(other)), (Some(Times::Once), None));
        heard.note(one, after(1), true);
        heard.note(one, after(2), false);
        assert_eq!(heard.times(one), Some(Times::Again), "what follows from it counts no second time");
        heard.note(other, after(600_000), false);
        assert_eq!(heard.times(one), Some(Times::Again), "signed five minutes ahead, it is fresh until now");
        heard.note(other, after(660_001), false);
        assert_eq!((heard.times(one), heard.times(other)), (None, Some(Times::Once)));
        assert_eq!((heard.requests.len(), heard.since.len()), (1, 1));
    }
}
