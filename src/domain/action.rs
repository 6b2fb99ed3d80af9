//! What a step does: the closed list of its kinds. Where and by whom an action is done ([`Done`]) decides how a run goes through
//! it; what carries it out lies in `executor/`.

use super::call::Call;
use super::copy::FileCopy;
use super::duration;
use super::tool::Tool;
use super::vault::VaultStep;
use super::workspace::Slot;
use serde::{Deserialize, Serialize};

/// What a step does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Runs a script on every host.
    Script(Script),
    /// A person does it, once for the whole run.
    Manual {
        /// What to do; a template over the inputs.
        text: String,
        /// The duty that does it.
        role: Option<String>,
        /// Points to tick, in order.
        checklist: Vec<String>,
        /// Whether evidence text is asked for.
        evidence: bool,
    },
    /// People who did not ask for the run let it go on, once.
    Approval(Gate),
    /// Time passes, or something comes true.
    Wait(Wait),
    /// The server asks another system over HTTP, once.
    Call(Box<Call>),
    /// A program of the server's machine does it, once.
    Tool(Box<Tool>),
    /// Puts a file of the site on every host.
    Copy(Box<FileCopy>),
    /// The server changes a secret where it lies, once.
    Vault(Box<VaultStep>),
}

/// Where and by whom an action is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Done {
    /// On every host, batch by batch.
    OnHosts,
    /// Once for the whole run, by people.
    ByPeople,
    /// Once for the whole run, by the server.
    ByServer,
    /// Once for the whole run, by the clock.
    ByTime,
}

/// Text for an interpreter. Never templated: what is hashed and reviewed is what runs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Script {
    /// The script's text.
    pub text: String,
    /// What reads it.
    pub interpreter: Interpreter,
    /// Longest time it may take, in milliseconds.
    pub timeout_ms: u64,
    /// Secrets it gets, by name; the one that lets it become somebody is among them.
    pub secrets: Vec<String>,
    /// As whom it runs, where that is not who logs in.
    #[serde(default, rename = "become", skip_serializing_if = "Option::is_none")]
    pub becomes: Option<Become>,
    /// Whether it is given a terminal, for programs that want one. Its two streams are one then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pty: bool,
}

/// Another user of a host, become by `sudo`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Become {
    /// Whom.
    pub user: String,
    /// The secret that is the password `sudo` asks for; without one it must not ask.
    pub password: Option<String>,
}

impl Become {
    /// `root, by sudo with the password sudo_password`.
    pub fn words(&self) -> String {
        match &self.password {
            Some(name) => format!("{}, by sudo with the password {name}", self.user),
            None => format!("{}, by sudo without a password", self.user),
        }
    }
}

/// What reads a script.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpreter {
    /// The host's `sh`: values are shell variables.
    Sh,
    /// The host's `bash`: values are shell variables.
    Bash,
    /// Any program that reads a script from standard input, as these words: values are one JSON object on file descriptor 3.
    Program(Vec<String>),
}

impl Interpreter {
    /// The one a word names; programs with the words that make them read standard input and nothing of the user's own.
    pub fn named(word: &str) -> Option<Self> {
        let words: &[&str] = match word {
            "sh" => return Some(Interpreter::Sh),
            "bash" => return Some(Interpreter::Bash),
            "python3" => &["python3", "-"],
            "perl" => &["perl", "-"],
            "ruby" => &["ruby", "-"],
            "node" => &["node", "-"],
            "pwsh" => &["pwsh", "-NoLogo", "-NoProfile", "-NonInteractive", "-File", "-"],
            _ => return None,
        };
        Some(Interpreter::Program(words.iter().map(|word| (*word).to_owned()).collect()))
    }

    /// Its words, as they stand on a command line.
    pub fn words(&self) -> String {
        match self {
            Interpreter::Sh => "sh".to_owned(),
            Interpreter::Bash => "bash".to_owned(),
            Interpreter::Program(words) => words.join(" "),
        }
    }
}

/// A decision inside a run: nothing goes on until these people have said so.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gate {
    /// What is to be decided; a template over the inputs.
    pub text: String,
    /// Who must say yes: every seat by another person, none of them the one who asked for the run.
    pub from: Vec<Slot>,
}

/// What a run waits for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// So many milliseconds.
    For {
        /// How long.
        ms: u64,
    },
    /// Until a question to another system is answered as expected.
    Until {
        /// The question.
        call: Box<Call>,
        /// Milliseconds between two tries.
        every_ms: u64,
        /// After so many milliseconds in all it has failed.
        at_most_ms: u64,
    },
}

