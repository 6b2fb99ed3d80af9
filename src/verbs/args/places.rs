//! What one says of where runs go and when: servers, windows, and what other tools know of both.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `hosts …`.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Hosts {
    /// List the servers of your workspaces
    List {
        /// Of this workspace
        #[arg(long = "in", short = 'w', value_name = "WORKSPACE")]
        workspace: Option<String>,
        /// That this selector means
        #[arg(long)]
        select: Option<String>,
    },
    /// Look at the keys hosts show, hold them against known_hosts and the site, and print the change that pins them
    Enrol {
        /// Of this workspace
        #[arg(long = "in", short = 'w', value_name = "WORKSPACE")]
        workspace: String,
        /// The change alone, for `git apply`: another person accepts it once it is loaded
        #[arg(long)]
        patch: bool,
        /// These alone; all unless written
        hosts: Vec<String>,
    },
    /// Print servers found elsewhere as a workspace writes them
    Import(ImportHosts),
}

/// `windows …`.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Windows {
    /// When runs may start in your workspaces, and when none may
    List {
        /// Of this workspace
        #[arg(long = "in", short = 'w', value_name = "WORKSPACE")]
        workspace: Option<String>,
        /// For so many days from now
        #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u16).range(1..=366))]
        days: u16,
        /// As a file for other calendars (iCalendar)
        #[arg(long)]
        ical: bool,
    },
}

/// The configuration of SSH's client that is read where none is named.
pub const CLIENT_CONFIG: &str = "~/.ssh/config";

/// `hosts import`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct ImportHosts {
    /// Hosts that a client's configuration of SSH names [~/.ssh/config unless written]; asks `ssh -G` what it says of each
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = CLIENT_CONFIG, required_unless_present = "ansible", conflicts_with = "ansible")]
    pub ssh_config: Option<PathBuf>,
    /// Hosts of an inventory of Ansible; asks `ansible-inventory`. A file in JSON is what that has printed
    #[arg(long, value_name = "INVENTORY")]
    pub ansible: Option<PathBuf>,
    /// Who logs in where the inventory names nobody [the account one is]
    #[arg(long, value_name = "LOGIN")]
    pub user: Option<String>,
    /// These alone; all unless written
    pub hosts: Vec<String>,
}

/// `import …`.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Import {
    /// Jobs of Rundeck, exported as YAML
    Rundeck {
        /// The file; `-` for standard input
        file: PathBuf,
        /// The job of this name, where there are several
        #[arg(long, value_name = "NAME")]
        job: Option<String>,
        /// Write each to DIR/ID.toml instead, over no file that is there
        #[arg(long, value_name = "DIR")]
        into: Option<PathBuf>,
    },
    /// A runbook written in Markdown
    Markdown {
        /// The file; `-` for standard input
        file: PathBuf,
        /// Write it to DIR/ID.toml instead, over no file that is there
        #[arg(long, value_name = "DIR")]
        into: Option<PathBuf>,
    },
}
