//! The rules as data: the module table, what its words mean, every exception, the top level. The one place to
//! change when the architecture changes; ARCHITECTURE.md prints the module table and must agree.

use super::rules::{ALL, Allowed, Law, Module, Word};

/// Who may import whom, in reading order. Every entry of `never` is a word of [`WORDS`] or a module of ours.
pub const MODULES: &[Module] = &[
    Module {
        name: "domain",
        may: &[],
        never: &[
            "tokio",
            "russh",
            "sled",
            "ratatui",
            "crossterm",
            "toml",
            "tracing",
            "fs",
            "net",
            "env",
            "clocks",
            "rng",
            "HashMap",
        ],
    },
    Module { name: "ledger", may: &["domain"], never: &["tokio", "ratatui", "russh", "engine"] },
    Module { name: "site", may: &["domain"], never: &["tokio", "sled", "russh", "ratatui"] },
    Module { name: "store", may: &["domain", "ledger"], never: &["ratatui", "russh"] },
    Module { name: "secrets", may: &["domain"], never: &["ledger", "console"] },
    Module { name: "executor", may: &["domain", "secrets", "connect"], never: &["ledger", "engine", "console"] },
    Module { name: "connect", may: &["domain", "secrets"], never: &["console", "ledger"] },
    Module {
        name: "engine",
        may: &["domain", "ledger", "store", "site", "executor", "connect", "secrets"],
        never: &["console", "session", "server", "ratatui"],
    },
    Module { name: "terminal", may: &[], never: &["domain", "engine", "console"] },
    Module {
        name: "console",
        may: &["domain", "terminal::key", "terminal::line"],
        never: &["tokio", "russh", "sled", "crossterm", "fs", "net", "env", "clocks"],
    },
    Module {
        name: "verbs",
        may: &["domain", "engine", "terminal::filter", "terminal::line"],
        never: &["println", "env", "process::exit"],
    },
    Module {
        name: "session",
        may: &["console", "terminal", "engine", "domain"],
        never: &["ledger", "executor", "sled"],
    },
    Module { name: "server", may: &["session", "verbs", "site", "engine", "domain"], never: &["executor", "console"] },
    Module { name: "cli", may: &[ALL], never: &[] },
];

/// What the words mean. A crate's word covers the crates that carry it.
pub const WORDS: &[Word] = &[
    Word { name: "tokio", paths: &["tokio", "tokio_util"] },
    Word { name: "russh", paths: &["russh"] },
    Word { name: "sled", paths: &["sled"] },
    Word { name: "ratatui", paths: &["ratatui", "tui_textarea"] },
    Word { name: "crossterm", paths: &["crossterm", "ratatui::crossterm"] },
    Word { name: "toml", paths: &["toml", "toml_edit"] },
    Word { name: "tracing", paths: &["tracing", "tracing_subscriber", "tracing_appender"] },
    Word { name: "anyhow", paths: &["anyhow"] },
    Word { name: "fs", paths: &["std::fs", "std::os", "tokio::fs", "rustix::fs", "tempfile"] },
    // An address as a value is `core::net`; `std::net` is where the sockets are.
    Word { name: "net", paths: &["std::net", "tokio::net", "rustix::net"] },
    Word { name: "env", paths: &["std::env"] },
    Word {
        name: "clocks",
        paths: &[
            "std::time::SystemTime",
            "std::time::Instant",
            "tokio::time",
            "jiff::Timestamp::now",
            "jiff::Zoned::now",
            "jiff::tz::TimeZone::system",
        ],
    },
    Word { name: "rng", paths: &["getrandom", "rand", "std::hash::RandomState", "tempfile"] },
    // Iteration order differs from process to process: two folds of one log would differ.
    Word {
        name: "HashMap",
        paths: &[
            "std::collections::HashMap",
            "std::collections::HashSet",
            "std::collections::hash_map",
            "std::collections::hash_set",
            "imbl::HashMap",
            "imbl::HashSet",
        ],
    },
    Word {
        name: "println",
        paths: &["println!", "print!", "eprintln!", "eprint!", "dbg!", "std::io::stdout", "std::io::stderr"],
    },
    Word { name: "process::exit", paths: &["std::process::exit", "std::process::abort"] },
];

pub const LAW: Law = Law {
    modules: MODULES,
    words: WORDS,
    cli_only: &["anyhow", "println", "env", "process::exit"],
    allowed: ALLOWED,
    lines_max: 700,
};

/// Every exception, with its reason.
const ALLOWED: &[Allowed] = &[Allowed {
    file: "tests/real/wait.rs",
    rule: "sleep",
    why: "other processes cannot wake a test: the one loop that waits in real time",
}];

/// What may stand at the top level, tracked.
pub const TOP_LEVEL: &[&str] = &[
    ".ci",
    ".gitignore",
    "ARCHITECTURE.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "benches",
    "clippy.toml",
    "deny.toml",
    "rustfmt.toml",
    "runbooks",
    "src",
    "tests",
    "themes",
];
