//! The filter line of lists: `failed & ws:web & since:90d`. `!` before a term turns it around, `-f` in front is fuzzy.
//!
//! A term is a word, or a key and a value; terms are joined by `&`. Case does not matter. Deliberately absent: `|` and parentheses; who needs them has two filters, one after the other.

use crate::domain::duration;
use crate::domain::{RunId, Timestamp};
use jiff::tz::TimeZone;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// A field of a row, as a filter names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Key {
    Workspace,
    Person,
    Runbook,
    Host,
    State,
    Impact,
    Ticket,
    Owner,
    Kind,
    Run,
    Since,
    Until,
}

impl Key {
    /// How it is written; the first is the one that is printed.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Key::Workspace => &["ws", "workspace", "in"],
            Key::Person => &["by", "person", "who"],
            Key::Runbook => &["rb", "runbook"],
            Key::Host => &["host", "on"],
            Key::State => &["is", "state", "status"],
            Key::Impact => &["impact"],
            Key::Ticket => &["ticket"],
            Key::Owner => &["owner", "team"],
            Key::Kind => &["kind", "what"],
            Key::Run => &["run"],
            Key::Since => &["since", "after"],
            Key::Until => &["until", "before"],
        }
    }
}

/// Whether what a term says must hold or must not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Sense {
    Holds,
    HoldsNot,
}

/// What one term asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Term {
    /// Some text of the row contains this.
    Word(String),
    /// This field of the row contains this.
    Field(Key, String),
    /// The row is of this moment or later.
    Since(Timestamp),
    /// The row is earlier than this moment.
    Until(Timestamp),
}

/// Which rows of a list are shown.
#[derive(Clone, Debug, Default)]
pub enum Filter {
    /// All of them.
    #[default]
    All,
    /// Those for which every term is right.
    Terms {
        /// As typed.
        text: String,
        /// What is asked for.
        terms: Vec<(Sense, Term)>,
    },
    /// Those that resemble this, the most alike first.
    Fuzzy {
        /// As typed.
        text: String,
        /// What they are compared with.
        pattern: Box<Pattern>,
    },
}

/// A row as a filter sees it.
pub trait Row {
    /// All its words, for terms without a key and for likeness.
    fn words(&self) -> String;

    /// Its text in this field; `None` where the list cannot tell, which counts as fitting: whoever answered the question
    /// has judged it.
    fn field(&self, key: Key) -> Option<String>;

    /// Its moment, where it has one.
    fn at(&self) -> Option<Timestamp>;
}

impl Filter {
    /// Reads a filter. `keys` are those the list knows; `now` and `zone` are what `90d` and `2026-11-01` are counted from.
    ///
    /// # Errors
    /// Says what cannot be read and what can.
    pub fn parse(text: &str, keys: &[Key], now: Timestamp, zone: &TimeZone) -> Result<Self, String> {
        let typed = text.trim();
        let kept = typed.to_owned();
        if typed.is_empty() || typed == "!" || typed == "-f" {
            return Ok(Filter::All);
        }
        if let Some(pattern) = typed.strip_prefix("-f ") {
            let pattern = Box::new(Pattern::parse(pattern.trim(), CaseMatching::Ignore, Normalization::Smart));
            return Ok(Filter::Fuzzy { text: kept, pattern });
        }
        let written = typed.split('&').map(str::trim).filter(|term| !term.is_empty() && *term != "!");
        let terms: Result<Vec<_>, String> = written.map(|term| read(term, keys, now, zone)).collect();
        Ok(Filter::Terms { text: kept, terms: terms? })
    }

    /// As typed; empty where everything is shown.
    pub fn text(&self) -> &str {
        match self {
            Filter::All => "",
            Filter::Terms { text, .. } | Filter::Fuzzy { text, .. } => text,
        }
    }

    /// Whether it hides nothing.
    pub fn is_all(&self) -> bool {
        matches!(self, Filter::All)
    }

    /// Positions of the rows that are shown: in their own order, or the most alike first.
    pub fn select<R: Row>(&self, rows: &[R]) -> Vec<usize> {
        match self {
            Filter::All => (0..rows.len()).collect(),
            Filter::Terms { terms, .. } => rows
                .iter()
                .enumerate()
                .filter(|(_, row)| terms.iter().all(|term| holds(*row, term)))
                .map(|(nth, _)| nth)
                .collect(),
            Filter::Fuzzy { pattern, .. } => {
                let mut matcher = Matcher::new(Config::DEFAULT);
                let mut letters = Vec::new();
                let mut alike: Vec<(u32, usize)> = rows
                    .iter()
                    .enumerate()
                    .filter_map(|(nth, row)| {
                        let words = row.words();
                        Some((pattern.score(Utf32Str::new(&words, &mut letters), &mut matcher)?, nth))
                    })
                    .collect();
                alike.sort_by_key(|(score, nth)| (std::cmp::Reverse(*score), *nth));
                alike.into_iter().map(|(_, nth)| nth).collect()
            }
        }
    }

    /// The terms that a question to the store may carry: those that must hold.
    pub fn asked(&self) -> impl Iterator<Item = &Term> {
        let terms = match self {
            Filter::Terms { terms, .. } => terms.as_slice(),
            Filter::All | Filter::Fuzzy { .. } => &[],
        };
        terms.iter().filter(|(sense, _)| *sense == Sense::Holds).map(|(_, term)| term)
    }
}

