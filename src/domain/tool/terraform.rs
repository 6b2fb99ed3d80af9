//! What Terraform is given: the files of one folder in a private directory, values by a pipe, and no question answered.
//!
//! A plan is made, kept beside under its SHA-256 and shown as the very file says it; applied is the file of that SHA-256 and
//! no other, once. In between somebody lets the run go on who has read it. The record knows the SHA-256 as a value that the
//! planning step published, so that the rest of a run, too, applies what was approved.

use super::Enclosed;
use super::work::Work;
use crate::domain::published::{Found, Publish};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is done with the infrastructure that a folder describes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Terraform {
    /// The folder of the site that describes it.
    pub folder: String,
    /// What is done.
    pub does: Does,
}

/// What Terraform does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    /// Compares what is with what is described, and keeps what would be changed as a file.
    Plan,
    /// Carries such a file out.
    Apply {
        /// The published value that is the file's SHA-256.
        plan: String,
    },
}

/// The file in the private directory.
const FILE: &str = "@place@/quarterdeck.tfplan";

/// Where it hears its variables.
const VALUES: &str = "@place@/values.tfvars.json";

/// Its configuration, where the folder has one: mirrors for a machine that reaches no registry.
const CONFIGURATION: &str = "terraform.rc";

/// There are changes; see `-detailed-exitcode`.
const CHANGES: u8 = 2;

/// The name under which a planning step publishes the SHA-256 of its file.
pub fn published(step: &str) -> String {
    format!("{}_sha256", step.replace('-', "_"))
}

/// What a planning step publishes.
pub fn publishes(step: &str) -> Vec<Publish> {
    vec![Publish { name: published(step), found: Found::Matches(PUBLISHED.to_owned()) }]
}

/// The line in which it says so.
pub const PUBLISHED: &str = "^plan sha256:([0-9a-f]{64})$";

impl Terraform {
    /// The words behind the program's name, as an approver reads them.
    pub fn words(&self) -> Vec<String> {
        let chdir = format!("-chdir={}", self.folder);
        let does = match &self.does {
            Does::Plan => vec!["plan".to_owned(), "-out=FILE".to_owned()],
            Does::Apply { plan } => vec!["apply".to_owned(), format!("sha256:{{{{ {plan} }}}}")],
        };
        [vec![chdir], does].concat()
    }

    pub(super) fn work(&self, program: &str, files: &[Enclosed], values: &[(String, String)]) -> Work {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let of = |all: &[&str]| [vec![program.to_owned()], words(all)].concat();
        let mut work = match &self.does {
            Does::Plan => {
                let plan = ["plan", "-input=false", "-json", "-detailed-exitcode", "-out", FILE, "-var-file", VALUES];
                let mut work = Work::new(words(&plan), &self.folder);
                work.talks = true;
                work.values = VALUES.strip_prefix("@place@/");
                work.named = Some(declared(files));
                work.well = vec![CHANGES];
                work.keeps = Some(FILE);
                work.after = vec![of(&["show", "-no-color", FILE])];
                work
            }
            Does::Apply { plan } => {
                let mut work = Work::new(words(&["apply", "-input=false", "-no-color", FILE]), &self.folder);
                let sha256 = values.iter().find(|(name, _)| name == plan).map(|(_, value)| value.clone());
                work.takes = Some((FILE, sha256.unwrap_or_default()));
                work
            }
        };
        work.before = vec![of(&["init", "-input=false", "-no-color"])];
        work.env("TF_IN_AUTOMATION", "1");
        work.env("CHECKPOINT_DISABLE", "1");
        let configuration = format!("{}/{CONFIGURATION}", self.folder);
        if files.iter().any(|file| file.path == configuration) {
            work.env("TF_CLI_CONFIG_FILE", &format!("@place@/{configuration}"));
        }
        work
    }
}

/// The variables the files declare: it warns of every value that it was not asked for.
fn declared(files: &[Enclosed]) -> Vec<String> {
    let of = |line: &str| {
        let rest = line.trim_start().strip_prefix("variable")?.trim_start();
        let rest = rest.strip_prefix('"')?;
        rest.split_once('"').map(|(name, _)| name.to_owned())
    };
    let texts = files.iter().filter(|file| file.path.ends_with(".tf")).flat_map(|file| file.text.lines());
    let json = files.iter().filter(|file| file.path.ends_with(".tf.json"));
    let keys = |file: &Enclosed| {
        let all: Value = serde_json::from_str(&file.text).unwrap_or_default();
        let variables = all.get("variable").and_then(Value::as_object);
        variables.map(|it| it.keys().cloned().collect::<Vec<_>>()).unwrap_or_default()
    };
    texts.filter_map(of).chain(json.flat_map(keys)).collect()
}
