//! Ends what runs on a host, and sees that it has ended.
//!
//! TERM to the process group, a bounded grace, KILL, a bounded grace; in between the host is asked whether the group is still
//! there. Everything goes through a second session on the same connection, one constant line each, with a number in it
//! and nothing else.
//!
//! Invariant: "gone" is said only when the host said that no process of the group lives. Deliberately absent: any
//! belief that a signal sent is a process ended.

use super::ssh::pool::Pool;
use super::talk::{Heard, Place};
use super::trouble::Trouble;
use crate::domain::order::Order;
use crate::domain::plan::PlannedHost;
use crate::domain::run::Reason;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

/// What a process gets to clean up in after TERM. Databases that need longer want a longer step, not a longer ending.
pub(super) const TERM_GRACE_MS: u64 = 10_000;

/// After KILL the kernel needs no longer, unless the process hangs in it.
pub(super) const KILL_GRACE_MS: u64 = 5_000;

/// A session for one question, answer included.
const ANSWER_MS_MAX: u64 = 10_000;

/// An answer is one word.
const ANSWER_BYTES_MAX: usize = 64;

/// Between two questions at first; doubled each time up to the next.
const ASK_AGAIN_MS_MIN: u64 = 50;

/// Between two questions at most.
const ASK_AGAIN_MS_MAX: u64 = 1_000;

/// Words about one ending: two signals and a second connection fit.
pub(super) const NOTES_MAX: usize = 8;

/// What became of a process group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Seen {
    /// The host says that nothing of it lives.
    Gone,
    /// It still lives after KILL.
    There,
    /// The host cannot be asked: why.
    NoAnswer(String),
}

/// The servers an order goes through, the host last.
pub(super) fn way(order: &Order) -> Vec<&PlannedHost> {
    order.jumps.iter().chain([&order.host]).collect()
}

/// Ends the process group `group` at `place`, over another connection where this one does not answer. `say` is told what is
/// done.
pub(super) async fn end_anyhow(
    pool: &Pool,
    order: &Order,
    place: Place,
    group: u32,
    say: mpsc::Sender<String>,
) -> Seen {
    let seen = end_group(&place, group, &say).await;
    let (Seen::NoAnswer(words), Place::Ssh(_)) = (&seen, &place) else {
        return seen;
    };
    note(&say, format!("{words}; trying another connection"));
    pool.forget(order.key.run, &order.host.name);
    match timeout(Duration::from_millis(order.limits.connect_ms), pool.connect_anew(&way(order))).await {
        Ok(Ok(fresh)) => end_group(&Place::Ssh(fresh), group, &say).await,
        Ok(Err(trouble)) => Seen::NoAnswer(trouble.words),
        Err(_) => seen,
    }
}

async fn end_group(place: &Place, group: u32, say: &mpsc::Sender<String>) -> Seen {
    for (signal, grace_ms) in [("TERM", TERM_GRACE_MS), ("KILL", KILL_GRACE_MS)] {
        note(say, format!("sending {signal} to process group {group}"));
        match ask(place, &signal_line(signal, group)).await {
            Ok(true) => return Seen::Gone,
            Ok(false) => {}
            Err(trouble) => return Seen::NoAnswer(trouble.words),
        }
        let until = Instant::now() + Duration::from_millis(grace_ms);
        let mut pause_ms = ASK_AGAIN_MS_MIN;
        while Instant::now() < until {
            sleep(Duration::from_millis(pause_ms)).await;
            pause_ms = (pause_ms * 2).min(ASK_AGAIN_MS_MAX);
            match ask(place, &look_line(group)).await {
                Ok(true) => return Seen::Gone,
                Ok(false) => {}
                Err(trouble) => return Seen::NoAnswer(trouble.words),
            }
        }
    }
    Seen::There
}

fn note(say: &mpsc::Sender<String>, words: String) {
    // Full: nobody reads what we say, and it is no evidence.
    let _ = say.try_send(words);
}

