//! Ends what runs on a host, and sees that it has ended.
//!
//! TERM to the process group and to whatever else is of its session, a bounded grace, KILL, a bounded grace; in between the host is
//! asked whether anything is still there. Everything goes through a second session on the same connection, one constant line
//! each, with a number in it and nothing else.
//!
//! Shells with job control put their jobs into groups of their own, but not into sessions of their own: what a script left
//! running is found by its session. What left the session too was made a daemon on purpose, and stays.
//!
//! Invariant: "gone" is said only when the host said that no process of group and session lives. Deliberately absent: any
//! belief that a signal sent is a process ended.

use super::script::Becoming;
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

/// What became of a process group and its session.
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
    becoming: Option<Becoming>,
    say: mpsc::Sender<String>,
) -> Seen {
    let seen = end_group(&place, group, becoming.as_ref(), &say).await;
    let (Seen::NoAnswer(words), Place::Ssh(_)) = (&seen, &place) else {
        return seen;
    };
    note(&say, format!("{words}; trying another connection"));
    pool.forget(order.key.run, &order.host.name);
    match timeout(Duration::from_millis(order.limits.connect_ms), pool.connect_anew(&way(order))).await {
        Ok(Ok(fresh)) => end_group(&Place::Ssh(fresh), group, becoming.as_ref(), &say).await,
        Ok(Err(trouble)) => Seen::NoAnswer(trouble.words),
        Err(_) => seen,
    }
}

/// To signal another user's processes one must be that user; to see whether they are there, nobody in particular.
async fn end_group(place: &Place, group: u32, becoming: Option<&Becoming>, say: &mpsc::Sender<String>) -> Seen {
    let signal_line = |signal| match becoming {
        Some(becoming) => becoming.aside(&signal_text(signal, group)),
        None => signal_line(signal, group),
    };
    for (signal, grace_ms) in [("TERM", TERM_GRACE_MS), ("KILL", KILL_GRACE_MS)] {
        note(say, format!("sending {signal} to process group {group}"));
        // What dies of TERM may need its time; what a dying process started meanwhile must hear of KILL as well.
        let again = if signal == "KILL" { signal_line(signal) } else { look_line(group) };
        let until = Instant::now() + Duration::from_millis(grace_ms);
        let mut pause_ms = ASK_AGAIN_MS_MIN;
        let mut line = signal_line(signal);
        loop {
            match ask(place, &line, becoming.filter(|_| line != look_line(group))).await {
                Ok(true) => return Seen::Gone,
                Ok(false) => {}
                Err(trouble) => return Seen::NoAnswer(trouble.words),
            }
            if Instant::now() >= until {
                break;
            }
            sleep(Duration::from_millis(pause_ms)).await;
            pause_ms = (pause_ms * 2).min(ASK_AGAIN_MS_MAX);
            line.clone_from(&again);
        }
    }
    Seen::There
}

fn note(say: &mpsc::Sender<String>, words: String) {
    // Full: nobody reads what we say, and it is no evidence.
    let _ = say.try_send(words);
}