fn read(term: &str, keys: &[Key], now: Timestamp, zone: &TimeZone) -> Result<(Sense, Term), String> {
    let (sense, term) = match term.strip_prefix('!') {
        Some(rest) => (Sense::HoldsNot, rest.trim()),
        None => (Sense::Holds, term),
    };
    let Some((name, value)) = term.split_once(':') else {
        return Ok((sense, Term::Word(term.to_lowercase())));
    };
    let (name, value) = (name.trim().to_lowercase(), value.trim());
    let Some(key) = keys.iter().find(|key| key.names().contains(&name.as_str())) else {
        let known: Vec<String> =
            keys.iter().filter_map(|key| key.names().first()).map(|name| format!("{name}:")).collect();
        return Err(format!("nothing here is called `{name}:`; there is {}", known.join(" ")));
    };
    if value.is_empty() {
        return Err(format!("`{name}:` of what?"));
    }
    let term = match key {
        Key::Since => Term::Since(moment(value, now, zone)?),
        Key::Until => Term::Until(moment(value, now, zone)?),
        Key::Run => {
            let run: RunId = value.parse().map_err(|_| format!("`{value}` is no run; write run:42"))?;
            Term::Field(Key::Run, run.0.to_string())
        }
        Key::Workspace
        | Key::Person
        | Key::Runbook
        | Key::Host
        | Key::State
        | Key::Impact
        | Key::Ticket
        | Key::Owner
        | Key::Kind => Term::Field(*key, value.to_lowercase()),
    };
    Ok((sense, term))
}

/// `90d` ago, or the start of `2026-11-01`.
/// A moment as filters write it: so long ago, or the beginning of a day.
///
/// # Errors
/// Says how one is written.
pub fn moment(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    if let Ok(day) = text.parse::<jiff::civil::Date>() {
        let start = day.to_zoned(zone.clone()).map_err(|_| format!("`{text}` is no day"))?;
        return Ok(Timestamp::from(start.timestamp()));
    }
    let ms = duration::parse_ms(text).map_err(|_| format!("`{text}` is no time; write 90d, 4h or 2026-11-01"))?;
    Ok(Timestamp(now.0.saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX))))
}

fn holds<R: Row>(row: &R, (sense, term): &(Sense, Term)) -> bool {
    let fits = match term {
        Term::Word(word) => row.words().to_lowercase().contains(word),
        // Numbers are whole: run:4 does not mean #42.
        Term::Field(Key::Run, number) => row.field(Key::Run).is_none_or(|run| run == *number),
        Term::Field(key, value) => match row.field(*key) {
            Some(text) => text.to_lowercase().contains(value),
            None => return true,
        },
        Term::Since(at) => row.at().is_none_or(|of| of >= *at),
        Term::Until(at) => row.at().is_none_or(|of| of < *at),
    };
    fits == (*sense == Sense::Holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Words(&'static str, i64);

    impl Row for Words {
        fn words(&self) -> String {
            self.0.to_owned()
        }

        fn field(&self, key: Key) -> Option<String> {
            let nth = match key {
                Key::Runbook => 0,
                Key::Workspace => 1,
                Key::State => 2,
                _ => return None,
            };
            self.0.split(' ').nth(nth).map(str::to_owned)
        }

        fn at(&self) -> Option<Timestamp> {
            Some(Timestamp(self.1))
        }
    }

    const KEYS: &[Key] = &[Key::Runbook, Key::Workspace, Key::State, Key::Since, Key::Until, Key::Host];
    const DAY: i64 = 86_400_000;

    fn shown(filter: &str) -> Vec<usize> {
        let rows = [
            Words("rolling-restart prod-web failed", 10 * DAY),
            Words("db-failover prod-db succeeded", 99 * DAY),
            Words("disk-cleanup lab failed", 100 * DAY),
        ];
        let zone = TimeZone::UTC;
        Filter::parse(filter, KEYS, Timestamp(100 * DAY), &zone).unwrap().select(&rows)
    }

    #[test]
    fn terms_are_joined_and_turned_around() {
        assert_eq!(shown(""), [0, 1, 2]);
        assert_eq!(shown("failed"), [0, 2]);
        assert_eq!(shown("FAILED & ws:web"), [0]);
        assert_eq!(shown("failed & !ws:web"), [2]);
        assert_eq!(shown("!failed"), [1]);
        assert_eq!(shown("!failed & since:90d"), [1]);
        assert_eq!(shown("!"), [0, 1, 2]);
        assert_eq!(shown("failed & since:50d"), [2]);
        assert_eq!(shown("until:1970-01-30"), [0]);
        // Not told by the row: whoever answered has judged it.
        assert_eq!(shown("host:web-1"), [0, 1, 2]);
    }

    #[test]
    fn fuzzy_shows_the_most_alike_first() {
        assert_eq!(shown("-f dbfail"), [1, 2, 0]);
        assert_eq!(shown("-f rolrest"), [0]);
        assert_eq!(shown("-f zzz"), Vec::<usize>::new());
    }

    #[test]
    fn what_cannot_be_read_says_what_can() {
        let wrong = |text: &str| Filter::parse(text, KEYS, Timestamp(0), &TimeZone::UTC).unwrap_err();
        assert_eq!(wrong("colour:red"), "nothing here is called `colour:`; there is rb: ws: is: since: until: host:");
        assert_eq!(wrong("ws:"), "`ws:` of what?");
        assert_eq!(wrong("since:soon"), "`soon` is no time; write 90d, 4h or 2026-11-01");
    }

    #[test]
    fn only_what_must_hold_is_asked_of_the_store() {
        let filter = Filter::parse("failed & !ws:web & rb:db", KEYS, Timestamp(0), &TimeZone::UTC).unwrap();
        let asked: Vec<&Term> = filter.asked().collect();
        assert_eq!(asked, [&Term::Word("failed".to_owned()), &Term::Field(Key::Runbook, "db".to_owned())]);
        let around = Filter::parse("!failed", KEYS, Timestamp(0), &TimeZone::UTC).unwrap();
        assert_eq!(around.asked().count(), 0);
    }
}
