//! From a user id to an account's name. The C library's own way would need unsafe code; the passwd file and `getent`, which
//! asks the same sources (LDAP, sssd), do not.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Longest passwd file that is read: a million accounts belong into a directory service, which `getent` asks.
const PASSWD_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Where accounts are looked up.
#[derive(Clone, Debug)]
pub struct Accounts {
    passwd: PathBuf,
    getent: Option<PathBuf>,
}

impl Accounts {
    /// The system's own.
    pub fn system() -> Self {
        Self { passwd: "/etc/passwd".into(), getent: Some("/usr/bin/getent".into()) }
    }

    /// A file of this form alone.
    pub fn file(passwd: PathBuf) -> Self {
        Self { passwd, getent: None }
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
        let output = Command::new(self.getent.as_ref()?)
            .args(["passwd", &uid.to_string()])
            .env_clear()
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()?;
        name_in(&String::from_utf8(output.stdout).ok()?, uid)
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
    fn the_first_account_of_a_user_id_counts() {
        let text =
            "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\ntwin:x:1000:1000::/:/bin/sh\nbroken\n";
        assert_eq!(name_in(text, 1000).as_deref(), Some("ada"));
        assert_eq!(name_in(text, 0).as_deref(), Some("root"));
        assert_eq!(name_in(text, 7), None);
        assert_eq!(name_in(":x:7:", 7), None);
    }
}
