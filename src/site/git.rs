//! What Git says about a site: the commit it stands at, whether the files read are that commit's, and who changed them last. Read-only, through
//! the `git` binary with fixed arguments, an empty environment and no configuration but the repository's own.
//!
//! Whose the repository is does not matter, because nothing it names is run: three questions are asked, neither looks at
//! the working tree, and no transport is allowed. What differs is decided here, from the bytes that were read: Git's own
//! answer would run the repository's filters, and leave out what somebody told it to assume unchanged.

use sha1::{Digest as _, Sha1};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Longest wait for one answer: a site is small, and a load must not hang on a dead network file system.
const ANSWER_MS_MAX: u64 = 5_000;
/// Bytes read of a commit: it has 40 or 64 digits.
const COMMIT_BYTES_MAX: u64 = 4_096;
/// Bytes read of a list of files: four times what the most files of a site need.
const TREE_BYTES_MAX: u64 = 4 << 20;
/// Commits that are looked through for who changed a file last; who did so before them is not known.
const COMMITS_MAX: &str = "--max-count=10000";
/// Where a site's files lie; what else is in the repository does not belong to it.
const PLACES: [&str; 5] = ["quarterdeck.toml", "people.toml", "workspaces", "runbooks", "themes"];

/// What Git says about a directory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Git {
    /// The commit, where the directory is in a repository that has one.
    pub commit: Option<String>,
    /// The blob of each of the site's files in that commit, where it could be learned.
    blobs: Option<BTreeMap<String, String>>,
    /// The last change of each runbook's file.
    pub(super) changed: BTreeMap<String, Change>,
}

impl Git {
    /// Whether these files differ from the commit's; nothing where that is not known.
    pub fn dirty(&self, files: &BTreeMap<String, String>) -> Option<bool> {
        let blobs = self.blobs.as_ref()?;
        let same = files.len() == blobs.len() && files.iter().all(|(path, text)| blobs.get(path) == Some(&blob(text)));
        Some(!same)
    }

    /// Whether the commit has this file with this text.
    pub(super) fn holds(&self, path: &str, text: &str) -> bool {
        self.blobs.as_ref().and_then(|blobs| blobs.get(path)).is_some_and(|found| *found == blob(text))
    }
}

/// A commit that changed a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Change {
    /// How many commits that changed runbooks are newer.
    pub newer: usize,
    /// Addresses, in small letters, of whoever wrote it and whoever committed it.
    pub by: BTreeSet<String>,
}

/// Asks Git about a directory.
pub fn state(dir: &Path) -> Git {
    let commit = ask(dir, &["rev-parse", "--verify", "--quiet", "HEAD"], COMMIT_BYTES_MAX)
        .map(|answer| answer.trim().to_owned())
        .filter(|commit| commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()));
    // Repositories with SHA-256 name their blobs otherwise.
    let blobs = commit.as_ref().filter(|commit| commit.len() == 40).and_then(|commit| {
        let words = [["ls-tree", "-r", "-z", commit, "--"].as_slice(), &PLACES].concat();
        ask(dir, &words, TREE_BYTES_MAX).as_deref().map(listed)
    });
    let changed = commit.as_ref().and_then(|commit| {
        let words = [
            "log",
            "-z",
            "--no-show-signature",
            "--no-renames",
            "--relative",
            "--name-only",
            "--format=%x01%ae%x02%ce",
        ];
        let rest = [COMMITS_MAX, commit.as_str(), "--", "runbooks"];
        ask(dir, &[words.as_slice(), &rest].concat(), TREE_BYTES_MAX).as_deref().map(last_changes)
    });
    Git { commit, blobs, changed: changed.unwrap_or_default() }
}

/// For each path the addresses of the first commit that names it: `<1>AUTHOR<2>COMMITTER`, then paths, newest commit first.
fn last_changes(answer: &str) -> BTreeMap<String, Change> {
    let mut changed = BTreeMap::new();
    let mut commits = 0;
    let mut change = Change::default();
    for word in answer.split(['\0', '\n']).filter(|word| !word.is_empty()) {
        match word.strip_prefix('\u{1}') {
            Some(who) => {
                let by = who.split('\u{2}').map(str::to_lowercase).filter(|who| !who.is_empty()).collect();
                change = Change { newer: commits, by };
                commits += 1;
            }
            None => drop(changed.entry(word.to_owned()).or_insert_with(|| change.clone())),
        }
    }
    changed
}

/// `MODE TYPE BLOB<tab>PATH<nul>` for each file, of those the site would read.
fn listed(answer: &str) -> BTreeMap<String, String> {
    let entry = |entry: &str| {
        let (about, path) = entry.split_once('\t')?;
        let name = path.rsplit('/').next()?;
        let is_read = name.ends_with(".toml") && !name.starts_with('.');
        Some((path.to_owned(), about.split(' ').nth(2)?.to_owned())).filter(|_| is_read)
    };
    answer.split('\0').filter_map(entry).collect()
}

/// How Git names these bytes.
fn blob(text: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", text.len()));
    hash.update(text);
    hash.finalize().iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// One answer of Git; nothing where it fails, takes too long, says more than `bytes_max`, or is not there.
fn ask(dir: &Path, words: &[&str], bytes_max: u64) -> Option<String> {
    let mut child = Command::new("git")
        .arg("-C")
        .arg(dir)
        // A repository's own configuration may name programs: none of them runs.
        .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.untrackedCache=false"])
        // The checkout belongs to whoever deploys it, the server to its own account.
        .args(["-c", "safe.directory=*"])
        .arg("--no-optional-locks")
        .args(words)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LC_ALL", "C")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_ALLOW_PROTOCOL", "none")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let answer = read(&mut child, bytes_max);
    // Whoever said more than is read, or nothing in time, is not waited for.
    if answer.as_ref().is_none_or(|bytes| bytes.len() as u64 >= bytes_max) {
        let _ = child.kill();
        let _ = child.wait();
        return None;
    }
    let status = child.wait().ok()?;
    let bytes = answer.filter(|_| status.success())?;
    String::from_utf8(bytes).ok()
}

fn read(child: &mut Child, bytes_max: u64) -> Option<Vec<u8>> {
    let stdout = child.stdout.take()?;
    let (send, receive) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.take(bytes_max).read_to_end(&mut bytes);
        let _ = send.send(read.ok().map(|_| bytes));
    });
    receive.recv_timeout(Duration::from_millis(ANSWER_MS_MAX)).ok().flatten()
}
