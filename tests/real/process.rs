//! A process of the kit: it ends with its guard, and so does all it started, also what moved to a session or a
//! parent of its own (as sshd's and tmux's children do).
//!
//! Descendants are found by parent; those that lost their parent by a mark in their environment. A test
//! process that is killed itself takes its direct children along (`setpriv --pdeathsig`).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};

/// The variable whose value marks what belongs to one guard.
pub const MARK: &str = "QUARTERDECK_KIT";

static MARKS: AtomicU32 = AtomicU32::new(0);

/// A value for [`MARK`] that no other guard on this machine has while this process lives.
pub fn new_mark() -> String {
    format!("{}-{}", std::process::id(), MARKS.fetch_add(1, Ordering::Relaxed))
}

/// A running program, killed with all its descendants on drop.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    mark: String,
    log: PathBuf,
}

impl Daemon {
    /// Starts `program` in the foreground, its output appended to `log`. What it starts is found again when it
    /// carries `mark` in its environment or stays below it.
    pub fn start(program: &Path, arguments: &[&str], mark: &str, log: &Path) -> Daemon {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program).args(arguments);
        Daemon::spawn(command, mark, log)
    }

    /// The same for a command made by the caller.
    pub fn spawn(mut command: Command, mark: &str, log: &Path) -> Daemon {
        let output = File::options().create(true).append(true).open(log).unwrap();
        let errors = output.try_clone().unwrap();
        let child = command.env(MARK, mark).stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Daemon { child, mark: mark.to_owned(), log: log.to_owned() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `Some` once it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        fs::read(&self.log).map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Ends it and all its descendants at once, as a power cut would.
    pub fn kill(&mut self) {
        let below = descendants(self.child.id());
        // An error means that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        below.into_iter().for_each(kill);
        kill_marked(&self.mark);
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Ends every process that carries this mark in its environment.
pub fn kill_marked(mark: &str) {
    let wanted = format!("{MARK}={mark}");
    for pid in processes() {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes()) {
            kill(pid);
        }
    }
}

/// The names of processes that carry this variable, `NAME=VALUE`, in their environment.
pub fn processes_with(variable: &str) -> Vec<String> {
    let carries = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
    };
    let name = |pid: u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    processes().into_iter().filter(carries).map(name).collect()
}

/// Process ids below `root`, at whatever depth.
pub fn descendants(root: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for pid in processes() {
        if let Some(parent) = parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = children.remove(&root).unwrap_or_default();
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        found.extend(children.remove(&pid).unwrap_or_default());
        next += 1;
    }
    found
}

fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// The fourth field of `/proc/PID/stat`; the second, the name, may hold anything up to the last `)`.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // An error means that it is gone already.
        let _ = kill_process(pid, Signal::KILL);
    }
}
