//! Being relieved by another program while runs are in flight, and relieving one.
//!
//! The old server looks at the program first (does it start, does it know what the record may hold), lets steps in flight end
//! while nothing begins, says in the record that it hands over, and lets go of the data. It starts the new one with the listening
//! sockets at the far end of its standard input; that opens the data, says that it took over, and goes on with the runs. What
//! cannot be done leaves the old program in charge: before it let go, as it is; after, as a new process of itself.
//!
//! Why not `exec` over itself, which would keep the process's number: what people hold over SSH lives in the process that
//! accepted it. That process stays for as long as they do (`server::relief`), and nobody has to connect again.

use super::serve::SHUTDOWN_WAIT;
use super::systemd::{Manager, Passed};
use super::{Ended, Exit, Failure, say};
use crate::domain::serving::{self, Build, Goal, Serving};
use crate::domain::{Actor, Ask, Digest, Refusal, Seen, duration, words};
use crate::engine::Handle;
use crate::ledger::FORMAT_VERSION;
use crate::server::{Baton, HANDING_FORM, House, Message, Stage, Told, Wish};
use crate::verbs::out::document;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long a program may take to say what it knows: it opens nothing for it.
const KNOWS_WAIT: Duration = Duration::from_secs(20);

/// How long one may take until it serves: a long record is read first.
const SERVES_WAIT: Duration = Duration::from_secs(300);

/// How long the sockets may take to arrive.
const DOORS_WAIT: Duration = Duration::from_secs(20);

/// Longest complaint that is handed on.
const COMPLAINT_BYTES_MAX: usize = 2_000;

/// What this process is, however its file is called by now.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// What a program knows that could take a server's place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Knows {
    version: String,
    /// The form in which sockets and consoles are handed on.
    handing: u64,
    /// The newest ledger it reads.
    ledger: u64,
    /// The kinds of events it knows.
    kinds: Vec<String>,
}

impl Knows {
    fn own() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            handing: HANDING_FORM,
            ledger: FORMAT_VERSION,
            kinds: words::KINDS.iter().map(|kind| (*kind).to_owned()).collect(),
        }
    }

    /// Why it cannot take the place of one that knows `own`: it would not read what that has written.
    fn lacks(&self, own: &Self) -> Option<String> {
        let unknown: Vec<&str> =
            own.kinds.iter().filter(|kind| !self.kinds.contains(kind)).map(String::as_str).collect();
        let version = &self.version;
        if self.ledger < own.ledger {
            return Some(format!(
                "version {version} reads ledgers up to format {}, this one has {}",
                self.ledger, own.ledger
            ));
        }
        if !unknown.is_empty() {
            return Some(format!(
                "version {version} is older: it does not know events of the kind {}",
                unknown.join(", ")
            ));
        }
        (self.handing != own.handing).then(|| {
            format!(
                "version {version} takes over in another way; stop the server when nothing runs, and start that one"
            )
        })
    }
}

/// `serve --knows`: what this program knows, for a server that may be relieved by it.
pub fn knows() -> Ended {
    let value = serde_json::to_value(Knows::own()).unwrap_or_default();
    say::out(&document(&value)).map(|()| Exit::Done)
}

/// Sockets people and machines knock at, as copies to be passed on.
#[derive(Debug)]
pub struct Sockets {
    pub unix: OwnedFd,
    pub made: bool,
    pub ssh: Vec<OwnedFd>,
    pub metrics: Option<OwnedFd>,
    pub hooks: Option<OwnedFd>,
}

/// What a server is relieved with.
pub struct Relieving {
    pub handle: Handle,
    pub house: Arc<House>,
    pub sockets: Sockets,
    /// What this server was started as.
    pub program: PathBuf,
    pub arguments: Vec<String>,
    pub drain: Duration,
    pub manager: Manager,
    /// Cancelled once another program serves: this one is the service no more.
    pub relieved: CancellationToken,
    /// Cancelled by whoever stops the server.
    pub stop: CancellationToken,
}

/// A program that serves in this one's place.
pub struct Successor {
    pub pid: u32,
    /// Where it is a child of ours, and nobody else's service.
    pub child: Option<Child>,
}

