//! What the script of such a step is told: a line that says what to do, then the program text that does it.

use super::Enclosed;
use serde_json::{Value, json};

/// Reads `WORK` and does it.
const DOES_IT: &str = include_str!("work.py");

/// One piece of work. `@place@` stands for the private directory it is done in.
#[derive(Debug)]
pub(super) struct Work {
    words: Vec<String>,
    /// The directory it starts in, below the private one.
    begins: String,
    /// Files made for it.
    pub made: Vec<(String, String)>,
    /// Paths at which whoever opens them hears a secret.
    pub pipes: Vec<(String, String)>,
    env: serde_json::Map<String, Value>,
    /// The secret that is a login key.
    pub key: Option<String>,
    /// The path at which all other values are heard.
    pub values: Option<&'static str>,
    /// Of them these alone, as one object of JSON.
    pub named: Option<Vec<String>>,
    /// Commands that must end well before it.
    pub before: Vec<Vec<String>>,
    /// Commands behind it that show what it made.
    pub after: Vec<Vec<String>>,
    /// Whether it talks in lines of JSON, as Terraform does: what is shown of them is how it gets on and what is wrong.
    pub talks: bool,
    /// Exit statuses other than 0 with which it ended well.
    pub well: Vec<u8>,
    /// The file it makes that is kept under its SHA-256, for another step of this account.
    pub keeps: Option<&'static str>,
    /// The file of this SHA-256 that it takes, and where it looks for it. It is kept no more once it ended well.
    pub takes: Option<(&'static str, String)>,
    /// The file without which nothing was done.
    pub proof: Option<&'static str>,
    /// Bits of the program's exit status that leave open what it did.
    pub unsure: u8,
}

impl Work {
    /// These words behind the program's name.
    pub fn new(words: Vec<String>, begins: &str) -> Self {
        Self {
            words,
            begins: begins.to_owned(),
            made: Vec::new(),
            pipes: Vec::new(),
            env: serde_json::Map::new(),
            key: None,
            values: None,
            named: None,
            before: Vec::new(),
            after: Vec::new(),
            talks: false,
            well: Vec::new(),
            keeps: None,
            takes: None,
            proof: None,
            unsure: 0,
        }
    }

    /// Sets a variable of its environment. No secret stands in it.
    pub fn env(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), Value::from(value));
    }

    /// The whole script.
    pub fn script(self, program: String, files: &[Enclosed]) -> String {
        let enclosed: Vec<[&str; 2]> = files.iter().map(|file| [file.path.as_str(), file.text.as_str()]).collect();
        let mut words = vec![program];
        words.extend(self.words);
        let work = json!({
            "words": words, "begins": self.begins, "enclosed": enclosed, "made": self.made, "pipes": self.pipes,
            "env": self.env, "key": self.key, "values": self.values, "proof": self.proof,
            "unsure": self.unsure, "named": self.named, "before": self.before, "after": self.after, "well": self.well,
            "keeps": self.keeps, "talks": self.talks, "takes": self.takes,
        });
        // A text of JSON is one of Python too: only ASCII escapes of one unit are written.
        let quoted = Value::from(work.to_string()).to_string();
        format!("import json\nWORK = json.loads({quoted})\n\n{DOES_IT}")
    }
}
