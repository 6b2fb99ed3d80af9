//! The engine's clock: wall time at boot plus monotonic time since, never below the last leaf. Setting the wall clock back
//! revives no approval and extends no window; a jump is noticed and said.

use crate::domain::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// A difference between wall and monotonic time beyond this is a jump worth an event and a banner.
pub const JUMP: Duration = Duration::from_secs(300);

/// The engine's clock.
#[derive(Clone, Debug)]
pub struct Clock {
    wall_at_boot: i64,
    boot: Instant,
    jump_told: i64,
}

impl Clock {
    /// A clock that starts at the wall's time or at the last leaf's, whichever is later.
    pub fn start(wall: Timestamp, last_leaf: Timestamp) -> Self {
        Self { wall_at_boot: wall.max(last_leaf).0, boot: now(), jump_told: 0 }
    }

    /// The moment, never before the last one given.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.wall_at_boot).plus_ms(u64::try_from(self.boot.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// How long it has gone on.
    pub fn up(&self) -> Duration {
        self.boot.elapsed()
    }

    /// How far the wall clock has jumped since this was last told, in milliseconds; `None` where it has not.
    pub fn jumped(&mut self, wall: Timestamp) -> Option<i64> {
        let off = wall.0 - self.now().0 - self.jump_told;
        let beyond = off.unsigned_abs() > u64::try_from(JUMP.as_millis()).unwrap_or(u64::MAX);
        beyond.then(|| {
            self.jump_told += off;
            off
        })
    }

    /// The monotonic instant at which this clock shows `at`; now where that is past.
    pub fn instant_of(&self, at: Timestamp) -> Instant {
        now() + Duration::from_millis(at.ms_since(self.now()))
    }
}

fn now() -> Instant {
    Instant::now()
}

/// The wall's time.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn wall() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn z19_time_never_goes_back_and_a_jump_is_told_once() {
        let mut clock = Clock::start(Timestamp(1_000), Timestamp(5_000));
        assert_eq!(clock.now(), Timestamp(5_000), "never below the last leaf");
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(clock.now(), Timestamp(15_000));
        assert_eq!(clock.jumped(Timestamp(15_000 + 299_000)), None);
        let year_back = -31_536_000_000;
        assert_eq!(clock.jumped(Timestamp(15_000 + year_back)), Some(year_back));
        assert_eq!(clock.jumped(Timestamp(15_000 + year_back)), None);
        assert_eq!(clock.now(), Timestamp(15_000));
    }
}
