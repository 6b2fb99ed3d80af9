//! Moments that lie ahead, as people type them: `2h` from now, `22:00` (the next one), `2026-11-29T22:00`, each in a zone, or RFC 3339.

use super::duration;
use super::id::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;

/// The moment that is meant, read in `zone` where it names none.
///
/// # Errors
/// Says how moments are written, or that this one is over.
pub fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    let text = text.trim();
    let wrong = || format!("`{text}` is no moment; write 2h, 22:00, 2026-11-29T22:00 or 2026-11-29T22:00:00Z");
    let at = if let Ok(at) = text.parse::<jiff::Timestamp>() {
        at.into()
    } else if let Ok(ms) = duration::parse_ms(text) {
        now.plus_ms(ms)
    } else if let Some(time) = clock(text) {
        next(time, now, zone).ok_or_else(wrong)?
    } else {
        let local: DateTime = text.parse().map_err(|_| wrong())?;
        local.to_zoned(zone.clone()).map_err(|_| wrong())?.timestamp().into()
    };
    match at > now {
        true => Ok(at),
        false => Err(format!("`{text}` is over")),
    }
}

/// `22:00`, and nothing that names a day.
fn clock(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    let (hour, minute) = (two(hour).then_some(hour)?.parse().ok()?, two(minute).then_some(minute)?.parse().ok()?);
    Time::new(hour, minute, 0, 0).ok()
}

/// The next time clocks show this.
fn next(time: Time, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let today = now.to_jiff().to_zoned(zone.clone()).date();
    let days = [today, today.tomorrow().ok()?];
    let moments = days.iter().filter_map(|day| day.to_datetime(time).to_zoned(zone.clone()).ok());
    moments.map(|zoned| zoned.timestamp().into()).find(|at: &Timestamp| *at > now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixture::NOON;

    #[test]
    fn moments_ahead_are_read_in_four_ways_and_those_that_are_over_are_refused() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let read = |text: &str| parse(text, NOON, &berlin);
        // Noon UTC is 13:00 in Berlin.
        assert_eq!(read("2h"), Ok(NOON.plus_ms(2 * 3_600_000)));
        assert_eq!(read("13:30"), Ok(NOON.plus_ms(30 * 60_000)));
        assert_eq!(read("13:00"), Ok(NOON.plus_ms(24 * 3_600_000)), "tomorrow: now is not ahead");
        assert_eq!(read("2026-11-24T09:00"), Ok(NOON.plus_ms(20 * 3_600_000)));
        assert_eq!(read("2026-11-23T12:00:01Z"), Ok(NOON.plus_ms(1_000)));
        for over in ["2026-11-23T13:00", "2026-11-23T11:59:59Z", "0s"] {
            assert_eq!(read(over), Err(format!("`{over}` is over")));
        }
        for wrong in ["", "soon", "25:00", "9:00", "12:60", "tomorrow", "-2h"] {
            assert!(read(wrong).unwrap_err().contains("is no moment"), "{wrong}");
        }
    }
}
