//! A secret that a program of this machine prints (`command:`): started without a shell, under the account for local work.

use super::Here;
use crate::secrets::{READ_BYTES_MAX, SECRET_BYTES_MAX, Sealed, SealedError};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// A password store that waits for a person's touch waits in vain.
const WAIT: Duration = Duration::from_secs(15);

impl Here {
    /// What `program` prints, without the end of its last line; or why that is no secret.
    ///
    /// # Errors
    /// It cannot be started, fails, prints too much, or takes too long: in words that hold nothing of what it said.
    pub(in crate::executor) async fn print(
        &self,
        program: &Path,
        args: &[String],
    ) -> Result<Result<Sealed, SealedError>, String> {
        let mut command = self.command(&program.display().to_string(), args.iter().map(String::as_str));
        // What it complains of may hold what it read.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).current_dir("/").kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| format!("cannot be started: {error}"))?;
        let stdout = child.stdout.take().ok_or("prints nowhere")?;
        // Reserved at once, so that growing leaves no copies behind.
        let mut printed = Zeroizing::new(Vec::with_capacity(READ_BYTES_MAX));
        let ended = async {
            stdout.take(READ_BYTES_MAX as u64).read_to_end(&mut printed).await.map_err(|error| error.to_string())?;
            if printed.len() == READ_BYTES_MAX {
                return Err(format!("prints more than {SECRET_BYTES_MAX} bytes: that is no secret"));
            }
            child.wait().await.map_err(|error| error.to_string())
        };
        let status = timeout(WAIT, ended).await.map_err(|_| format!("took longer than {} s", WAIT.as_secs()))??;
        if !status.success() {
            return Err(format!("ended with {status}; run it by hand under its account to see why"));
        }
        Ok(Sealed::of_text(printed))
    }
}
