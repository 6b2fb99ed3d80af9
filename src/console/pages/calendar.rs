//! When runs may start and when none may, day by day, in the zone of whoever looks.

use super::heading;
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::page::Part;
use crate::console::widgets::piece::{name, text};
use crate::domain::calendar::{self, Kind, Span};
use crate::domain::workspace::Workspace;

/// Days ahead: two weeks, as people plan.
const DAYS: u64 = 14;

const TIMES_COLUMNS: u16 = 27;
const KIND_COLUMNS: u16 = 9;
const PLACE_COLUMNS: u16 = 18;

/// Windows and freezes of these workspaces.
pub fn parts<'a>(cx: &Cx<'_>, workspaces: impl Iterator<Item = &'a Workspace>) -> Vec<Part> {
    let (now, zone) = (cx.now(), &cx.here.zone);
    let until = now.plus_ms(DAYS * 24 * 3_600_000);
    let mut always = Vec::new();
    let mut spans: Vec<Span> = Vec::new();
    for workspace in workspaces {
        spans.extend(calendar::spans(workspace, now, until));
        if workspace.windows.is_empty() {
            always.push(workspace.id.to_string());
        }
    }
    spans.sort();
    let mut parts = Vec::new();
    if !always.is_empty() {
        let words = format!("Without windows, runs start at any time but in a freeze: {}", always.join(", "));
        parts.push(Part::Words(Role::Muted, words));
    }
    let mut day = String::new();
    for span in &spans {
        // What has begun before today stands with what is now.
        let from = if span.from < now { now } else { span.from };
        let of_day = moment::day_alone(from, zone);
        if of_day != day {
            parts.extend(heading(&of_day, ""));
            day = of_day;
        }
        let begins = if span.from < now { "now".to_owned() } else { moment::time(span.from, zone) };
        let ends = match moment::day_alone(span.until, zone) == day {
            true => moment::time(span.until, zone),
            false => moment::when(span.until, now, zone),
        };
        let role = match span.kind {
            Kind::Window => Role::Ok,
            Kind::Freeze => Role::Warning,
        };
        parts.push(Part::Line(vec![
            text(Role::Text, safe!("{begins} – {ends}")).cols(TIMES_COLUMNS),
            text(role, span.kind.word()).cols(KIND_COLUMNS),
            name(Role::Text, span.workspace.as_str()).cols(PLACE_COLUMNS),
            text(Role::Muted, span.name.as_str()).rest(),
        ]));
    }
    if spans.is_empty() {
        parts.push(Part::Words(Role::Muted, format!("No window opens and no freeze holds for {DAYS} days.")));
    }
    parts
}

#[cfg(test)]
mod tests {
    use crate::console::fixture;
    use crate::console::harness::Harness;
    use crate::domain::workspace::{Freeze, Window};
    use std::sync::Arc;

    fn planned() -> Harness {
        let world = fixture::world();
        Harness::new(world).world(|world| {
            let mut site = (**world.site.as_ref().unwrap()).clone();
            let place = Arc::make_mut(site.workspaces.get_mut(&"prod-web".into()).unwrap());
            let zone = "Europe/Berlin".to_owned();
            let start = "0 22 * * *".to_owned();
            place.windows =
                vec![Window { name: "nightly".to_owned(), start, lasts_ms: 14_400_000, zone: zone.clone() }];
            let [from, to] = ["2026-11-23T12:00:00", "2026-11-24T12:00:00"].map(str::to_owned);
            place.freezes = vec![Freeze { name: "release".to_owned(), from, to, zone, except: [].into() }];
            world.site = Some(Arc::new(site));
        })
    }

    #[test]
    fn a_calendar_shows_what_is_open_now_and_no_window_in_a_freeze() {
        let screen = planned().press(":").type_str("windows prod-web").press("enter").screen();
        let rows: Vec<&str> = screen.lines().map(str::trim).filter(|row| row.contains("prod-web  ")).collect();
        let wanted = ["now – 02:00                window   prod-web          nightly"];
        assert_eq!(rows[..1], wanted, "{screen}");
        assert!(rows.iter().any(|row| row.starts_with("12:00 –") && row.contains("freeze")), "{screen}");
        assert_eq!(screen.matches("Mon 23 Nov 2026").count(), 1, "{screen}");
        let nowhere = planned().press(":").type_str("windows elsewhere").press("enter").screen();
        assert!(nowhere.contains("no workspace is called elsewhere"), "{nowhere}");
    }
}
