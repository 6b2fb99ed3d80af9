//! Words for what a person reads often: phases, endings, counts.

use crate::domain::run::{Ending, PauseCause, Phase, Round, StopHow};

/// `1 host`, `12 hosts`.
pub fn count(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// `48 211`: groups of three, as ISO 31-0 writes them.
pub fn number(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// Where a run stands, in a few words.
pub fn phase(phase: &Phase) -> String {
    match phase {
        Phase::Checking(Round::Proposal) => "checks run".to_owned(),
        Phase::Checking(Round::Start) => "checks run again before the start".to_owned(),
        Phase::Waiting => "waits".to_owned(),
        Phase::Approved => "approved, not started".to_owned(),
        Phase::Running => "running".to_owned(),
        Phase::Paused(PauseCause::Person(person)) => format!("paused by {person}"),
        Phase::Paused(PauseCause::Failure) => "paused: a person must decide".to_owned(),
        Phase::Stopping(how) => format!("stopping: {}", stop(*how)),
        Phase::Verifying => "verifying".to_owned(),
        Phase::Ended(how) => format!("{}: outcome note missing", ending(*how)),
        Phase::Closed(how) => format!("{}: review due", ending(*how)),
        Phase::Reviewed(how) => format!("{}, reviewed", ending(*how)),
        Phase::Cancelled(why) => why.word().to_owned(),
    }
}

/// How a run ended, in a few words.
pub fn ending(how: Ending) -> &'static str {
    match how {
        Ending::Succeeded => "succeeded",
        Ending::Failed => "failed",
        Ending::Unverified => "ended, not verified",
        Ending::Aborted => "aborted",
        Ending::Interrupted => "interrupted",
        Ending::Stuck => "stuck: an undo failed",
    }
}

/// How a run is stopped, in a few words.
pub fn stop(how: StopHow) -> &'static str {
    match how {
        StopHow::AfterStep => "hosts end the step they are in",
        StopHow::AfterBatch => "the batch at work ends",
        StopHow::Now => "what runs is ended now",
        StopHow::Failure => "too much failed",
        StopHow::TimedOut => "its time is over",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_counts_are_grammatical() {
        assert_eq!(number(48211), "48 211");
        assert_eq!(number(1_284), "1 284");
        assert_eq!(number(999), "999");
        assert_eq!(count(1, "host", "hosts"), "1 host");
        assert_eq!(count(2000, "host", "hosts"), "2 000 hosts");
    }
}
