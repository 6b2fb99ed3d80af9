//! Change windows and freezes: whether a run may start now, and until when. They hold for manual runs too.
//!
//! A window opens where its cron expression says, in its own zone, and stays open for a fixed span of elapsed time,
//! so a change of clocks neither shortens nor doubles it. A freeze wins over every window.

use super::id::Timestamp;
use super::workspace::{Freeze, Window, Workspace};
use jiff::Zoned;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Whether runs may start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WindowState {
    /// The workspace names no window: always.
    Always,
    /// A window is open.
    Open {
        /// Which.
        name: String,
        /// When it closes.
        until: Timestamp,
    },
    /// No window is open.
    Closed {
        /// When the next one opens, where one does.
        opens: Option<Timestamp>,
    },
    /// A freeze is in force.
    Frozen {
        /// Which.
        name: String,
        /// When it ends.
        until: Timestamp,
    },
}

/// The state of a workspace's windows at a moment.
///
/// A window or freeze that cannot be read (the site's checker refuses such files) counts against starting.
pub fn state(workspace: &Workspace, at: Timestamp) -> WindowState {
    if let Some((name, until)) = workspace.freezes.iter().find_map(|freeze| in_force(freeze, at)) {
        return WindowState::Frozen { name, until };
    }
    if workspace.windows.is_empty() {
        return WindowState::Always;
    }
    let open = workspace.windows.iter().filter_map(|window| open_until(window, at)).max_by_key(|(until, _)| *until);
    match open {
        Some((until, name)) => WindowState::Open { name, until },
        None => WindowState::Closed { opens: workspace.windows.iter().filter_map(|w| opens_next(w, at)).min() },
    }
}

/// Whether a window's cron expression and zone can be read.
///
/// # Errors
/// Says which of the two is wrong.
pub fn check(window: &Window) -> Result<(), String> {
    TimeZone::get(&window.zone).map_err(|_| format!("`{}` is no time zone", window.zone))?;
    cron(&window.start).map(|_| ())
}

/// Whether a freeze's moments and zone can be read and are in order.
///
/// # Errors
/// Says what is wrong.
pub fn check_freeze(freeze: &Freeze) -> Result<(), String> {
    let zone = TimeZone::get(&freeze.zone).map_err(|_| format!("`{}` is no time zone", freeze.zone))?;
    let from = moment(&freeze.from, &zone).ok_or_else(|| format!("`{}` is no moment", freeze.from))?;
    let to = moment(&freeze.to, &zone).ok_or_else(|| format!("`{}` is no moment", freeze.to))?;
    if from < to { Ok(()) } else { Err("`to` is not after `from`".to_owned()) }
}

/// Parses a five-field cron expression.
///
/// # Errors
/// Says what the expression lacks.
pub fn cron(expression: &str) -> Result<croner::Cron, String> {
    croner::parser::CronParser::builder()
        .seconds(croner::parser::Seconds::Disallowed)
        .build()
        .parse(expression)
        .map_err(|error| format!("`{expression}` is no cron expression: {error}"))
}

fn in_force(freeze: &Freeze, at: Timestamp) -> Option<(String, Timestamp)> {
    let unreadable = || Some((freeze.name.clone(), Timestamp(i64::MAX)));
    let Ok(zone) = TimeZone::get(&freeze.zone) else {
        return unreadable();
    };
    let (Some(from), Some(to)) = (moment(&freeze.from, &zone), moment(&freeze.to, &zone)) else {
        return unreadable();
    };
    (from <= at && at < to).then(|| (freeze.name.clone(), to))
}

fn moment(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let civil: DateTime = text.parse().ok()?;
    zone.to_timestamp(civil).ok().map(Timestamp::from)
}

fn local(window: &Window, at: Timestamp) -> Option<Zoned> {
    Some(at.to_jiff().to_zoned(TimeZone::get(&window.zone).ok()?))
}

fn open_until(window: &Window, at: Timestamp) -> Option<(Timestamp, String)> {
    let now = local(window, at)?;
    let opened = cron(&window.start).ok()?.find_previous_occurrence(&now, true).ok()?;
    let until = Timestamp::from(opened.timestamp()).plus_ms(window.lasts_ms);
    (at < until).then(|| (until, window.name.clone()))
}

fn opens_next(window: &Window, at: Timestamp) -> Option<Timestamp> {
    let now = local(window, at)?;
    let next = cron(&window.start).ok()?.find_next_occurrence(&now, false).ok()?;
    Some(Timestamp::from(next.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from(text.parse::<Zoned>().unwrap().timestamp())
    }

    fn nightly() -> Window {
        Window {
            name: "nightly".to_owned(),
            start: "0 22 * * MON-THU".to_owned(),
            lasts_ms: 4 * 3_600_000,
            zone: "Europe/Berlin".to_owned(),
        }
    }

    #[test]
    fn a_window_is_open_for_its_span_and_names_the_next() {
        let window = nightly();
        let monday = "2026-11-23T22:00:00+01:00[Europe/Berlin]";
        assert_eq!(open_until(&window, at(monday)).unwrap().0, at("2026-11-24T02:00:00+01:00[Europe/Berlin]"));
        assert!(open_until(&window, at("2026-11-24T01:59:59+01:00[Europe/Berlin]")).is_some());
        assert!(open_until(&window, at("2026-11-24T02:00:00+01:00[Europe/Berlin]")).is_none());
        let friday = at("2026-11-27T12:00:00+01:00[Europe/Berlin]");
        assert_eq!(opens_next(&window, friday), Some(at("2026-11-30T22:00:00+01:00[Europe/Berlin]")));
    }

    #[test]
    fn a_change_of_clocks_keeps_the_span() {
        let window = Window { start: "0 1 * * SUN".to_owned(), ..nightly() };
        let opened = at("2026-10-25T01:00:00+02:00[Europe/Berlin]");
        assert_eq!(open_until(&window, opened).unwrap().0.ms_since(opened), 4 * 3_600_000);
    }

    #[test]
    fn wrong_windows_are_named() {
        assert!(check(&nightly()).is_ok());
        assert!(check(&Window { zone: "Europe/Atlantis".to_owned(), ..nightly() }).unwrap_err().contains("zone"));
        assert!(check(&Window { start: "0 22 * *".to_owned(), ..nightly() }).is_err());
        let freeze = Freeze {
            name: "f".to_owned(),
            from: "2026-12-18T00:00:00".to_owned(),
            to: "2026-12-17T00:00:00".to_owned(),
            zone: "UTC".to_owned(),
        };
        assert!(check_freeze(&freeze).unwrap_err().contains("after"));
        assert!(
            in_force(&Freeze { zone: "nowhere".to_owned(), ..freeze }, at("2026-12-18T00:00:00+00:00[UTC]")).is_some()
        );
    }
}
