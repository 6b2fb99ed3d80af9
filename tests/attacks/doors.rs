//! What an attack must come to, at each door: no, by the same rule and in the same words; a word of it in the record, with
//! its person and the door; and nothing changed.

use crate::attacks::house::{Door, House};
use crate::real::KeyPair;
use crate::real::product::Follow;
use serde_json::Value;
use std::process::Output;

/// Whether the record has a word of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// An attempt beyond somebody's authority, at the wrong time, or on something that had changed.
    Yes,
    /// What there is not, or has no such state, cannot have been attacked.
    No,
}

impl House {
    /// A verb that is refused by this rule at every door its person has, and stands in the record each time.
    #[track_caller]
    pub fn refuses(&self, who: &str, rule: &str, words: &[&str]) {
        self.is_refused(who, rule, words, Kept::Yes);
    }

    /// The same, of what leaves no word in the record; what was told.
    #[track_caller]
    pub fn turns_down(&self, who: &str, rule: &str, words: &[&str]) -> Value {
        self.is_refused(who, rule, words, Kept::No)
    }

    #[track_caller]
    fn is_refused(&self, who: &str, rule: &str, words: &[&str], kept: Kept) -> Value {
        let before = self.stands();
        let mut told: Vec<(Door, Value)> = Vec::new();
        for door in Door::ALL {
            let mut record = self.product().follow();
            let Some(said) = self.says(door, who, words) else { continue };
            let refused = refusal(&said);
            assert_eq!(refused["code"], rule, "{who} by {door:?}: {words:?}: {refused:#}");
            let doors_word = self.written(door, who);
            is_recorded(&mut record, kept, who, rule, &doors_word);
            told.push((door, refused));
        }
        let [(_, first), rest @ ..] = told.as_slice() else { panic!("{who} has no door") };
        assert!(!rest.is_empty(), "{who} was heard at one door alone: {told:?}");
        for (door, other) in rest {
            assert_eq!(other, first, "{door:?} answers {who} otherwise: {words:?}");
        }
        assert_eq!(self.stands(), before, "{who} {words:?} changed something");
        first.clone()
    }

    /// Whatever somebody could have changed: every run, as it stands, for somebody who sees all of them.
    #[track_caller]
    pub fn stands(&self) -> Vec<Value> {
        let listed = self.json("grace", &["runs", "list", "--limit", "100"]);
        let runs = listed["rows"].as_array().unwrap().iter().map(|row| row["run"].as_u64().unwrap().to_string());
        let mut all: Vec<Value> = runs.map(|run| self.json("grace", &["runs", "show", &run])).collect();
        all.extend(["standing", "elevations", "incident"].map(|what| self.json("grace", &[what, "list"])));
        all.push(self.json("grace", &["site", "show"]));
        all
    }
}

/// What is said to a verb that is refused by a rule.
#[track_caller]
pub fn refusal(said: &Output) -> Value {
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let answer: Value = serde_json::from_slice(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    let refused = answer["refused"].clone();
    assert!(refused["what"].as_str().is_some_and(|what| !what.is_empty()), "{answer}");
    refused
}

/// Since `record` was followed, it got this one refusal and nothing else, or nothing at all.
#[track_caller]
pub fn is_recorded(record: &mut Follow, kept: Kept, who: &str, rule: &str, door: &Value) {
    let leaves = record.new_leaves();
    match (leaves.as_slice(), kept) {
        ([], Kept::No) => {}
        ([leaf], Kept::Yes) => {
            assert_eq!((&leaf["kind"], &leaf["body"]["rule"]), (&"refused".into(), &rule.into()), "{leaf:#}");
            let by = &leaf["by"]["person"];
            assert_eq!((&by["person"], &by["door"]), (&who.into(), door), "{leaf:#}");
        }
        (others, _) => panic!("{who}, {rule}, kept: {kept:?}; the record got {others:#?}"),
    }
}

/// A key's fingerprint as leaves have it: in hexadecimal.
pub fn in_leaves(key: &KeyPair) -> String {
    use base64::Engine as _;
    let fingerprint = key.fingerprint();
    let encoded = fingerprint.strip_prefix("SHA256:").unwrap();
    let bytes = base64::engine::general_purpose::STANDARD_NO_PAD.decode(encoded).unwrap();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
