//! A secret that a program of this machine prints (`command:`): started without a shell, under the account for local work.

use super::{Here, SEARCH_PATH};
use crate::executor::local::account::Account;
use crate::secrets::SECRET_BYTES_MAX;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// A password store that waits for a person's touch waits in vain.
const WAIT: Duration = Duration::from_secs(15);

impl Here {
    /// What `program` prints, without the end of its last line.
    ///
    /// # Errors
    /// It cannot be started, fails, prints too much, or takes too long: in words that hold nothing of what it said.
    pub(in crate::executor) async fn print(&self, program: &Path, args: &[String]) -> Result<Vec<u8>, String> {
        let mut words = self.account.as_ref().map(Account::words).unwrap_or_default();
        words.push(program.display().to_string());
        words.extend(args.iter().cloned());
        let (first, rest) = words.split_first().ok_or("nothing to start")?;
        let mut command = Command::new(first);
        command.args(rest).env_clear().env("PATH", SEARCH_PATH).env("HOME", &self.home).env("LANG", &self.lang);
        if let Some(account) = &self.account {
            command.env("USER", &account.name).env("LOGNAME", &account.name);
        }
        // What it complains of may hold what it read.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).current_dir("/").kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| format!("cannot be started: {error}"))?;
        let stdout = child.stdout.take().ok_or("prints nowhere")?;
        // Reserved at once, so that growing leaves no copies behind.
        let bound = SECRET_BYTES_MAX + 3;
        let mut printed = Zeroizing::new(Vec::with_capacity(bound));
        let ended = async {
            stdout.take(bound as u64).read_to_end(&mut printed).await.map_err(|error| error.to_string())?;
            if printed.len() == bound {
                return Err(format!("prints more than {SECRET_BYTES_MAX} bytes: that is no secret"));
            }
            child.wait().await.map_err(|error| error.to_string())
        };
        let status = timeout(WAIT, ended).await.map_err(|_| format!("took longer than {} s", WAIT.as_secs()))??;
        if !status.success() {
            return Err(format!("ended with {status}; run it by hand under its account to see why"));
        }
        for end in [b'\n', b'\r'] {
            if printed.last() == Some(&end) {
                printed.pop();
            }
        }
        Ok(std::mem::take(&mut *printed))
    }
}
