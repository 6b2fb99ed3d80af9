//! Evidence packs that leave the house: what a pack may be of, and that its export is an event of the record.
//!
//! Invariant: nobody gets a pack before its export is recorded and signed for.

use super::id::{IncidentId, RunId, Timestamp};
use super::proof::PERIOD_MS_MAX;
use super::refusal::{Refusal, Rule};
use serde::{Deserialize, Serialize};

/// Most runs that are named one by one.
pub const RUNS_NAMED_MAX: usize = 100;

/// What a pack is of, as it is asked for and as the leaf keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// These runs.
    Runs(Vec<RunId>),
    /// An incident, and every run that was proposed for it or broke glass for it.
    Incident(IncidentId),
    /// Every event of a period, and every run that has one in it.
    Period {
        /// From this moment on.
        from: Timestamp,
        /// Up to this moment, which is not in it.
        until: Timestamp,
    },
}

impl Selection {
    /// Whether a pack can be of it.
    ///
    /// # Errors
    /// It names no run or too many, or the period is none.
    pub fn check(&self) -> Result<(), Refusal> {
        match self {
            Selection::Runs(runs) if runs.is_empty() || runs.len() > RUNS_NAMED_MAX => {
                let what = format!("a pack is of 1 to {RUNS_NAMED_MAX} runs that are named");
                Err(Refusal::new(Rule::Limit, what).next("name some runs, or export an incident or a period"))
            }
            Selection::Period { from, until } if from >= until => {
                Err(Refusal::new(Rule::Input, "the period ends before it begins")
                    .next("say a day to that is not before from"))
            }
            Selection::Period { from, until } if until.ms_since(*from) > PERIOD_MS_MAX => {
                Err(Refusal::new(Rule::Input, "a period of more than two years").next("export each year"))
            }
            Selection::Runs(_) | Selection::Incident(_) | Selection::Period { .. } => Ok(()),
        }
    }

    /// In words, for the list of events and the title of the page.
    pub fn words(&self) -> String {
        match self {
            Selection::Runs(runs) => runs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            Selection::Incident(id) => format!("incident {id}"),
            Selection::Period { from, until } => {
                let (from, until) = (super::compliance::moment(*from), super::compliance::moment(*until));
                format!("the time from {from} up to {until}")
            }
        }
    }
}

/// Whether a ticket names an incident: `I7`, alone or among other words, with its letter.
pub fn names(ticket: &str, incident: IncidentId) -> bool {
    let wanted = incident.to_string();
    ticket.split(|letter: char| !letter.is_ascii_alphanumeric()).any(|word| word.eq_ignore_ascii_case(&wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_names_an_incident_by_its_letter_and_whole_number() {
        for ticket in ["I7", "i7", "CHG-4, I7", "I7/OPS-1"] {
            assert!(names(ticket, IncidentId(7)), "{ticket}");
        }
        for ticket in ["", "7", "I77", "AI7", "CHG-7"] {
            assert!(!names(ticket, IncidentId(7)), "{ticket}");
        }
    }

    #[test]
    fn a_selection_is_bounded() {
        let rule = |selection: Selection| selection.check().map_err(|refusal| refusal.rule);
        let period = |from, until| Selection::Period { from: Timestamp(from), until: Timestamp(until) };
        assert_eq!(rule(Selection::Runs(Vec::new())), Err(Rule::Limit));
        assert_eq!(rule(Selection::Runs(vec![RunId(1); RUNS_NAMED_MAX + 1])), Err(Rule::Limit));
        assert_eq!(rule(Selection::Runs(vec![RunId(1); RUNS_NAMED_MAX])), Ok(()));
        assert_eq!(rule(period(5, 5)), Err(Rule::Input));
        assert_eq!(rule(period(0, i64::MAX)), Err(Rule::Input));
        assert_eq!(rule(period(5, 6)), Ok(()));
    }

    #[test]
    fn the_leaf_keeps_numbers_and_reads_back() {
        for (selection, leaf) in [
            (Selection::Runs(vec![RunId(4), RunId(9)]), r#"{"runs":[4,9]}"#),
            (Selection::Incident(IncidentId(7)), r#"{"incident":7}"#),
            (Selection::Period { from: Timestamp(1), until: Timestamp(2) }, r#"{"period":{"from":1,"until":2}}"#),
        ] {
            assert_eq!(serde_json::to_string(&selection).unwrap(), leaf);
            assert_eq!(serde_json::from_str::<Selection>(leaf).unwrap(), selection);
        }
    }
}
