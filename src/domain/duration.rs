//! Durations as people write them: `90s`, `2m`, `1h30m`, `4h`, `2d`, `250ms`; and as screens show them: `2m10`.

/// Longest duration anybody can mean here: a year.
pub const DURATION_MS_MAX: u64 = 366 * 24 * 3_600_000;

/// Milliseconds of a written duration.
///
/// # Errors
/// Says how durations are written.
pub fn parse_ms(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a duration; write 90s, 5m, 1h30m or 2d");
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest.get(..digits).unwrap_or_default().parse().map_err(|_| wrong())?;
        let tail = rest.get(digits..).unwrap_or_default();
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let unit_ms: u64 = match tail.get(..letters).unwrap_or_default() {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        total = number.checked_mul(unit_ms).and_then(|ms| total.checked_add(ms)).ok_or_else(wrong)?;
        rest = tail.get(letters..).unwrap_or_default();
    }
    if text.is_empty() {
        return Err(wrong());
    }
    if total > DURATION_MS_MAX {
        return Err(format!("`{text}` is longer than a year"));
    }
    Ok(total)
}

/// A duration in at most two units, as a column shows it: `0s`, `48s`, `2m10`, `3h05`, `2d04h`.
pub fn short(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{minutes}m{:02}", seconds % 60),
        3_600..86_400 => format!("{hours}h{:02}", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

/// A duration as people say it, in its two largest units: `1 h 30 min`, `45 min`, `30 s`.
pub fn words(ms: u64) -> String {
    let seconds = ms / 1_000;
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (unit, word) in units {
        let n = left / unit;
        left %= unit;
        if n > 0 {
            parts.push(format!("{n} {word}"));
        }
    }
    parts.truncate(2);
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

/// A duration as a running clock shows it: `00:09`, `06:12`, `1:02:03`.
pub fn clock(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{rest:02}") } else { format!("{minutes:02}:{rest:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        assert_eq!(parse_ms("90s"), Ok(90_000));
        assert_eq!(parse_ms("1h30m"), Ok(5_400_000));
        assert_eq!(parse_ms("250ms"), Ok(250));
        assert_eq!(parse_ms("0s"), Ok(0));
        for wrong in ["", "5", "m", "5 m", "-5m", "5x", "1h30", "99999999999999999999s", "9999d", "5é"] {
            assert!(parse_ms(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_show_in_two_units() {
        assert_eq!(short(900), "0s");
        assert_eq!(short(130_000), "2m10");
        assert_eq!(short(3 * 3_600_000 + 300_000), "3h05");
        assert_eq!(short(50 * 3_600_000), "2d02h");
        assert_eq!(clock(9_000), "00:09");
        assert_eq!(clock(3_723_000), "1:02:03");
    }
}
