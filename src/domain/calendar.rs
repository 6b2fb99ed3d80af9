//! Change windows and freezes as spans of a calendar: what people plan by.

use super::id::{Timestamp, WorkspaceId};
use super::window;
use super::workspace::Workspace;

/// Spans of one workspace at most: a window every minute is a mistake, and nobody reads further.
const SPANS_MAX: usize = 5_000;

/// What a span means.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Runs may start.
    Window,
    /// None may.
    Freeze,
}

impl Kind {
    /// The word people and programs read.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Window => "window",
            Kind::Freeze => "freeze",
        }
    }
}

/// A window or freeze from one moment to another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Span {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
    /// What it means.
    pub kind: Kind,
    /// Where.
    pub workspace: WorkspaceId,
    /// What the workspace calls it.
    pub name: String,
    /// The zone it is written in.
    pub zone: String,
}

/// Everything of a workspace between two moments, the earliest first; what has begun before is among it. Of a window only what no
/// freeze takes away.
pub fn spans(workspace: &Workspace, from: Timestamp, until: Timestamp) -> Vec<Span> {
    let span = |kind, name: &String, zone: &String, (from, until)| Span {
        from,
        until,
        kind,
        workspace: workspace.id.clone(),
        name: name.clone(),
        zone: zone.clone(),
    };
    let in_sight = |(begins, ends): &(Timestamp, Timestamp)| *begins < until && *ends > from;
    let mut frozen: Vec<(Timestamp, Timestamp)> =
        workspace.freezes.iter().filter_map(window::lasts).filter(in_sight).collect();
    frozen.sort_unstable();
    let windows = workspace.windows.iter().flat_map(|window| {
        let openings = window::openings(window, from, until).take(SPANS_MAX);
        let open = openings.flat_map(|at| without((at, at.plus_ms(window.lasts_ms)), &frozen)).filter(in_sight);
        open.map(|lasts| span(Kind::Window, &window.name, &window.zone, lasts)).collect::<Vec<_>>()
    });
    let freezes = workspace.freezes.iter().filter_map(|freeze| {
        let lasts = window::lasts(freeze).filter(in_sight)?;
        Some(span(Kind::Freeze, &freeze.called(), &freeze.zone, lasts))
    });
    let mut found: Vec<Span> = windows.chain(freezes).collect();
    found.sort();
    found.truncate(SPANS_MAX);
    found
}

/// What is left of a span without these, which stand in order.
fn without((mut from, until): (Timestamp, Timestamp), gaps: &[(Timestamp, Timestamp)]) -> Vec<(Timestamp, Timestamp)> {
    let mut left = Vec::new();
    for (begins, ends) in gaps {
        left.push((from, until.min(*begins)));
        from = from.max(*ends);
    }
    left.push((from, until));
    left.retain(|(from, until)| from < until);
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixture::{self, NOON};
    use crate::domain::workspace::{Freeze, Window};

    #[test]
    fn windows_and_freezes_stand_in_order_with_what_has_begun_already() {
        let mut place = fixture::workspace("prod-web");
        let window = |name: &str, start: &str, hours: u64| Window {
            name: name.to_owned(),
            start: start.to_owned(),
            lasts_ms: hours * 3_600_000,
            zone: "UTC".to_owned(),
        };
        place.windows = vec![window("nightly", "0 22 * * *", 4), window("midday", "0 10 * * *", 4)];
        let freeze = |name: &str, from: &str, to: &str| Freeze {
            name: name.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            zone: "UTC".to_owned(),
            except: std::collections::BTreeSet::new(),
        };
        place.freezes = vec![
            freeze("over", "2020-01-01T00:00:00", "2020-01-02T00:00:00"),
            freeze("late", "2026-11-23T23:00:00", "2026-11-24T00:00:00"),
            freeze("early", "2026-11-24T00:00:00", "2026-11-24T01:00:00"),
        ];
        let day_ms = 24 * 3_600_000;
        let found = spans(&place, NOON, NOON.plus_ms(day_ms));
        let told: Vec<String> = found
            .iter()
            .map(|span| {
                let hour = |at: Timestamp| at.to_jiff().strftime("%d %H").to_string();
                format!("{} {} {} to {}", span.kind.word(), span.name, hour(span.from), hour(span.until))
            })
            .collect();
        let wanted = [
            "window midday 23 10 to 23 14",
            "window nightly 23 22 to 23 23",
            "freeze late 23 23 to 24 00",
            "freeze early 24 00 to 24 01",
            "window nightly 24 01 to 24 02",
            "window midday 24 10 to 24 14",
        ];
        assert_eq!(told, wanted, "what is open now is among it, and no window where a freeze is");
        place.freezes.clear();
        place.windows = vec![window("always", "* * * * *", 1)];
        assert_eq!(spans(&place, NOON, NOON.plus_ms(365 * day_ms)).len(), SPANS_MAX);
    }
}
