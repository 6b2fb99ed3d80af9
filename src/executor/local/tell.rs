//! A notice handed to a program of this machine: one document on standard input, no shell, under the account for local work.
//!
//! Invariants: bounded in time; what it prints is neither kept nor shown. `timeout` ends it, as the account it runs under and with
//! everything it has started: a server that became another account by `sudo` could not.

use super::Here;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time;

/// What ends it after that, where it does not take the hint.
const KILL_SECONDS: u64 = 2;

/// What `timeout` ends with where time was over.
const LATE: i32 = 124;

/// The same, where it had to be killed.
const KILLED: i32 = 137;

/// The number of the signal that nothing outlives.
const KILL: i32 = 9;

/// What `timeout`, `setpriv` or `sudo` ends with where there is no such program, or it is none.
const NO_PROGRAM: [i32; 2] = [126, 127];

/// Why a program did not take a notice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Untold {
    /// It could not be started, in words.
    NotStarted(String),
    /// It ended with this status; none where a signal ended it.
    Exit(Option<i32>),
    /// It took too long.
    Late,
}

impl Here {
    /// Hands a document to a program, which has so many seconds for it.
    ///
    /// # Errors
    /// The program did not end well.
    pub(in crate::executor) async fn tell(
        &self,
        words: &[String],
        document: &[u8],
        wait_seconds: u64,
    ) -> Result<(), Untold> {
        let not_started = |why: String| Untold::NotStarted(why);
        let (wait, kill) = (wait_seconds.to_string(), KILL_SECONDS.to_string());
        let limits = ["-k", &kill, &wait];
        let mut command = self.command("timeout", limits.into_iter().chain(words.iter().map(String::as_str)));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/").kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| not_started(error.to_string()))?;
        let stdin = child.stdin.take();
        let handed = async {
            if let Some(mut stdin) = stdin {
                // A program that does not read what it is told is judged by how it ends.
                let _ = stdin.write_all(document).await;
            }
        };
        let ended = async { tokio::join!(handed, child.wait()).1 };
        let limit = Duration::from_secs(wait_seconds + 2 * KILL_SECONDS);
        let status = time::timeout(limit, ended).await.map_err(|_| Untold::Late)?;
        let status = status.map_err(|error| not_started(error.to_string()))?;
        match status.code() {
            // `timeout` kills itself along with the rest.
            None if status.signal() == Some(KILL) => Err(Untold::Late),
            Some(0) => Ok(()),
            Some(LATE | KILLED) => Err(Untold::Late),
            Some(code) if NO_PROGRAM.contains(&code) => Err(not_started("there is no such program to run".to_owned())),
            code => Err(Untold::Exit(code)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::Under;
    use crate::executor::LocalPlace;
    use std::path::Path;

    async fn told(script: &str, wait_seconds: u64, dir: &Path) -> Result<(), Untold> {
        let place = LocalPlace { home: dir.to_owned(), lang: "C.UTF-8".to_owned() };
        let here = place.under(&Under::Server).await.unwrap();
        let words = ["/bin/sh", "-c", script, "page", "two words"].map(str::to_owned);
        here.tell(&words, b"{\"a\":1}\n", wait_seconds).await
    }

    #[tokio::test]
    async fn a_program_gets_the_document_its_own_arguments_and_little_else() {
        let dir = tempfile::tempdir().unwrap();
        let script =
            "cat > \"$HOME/got\"; printf '%s' \"$1\" > \"$HOME/argument\"; env > \"$HOME/env\"; echo seen by nobody";
        told(script, 20, dir.path()).await.unwrap();
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!((read("got").as_str(), read("argument").as_str()), ("{\"a\":1}\n", "two words"));
        let environment = read("env");
        let names: Vec<&str> = environment.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        let given = ["HOME", "LANG", "PATH", "PWD", "OLDPWD", "SHLVL", "_"];
        assert!(names.iter().all(|name| given.contains(name)), "{names:?}");
    }

    #[tokio::test]
    async fn a_program_that_fails_is_not_there_or_does_not_read_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(told("exit 3", 20, dir.path()).await, Err(Untold::Exit(Some(3))));
        assert_eq!(told("exit 0", 20, dir.path()).await, Ok(()));
        let place = LocalPlace { home: dir.path().to_owned(), lang: "C.UTF-8".to_owned() };
        let here = place.under(&Under::Server).await.unwrap();
        let gone = here.tell(&["/nonexistent/page".to_owned()], b"{}", 20).await;
        assert!(matches!(gone, Err(Untold::NotStarted(_))), "{gone:?}");
        assert!(place.under(&Under::Nobody).await.is_err(), "in production there is no work here without an account");
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_ended_with_what_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let script = "trap '' TERM; sleep 600 & echo $! > \"$HOME/child\"; wait; wait";
        assert_eq!(told(script, 1, dir.path()).await, Err(Untold::Late));
        let child = std::fs::read_to_string(dir.path().join("child")).unwrap();
        // It was killed before we were told; a busy kernel takes it away a moment later.
        let stat = || std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
        let is_gone = |stat: &str| stat.is_empty() || stat.contains(") Z");
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            while !is_gone(&stat()) {
                tokio::task::yield_now().await;
            }
        });
        assert!(waited.await.is_ok(), "{}", stat());
    }
}
