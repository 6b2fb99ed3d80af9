//! A list that a program of this machine prints: servers of a workspace. Started without a shell, under the account for local work.

use super::Here;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

/// An inventory that asks a cloud takes its time; whoever proposes waits for it.
const WAIT: Duration = Duration::from_secs(60);

/// Longest list: ten thousand servers with their variables.
const LIST_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// So much of what it complains of is said on.
const COMPLAINT_CHARS_MAX: usize = 300;

impl Here {
    /// What a program prints.
    ///
    /// # Errors
    /// It cannot be started, fails, prints too much, or takes too long; in words, with the end of its complaint.
    pub(in crate::executor) async fn list(&self, words: &[String]) -> Result<String, String> {
        let (program, args) = words.split_first().ok_or("it names no program")?;
        let mut command = self.command(program, args.iter().map(String::as_str));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).current_dir("/").kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| format!("{program} cannot be started: {error}"))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ended = async {
            let (printed, complained) = tokio::join!(all(stdout, LIST_BYTES_MAX), all(stderr, LIST_BYTES_MAX));
            if printed.len() as u64 == LIST_BYTES_MAX {
                return Err(format!("{program} prints more than {} MiB", LIST_BYTES_MAX / (1024 * 1024)));
            }
            let status = child.wait().await.map_err(|error| error.to_string())?;
            Ok((status, printed, complained))
        };
        let late = |_| format!("{program} took longer than {} s", WAIT.as_secs());
        let (status, printed, complained) = timeout(WAIT, ended).await.map_err(late)??;
        if !status.success() {
            return Err(format!("{program} ended with {status}: {}", last_words(&complained)));
        }
        String::from_utf8(printed).map_err(|_| format!("what {program} prints is not UTF-8"))
    }
}

async fn all(from: Option<impl AsyncRead + Unpin>, bytes_max: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        // What could not be read is missing from what is judged.
        let _ = from.take(bytes_max).read_to_end(&mut bytes).await;
    }
    bytes
}

/// The end of a complaint, on one line.
fn last_words(complained: &[u8]) -> String {
    let text = String::from_utf8_lossy(complained);
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    let skipped = line.chars().count().saturating_sub(COMPLAINT_CHARS_MAX);
    line.chars().skip(skipped).collect()
}
