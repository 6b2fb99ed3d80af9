//! Change windows and freezes: whether a run may start now, and until when. They hold for manual runs too.
//!
//! A window opens where its cron expression says, in its own zone, and stays open for a fixed span of elapsed time,
//! so a change of clocks neither shortens nor doubles it. A freeze wins over every window.

use super::glass;
use super::id::Timestamp;
use super::plan::Origin;
use super::run::Run;
use super::workspace::{AfterWindow, Freeze, Window, Workspace};
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
    judged(workspace, at, |_| true)
}

fn judged(workspace: &Workspace, at: Timestamp, counts: impl Fn(&Freeze) -> bool) -> WindowState {
    let freezes = workspace.freezes.iter().filter(|freeze| counts(freeze));
    if let Some((name, until)) = freezes.filter_map(|freeze| in_force(freeze, at)).max_by_key(|(_, until)| *until) {
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

/// The state of a workspace's windows for a run. What ran may be undone at any time, as far as it was approved; a freeze holds for
/// no runbook it excepts by name.
pub fn state_for(workspace: &Workspace, run: &Run, at: Timestamp) -> WindowState {
    if glass::lets(workspace, run) {
        return WindowState::Always;
    }
    match run.plan.from {
        Origin::Rollback(_) => WindowState::Always,
        Origin::Proposed | Origin::Resume(_) | Origin::Rerun(_) => {
            judged(workspace, at, |freeze| !freeze.except.contains(&run.plan.runbook.id))
        }
    }
}

/// Windows that follow one another at once count as one, up to so many.
const WINDOWS_IN_A_ROW_MAX: usize = 64;

/// Until when a run that goes on at this moment may begin steps; `None` where no window of its plan limits it.
pub fn may_begin_until(run: &Run, at: Timestamp) -> Option<Timestamp> {
    if let Some(glass) = run.glass.as_ref().filter(|glass| glass.open) {
        return Some(glass.until());
    }
    let undoes = matches!(run.plan.from, Origin::Rollback(_));
    if undoes || run.plan.windows.is_empty() || run.plan.after_window == AfterWindow::Finish {
        return None;
    }
    let mut until = at;
    for _ in 0..WINDOWS_IN_A_ROW_MAX {
        let open = run.plan.windows.iter().filter_map(|window| open_until(window, until)).map(|(until, _)| until).max();
        match open.filter(|next| *next > until) {
            Some(next) => until = next,
            None => break,
        }
    }
    Some(until)
}

/// Whether a window's cron expression and zone can be read.
///
/// # Errors
/// Says which of the two is wrong.
pub fn check(window: &Window) -> Result<(), String> {
    let zone = TimeZone::get(&window.zone).map_err(|_| format!("`{}` is no time zone", window.zone))?;
    match moment(&window.start, &zone) {
        Some(_) => Ok(()),
        None => cron(&window.start).map(|_| ()),
    }
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

/// When a window opens between two moments, and the opening before them where it is open still.
pub fn openings(window: &Window, from: Timestamp, until: Timestamp) -> impl Iterator<Item = Timestamp> {
    // What opened exactly so long ago has closed.
    let first = opens_next(window, Timestamp(from.0.saturating_sub_unsigned(window.lasts_ms)));
    std::iter::successors(first, |last| opens_next(window, *last)).take_while(move |opens| *opens < until)
}

/// From when to when a freeze lasts; `None` where it cannot be read.
pub fn lasts(freeze: &Freeze) -> Option<(Timestamp, Timestamp)> {
    let zone = TimeZone::get(&freeze.zone).ok()?;
    Some((moment(&freeze.from, &zone)?, moment(&freeze.to, &zone)?))
}

fn in_force(freeze: &Freeze, at: Timestamp) -> Option<(String, Timestamp)> {
    let Some((from, to)) = lasts(freeze) else {
        return Some((freeze.name.clone(), Timestamp(i64::MAX)));
    };
    (from <= at && at < to).then(|| (freeze.name.clone(), to))
}

fn moment(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let civil: DateTime = text.parse().ok()?;
    zone.to_timestamp(civil).ok().map(Timestamp::from)
}

/// When a window opens that does so once.
fn once(window: &Window) -> Option<Timestamp> {
    moment(&window.start, &TimeZone::get(&window.zone).ok()?)
}

fn local(window: &Window, at: Timestamp) -> Option<Zoned> {
    Some(at.to_jiff().to_zoned(TimeZone::get(&window.zone).ok()?))
}

fn open_until(window: &Window, at: Timestamp) -> Option<(Timestamp, String)> {
    let opened = match once(window) {
        Some(moment) => Some(moment).filter(|moment| *moment <= at)?,
        None => {
            let now = local(window, at)?;
            Timestamp::from(cron(&window.start).ok()?.find_previous_occurrence(&now, true).ok()?.timestamp())
        }
    };
    let until = opened.plus_ms(window.lasts_ms);
    (at < until).then(|| (until, window.name.clone()))
}

fn opens_next(window: &Window, at: Timestamp) -> Option<Timestamp> {
    if let Some(moment) = once(window) {
        return Some(moment).filter(|moment| *moment > at);
    }
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

    const ZONES: [&str; 10] = [
        "Europe/Berlin",
        "Europe/London",
        "America/New_York",
        "America/Sao_Paulo",
        "America/St_Johns",
        "Australia/Lord_Howe",
        "Pacific/Auckland",
        "Africa/Casablanca",
        "Asia/Tehran",
        "Asia/Kolkata",
    ];

    /// Changes of clocks of a zone, 2024 to 2030.
    fn changes(zone: &str) -> Vec<Timestamp> {
        let zone = TimeZone::get(zone).unwrap();
        let from = jiff::Timestamp::from_second(1_704_067_200).unwrap();
        let to = jiff::Timestamp::from_second(1_924_992_000).unwrap();
        let all = zone.following(from).take_while(|change| change.timestamp() < to);
        all.map(|change| Timestamp::from(change.timestamp())).collect()
    }

    /// Every day on which clocks change in ten zones, 2024 to 2030, and the days beside it: whatever the clock skips or shows
    /// twice, a daily window opens once on each day, for exactly its span, and the next opening that is told is the next there is.
    #[test]
    fn windows_hold_over_every_change_of_clocks() {
        const MINUTE_MS: u64 = 60_000;
        let mut looked = 0;
        for zone in ZONES {
            for change in changes(zone) {
                let begun = Timestamp(change.0 - 36 * 3_600_000);
                for start in
                    ["30 0 * * *", "0 1 * * *", "30 1 * * *", "15 2 * * *", "30 2 * * *", "0 3 * * *", "0 22 * * *"]
                {
                    let lasts_ms = 90 * MINUTE_MS;
                    let window = Window { start: start.to_owned(), zone: zone.to_owned(), lasts_ms, ..nightly() };
                    let mut opened: Vec<Timestamp> = Vec::new();
                    let mut told = opens_next(&window, begun).unwrap();
                    for quarter in 1..=72 * 4 {
                        // Every opening and every end falls on a quarter of an hour.
                        let now = begun.plus_ms(quarter * 15 * MINUTE_MS);
                        looked += 1;
                        let said = || format!("{zone} {start} at {}", local(&window, now).unwrap());
                        let until = open_until(&window, now).map(|(until, _)| until);
                        if let Some(until) = until {
                            let opening = Timestamp(until.0 - 90 * 60_000);
                            assert!(opening <= now && now < until, "{}", said());
                            if opened.last() != Some(&opening) {
                                assert!(
                                    opened.is_empty() && opening <= begun || opening == now,
                                    "begins late: {}",
                                    said()
                                );
                                opened.push(opening);
                            }
                        }
                        if now >= told {
                            assert_eq!(opened.last(), Some(&told), "what was told: {}", said());
                            told = opens_next(&window, now).unwrap();
                            assert!(told > now, "{}", said());
                        } else {
                            assert_eq!(opens_next(&window, now), Some(told), "told otherwise: {}", said());
                        }
                        let open = opened.last().is_some_and(|opening| now < opening.plus_ms(lasts_ms));
                        assert_eq!(until.is_some(), open, "{}", said());
                    }
                    let days: Vec<_> = opened.iter().map(|opening| local(&window, *opening).unwrap().date()).collect();
                    let mut distinct = days.clone();
                    distinct.dedup();
                    assert_eq!(days, distinct, "twice on a day: {zone} {start} {opened:?}");
                    assert!(
                        days.len() >= 3,
                        "a day without: {zone} {start} around {}",
                        local(&window, change).unwrap()
                    );
                }
            }
        }
        assert!(looked > 150_000, "{looked}");
    }

    #[test]
    fn a_window_may_open_once() {
        let window = Window { start: "2026-12-05T08:00:00".to_owned(), ..nightly() };
        assert!(check(&window).is_ok());
        let opens = at("2026-12-05T08:00:00+01:00[Europe/Berlin]");
        let before = Timestamp(opens.0 - 1);
        assert_eq!(open_until(&window, before), None);
        assert_eq!(opens_next(&window, before), Some(opens));
        let closes = opens.plus_ms(window.lasts_ms);
        assert_eq!(open_until(&window, opens).map(|(until, _)| until), Some(closes));
        assert_eq!(open_until(&window, closes), None);
        assert_eq!(opens_next(&window, opens), None);
        let found: Vec<Timestamp> = openings(&window, Timestamp(closes.0 - 1), closes.plus_ms(1)).collect();
        assert_eq!(found, [opens], "what is open still");
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
            except: std::collections::BTreeSet::new(),
        };
        assert!(check_freeze(&freeze).unwrap_err().contains("after"));
        assert!(
            in_force(&Freeze { zone: "nowhere".to_owned(), ..freeze }, at("2026-12-18T00:00:00+00:00[UTC]")).is_some()
        );
    }
}
