//! The command line as data: the one definition that the client parses with, the server parses with, and completions are
//! printed from. Deliberately absent: the environment and any defaults that come from it.

mod approve;
mod incident;
mod mentions;
mod people;
mod places;
mod prove;
mod record;
mod runs;
mod sessions;
mod standing;
mod words;

use crate::domain::RunId;
use crate::domain::duration::parse_ms;
use crate::domain::id::IncidentId;
use crate::domain::plan::Settled;
pub use approve::{Approve, BY_AGENT, People, STDIN};
use clap::{Args, Parser, Subcommand, ValueEnum};
use core::net::SocketAddr;
pub use incident::{BreakGlass, Incident, Open as OpenIncident};
pub use mentions::Mentions;
pub use people::Elevations;
pub use places::{CLIENT_CONFIG, Hosts, Import, ImportHosts, Windows};
pub use prove::{Changes, Compliance, Deviations, FollowUps};
pub use record::{Add as RecordAdd, Record};
pub use runs::{Decide, Proposal, Runs, RunsList, RunsLog, Tick};
pub use sessions::Sessions;
pub use standing::{Standing, Want as WantStanding};
use std::path::PathBuf;
use words::settled;
pub use words::{
    DecisionWord, EndingWord, ImpactWord, MarkWord, PhaseWord, Purpose, RoleWord, SeverityWord, StreamWord,
};