/// Runs a line that answers `gone` or `there`; whether it said `gone`.
async fn ask(place: &Place, line: &str, becoming: Option<&Becoming>) -> Result<bool, Trouble> {
    let answer = async {
        let mut talk = place.start_aside(line).await?;
        // Nothing is sent but the password where one is asked for: then the end of input, at once.
        talk.deliver(becoming.map(Becoming::password).unwrap_or_default()).await;
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
    format!("exec sh -c '{}'", signal_text(signal, group))
}

fn signal_text(signal: &str, group: u32) -> String {
    // The shell itself too, for the moment in which it may not lead a group yet. Nobody gets a signal twice: to many a program the
    // second TERM means to leave everything as it is.
    let of_group = format!("kill -{signal} -{group} 2>/dev/null || kill -{signal} {group} 2>/dev/null");
    let of_session =
        each_process(&format!("[ \"$4\" = {group} ] && [ \"$3\" != {group} ] && kill -{signal} \"$p\" 2>/dev/null"));
    format!("{of_group}; {of_session} {}", look(group))
}

fn look_line(group: u32) -> String {
    format!("exec sh -c '{}'", look(group))
}

/// `kill -0` tells a group that is not there from one that is not ours to signal only by its words, and counts the
/// dead that nobody has collected; /proc, where it can be read, tells those from the living, and knows sessions. All on one
/// line: within quotes csh takes no line break.
fn look(group: u32) -> String {
    let living = each_process(&format!(
        "case $1 in Z|X) continue;; esac; \
        [ \"$3\" = {group} ] || [ \"$4\" = {group} ] || [ \"$p\" = {group} ] && {{ echo there; exit; }}"
    ));
    format!(
        "LC_ALL=C; export LC_ALL; \
        w=$(kill -0 -{group} 2>&1) && w=lives; \
        case $w in *\"o such process\"*) w=$(kill -0 {group} 2>&1) && w=lives;; esac; \
        case $w in lives|*\"o such process\"*) ;; *) echo there; exit;; esac; \
        [ -r /proc/self/stat ] && {{ {living} echo gone; exit; }}; \
        case $w in lives) echo there;; *) echo gone;; esac"
    )
}

/// Does `what` for every process of the host: `$p` its number, `$1` its state, `$3` its group, `$4` its session (proc(5)). A name
/// may hold line breaks and brackets. What cannot be understood counts as there: nothing is called gone that was not read.
fn each_process(what: &str) -> String {
    format!(
        "for f in /proc/[0-9]*/stat; do \
        l=; {{ while read -r m; do l=\"$l$m \"; done <\"$f\"; }} 2>/dev/null; \
        case $l in \"\") continue;; *\") \"*) ;; *) echo there; exit;; esac; \
        p=${{l%% *}}; set -- ${{l##*) }}; \
        {what}; \
        done;"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::runbook::Interpreter;
    use crate::executor::script::{self, Lead, Nonce};
    use crate::executor::tests::sshd::has;
    use std::io::BufRead;
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
        let root = Becoming { user: "root".to_owned(), password: None };
        let becoming = [root.line(&Interpreter::Bash, &nonce), root.aside(&signal_text("KILL", 7))];
        let asked = [look_line(7), signal_line("TERM", 7), script::probe_line(&nonce)];
        for line in asked.iter().chain(&starts).chain(&becoming) {
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

    /// A job of a shell with job control is in a group of its own: ended by the group alone, it lived on, "seen to be gone".
    #[test]
    fn jobs_in_groups_of_their_own_are_ended_with_the_session_they_are_in() {
        let jobs = "set -m; sleep 60 & echo $!; sh -c 'exec -a \"a) b\" sleep 60' & echo $!; wait";
        for shell in ["bash", "csh"].into_iter().filter(|shell| has(shell)) {
            let mut child = Command::new("setsid").args(["bash", "-c", jobs]).stdout(Stdio::piped()).spawn().unwrap();
            let group = child.id();
            let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
            let job: u32 = lines.next().unwrap().unwrap().parse().unwrap();
            lines.next().unwrap().unwrap();
            assert_ne!(job, group);
            let told = said(shell, &signal_line("KILL", group));
            assert!(["gone", "there"].contains(&told.as_str()), "{shell}: {told:?}");
            child.wait().unwrap();
            // Whoever inherits a dead job may not collect it at once: the dead count as gone.
            assert_eq!(said(shell, &look_line(group)), "gone", "{shell}");
            let stat = std::fs::read_to_string(format!("/proc/{job}/stat")).unwrap_or_else(|_| ") Z".to_owned());
            assert!(stat.contains(") Z"), "{shell}: {stat}");
        }
    }

    /// To many a program the second TERM means to leave everything as it is.
    #[test]
    fn whatever_is_ended_is_told_so_once() {
        let program = "import os, signal, sys\n\
            signal.signal(signal.SIGTERM, lambda *_: os.write(1, b'told\\n'))\n\
            os.write(1, b'ready\\n')\nsys.stdin.read()\n";
        let mut command = Command::new("setsid");
        command.args(["python3", "-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let group = child.id();
        let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        assert_eq!(said("sh", &signal_line("TERM", group)), "there");
        // The end of its input ends it; what it was told by then stands before that.
        drop(child.stdin.take());
        assert_eq!(lines.map(Result::unwrap).collect::<Vec<_>>(), ["told"]);
        child.wait().unwrap();
    }

    #[test]
    fn a_name_with_a_line_break_hides_nobody_and_stands_for_nobody() {
        let named = "printf 'x) S 1\n2' >/proc/self/comm; read -r it";
        let mut child = Command::new("setsid").args(["bash", "-c", named]).stdin(Stdio::piped()).spawn().unwrap();
        let group = child.id();
        assert_eq!(said("sh", &look_line(group)), "there");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(said("sh", &look_line(group)), "gone");
    }
}
