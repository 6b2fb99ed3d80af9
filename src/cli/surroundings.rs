//! The environment, read once and handed on as values.

use super::systemd::Manager;
use crate::server::Accounts;
use std::path::PathBuf;

/// What the program finds around it.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// `QUARTERDECK_SITE`.
    pub site: Option<PathBuf>,
    /// `QUARTERDECK_DATA`.
    pub data: Option<PathBuf>,
    /// `XDG_STATE_HOME`.
    pub state: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `SSH_AUTH_SOCK`.
    pub agent: Option<PathBuf>,
    /// `LANG`.
    pub lang: Option<String>,
    /// `JOURNAL_STREAM`: what of ours the journal reads, if anything.
    pub journal: Option<String>,
    /// The service manager.
    pub manager: Manager,
    /// The directory one is in.
    pub here: Option<PathBuf>,
    /// What the console is told about the terminal: names and values.
    pub terminal: Vec<(&'static str, String)>,
}

impl Surroundings {
    /// Reads the environment.
    pub fn read() -> Self {
        let path = |name| variable(name).map(PathBuf::from);
        let mut terminal: Vec<(&'static str, String)> = crate::session::Variable::ALL
            .into_iter()
            .filter_map(|known| Some((known.name(), variable(known.name())?)))
            .collect();
        if !terminal.iter().any(|(name, _)| *name == "TZ")
            && let Some(zone) = zone()
        {
            terminal.push(("TZ", zone));
        }
        Self {
            site: path("QUARTERDECK_SITE"),
            data: path("QUARTERDECK_DATA"),
            state: path("XDG_STATE_HOME").filter(|path| path.is_absolute()),
            home: path("HOME").filter(|path| path.is_absolute()),
            agent: path("SSH_AUTH_SOCK"),
            lang: variable("LANG"),
            journal: variable("JOURNAL_STREAM"),
            manager: Manager::new(
                variable("NOTIFY_SOCKET"),
                variable("WATCHDOG_USEC").as_deref(),
                variable("WATCHDOG_PID").as_deref(),
            ),
            here: std::env::current_dir().ok(),
            terminal,
        }
    }

    /// The account this program runs under.
    pub fn account(&self) -> Option<String> {
        Accounts::system().name_of(uid())
    }

    /// A told variable.
    pub fn told(&self, name: &str) -> Option<&str> {
        let found = self.terminal.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The user id this program runs under.
pub fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The arguments behind the program's own name; `None` where one is not UTF-8.
pub fn arguments() -> Option<Vec<String>> {
    std::env::args_os().skip(1).map(|argument| argument.into_string().ok()).collect()
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The machine's zone by name.
fn zone() -> Option<String> {
    jiff::tz::TimeZone::system().iana_name().map(str::to_owned)
}
