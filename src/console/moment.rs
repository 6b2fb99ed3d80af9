//! Moments and spans in words a tired person reads at a glance. The zone is always an argument.

use crate::domain::Timestamp;
use jiff::tz::TimeZone;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A span in two units at most: `45s`, `2m10`, `6m`, `1h05`, `3d4h`.
pub fn span(ms: u64) -> String {
    let (days, hours, minutes, seconds) = parts(ms);
    match (days, hours, minutes, seconds) {
        (0, 0, 0, s) => format!("{s}s"),
        (0, 0, m, 0) => format!("{m}m"),
        (0, 0, m, s) => format!("{m}m{s:02}"),
        (0, h, 0, _) => format!("{h}h"),
        (0, h, m, _) => format!("{h}h{m:02}"),
        (d, 0, _, _) => format!("{d}d"),
        (d, h, _, _) => format!("{d}d{h}h"),
    }
}

/// A span that is counted while one looks: `00:31`, `12:04`, `1:02:03`.
pub fn counter(ms: u64) -> String {
    let (days, hours, minutes, seconds) = parts(ms);
    match days * 24 + hours {
        0 => format!("{minutes:02}:{seconds:02}"),
        h => format!("{h}:{minutes:02}:{seconds:02}"),
    }
}

/// How long ago or ahead, in one unit: `4m`, `3h`, `2d`; under a minute `now`.
pub fn age(ms: u64) -> String {
    match ms {
        0..MINUTE => "now".to_owned(),
        MINUTE..HOUR => format!("{}m", ms / MINUTE),
        HOUR..DAY => format!("{}h", ms / HOUR),
        DAY.. => format!("{}d", ms / DAY),
    }
}

/// `22:41`.
pub fn time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_jiff().to_zoned(zone.clone()).strftime("%H:%M").to_string()
}

/// `22:41:07`.
pub fn time_to_second(at: Timestamp, zone: &TimeZone) -> String {
    at.to_jiff().to_zoned(zone.clone()).strftime("%H:%M:%S").to_string()
}

/// `22:41 CET`: every screen says once which zone its times are in.
pub fn time_and_zone(at: Timestamp, zone: &TimeZone) -> String {
    at.to_jiff().to_zoned(zone.clone()).strftime("%H:%M %Z").to_string()
}

/// The shortest that cannot be misread today: within twelve hours `22:41`, within six days `Mon 08:00`, this year
/// `18 Nov 14:20`, else `18 Nov 2024 14:20`.
pub fn when(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    at.to_jiff().to_zoned(zone.clone()).strftime(form(at, now, zone)).to_string()
}

/// As [`when`], to the second: `22:41:07`, `Mon 08:00:00`, `18 Nov 14:20:31`.
pub fn when_to_second(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let form = form(at, now, zone).replace("%H:%M", "%H:%M:%S");
    at.to_jiff().to_zoned(zone.clone()).strftime(&form).to_string()
}

/// `2026-11-21 22:41:07.123 CET`: nothing left out.
pub fn whole(at: Timestamp, zone: &TimeZone) -> String {
    at.to_jiff().to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.3f %Z").to_string()
}

/// `Sat 21 Nov 2026`: over entries that show times alone.
pub fn day_alone(at: Timestamp, zone: &TimeZone) -> String {
    at.to_jiff().to_zoned(zone.clone()).strftime("%a %-d %b %Y").to_string()
}

/// As [`when`], without the time of day where a date says enough.
pub fn day(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    match form(at, now, zone) {
        "%-d %b %H:%M" => at.to_jiff().to_zoned(zone.clone()).strftime("%-d %b").to_string(),
        "%-d %b %Y %H:%M" => at.to_jiff().to_zoned(zone.clone()).strftime("%-d %b %Y").to_string(),
        "%a %H:%M" => at.to_jiff().to_zoned(zone.clone()).strftime("%A").to_string(),
        form => at.to_jiff().to_zoned(zone.clone()).strftime(form).to_string(),
    }
}

fn form(at: Timestamp, now: Timestamp, zone: &TimeZone) -> &'static str {
    if at.ms_since(now).max(now.ms_since(at)) < HOUR * 12 {
        return "%H:%M";
    }
    let (at, today) = (at.to_jiff().to_zoned(zone.clone()).date(), now.to_jiff().to_zoned(zone.clone()).date());
    let days = today.until(at).map_or(i32::MAX, |span| span.get_days());
    match days {
        -6..=6 => "%a %H:%M",
        _ if at.year() == today.year() => "%-d %b %H:%M",
        _ => "%-d %b %Y %H:%M",
    }
}

fn parts(ms: u64) -> (u64, u64, u64, u64) {
    (ms / DAY, ms % DAY / HOUR, ms % HOUR / MINUTE, ms % MINUTE / SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let cases = [(0, "0s"), (45_000, "45s"), (130_000, "2m10"), (360_000, "6m"), (3_900_000, "1h05")];
        for (ms, words) in cases {
            assert_eq!(span(ms), words);
        }
        assert_eq!(span(3 * DAY + 4 * HOUR + 5 * MINUTE), "3d4h");
        assert_eq!(counter(31_999), "00:31");
        assert_eq!(counter(HOUR + 2 * MINUTE + 3 * SECOND), "1:02:03");
        assert_eq!(age(59_999), "now");
        assert_eq!(age(4 * MINUTE), "4m");
    }

    #[test]
    fn moments_name_only_what_is_needed() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let at = |text: &str| Timestamp::from(text.parse::<jiff::Timestamp>().unwrap());
        let now = at("2026-11-21T21:41:00Z");
        assert_eq!(time_and_zone(now, &zone), "22:41 CET");
        assert_eq!(when(at("2026-11-21T21:37:00Z"), now, &zone), "22:37");
        assert_eq!(when(at("2026-11-23T07:00:00Z"), now, &zone), "Mon 08:00");
        assert_eq!(when(at("2026-11-10T13:20:00Z"), now, &zone), "10 Nov 14:20");
        assert_eq!(when(at("2025-11-10T13:20:00Z"), now, &zone), "10 Nov 2025 14:20");
        assert_eq!(day(at("2026-11-10T13:20:00Z"), now, &zone), "10 Nov");
        // Tomorrow, but tonight; and the day is Berlin's, not Greenwich's.
        assert_eq!(when(at("2026-11-21T23:30:00Z"), now, &zone), "00:30");
        assert_eq!(when(at("2026-11-22T23:30:00Z"), now, &zone), "Mon 00:30");
    }
}