/// Runs a line that answers `gone` or `there`; whether it said `gone`.
async fn ask(place: &Place, line: &str) -> Result<bool, Trouble> {
    let answer = async {
        let mut talk = place.start_aside(line).await?;
        // Nothing is sent: the end of input, at once.
        talk.deliver(zeroize::Zeroizing::new(Vec::new())).await;
        let mut said = Vec::new();
        loop {
            match talk.hear().await {
                Heard::Out(bytes) if said.len() < ANSWER_BYTES_MAX => said.extend_from_slice(&bytes),
                Heard::Out(_) | Heard::Err(_) | Heard::Exit(_) => {}
                Heard::Closed => break,
                Heard::Lost => {
                    return Err(Trouble::new(Reason::ConnectionLost, "the connection ended"));
                }
            }
        }
        match String::from_utf8_lossy(&said).split_ascii_whitespace().last() {
            Some("gone") => Ok(true),
            Some("there") => Ok(false),
            Some(_) | None => Err(Trouble::new(Reason::NoShell, "the host's answer cannot be understood")),
        }
    };
    let late = |_| Trouble::new(Reason::ConnectionLost, "the host did not answer");
    timeout(Duration::from_millis(ANSWER_MS_MAX), answer).await.map_err(late)?
}

fn signal_line(signal: &str, group: u32) -> String {
    // The shell itself too, for the moment in which it may not lead a group yet.
    format!("exec sh -c 'kill -{signal} -{group} 2>/dev/null || kill -{signal} {group} 2>/dev/null; {}'", look(group))
}

fn look_line(group: u32) -> String {
    format!("exec sh -c '{}'", look(group))
}

/// `kill -0` tells a group that is not there from one that is not ours to signal only by its words, and counts the
/// dead that nobody has collected; /proc, where it can be read, tells those from the living. All on one line: within
/// quotes csh takes no line break.
fn look(group: u32) -> String {
    format!(
        "LC_ALL=C; export LC_ALL; \
        w=$(kill -0 -{group} 2>&1) && w=lives; \
        case $w in *\"o such process\"*) w=$(kill -0 {group} 2>&1) && w=lives;; esac; \
        case $w in lives) ;; *\"o such process\"*) echo gone; exit;; *) echo there; exit;; esac; \
        [ -r /proc/self/stat ] || {{ echo there; exit; }}; \
        for f in /proc/[0-9]*/stat; do \
        l=; {{ read -r l <\"$f\"; }} 2>/dev/null; \
        case $l in \"\") continue;; *\") \"*) ;; *) echo there; exit;; esac; \
        p=${{l%% *}}; set -- ${{l##*) }}; \
        [ \"$1\" = Z ] || [ \"$1\" = X ] && continue; \
        [ \"$3\" = {group} ] || [ \"$p\" = {group} ] && {{ echo there; exit; }}; \
        done; \
        echo gone"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::runbook::Interpreter;
    use crate::executor::script::{self, Lead, Nonce};
    use crate::executor::tests::sshd::has;
    use std::process::{Command, Stdio};

    fn said(shell: &str, line: &str) -> String {
        let output = Command::new(shell).args(["-c", line]).stdin(Stdio::null()).output().unwrap();
        assert!(output.stderr.is_empty(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// csh says "Unmatched '" to a line break within quotes: there, time-outs and aborts ended nothing.
    #[test]
    fn what_is_sent_is_one_line_without_a_break() {
        let nonce = Nonce::fresh().unwrap();
        let starts = [Lead::Given, Lead::Taken].map(|lead| script::line(&Interpreter::Sh, &nonce, lead));
        for line in [look_line(7), signal_line("TERM", 7), script::probe_line(&nonce)].iter().chain(&starts) {
            assert!(!line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn under_every_login_shell_a_group_is_seen_ended_and_seen_gone() {
        for shell in ["sh", "bash", "csh", "tcsh", "fish", "zsh"].into_iter().filter(|shell| has(shell)) {
            let mut child = Command::new("setsid").args(["sleep", "60"]).spawn().unwrap();
            let group = child.id();
            assert_eq!(said(shell, &look_line(group)), "there", "{shell}");
            // Not collected yet: what is dead does not count as there.
            let told = said(shell, &signal_line("KILL", group));
            assert!(["gone", "there"].contains(&told.as_str()), "{shell}: {told:?}");
            child.wait().unwrap();
            assert_eq!(said(shell, &look_line(group)), "gone", "{shell}");
        }
    }
}