impl Action {
    /// Where and by whom it is done.
    pub fn done(&self) -> Done {
        match self {
            Action::Script(_) | Action::Copy(_) => Done::OnHosts,
            Action::Manual { .. } | Action::Approval(_) => Done::ByPeople,
            Action::Call(_) | Action::Tool(_) | Action::Vault(_) | Action::Wait(Wait::Until { .. }) => Done::ByServer,
            Action::Wait(Wait::For { .. }) => Done::ByTime,
        }
    }

    /// The word for it in files and on screen.
    pub fn word(&self) -> &'static str {
        match self {
            Action::Script(_) => "script",
            Action::Manual { .. } => "manual",
            Action::Approval(_) => "approval",
            Action::Wait(_) => "wait",
            Action::Call(call) => call.word(),
            Action::Tool(tool) => tool.word(),
            Action::Copy(_) => "copy",
            Action::Vault(_) => "vault",
        }
    }

    /// The script it runs on hosts.
    pub fn script(&self) -> Option<&Script> {
        match self {
            Action::Script(script) => Some(script),
            Action::Manual { .. }
            | Action::Approval(_)
            | Action::Wait(_)
            | Action::Call(_)
            | Action::Tool(_)
            | Action::Copy(_)
            | Action::Vault(_) => None,
        }
    }

    /// The program's work it is.
    pub fn tool(&self) -> Option<&Tool> {
        match self {
            Action::Tool(tool) => Some(tool),
            Action::Script(_)
            | Action::Manual { .. }
            | Action::Approval(_)
            | Action::Wait(_)
            | Action::Call(_)
            | Action::Copy(_)
            | Action::Vault(_) => None,
        }
    }

    /// The call it makes.
    pub fn call(&self) -> Option<&Call> {
        match self {
            Action::Call(call) | Action::Wait(Wait::Until { call, .. }) => Some(call),
            Action::Script(_)
            | Action::Manual { .. }
            | Action::Approval(_)
            | Action::Wait(Wait::For { .. })
            | Action::Tool(_)
            | Action::Copy(_)
            | Action::Vault(_) => None,
        }
    }

    /// Points to tick.
    pub fn checklist(&self) -> &[String] {
        match self {
            Action::Manual { checklist, .. } => checklist,
            Action::Script(_)
            | Action::Approval(_)
            | Action::Wait(_)
            | Action::Call(_)
            | Action::Tool(_)
            | Action::Copy(_)
            | Action::Vault(_) => &[],
        }
    }

    /// The duty that does it.
    pub fn duty(&self) -> Option<&str> {
        match self {
            Action::Manual { role, .. } => role.as_deref(),
            Action::Script(_)
            | Action::Approval(_)
            | Action::Wait(_)
            | Action::Call(_)
            | Action::Tool(_)
            | Action::Copy(_)
            | Action::Vault(_) => None,
        }
    }

    /// Everything it does, line by line: what an approver reads. `told` fills templates where the values are known.
    pub fn written(&self, told: &dyn Fn(&str) -> String) -> String {
        match self {
            Action::Script(script) => script.text.clone(),
            Action::Manual { text, .. } => told(text),
            Action::Approval(gate) => format!("{}\nlet on by {}", told(&gate.text), gate.who()),
            Action::Wait(Wait::For { ms }) => format!("{} pass", duration::short(*ms)),
            Action::Wait(Wait::Until { call, every_ms, at_most_ms }) => {
                let (every, most) = (duration::short(*every_ms), duration::short(*at_most_ms));
                format!("{}\nevery {every} until it is as expected, for {most} at most", call.written(told))
            }
            Action::Call(call) => call.written(told),
            Action::Tool(tool) => tool.written(told),
            Action::Copy(copy) => copy.written(),
            Action::Vault(step) => step.written(told),
        }
    }

    /// Names of the secrets it gets.
    pub fn secrets(&self) -> &[String] {
        match self {
            Action::Script(script) => &script.secrets,
            Action::Call(call) | Action::Wait(Wait::Until { call, .. }) => &call.secrets,
            Action::Tool(tool) => &tool.secrets,
            Action::Vault(step) => &step.secrets,
            Action::Manual { .. } | Action::Approval(_) | Action::Wait(Wait::For { .. }) | Action::Copy(_) => &[],
        }
    }
}

impl Gate {
    /// `2 approvers and 1 owner`.
    pub fn who(&self) -> String {
        let seats: Vec<String> = self.from.iter().map(|slot| format!("{} {}", slot.n, slot.role.word())).collect();
        seats.join(" and ")
    }
}
