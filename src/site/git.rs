//! What Git says about a site: the commit it stands at, and whether its files differ. Read-only, through the `git`
//! binary with fixed arguments, an empty environment and no configuration but the repository's own; a repository
//! that Git refuses to trust (another owner's) counts as none.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Longest wait for one answer: a site is small, and a load must not hang on a dead network file system.
const ANSWER_MS_MAX: u64 = 5_000;
/// Bytes read of an answer: a commit has 40 or 64 digits, and one changed file is enough to know.
const ANSWER_BYTES_MAX: u64 = 4_096;

/// What Git says about a directory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Git {
    /// The commit, where the directory is in a repository that has one.
    pub commit: Option<String>,
    /// Whether files of the directory differ from it or are not in it.
    pub dirty: Option<bool>,
}

/// Asks Git about a directory.
pub fn state(dir: &Path) -> Git {
    let commit = ask(dir, &["rev-parse", "--verify", "--quiet", "HEAD"])
        .map(|answer| answer.trim().to_owned())
        .filter(|commit| commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let dirty = commit.as_ref().and_then(|_| {
        let changes = ask(dir, &["status", "--porcelain", "--untracked-files=all", "--ignore-submodules", "--", "."])?;
        Some(!changes.is_empty())
    });
    Git { commit, dirty }
}

/// One answer of Git; nothing where it fails, takes too long, or is not there.
fn ask(dir: &Path, words: &[&str]) -> Option<String> {
    let mut child = Command::new("git")
        .arg("-C")
        .arg(dir)
        // A repository's own configuration may name programs: none of them runs.
        .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.untrackedCache=false"])
        .arg("--no-optional-locks")
        .args(words)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LC_ALL", "C")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_NO_LAZY_FETCH", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let answer = read(&mut child);
    // Whoever said more than is read, or nothing in time, is not waited for.
    if answer.as_ref().is_none_or(|bytes| bytes.len() as u64 >= ANSWER_BYTES_MAX) {
        let _ = child.kill();
        let _ = child.wait();
        return answer.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    }
    let status = child.wait().ok()?;
    let bytes = answer.filter(|_| status.success())?;
    String::from_utf8(bytes).ok()
}

fn read(child: &mut Child) -> Option<Vec<u8>> {
    let stdout = child.stdout.take()?;
    let (send, receive) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes);
        let _ = send.send(read.ok().map(|_| bytes));
    });
    receive.recv_timeout(Duration::from_millis(ANSWER_MS_MAX)).ok().flatten()
}