impl Relieving {
    /// Carries out wishes until one of them comes true.
    pub async fn attend(self) -> Option<Successor> {
        let mut wishes = self.house.relief().wishes()?;
        loop {
            let wish = tokio::select! {
                wish = wishes.recv() => wish?,
                // The copies of its sockets must not outlive a server that ends.
                () = self.stop.cancelled() => return None,
                () = self.handle.ended() => return None,
            };
            let told = wish.told.clone();
            match self.relieve(wish).await {
                Ok(successor) => return Some(successor),
                Err(why) => {
                    let next = match self.house.relief().has_failed() {
                        true => "no program serves now: start the server; runs are interrupted",
                        false => "the server goes on as it was",
                    };
                    tracing::error!(why, next, "the server was not upgraded");
                    // Whoever wished may be gone.
                    let _ = told.send(Told::No(format!("not upgraded: {why}\nnext: {next}"))).await;
                }
            }
        }
    }

    async fn relieve(&self, wish: Wish) -> Result<Successor, String> {
        let program = wish.program.clone().unwrap_or_else(|| self.program.clone());
        let own = self.look_at(Path::new(OWN_PROGRAM)).await?;
        let new = self.look_at(&program).await?;
        if let Some(why) = new.1.lacks(&Knows::own()) {
            return Err(format!("{}: {why}", program.display()));
        }
        self.keeps_nothing_typed()?;
        let (from, to) = (build(own), build(new));
        say_to(&wish.told, format!("{} is {}", program.display(), to.words())).await;
        self.drain(&wish).await?;
        if let Err(why) = self.keeps_nothing_typed() {
            return Err(self.call_off(why).await);
        }
        let hand_over = serving::Want::HandOver { from: from.clone(), to: to.clone() };
        if let Err(refusal) = self.of_server(Actor::Engine, hand_over).await {
            return Err(self.call_off(refusal.to_string()).await);
        }
        // From here on nothing is recorded by this process.
        self.house.relief().is_at(Stage::Begun);
        self.handle.shut_down().await;
        let (baton, successor) = match self.launch(&program, to.digest).await {
            Ok(launched) => launched,
            Err(why) => {
                tracing::error!(why, program = %program.display(), "the new program does not serve: this one starts again");
                say_to(&wish.told, format!("{} does not serve: {why}", program.display())).await;
                let again = self.launch(Path::new(OWN_PROGRAM), from.digest).await;
                let again = again.inspect_err(|_| self.house.relief().is_at(Stage::Failed))?;
                let why = format!("not upgraded: {why}\nnext: the program that served until now goes on");
                self.is_relieved(&again.1, again.0);
                // Whoever wished may be gone.
                let _ = wish.told.send(Told::No(why)).await;
                return Ok(again.1);
            }
        };
        let words = format!("upgraded: {} serves as process {}, runs go on", to.words(), successor.pid);
        tracing::info!(words);
        self.is_relieved(&successor, baton);
        // Whoever wished may be gone.
        let _ = wish.told.send(Told::Done(words)).await;
        Ok(successor)
    }

    fn is_relieved(&self, successor: &Successor, baton: Baton) {
        self.manager.has_main(successor.pid);
        self.relieved.cancel();
        self.house.relief().is_at(Stage::Done(Arc::new(baton)));
    }

    /// Waits until nothing is in flight; calls it off where that takes too long.
    async fn drain(&self, wish: &Wish) -> Result<(), String> {
        let until = self.handle.now().plus_ms(u64::try_from(self.drain.as_millis()).unwrap_or(u64::MAX));
        let want = serving::Want::Drain { goal: Goal::Upgrade, until };
        self.of_server(wish.by.clone(), want).await.map_err(|refusal| refusal.to_string())?;
        let mut worlds = self.handle.world();
        let late = tokio::time::sleep(self.drain);
        tokio::pin!(late);
        let mut said = None;
        loop {
            let world = Arc::clone(&worlds.borrow_and_update());
            if world.serving == Serving::Usual {
                return Err("it was called off".to_owned());
            }
            let left = serving::in_flight(&world);
            if left == 0 {
                return Ok(());
            }
            if said.replace(left) != Some(left) {
                say_to(&wish.told, format!("steps in flight finish first, {left} left")).await;
            }
            tokio::select! {
                changed = worlds.changed() => if changed.is_err() {
                    return Err("the server stops".to_owned());
                },
                () = self.stop.cancelled() => return Err("the server stops".to_owned()),
                () = &mut late => {
                    let ms = u64::try_from(self.drain.as_millis()).unwrap_or(u64::MAX);
                    let why = format!("{left} steps did not end within {}", duration::short(ms));
                    return Err(self.call_off(why).await);
                }
            }
        }
    }

    async fn call_off(&self, why: String) -> String {
        if let Err(refusal) = self.of_server(Actor::Engine, serving::Want::CallOff { why: why.clone() }).await {
            tracing::error!(%refusal, "the upgrade could not be called off");
        }
        why
    }

