//! Another account of this machine for what runs here (Z56): what a runbook starts beside the server reads neither its keys nor its
//! records, and cannot end it.
//!
//! A server that is root becomes the account by `setpriv`, with the groups the account has and no others; any other server asks
//! `sudo`, which must not want a password. Both are named by the search path of local work, run no shell in between, and hand
//! on a cleared environment.
//!
//! Invariant: the account is neither root nor the server's own; where it cannot be had, nothing starts.

use super::SEARCH_PATH;
use crate::domain::run::Reason;
use crate::executor::trouble::Trouble;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// A directory service takes its time, and one that is away must not hold a step for ever.
const LOOKUP_WAIT: Duration = Duration::from_secs(5);

/// An account as the machine knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Account {
    pub name: String,
    uid: u32,
    gid: u32,
    pub home: PathBuf,
}

impl Account {
    /// Looks an account up.
    ///
    /// # Errors
    /// There is none of that name, or it is no other account than the server's or root's.
    pub async fn find(name: &str) -> Result<Self, Trouble> {
        let refused = |words: String| Trouble::new(Reason::Local, words);
        // A name that begins with a dash never gets so far: the site's files hold accounts.
        let asked = Command::new("getent")
            .args(["passwd", "--", name])
            .env_clear()
            .env("PATH", SEARCH_PATH)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .output();
        let late = |_| refused(format!("nobody said in time whether there is an account {name}"));
        let said = tokio::time::timeout(LOOKUP_WAIT, asked).await.map_err(late)?;
        let said = said.map_err(|error| refused(format!("cannot look up the account {name}: {error}")))?;
        let found = entry(&String::from_utf8_lossy(&said.stdout), name);
        let Some(account) = found else {
            return Err(refused(format!("this machine has no account {name}: make it, or name another under [local]")));
        };
        let own = rustix::process::geteuid().as_raw();
        match account.uid {
            0 => Err(refused(format!("{name} is root: local work runs under an account that may do less"))),
            uid if uid == own => Err(refused(format!("{name} is the server's own account: name another one"))),
            _ => Ok(account),
        }
    }

    /// The words that make a program this account's.
    pub fn words(&self) -> Vec<String> {
        match rustix::process::geteuid().is_root() {
            true => {
                let (uid, gid) = (format!("--reuid={}", self.uid), format!("--regid={}", self.gid));
                vec!["setpriv".to_owned(), uid, gid, "--init-groups".to_owned(), "--".to_owned()]
            }
            false => ["sudo", "-n", "-H", "-u", &self.name, "--"].map(str::to_owned).to_vec(),
        }
    }
}

/// The account of this name in lines as in passwd(5).
fn entry(text: &str, wanted: &str) -> Option<Account> {
    text.lines().find_map(|line| {
        let [name, _, uid, gid, _, home, ..] = line.split(':').collect::<Vec<_>>()[..] else {
            return None;
        };
        let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
        (name == wanted).then(|| Account { name: name.to_owned(), uid, gid, home: home.into() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_whole_or_not_at_all() {
        let line = "work:x:998:997:Local work:/var/lib/work:/usr/sbin/nologin";
        let home = PathBuf::from("/var/lib/work");
        assert_eq!(entry(line, "work"), Some(Account { name: "work".to_owned(), uid: 998, gid: 997, home }));
        for wrong in ["", "work", "work:x:998:997::", "work:x:-1:0::/:", "other:x:998:997::/:/bin/sh"] {
            assert!(entry(wrong, "work").is_none_or(|it| it.home.as_os_str().is_empty()), "{wrong}");
        }
    }

    #[tokio::test]
    async fn neither_root_nor_nobody_known_is_taken() {
        for (name, says) in [("root", "is root"), ("qd-no-such-account", "no account")] {
            let trouble = Account::find(name).await.unwrap_err();
            assert!(trouble.reason == Reason::Local && trouble.words.contains(says), "{}", trouble.words);
        }
    }
}