/// Governs operations from a terminal: propose, check, approve, run, watch, verify, note, review, prove.
#[derive(Parser, Clone, PartialEq, Debug)]
#[command(name = "quarterdeck", version, disable_help_subcommand = true, max_term_width = 110)]
pub struct Line {
    /// What holds for every verb.
    #[command(flatten)]
    pub common: Common,
    /// The verb; without one the console opens.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What holds for every verb.
#[derive(Args, Clone, PartialEq, Eq, Debug, Default)]
pub struct Common {
    /// Answer in JSON: one document, or one per line where lines are streamed
    #[arg(long, global = true)]
    pub json: bool,
    /// Act as this person, where the site says `allow_as`; recorded as such
    #[arg(long = "as", value_name = "PERSON", global = true)]
    pub acting_as: Option<String>,
    /// The site's directory [otherwise $QUARTERDECK_SITE, or the directory one is in]
    #[arg(long, value_name = "DIR", global = true)]
    pub site: Option<PathBuf>,
    /// The data directory [otherwise $QUARTERDECK_DATA, the site's `data.dir`, or $XDG_STATE_HOME/quarterdeck]
    #[arg(long, value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
    /// The server's socket [otherwise the site's `data.socket`, or beside a data directory that was named, with `.sock` appended]
    #[arg(long, value_name = "PATH", global = true)]
    pub socket: Option<PathBuf>,
}

/// Everything one can say.
#[derive(Subcommand, Clone, PartialEq, Debug)]
pub enum Verb {
    /// Try everything in a small world of its own: no network, no configuration
    Demo(Demo),
    /// Write a new site into a directory that is empty or does not exist
    Init {
        /// The directory
        dir: PathBuf,
    },
    /// Read the site and print every mistake with file, line and column
    Check {
        /// The site's directory
        dir: Option<PathBuf>,
    },
    /// Print the JSON Schema of a kind of file, for editors
    Schema {
        /// runbook, template, workspace, people, site or theme
        kind: String,
    },
    /// Show a runbook; without one, list them
    Show(Show),
    /// Print a draft of a runbook made of what another tool knows
    #[command(subcommand)]
    Import(Import),
    /// Show what a proposal would run, without proposing it
    Plan(Proposal),
    /// Propose a run
    Propose(Proposal),
    /// Answer for a warning of a run
    Accept {
        /// The run
        run: RunId,
        /// The warning's id
        warning: String,
        /// Why it is acceptable
        #[arg(long)]
        reason: String,
    },
    /// Approve a run, by the code of what was looked at
    Approve(Approve),
    /// Deny a run
    Deny {
        /// The run
        run: RunId,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Take back an approval you gave, while the run has not started
    Retract {
        /// The run
        run: RunId,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Take a proposal back
    Withdraw {
        /// The run
        run: RunId,
    },
    /// Break glass for a run that waits: approvals, windows and freezes hold it no more, for half an hour
    BreakGlass(BreakGlass),
    /// Start an approved run, now or at a moment ahead
    Start {
        /// The run
        run: RunId,
        /// When: `2h` from now, `22:00` or `2026-11-29T22:00` in the zone of the workspace's windows (else UTC), or RFC 3339
        #[arg(long, value_name = "WHEN")]
        at: Option<String>,
    },
    /// Start a run unless it has started, and watch it until it ends
    Run {
        /// The run
        run: RunId,
    },
    /// Say that a manual step is done
    Tick(Tick),
    /// Give a file that shows that a manual step was done; its SHA-256 stands in the record. Or export a part of the record
    /// that proves itself, and verify one
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Evidence(Evidence),
    /// Give a secret that is asked for by `prompt:`; the value comes on standard input
    Secret {
        /// The run
        run: RunId,
        /// The secret's name
        name: String,
    },
    /// Decide what becomes of a step that failed or is unknown
    Decide(Decide),
    /// Take a run that works: you drive it, and decide alone about what failed
    Claim {
        /// The run
        run: RunId,
        /// Why; needed to take it from somebody
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Offer a run you have to somebody else, who takes it with `claim`; to yourself: take the offer back
    Handover {
        /// The run
        run: RunId,
        /// To whom
        to: String,
        /// What they should know
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Start no further step for now
    Pause {
        /// The run
        run: RunId,
    },
    /// Go on after a pause
    Continue {
        /// The run
        run: RunId,
    },
    /// End a run: at once, unless a later moment is named
    Abort {
        /// The run
        run: RunId,
        /// Let hosts at work finish the step they are in
        #[arg(long, conflicts_with = "after_batch")]
        after_step: bool,
        /// Let the batch at work finish
        #[arg(long, conflicts_with = "undo")]
        after_batch: bool,
        /// Let hosts at work finish the step they are in, then propose to undo what ran
        #[arg(long, conflicts_with = "after_step")]
        undo: bool,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Propose an ended run once more, as it was
    Rerun {
        /// The run
        run: RunId,
        /// On the hosts alone that did not end well
        #[arg(long)]
        failed: bool,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Propose the rest of an ended run: what is done stands
    Resume {
        /// The run
        run: RunId,
        /// What became of a step whose end nobody saw: HOST:STEP=done|again|skip|failed,WHY (HOST is `run` for a step of the whole run); may be repeated
        #[arg(long = "settle", value_name = "HOST:STEP=WHAT,WHY", value_parser = settled)]
        settled: Vec<Settled>,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Propose to undo what ran, last first, on the hosts where it ran
    Rollback {
        /// The run
        run: RunId,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Write a note on a run's timeline
    Note {
        /// The run
        run: RunId,
        /// The words; @NAME tells that person
        text: String,
    },
    /// Notes that name you
    #[command(subcommand)]
    Mentions(Mentions),
    /// Write the outcome note of a run that has ended
    Close {
        /// The run
        run: RunId,
        /// What came of it
        #[arg(long)]
        note: String,
    },
    /// Sign a closed run off
    Review {
        /// The run
        run: RunId,
        /// The reviewer's words
        #[arg(long)]
        comment: String,
        /// What is to be done, by whom and by when, such as bo:14d:Automate the drain; may be repeated
        #[arg(long = "follow-up", value_name = "OWNER:DUE:TEXT")]
        follow_ups: Vec<String>,
    },
    /// Ask to hold a role for a while; another person grants it
    Elevate {
        /// Which role
        #[arg(value_enum)]
        role: RoleWord,
        /// In which workspace
        #[arg(long = "in", short = 'w', value_name = "WORKSPACE")]
        workspace: String,
        /// For how long, such as 60m
        #[arg(long = "for", value_name = "DURATION", value_parser = parse_ms)]
        for_ms: u64,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Roles for a while: asked for and lent
    #[command(subcommand)]
    Elevations(Elevations),
    /// Approvals in advance: this version of a runbook, within bounds, for a while
    #[command(subcommand)]
    Standing(Standing),
    /// What was done by hand, entered afterwards: recorded, not governed
    #[command(subcommand)]
    Record(Record),
    /// Incidents: opened, led, marked, closed
    #[command(subcommand)]
    Incident(Incident),
    /// What is to be done after runs and reviews
    #[command(subcommand)]
    FollowUp(FollowUps),
    /// What somebody should look at once a week, or after a release
    #[command(subcommand)]
    Deviations(Deviations),
    /// Who changed what over a period, under which approval, with which outcome; for auditors and owners
    Compliance(Compliance),
    /// What touched a host or a group of hosts: runs, and loads of the site
    Changes(Changes),
    /// Runs, open and past
    #[command(subcommand)]
    Runs(Runs),
    /// Servers
    #[command(subcommand)]
    Hosts(Hosts),
    /// People, and what shows that it is them
    #[command(subcommand)]
    People(People),
    /// Change windows and freezes
    #[command(subcommand)]
    Windows(Windows),
    /// The record
    #[command(subcommand)]
    Audit(Audit),
    /// The site in force
    #[command(subcommand)]
    Site(Site),
    /// What people are told: that something waits for them, was decided or has ended
    #[command(subcommand)]
    Notify(Notify),
    /// Who is here, and how one is shown out
    #[command(subcommand)]
    Sessions(Sessions),
    /// Run the server in the foreground; end the one that runs, or have a newer program take its place
    Serve(Serve),
    /// Open the console (the same as no verb)
    Attach {
        /// Open this run: `42`, `#42` or `run 42`
        open: Vec<String>,
    },
    /// Show incidents, runs and approvals on a screen in a room; takes no keys but q
    Wall,
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Say what is in order and what is not: site, programs it needs, data, room, socket, and a server that runs
    Doctor,
}

/// `demo`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Demo {
    /// Drive a whole run without a terminal, naming who does what
    #[arg(long)]
    pub headless: bool,
    /// Leave `DIR/site` and `DIR/data` behind; DIR must be empty or not exist
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

/// `show`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Show {
    /// The runbook's id
    pub runbook: Option<String>,
    /// Plain Markdown with hosts, commands and the way back, for the day the tool is down
    #[arg(long, requires = "runbook")]
    pub paper: bool,
    /// Only the hosts of this workspace
    #[arg(long = "in", value_name = "WORKSPACE")]
    pub workspace: Option<String>,
}

/// `audit …`.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Audit {
    /// List events, newest first
    List {
        /// Of this run
        #[arg(long)]
        run: Option<RunId>,
        /// By this person
        #[arg(long)]
        person: Option<String>,
        /// Of this kind, such as `voted`
        #[arg(long)]
        kind: Option<String>,
        /// With an index below this
        #[arg(long, value_name = "INDEX")]
        before: Option<u64>,
        /// At most this many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Verify the whole record; needs no server
    Verify,
    /// Print what was signed for last: how many events there are, and the root over them; to be kept elsewhere
    Head,
    /// Prove that an event stands in what was signed for last
    Proof {
        /// The event
        index: u64,
    },
    /// Prove that the record continues an earlier one
    Consistency {
        /// Events of the earlier one
        from: u64,
        /// Events of the later one; unless said, as it was signed for last
        to: Option<u64>,
    },
}

/// `evidence …`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// A pack of evidence
    #[command(subcommand)]
    pub pack: Option<Pack>,
    /// The run
    #[arg(required = true)]
    pub run: Option<RunId>,
    /// The manual step's id
    #[arg(required = true)]
    pub step: Option<String>,
    /// The file; `-` for standard input
    #[arg(required = true)]
    pub file: Option<PathBuf>,
}

/// `evidence export`, `evidence verify`.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Pack {
    /// Write a pack: events with all that belongs to them, tied to what was signed for last. The record then says who took it out
    Export(Export),
    /// Verify a pack; needs no server. Exit 0: as recorded; 1: changed; 2: something cannot be judged
    Verify {
        /// The pack, or the directory it was unpacked into
        pack: PathBuf,
        /// A checkpoint that was kept elsewhere, as `audit head` prints it
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
    },
}

/// `evidence export`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
#[command(group(clap::ArgGroup::new("what").required(true)))]
pub struct Export {
    /// A run; may be said several times
    #[arg(long, group = "what")]
    pub run: Vec<RunId>,
    /// An incident: its events, and the runs that broke glass for it or whose ticket names it (I7)
    #[arg(long, group = "what", value_name = "INCIDENT")]
    pub incident: Option<IncidentId>,
    /// Every event from this day on (UTC), with each run that has one
    #[arg(long, group = "what", requires = "to", value_name = "DAY")]
    pub from: Option<String>,
    /// The last day of it
    #[arg(long, requires = "from", value_name = "DAY")]
    pub to: Option<String>,
    /// The number of events of a checkpoint that somebody holds: the pack then proves that it continues it; may be said several times
    #[arg(long, value_name = "SIZE")]
    pub since: Vec<u64>,
    /// The file to write; `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// `site …`.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Site {
    /// Show the site in force, and the change that waits
    Show,
    /// Read the site's files again and put them into force, or leave them waiting for a second person
    Load,
    /// Accept the change that waits
    Accept {
        /// The first digits of its digest, as shown
        digest: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// `notify …`.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Notify {
    /// List what is on its way and what became of the last notices, newest first
    List,
    /// Tell one test notice through every channel, and say how it went
    Test,
}

/// `serve`.
#[derive(Args, Clone, PartialEq, Eq, Debug, Default)]
pub struct Serve {
    /// End the server that runs; said twice, also while runs are in flight
    #[arg(long, action = clap::ArgAction::Count)]
    pub stop: u8,
    /// Have another program take the place of the server that runs: steps in flight finish first, runs go on. Without a name, the
    /// program the server was started as, as it lies there by now
    #[arg(long, value_name = "PROGRAM", num_args = 0..=1, default_missing_value = "", conflicts_with = "stop")]
    pub upgrade: Option<String>,
    /// How long steps in flight are waited for, by an upgrade and by SIGTERM, such as 10m; 5m where it is not said
    #[arg(long, value_name = "DURATION", conflicts_with_all = ["stop", "upgrade"])]
    pub drain: Option<String>,
    /// Let people in over SSH at this address and port too, such as 0.0.0.0:2222; may be repeated
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "stop")]
    pub listen: Vec<SocketAddr>,
    /// Answer GET /metrics (Prometheus) and GET /healthz at this address and port, such as 127.0.0.1:9184
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "stop")]
    pub metrics: Option<SocketAddr>,
    /// Let --metrics be an address that others can reach: nobody signs in there
    #[arg(long, requires = "metrics")]
    pub metrics_open: bool,
    /// Hear signed requests of machines at this address and port, such as 127.0.0.1:9185
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "stop")]
    pub hooks: Option<SocketAddr>,
    /// Let --hooks be an address that others can reach: nothing is encrypted there
    #[arg(long, requires = "hooks")]
    pub hooks_open: bool,
    /// Tell the OpenTelemetry collector there what ran, such as http://127.0.0.1:4318/v1/traces
    #[cfg(feature = "traces")]
    #[arg(long, value_name = "URL", conflicts_with = "stop")]
    pub traces: Option<String>,
    /// Lines of the log as JSON (custom in files) or as text (custom in the journal of systemd)
    #[arg(long, value_enum, value_name = "FORM", conflicts_with = "stop")]
    pub log_format: Option<LogFormat>,
    /// Print a unit file of systemd for this site and these arguments, and do nothing else
    #[arg(long, value_enum, value_name = "UNIT", conflicts_with_all = ["stop", "detach"])]
    pub unit: Option<Unit>,
    /// Leave after so long without work or visitors, such as 10m
    #[arg(long, value_name = "DURATION", conflicts_with = "stop")]
    pub idle_exit: Option<String>,
    /// Become a session of its own: what a verb says that starts the server
    #[arg(long, hide = true)]
    pub detach: bool,
    /// Take over from the server whose sockets come on standard input
    #[arg(long, hide = true)]
    pub handed: bool,
    /// Say what this program knows, for a server that may be relieved by it
    #[arg(long, hide = true)]
    pub knows: bool,
}

/// How lines of the log look.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum LogFormat {
    Json,
    Text,
}

/// Units of systemd.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Unit {
    Service,
    Socket,
}

