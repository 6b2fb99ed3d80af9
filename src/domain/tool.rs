//! Work that a program of the server's own machine does, once for the whole run: a playbook, an order to a cluster.
//!
//! What carries it out is a script like any other, made here ([`Tool::script`]): its account, time-outs, ending and redaction are
//! those of every step. An approver reads the program's words and every file that goes along; both are bound.
//!
//! Invariants: no value of a secret stands in the script, in an argument or in the environment; a value typed into a form is never
//! read as an option or a template. Deliberately absent: whatever the server's account has lying about, such as a configuration of its own.

mod ansible;
pub mod terraform;
mod work;

use super::id::HostIx;
use super::plan::Plan;
use super::prose;
use serde::{Deserialize, Serialize};
use terraform::Terraform;
use work::Work;

/// Every program of the server's machine that a site may place: those of steps, and the one that reads inventories.
pub const PROGRAMS: [&str; 5] = ["ansible-playbook", "kubectl", "helm", "terraform", INVENTORY];

/// The program that says what is in an inventory of Ansible.
pub const INVENTORY: &str = "ansible-inventory";

/// A program's work.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tool {
    /// Which program does what.
    pub kind: ToolKind,
    /// The files that go along, by path: those of one folder of the site.
    pub files: Vec<Enclosed>,
    /// Secrets it gets, by name.
    pub secrets: Vec<String>,
    /// Longest time it may take, in milliseconds.
    pub timeout_ms: u64,
}

/// A file of the site that goes along.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Enclosed {
    /// Where it lies in the site.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// The programs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolKind {
    /// `ansible-playbook`, on the hosts of the run and no others.
    Ansible {
        /// Where the playbook lies in the site.
        playbook: String,
        /// Only tasks with one of these tags.
        play_tags: Vec<String>,
        /// No task with one of these.
        skip_tags: Vec<String>,
        /// The secret that is the login key; the account's own keys where none is named.
        key: Option<String>,
    },
    /// `kubectl`.
    Kubectl(Cluster),
    /// `helm`.
    Helm(Cluster),
    /// `terraform`.
    Terraform(Terraform),
}

/// An order to a cluster.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cluster {
    /// The words behind the program's name; templates over the inputs.
    pub args: Vec<String>,
    /// The folder of the site it starts in.
    pub folder: Option<String>,
    /// The secret that is the kubeconfig.
    pub kubeconfig: Option<String>,
}

impl Tool {
    /// The word for it in files and on screen.
    pub fn word(&self) -> &'static str {
        match self.kind {
            ToolKind::Ansible { .. } => "ansible",
            ToolKind::Kubectl(_) => "kubectl",
            ToolKind::Helm(_) => "helm",
            ToolKind::Terraform(_) => "terraform",
        }
    }

    /// The program that does it.
    pub fn program(&self) -> &'static str {
        match self.kind {
            ToolKind::Ansible { .. } => "ansible-playbook",
            ToolKind::Kubectl(_) => "kubectl",
            ToolKind::Helm(_) => "helm",
            ToolKind::Terraform(_) => "terraform",
        }
    }

    /// Whether it makes a plan that is carried out later.
    pub fn is_a_plan(&self) -> bool {
        matches!(&self.kind, ToolKind::Terraform(work) if work.does == terraform::Does::Plan)
    }

    /// Whether it chooses among hosts by their groups.
    pub fn knows_groups(&self) -> bool {
        matches!(self.kind, ToolKind::Ansible { .. })
    }

    /// The folder of the site whose files go along.
    pub fn folder(&self) -> Option<&str> {
        match &self.kind {
            ToolKind::Ansible { playbook, .. } => playbook.rsplit_once('/').map(|(folder, _)| folder),
            ToolKind::Kubectl(cluster) | ToolKind::Helm(cluster) => cluster.folder.as_deref(),
            ToolKind::Terraform(work) => Some(&work.folder),
        }
    }

    /// What is typed by whoever does it by hand, then every file that goes along. `told` fills templates where the values are known.
    pub fn written(&self, told: &dyn Fn(&str) -> String) -> String {
        let (words, on) = match &self.kind {
            ToolKind::Ansible { playbook, play_tags, skip_tags, .. } => {
                let mut words = vec![playbook.clone()];
                words.extend(ansible::tags(play_tags, skip_tags));
                (words, "\non the hosts of the run, with its inputs as extra variables")
            }
            ToolKind::Kubectl(cluster) | ToolKind::Helm(cluster) => {
                (cluster.args.iter().map(|word| told(word)).collect(), "")
            }
            ToolKind::Terraform(work) => {
                let shown = match work.does {
                    terraform::Does::Plan => "\nkeeps FILE and shows it; its inputs and secrets are variables",
                    terraform::Does::Apply { .. } => "\nthe kept file of that SHA-256 and no other, once",
                };
                (work.words().iter().map(|word| told(word)).collect(), shown)
            }
        };
        let line: Vec<String> = words.iter().map(|word| shell_word(word)).collect();
        let mut text = format!("{} {}{on}", self.program(), line.join(" "));
        for file in &self.files {
            text.push_str(&format!("\n── {}\n{}", file.path, file.text.trim_end()));
        }
        text
    }

    /// The script that does it in `plan`, for `python3`: on those hosts that are still in, with these values of inputs.
    pub(super) fn script(&self, plan: &Plan, is_in: &dyn Fn(HostIx) -> bool, values: &[(String, String)]) -> String {
        let named = plan.programs.iter().find(|(name, _)| name == self.program());
        let program = named.map_or_else(|| self.program().to_owned(), |(_, path)| path.clone());
        let work = match &self.kind {
            ToolKind::Ansible { playbook, play_tags, skip_tags, key } => {
                let words = ansible::tags(play_tags, skip_tags);
                ansible::work(plan, is_in, playbook, words, key.as_deref())
            }
            ToolKind::Kubectl(cluster) | ToolKind::Helm(cluster) => cluster.work(values),
            ToolKind::Terraform(work) => work.work(&program, &self.files, values),
        };
        work.script(program, &self.files)
    }
}

impl Cluster {
    fn work(&self, values: &[(String, String)]) -> Work {
        let of = |name: &str| values.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        // Loading has seen that every name stands for something.
        let filled = |word: &String| prose::fill(word, of).unwrap_or_else(|_| word.clone());
        let mut work = Work::new(self.args.iter().map(filled).collect(), self.folder.as_deref().unwrap_or("files"));
        if let Some(secret) = &self.kubeconfig {
            work.pipes.push(("kubeconfig".to_owned(), secret.clone()));
            work.env("KUBECONFIG", "@place@/kubeconfig");
        }
        work
    }
}

/// A word as a shell would need it.
pub(super) fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}
