//! From a user id to an account's name. The C library's own way would need unsafe code; the passwd file and `getent`, which
//! asks the same sources (LDAP, sssd), do not.

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// Longest passwd file that is read: a million accounts belong into a directory service, which `getent` asks.
const PASSWD_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How long a directory service may take: one that is away must not keep a server from ending.
const LOOKUP_WAIT: Duration = Duration::from_secs(5);

/// Longest answer that is read: one line of a passwd file.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Where accounts are looked up.
#[derive(Clone, Debug)]
pub struct Accounts {
    passwd: PathBuf,
    getent: Option<PathBuf>,
    wait: Duration,
}

impl Accounts {
    /// The system's own.
    pub fn system() -> Self {
        Self { passwd: "/etc/passwd".into(), getent: Some("/usr/bin/getent".into()), wait: LOOKUP_WAIT }
    }

    /// A file of this form alone.
    pub fn file(passwd: PathBuf) -> Self {
        Self { passwd, getent: None, wait: LOOKUP_WAIT }
    }

    /// The first account with this user id. Blocks.
    pub fn name_of(&self, uid: u32) -> Option<String> {
        let from_file = fs::metadata(&self.passwd)
            .ok()
            .filter(|file| file.len() <= PASSWD_BYTES_MAX)
            .and_then(|_| fs::read_to_string(&self.passwd).ok())
            .and_then(|text| name_in(&text, uid));
        from_file.or_else(|| self.ask(uid))
    }

    fn ask(&self, uid: u32) -> Option<String> {
        let mut asked = Command::new(self.getent.as_ref()?)
            .args(["passwd", &uid.to_string()])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let answer = asked.stdout.take()?;
        let (to, said) = sync_channel(1);
        std::thread::spawn(move || {
            let mut text = String::new();
            // What is no text names nobody.
            let _ = answer.take(ANSWER_BYTES_MAX).read_to_string(&mut text);
            // Nobody may wait for it any more.
            let _ = to.send(text);
        });
        let said = said.recv_timeout(self.wait);
        // It has ended already, or is not waited for.
        let _ = asked.kill();
        let _ = asked.wait();
        name_in(&said.ok()?, uid)
    }
}

/// The name of the first line with this user id.
fn name_in(text: &str, uid: u32) -> Option<String> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, found) = (fields.next()?, fields.next()?, fields.next()?);
        (found.parse() == Ok(uid) && !name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_never_answers_is_not_waited_for() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let script = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let accounts =
            |getent: PathBuf, wait: Duration| Accounts { passwd: "/nowhere".into(), getent: Some(getent), wait };
        let answers = script("answers", "echo ada:x:7:7::/:/bin/sh");
        assert_eq!(accounts(answers, LOOKUP_WAIT).name_of(7).as_deref(), Some("ada"));
        let hangs = script("hangs", "exec sleep 1000");
        assert_eq!(accounts(hangs, Duration::from_millis(50)).name_of(7), None);
    }

    #[test]
    fn the_first_account_of_a_user_id_counts() {
        let text =
            "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\ntwin:x:1000:1000::/:/bin/sh\nbroken\n";
        assert_eq!(name_in(text, 1000).as_deref(), Some("ada"));
        assert_eq!(name_in(text, 0).as_deref(), Some("root"));
        assert_eq!(name_in(text, 7), None);
        assert_eq!(name_in(":x:7:", 7), None);
    }
}
