//! Change windows and freezes for other calendars (RFC 5545). Every entry keeps its UID, so that a calendar that reads the file again
//! moves what moved and doubles nothing.

use crate::domain::Timestamp;
use crate::domain::calendar::{Kind, Span};
use crate::terminal::line::Safe;
use icalendar::{Calendar, Component, Event};

/// A calendar of these spans, told at this moment.
pub fn calendar(site: &str, spans: &[Span], at: Timestamp) -> String {
    let moment = |at: Timestamp| at.to_jiff().strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut calendar = Calendar::empty();
    for head in [("VERSION", "2.0"), ("PRODID", "-//quarterdeck//change windows//EN"), ("CALSCALE", "GREGORIAN")] {
        calendar.append_property(head);
    }
    calendar.name(&Safe::new(format!("{site}: change windows")).to_string());
    for span in spans {
        let (place, name) = (Safe::new(span.workspace.as_str()), Safe::new(&span.name));
        let summary = match span.kind {
            Kind::Window => format!("{place}: changes may start ({name})"),
            Kind::Freeze => format!("{place}: frozen ({name})"),
        };
        let uid = format!("{}-{}-{}-{}", span.kind.word(), place, name, span.from.0);
        let event = Event::new()
            .uid(&uid)
            .summary(&summary)
            .add_property("DTSTAMP", moment(at))
            .add_property("DTSTART", moment(span.from))
            .add_property("DTEND", moment(span.until))
            .done();
        calendar.push(event);
    }
    calendar.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_break_no_line_and_entries_keep_their_ids() {
        let span = Span {
            from: Timestamp(1_795_435_200_000),
            until: Timestamp(1_795_449_600_000),
            kind: Kind::Freeze,
            workspace: "prod-web".into(),
            name: "year end; all, of it\nEND:VCALENDAR".to_owned(),
            zone: "Europe/Berlin".to_owned(),
        };
        let text = calendar("acme", std::slice::from_ref(&span), Timestamp(0));
        assert_eq!(text, calendar("acme", &[span], Timestamp(0)));
        assert!(text.starts_with("BEGIN:VCALENDAR\r\n") && text.ends_with("END:VCALENDAR\r\n"), "{text}");
        assert_eq!(text.matches("\r\nEND:VCALENDAR").count(), 1, "{text}");
        for line in ["DTSTART:20261123T120000Z", "DTEND:20261123T160000Z", "DTSTAMP:19700101T000000Z"] {
            assert!(text.contains(&format!("\r\n{line}\r\n")), "{line}: {text}");
        }
        assert!(text.contains("year end\\; all\\, of it"), "{text}");
        assert!(text.split("\r\n").all(|line| line.len() <= 75), "{text}");
    }
}