    /// A value that somebody typed for a run is in this process's memory alone.
    fn keeps_nothing_typed(&self) -> Result<(), String> {
        match self.handle.keeps_typed_secrets() {
            true => Err("values that people typed for runs are kept in memory, and would be lost; wait for those runs"
                .to_owned()),
            false => Ok(()),
        }
    }

    async fn of_server(&self, by: Actor, want: serving::Want) -> Result<(), Refusal> {
        self.handle.submit(by, Seen::Nothing, Ask::Server(want)).await.map(|_| ())
    }

    /// What a program says it knows, and what its file is.
    async fn look_at(&self, program: &Path) -> Result<(Digest, Knows), String> {
        let named = program.to_owned();
        let bytes = tokio::task::spawn_blocking(move || std::fs::read(&named)).await;
        let bytes = bytes.map_err(|error| error.to_string())?;
        let bytes = bytes.map_err(|error| format!("{} cannot be read: {error}", program.display()))?;
        let digest = Digest::of(&bytes);
        drop(bytes);
        if program == Path::new(OWN_PROGRAM) {
            return Ok((digest, Knows::own()));
        }
        let wrong = |why: String| format!("{} does not do: {why}", program.display());
        let mut asking = Command::new(program);
        asking.args(&self.arguments).arg("--knows").stdin(Stdio::null()).kill_on_drop(true);
        let said = timeout(KNOWS_WAIT, asking.output()).await;
        let said = said.map_err(|_| wrong(format!("it said nothing within {} seconds", KNOWS_WAIT.as_secs())))?;
        let said = said.map_err(|error| wrong(format!("it cannot be started: {error}")))?;
        if !said.status.success() {
            return Err(wrong(complaint(&said.status.to_string(), &said.stderr)));
        }
        let knows = serde_json::from_slice(&said.stdout);
        Ok((digest, knows.map_err(|_| wrong("it is no quarterdeck that can take over".to_owned()))?))
    }

    /// Starts a program in this one's place, and waits until it serves.
    async fn launch(&self, program: &Path, digest: Digest) -> Result<(Baton, Successor), String> {
        let failed = |error: std::io::Error| format!("it cannot be started: {error}");
        let (baton, theirs) = Baton::pair().map_err(failed)?;
        let Sockets { unix, made, ssh, metrics, hooks } = &self.sockets;
        let doors = Message::Doors {
            program: digest,
            made: *made,
            ssh: ssh.len(),
            metrics: usize::from(metrics.is_some()),
            hooks: usize::from(hooks.is_some()),
        };
        let sockets = [unix].into_iter().chain(ssh).chain(metrics).chain(hooks);
        let sockets: Vec<_> = sockets.map(AsFd::as_fd).collect();
        baton.send(&doors, &sockets).await.map_err(failed)?;
        let mut child = self.command(program).stdin(Stdio::from(theirs)).spawn().map_err(failed)?;
        let serves = async {
            loop {
                match baton.receive().await {
                    Ok(Some((Message::Here { pid }, _))) => return Ok(pid),
                    Ok(Some((Message::Doors { .. } | Message::Console { .. }, _))) => {}
                    Ok(None) => return Err("it ended before it served".to_owned()),
                    Err(error) => return Err(format!("it said what nobody understands: {error}")),
                }
            }
        };
        match timeout(SERVES_WAIT, serves).await {
            Ok(Ok(pid)) => {
                let own = child.id() == Some(pid);
                Ok((baton, Successor { pid, child: own.then_some(child) }))
            }
            Ok(Err(why)) => {
                let status = timeout(SHUTDOWN_WAIT, child.wait()).await;
                let status = status.ok().and_then(Result::ok).map(|status| format!(" ({status})")).unwrap_or_default();
                Err(format!("{why}{status}; its log says more"))
            }
            Err(_) => {
                // One that hangs must not wake up later and take the data from whoever has it then.
                let _ = child.kill().await;
                Err(format!("it did not serve within {} seconds", SERVES_WAIT.as_secs()))
            }
        }
    }

    /// Where a service manager watches, the new process must not be a child of this one, or its end would not be seen there.
    fn command(&self, program: &Path) -> Command {
        let mut command = match self.manager.is_there() {
            true => {
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", "exec 3<&0; \"$0\" \"$@\" <&3 3<&- &"]).arg(program);
                shell
            }
            false => Command::new(program),
        };
        command.args(&self.arguments).arg("--handed");
        for of_this_process in ["WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] {
            command.env_remove(of_this_process);
        }
        command
    }
}