/// Shells there are completions for.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Shell {
    Bash,
    Elvish,
    Fish,
    Zsh,
}

/// Where a verb is carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// By the program itself: files alone.
    Here,
    /// By the server.
    Server,
    /// It starts, ends or shows the server.
    Process,
}

impl Verb {
    /// Whether it comes with standard input.
    pub fn reads(&self) -> bool {
        match self {
            Verb::Approve(approve) => approve.reads(),
            Verb::BreakGlass(breaking) => breaking.reads(),
            Verb::Record(Record::Add(_) | Record::File { .. })
            | Verb::Secret { .. }
            | Verb::Evidence(Evidence { pack: None, .. })
            | Verb::People(People::Prove) => true,
            _ => false,
        }
    }

    /// Where it is carried out.
    pub fn place(&self) -> Place {
        match self {
            Verb::Init { .. }
            | Verb::Check { .. }
            | Verb::Schema { .. }
            | Verb::Show(_)
            | Verb::Import(_)
            | Verb::Hosts(Hosts::Import(_))
            | Verb::Audit(Audit::Verify)
            | Verb::Evidence(Evidence { pack: Some(Pack::Verify { .. }), .. })
            | Verb::Completions { .. }
            | Verb::Doctor => Place::Here,
            Verb::Demo(_) | Verb::Serve(_) | Verb::Attach { .. } | Verb::Wall => Place::Process,
            Verb::Plan(_)
            | Verb::Propose(_)
            | Verb::FollowUp(_)
            | Verb::Deviations(_)
            | Verb::Compliance(_)
            | Verb::Changes(_)
            | Verb::Accept { .. }
            | Verb::Approve(_)
            | Verb::People(_)
            | Verb::Deny { .. }
            | Verb::Retract { .. }
            | Verb::Withdraw { .. }
            | Verb::Start { .. }
            | Verb::Run { .. }
            | Verb::Tick(_)
            | Verb::Secret { .. }
            | Verb::Evidence(Evidence { pack: None | Some(Pack::Export(_)), .. })
            | Verb::Decide(_)
            | Verb::Claim { .. }
            | Verb::Handover { .. }
            | Verb::Pause { .. }
            | Verb::Continue { .. }
            | Verb::Abort { .. }
            | Verb::Rerun { .. }
            | Verb::Resume { .. }
            | Verb::Rollback { .. }
            | Verb::Note { .. }
            | Verb::Mentions(_)
            | Verb::Close { .. }
            | Verb::Review { .. }
            | Verb::Elevate { .. }
            | Verb::BreakGlass(_)
            | Verb::Elevations(_)
            | Verb::Incident(_)
            | Verb::Record(_)
            | Verb::Standing(_)
            | Verb::Runs(_)
            | Verb::Hosts(Hosts::List { .. } | Hosts::Enrol { .. })
            | Verb::Windows(_)
            | Verb::Audit(Audit::List { .. } | Audit::Head | Audit::Proof { .. } | Audit::Consistency { .. })
            | Verb::Notify(_)
            | Verb::Sessions(_)
            | Verb::Site(_) => Place::Server,
        }
    }
}

/// The run that `attach` is asked to open with: `42`, `#42` or `run 42`.
///
/// # Errors
/// In words, where it is no run.
pub fn run_to_open(words: &[String]) -> Result<Option<RunId>, String> {
    let number = match words {
        [] => return Ok(None),
        [number] => number,
        [run, number] if run == "run" => number,
        _ => return Err(format!("`{}` is no run to open: write 42, #42 or run 42", words.join(" "))),
    };
    number.parse().map(Some).map_err(|_| format!("`{number}` is no run to open: write 42, #42 or run 42"))
}
