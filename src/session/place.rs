//! What a person sits at, as the far end describes it. The description is compared, never shown, and bounded.

use crate::console::Bookmark;
use crate::terminal::bytes::Capability;
use crate::terminal::guard::{self, Environment, detect};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Columns a terminal may have: narrower ones show nothing, wider ones cost others memory.
pub const COLUMNS: RangeInclusive<u16> = 20..=500;

/// Rows a terminal may have.
pub const ROWS: RangeInclusive<u16> = 5..=200;

/// Longest value of a variable that is taken: the longest real one names a locale or a zone.
const VALUE_BYTES_MAX: usize = 64;

/// Longest bookmark that is taken, as it is written.
pub const MARK_BYTES_MAX: usize = 2_048;

/// The form in which something to sign is sent and answered; another form has another number.
pub const SIGNING_FORM: &str = "1";

/// A variable the far end may tell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Variable {
    Term,
    ColorTerm,
    NoColor,
    LcAll,
    LcCtype,
    Lang,
    /// `TZ`: an IANA name.
    Zone,
    /// `QUARTERDECK_CLIENT`: the far end is our own client and takes files.
    Client,
    /// `QUARTERDECK_SIGNS`: the far end signs approvals with its person's own key, in the form of this number.
    Signs,
    /// `QUARTERDECK_MARK`: what opens the place again where its person was when its server went.
    Mark,
    /// `QUARTERDECK_FAULT`: break at the first key, where the site allows tests. So tests see that one session's fault is its own.
    Fault,
}

impl Variable {
    /// Every variable that is taken.
    pub const ALL: [Variable; 11] = [
        Variable::Term,
        Variable::ColorTerm,
        Variable::NoColor,
        Variable::LcAll,
        Variable::LcCtype,
        Variable::Lang,
        Variable::Zone,
        Variable::Client,
        Variable::Signs,
        Variable::Mark,
        Variable::Fault,
    ];

    /// Its name in an environment.
    pub fn name(self) -> &'static str {
        match self {
            Variable::Term => "TERM",
            Variable::ColorTerm => "COLORTERM",
            Variable::NoColor => "NO_COLOR",
            Variable::LcAll => "LC_ALL",
            Variable::LcCtype => "LC_CTYPE",
            Variable::Lang => "LANG",
            Variable::Zone => "TZ",
            Variable::Client => "QUARTERDECK_CLIENT",
            Variable::Signs => "QUARTERDECK_SIGNS",
            Variable::Mark => "QUARTERDECK_MARK",
            Variable::Fault => "QUARTERDECK_FAULT",
        }
    }
}

/// What a person sits at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    size: (u16, u16),
    variables: BTreeMap<Variable, String>,
}

impl Place {
    /// A terminal of so many columns and rows, brought into [`COLUMNS`] and [`ROWS`].
    pub fn new(columns: u32, rows: u32) -> Self {
        Self { size: clamped(columns, rows), variables: BTreeMap::new() }
    }

    /// It has another size.
    pub fn resize(&mut self, columns: u32, rows: u32) {
        self.size = clamped(columns, rows);
    }

    /// Takes a variable. Not taken are unknown ones, and values that are long or hold anything but printable ASCII.
    pub fn tell(&mut self, name: &str, value: &str) -> bool {
        let Some(variable) = Variable::ALL.into_iter().find(|variable| variable.name() == name) else {
            return false;
        };
        let most = if variable == Variable::Mark { MARK_BYTES_MAX } else { VALUE_BYTES_MAX };
        let plain = value.len() <= most && value.bytes().all(|byte| byte.is_ascii_graphic());
        if plain {
            self.variables.insert(variable, value.to_owned());
        }
        plain
    }

    /// What was told: names and values.
    pub fn told(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.variables.iter().map(|(variable, value)| (variable.name(), value.as_str()))
    }

    /// Remembers where the person is.
    pub fn remember(&mut self, mark: &str) {
        self.tell(Variable::Mark.name(), mark);
    }

    /// Where the person was, once: whoever signs in afresh begins afresh.
    pub fn take_bookmark(&mut self) -> Option<Bookmark> {
        self.variables.remove(&Variable::Mark).and_then(|mark| Bookmark::read(&mark))
    }