fn build((digest, knows): (Digest, Knows)) -> Build {
    Build { version: knows.version, digest }
}

async fn say_to(told: &mpsc::Sender<Told>, line: String) {
    tracing::info!(line, "upgrading");
    // Whoever wished may be gone.
    let _ = told.send(Told::Line(line)).await;
}

fn complaint(status: &str, said: &[u8]) -> String {
    let said = said.get(..said.len().min(COMPLAINT_BYTES_MAX)).unwrap_or_default();
    let said = String::from_utf8_lossy(said);
    match said.trim() {
        "" => status.to_owned(),
        said => format!("{status}: {said}"),
    }
}

/// What comes from the server before this one: its sockets, and the way to it.
pub struct Handed {
    pub passed: Passed,
    pub baton: Baton,
    /// SHA-256 of the program this process is.
    pub program: Digest,
}

/// Takes what is at standard input, which then is nobody's any more.
pub async fn handed() -> Result<Handed, Failure> {
    let wrong = |why: &str| Failure::new(Exit::Usage, format!("--handed is said by a server that is relieved: {why}"));
    let own = std::io::stdin().as_fd().try_clone_to_owned();
    let own = own.map_err(|error| wrong(&error.to_string()))?;
    let nothing = std::fs::File::open("/dev/null").and_then(|null| Ok(rustix::stdio::dup2_stdin(&null)?));
    nothing.map_err(|error| wrong(&error.to_string()))?;
    let baton = Baton::of(own).map_err(|error| wrong(&error.to_string()))?;
    let first = timeout(DOORS_WAIT, baton.receive()).await.map_err(|_| wrong("nothing came"))?;
    let first = first.map_err(|error| wrong(&error.to_string()))?;
    let Some((Message::Doors { program, made, ssh, metrics, hooks }, sockets)) = first else {
        return Err(wrong("no sockets came"));
    };
    if sockets.len() != 1 + ssh + metrics + hooks {
        return Err(wrong("not all sockets came"));
    }
    let mut sockets = sockets.into_iter();
    let passed = Passed {
        unix: sockets.next().map(Into::into),
        made,
        tcp: sockets.by_ref().take(ssh).map(Into::into).collect(),
        metrics: sockets.by_ref().take(metrics).next().map(Into::into),
        hooks: sockets.next().map(Into::into),
    };
    Ok(Handed { passed, baton, program })
}

/// Says that this process serves.
pub async fn is_here(baton: &Baton) -> Result<(), Failure> {
    let here = Message::Here { pid: std::process::id() };
    let said = baton.send(&here, &[]).await;
    said.map_err(|error| Failure::new(Exit::TryAgain, format!("the server before this one is gone: {error}")))
}

/// Stays as the parent of the process that serves now, for whoever started this one and waits for it: signals go there, and it
/// ends as that does.
pub async fn stand_by(mut child: Child, mut signals: mpsc::Receiver<Signal>) -> Exit {
    loop {
        tokio::select! {
            status = child.wait() => {
                let code = status.ok().and_then(|status| status.code()).and_then(|code| u32::try_from(code).ok());
                return code.and_then(Exit::of_code).unwrap_or(Exit::Unknown);
            }
            signal = signals.recv() => {
                let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
                if let (Some(signal), Some(pid)) = (signal, pid) {
                    // It may have ended at this moment.
                    let _ = kill_process(pid, signal);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knows(change: impl FnOnce(&mut Knows)) -> Option<String> {
        let mut other = Knows::own();
        change(&mut other);
        other.lacks(&Knows::own())
    }

    #[test]
    fn an_older_program_is_told_by_what_it_does_not_know() {
        assert_eq!(knows(|_| {}), None);
        assert_eq!(knows(|newer| newer.kinds.push("from_a_later_version".to_owned())), None);
        assert_eq!(knows(|newer| newer.ledger += 1), None);
        let older = knows(|older| older.kinds.retain(|kind| kind != "server" && kind != "follow_up")).unwrap();
        assert!(older.ends_with("events of the kind server, follow_up"), "{older}");
        assert!(knows(|older| older.ledger = 0).unwrap().contains("up to format 0, this one has 1"));
        assert!(knows(|other| other.handing += 1).unwrap().contains("another way"));
    }

    #[test]
    fn a_complaint_is_cut_and_never_empty() {
        assert_eq!(complaint("exit status: 1", b""), "exit status: 1");
        assert_eq!(complaint("exit status: 1", b" no such site\n"), "exit status: 1: no such site");
        assert!(complaint("x", &[b'y'; 9_000]).len() < 3_000);
    }
}
