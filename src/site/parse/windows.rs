//! Change windows and freezes, and windows that are open at other times than they look. One that never opens is refused where its key
//! is read.

use super::Report;
use crate::domain::window;
use crate::domain::workspace::{Freeze, Window};
use crate::domain::{RunbookId, Timestamp};
use crate::site::diagnostic::Code;
use crate::site::fields::Fields;

/// Where windows are looked at from: a site reads the same whenever it is read. A Monday (2024-01-01).
const FROM: Timestamp = Timestamp(1_704_067_200_000);

/// Five weeks show what a week or a month holds.
const LOOK_MS: u64 = 35 * 24 * 3_600_000;

/// Openings of a window that are looked at, and windows that are held against each other.
const OPENINGS_MAX: usize = 100;
const WINDOWS_MAX: usize = 32;

/// The windows of a workspace.
pub(super) fn windows(fields: &Fields, report: &mut Report) -> Vec<Window> {
    let of: Vec<(&Fields, Window)> = fields.tables("window").map(|item| (item, window(item))).collect();
    let mut before: Vec<(&Window, Vec<Timestamp>)> = Vec::new();
    for (item, window) in of.iter().take(WINDOWS_MAX).filter(|(_, window)| window::check(window).is_ok()) {
        let openings: Vec<Timestamp> =
            window::openings(window, FROM, FROM.plus_ms(LOOK_MS)).take(OPENINGS_MAX).collect();
        if let Some((first, _)) = before.iter().find(|(other, at)| overlap((other, at), (window, &openings))) {
            let message = format!("`{}` and `{}` overlap", first.name, window.name);
            let hint = "where two are open at once, a run may go on until the later one closes";
            report.warning(Code::Window, item.span_of("start"), message, hint);
        } else if openings.iter().zip(openings.iter().skip(1)).any(|(one, next)| next.ms_since(*one) < window.lasts_ms)
        {
            let hint = "it opens again before it closes: between the two it is never closed";
            report.warning(Code::Window, item.span_of("lasts"), "this window overlaps itself", hint);
        }
        before.push((window, openings));
    }
    of.into_iter().map(|(_, window)| window).collect()
}

fn overlap((one, of_one): (&Window, &[Timestamp]), (other, of_other): (&Window, &[Timestamp])) -> bool {
    let meet = |a: &Timestamp, b: &Timestamp| *a < b.plus_ms(other.lasts_ms) && *b < a.plus_ms(one.lasts_ms);
    of_one.iter().any(|a| of_other.iter().any(|b| meet(a, b)))
}

fn window(fields: &Fields) -> Window {
    Window {
        name: fields.string("name"),
        start: fields.string("start"),
        lasts_ms: fields.duration_ms("lasts").unwrap_or(0),
        zone: fields.string("zone"),
    }
}

pub(super) fn freeze(fields: &Fields, report: &mut Report) -> Freeze {
    let freeze = Freeze {
        name: fields.string("name"),
        from: fields.string("from"),
        to: fields.string("to"),
        zone: fields.string("zone"),
        except: fields.strings::<Vec<String>>("except").into_iter().map(RunbookId::new).collect(),
    };
    let complete = ["from", "to", "zone"].iter().all(|key| fields.get(key).is_some());
    if let Err(why) = window::check_freeze(&freeze)
        && complete
    {
        report.error(Code::Rule, fields.span_of("to"), why, "");
    }
    freeze
}
