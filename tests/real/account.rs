//! Accounts of this system made for one test: needs root, or sudo without a password.
//!
//! The name holds the test's process id. An account left behind by a test that was killed is removed by the next
//! test that makes one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::skipped;
use super::wait::until;

/// Another test may hold the lock of the account files for as long as its own change takes.
const ACCOUNT_LOCK_WAIT: Duration = Duration::from_secs(30);

const PREFIX: &str = "qd-";

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A system account, removed on drop. Its home is the directory given; nobody can log in by password.
#[derive(Debug)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub home: PathBuf,
}

impl Account {
    /// `None`, said aloud, where accounts cannot be made. `home` is created when missing and becomes the account's.
    pub fn new(label: &str, shell: &str, home: &Path) -> Option<Account> {
        if !can_administer() {
            skipped(&format!("an account of its own ({label}): neither root nor sudo without a password"));
            return None;
        }
        remove_orphans();
        let name = format!("{PREFIX}{label}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        fs::create_dir_all(home).unwrap();
        until("the account files", ACCOUNT_LOCK_WAIT, || {
            // `*` is no password at all; `!`, useradd's own choice, would make sshd call the account locked.
            let mut add = administer("useradd");
            add.args(["--system", "--user-group", "--no-create-home", "--password", "*", "--shell", shell]);
            succeed(add.arg("--home-dir").arg(home).arg(&name))
        });
        let entry = entries().into_iter().find(|entry| entry.name == name);
        let Entry { uid, gid, .. } = entry.expect("useradd said that it made the account");
        let owner = format!("{uid}:{gid}");
        succeed(administer("chown").arg(owner).arg(home)).unwrap();
        Some(Account { name, uid, gid, home: home.to_owned() })
    }

    /// A command that runs as this account, with nothing of our environment but a plain PATH.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = administer("setpriv");
        command.arg(format!("--reuid={}", self.uid)).arg(format!("--regid={}", self.gid));
        command.args(["--clear-groups", "--pdeathsig", "KILL", "--", "env", "-i", "PATH=/usr/bin:/bin"]);
        command.arg(format!("HOME={}", self.home.display())).arg(format!("USER={}", self.name)).arg(program);
        command.current_dir("/");
        command
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        until("the account files", ACCOUNT_LOCK_WAIT, || remove(&self.name));
    }
}

/// A command that runs as an account every system has, with nothing of our environment. `None`, said aloud, where that is not
/// for us to do.
pub fn acting(name: &str, program: &Path) -> Option<Command> {
    let Some(Entry { uid, gid, .. }) = entries().into_iter().find(|entry| entry.name == name) else {
        skipped(&format!("somebody with the account {name}: this system has none"));
        return None;
    };
    let mut command = administer("setpriv");
    command.arg(format!("--reuid={uid}")).arg(format!("--regid={gid}")).args(["--clear-groups", "--pdeathsig", "KILL"]);
    if succeed(administer("setpriv").arg("--version")).is_err() {
        skipped(&format!("somebody with the account {name}: neither root nor sudo without a password"));
        return None;
    }
    command.args(["--", "env", "-i", "PATH=/usr/bin:/bin", "HOME=/", "TERM=tmux-256color", "LC_ALL=C.UTF-8"]);
    command.arg("COLORTERM=truecolor").arg(program).current_dir("/").stdin(Stdio::null());
    Some(command)
}

/// The user id of an account this system has.
pub fn uid_of(name: &str) -> Option<u32> {
    entries().into_iter().find(|entry| entry.name == name).map(|entry| entry.uid)
}

/// The name of the account this test runs as.
pub fn own_name() -> String {
    let uid = rustix::process::getuid().as_raw();
    let entry = entries().into_iter().find(|entry| entry.uid == uid);
    entry.expect("the account running the tests is in /etc/passwd").name
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

struct Entry {
    name: String,
    uid: u32,
    gid: u32,
}

fn entries() -> Vec<Entry> {
    let text = fs::read_to_string("/etc/passwd").unwrap();
    text.lines()
        .filter_map(|line| match line.split(':').collect::<Vec<_>>().as_slice() {
            [name, _, uid, gid, ..] => {
                Some(Entry { name: (*name).to_owned(), uid: uid.parse().ok()?, gid: gid.parse().ok()? })
            }
            _ => None,
        })
        .collect()
}

/// Whether [`Account::new`] can succeed here; a plan that would need one can do without.
pub fn can_administer() -> bool {
    succeed(administer("useradd").arg("--help")).is_ok()
}

fn administer(program: &str) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}

fn remove(name: &str) -> Result<(), String> {
    if !entries().iter().any(|entry| entry.name == name) {
        return Ok(());
    }
    // `--force` removes it while a process of it still ends.
    succeed(administer("userdel").args(["--force", name])).or_else(|error| {
        match entries().iter().any(|entry| entry.name == name) {
            true => Err(error),
            false => Ok(()),
        }
    })
}

fn remove_orphans() {
    for entry in entries() {
        let maker = entry.name.strip_prefix(PREFIX).and_then(|rest| rest.rsplit('-').nth(1)?.parse::<u32>().ok());
        if maker.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            // Another test may be removing the same one.
            let _ = remove(&entry.name);
        }
    }
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}