    /// Columns and rows.
    pub fn size(&self) -> (u16, u16) {
        self.size
    }

    /// What the terminal can do.
    pub fn capability(&self) -> Capability {
        detect(Environment {
            term: self.get(Variable::Term),
            colorterm: self.get(Variable::ColorTerm),
            no_color: self.get(Variable::NoColor),
            lc_all: self.get(Variable::LcAll),
            lc_ctype: self.get(Variable::LcCtype),
            lang: self.get(Variable::Lang),
        })
    }

    /// Whether the terminal says of itself that it moves no cursor.
    pub fn is_dumb(&self) -> bool {
        guard::is_dumb(self.get(Variable::Term))
    }

    /// The zone times are shown in; UTC where none, or none that is known, was told.
    pub fn zone(&self) -> TimeZone {
        let named = self.get(Variable::Zone).and_then(|name| TimeZone::get(name).ok());
        named.unwrap_or(TimeZone::UTC)
    }

    /// Whether the far end is our own client.
    pub fn takes_files(&self) -> bool {
        self.get(Variable::Client).is_some()
    }

    /// Whether the far end signs what it is sent in the form we send it.
    pub fn signs(&self) -> bool {
        self.get(Variable::Signs) == Some(SIGNING_FORM)
    }

    /// Whether the first key is to break this session.
    pub(super) fn faults(&self) -> bool {
        self.get(Variable::Fault).is_some()
    }

    /// Takes back the wish to be broken: the site is no place for tests.
    pub fn forbid_faults(&mut self) {
        self.variables.remove(&Variable::Fault);
    }

    fn get(&self, variable: Variable) -> Option<&str> {
        self.variables.get(&variable).map(String::as_str)
    }
}

/// A size as told, brought into bounds.
pub fn clamped(columns: u32, rows: u32) -> (u16, u16) {
    let into = |value: u32, bounds: RangeInclusive<u16>| {
        u16::try_from(value).unwrap_or(u16::MAX).clamp(*bounds.start(), *bounds.end())
    };
    (into(columns, COLUMNS), into(rows, ROWS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::bytes::{Charset, Colours};

    #[test]
    fn s_sizes_are_brought_into_bounds() {
        for (told, taken) in [((0, 0), (20, 5)), ((u32::MAX, u32::MAX), (500, 200)), ((80, 24), (80, 24))] {
            assert_eq!(Place::new(told.0, told.1).size(), taken);
        }
    }

    #[test]
    fn z41_variables_with_escapes_are_not_taken() {
        let mut place = Place::new(80, 24);
        assert!(!place.tell("TERM", "xterm\x1b]0;x\x07"));
        assert!(!place.tell("LANG", &"x".repeat(65)));
        assert!(!place.tell("LD_PRELOAD", "/tmp/x.so"));
        assert!(!place.tell("LANG", "de_DE.UTF-8 \u{202e}"));
        assert!(place.tell("TERM", "xterm-256color"));
        assert!(place.tell("LANG", "de_DE.UTF-8"));
        assert_eq!(place.capability().colours, Colours::Indexed256);
        assert_eq!(place.capability().charset, Charset::Unicode);
    }

    #[test]
    fn a_client_that_signs_in_another_form_or_none_is_sent_nothing_to_sign() {
        let mut place = Place::new(80, 24);
        place.tell("QUARTERDECK_CLIENT", "0.1.0");
        assert!(!place.signs(), "an older client");
        for (form, signs) in [("2", false), ("", false), (SIGNING_FORM, true)] {
            place.tell("QUARTERDECK_SIGNS", form);
            assert_eq!(place.signs(), signs, "{form}");
        }
    }

    #[test]
    fn a_zone_is_a_name_that_is_known() {
        let mut place = Place::new(80, 24);
        assert_eq!(place.zone(), TimeZone::UTC);
        place.tell("TZ", "Nowhere/Else");
        assert_eq!(place.zone(), TimeZone::UTC);
        place.tell("TZ", "Europe/Berlin");
        assert_eq!(place.zone().iana_name(), Some("Europe/Berlin"));
    }
}
