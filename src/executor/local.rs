//! Runs on this machine: the same command line, script and marks as over SSH, in a child process of its own session.
//!
//! The child gets a minimal environment and no terminal, and runs under the account the plan names, where that one lives.
//! Deliberately absent: any way to start something else than the lines of [`super::script`] and the programs that print secrets
//! ([`print`]) or lists of servers ([`list`]) or take notices ([`tell`]), and any reading of the server's own environment.

mod account;
mod list;
mod print;
mod tell;

use super::talk::{Delivery, Exit, Heard};
use super::trouble::Trouble;
use crate::domain::order::Under;
use crate::domain::run::Reason;
use account::Account;
use bytes::{Bytes, BytesMut};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use zeroize::Zeroizing;

pub use tell::Untold;

/// What is read at once: a full pipe.
const READ_BYTES: usize = 64 * 1024;

/// Less room than this is not worth a system call.
const READ_BYTES_MIN: usize = 4 * 1024;

/// Where programs are looked for.
pub const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The machine the server runs on, as a place to run things.
#[derive(Clone, Debug)]
pub struct LocalPlace {
    /// `HOME` of what runs under the server's own account, and where it starts.
    pub home: PathBuf,
    /// `LANG` of what runs.
    pub lang: String,
}

/// This machine, as one account finds it.
#[derive(Clone, Debug)]
pub(super) struct Here {
    account: Option<Account>,
    home: PathBuf,
    lang: String,
}

impl LocalPlace {
    /// This machine, for what runs under some account.
    ///
    /// # Errors
    /// There is no such account, or it is none that local work may run under.
    pub(super) async fn under(&self, under: &Under) -> Result<Here, Trouble> {
        let account = match under {
            Under::Account(name) => Some(Account::find(name).await?),
            Under::Server => None,
            Under::Nobody => {
                let words =
                    "the site names no account for work on this machine, and in production there is none without";
                return Err(Trouble::new(Reason::Local, words));
            }
        };
        let home = account.as_ref().map_or(&self.home, |account| &account.home).clone();
        Ok(Here { account, home, lang: self.lang.clone() })
    }
}

/// Whether this process can do local work under an account: it is one that such work may run under, and can be become.
///
/// # Errors
/// Why not, in words.
pub async fn can_become(name: &str) -> Result<(), String> {
    let account = Account::find(name).await.map_err(|trouble| trouble.words)?;
    let here = Here { account: Some(account), home: PathBuf::from("/"), lang: "C.UTF-8".to_owned() };
    let mut talk = here.start("exit 0").map_err(|trouble| trouble.words)?;
    drop(talk.stdin.take());
    let mut said = Vec::new();
    loop {
        match talk.hear().await {
            Heard::Err(bytes) => said.extend_from_slice(&bytes),
            Heard::Out(_) => {}
            Heard::Exit(Exit::Status(0)) => return Ok(()),
            Heard::Exit(_) | Heard::Closed | Heard::Lost => {
                let said = String::from_utf8_lossy(&said).trim().to_owned();
                return Err(format!("cannot become {name}: {said}"));
            }
        }
    }
}

impl Here {
    /// A program under the account, with the little environment that local work gets.
    fn command<'a>(&self, program: &str, args: impl IntoIterator<Item = &'a str>) -> Command {
        let becomes = self.account.as_ref().map(Account::words).unwrap_or_default();
        let mut words = becomes.iter().map(String::as_str).chain([program]);
        let mut command = Command::new(words.next().unwrap_or(program));
        command.args(words).args(args).env_clear();
        command.env("PATH", SEARCH_PATH).env("HOME", &self.home).env("LANG", &self.lang);
        if let Some(account) = &self.account {
            command.env("USER", &account.name).env("LOGNAME", &account.name);
        }
        command
    }

    pub(super) fn start(&self, line: &str) -> Result<LocalTalk, Trouble> {
        // Not made a group leader by us: `setsid` would then have to fork, and the process we wait for would be gone.
        // The home of another account may be closed to the server, and an account for work alone often has none: it goes there
        // itself, where there is one.
        let (begins, line) = match &self.account {
            Some(_) => (Path::new("/"), format!("cd \"$HOME\" 2>/dev/null; {line}")),
            None => (self.home.as_path(), line.to_owned()),
        };
        let mut child = self
            .command("setsid", ["sh", "-c", &line])
            .current_dir(begins)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                Trouble::new(Reason::Local, format!("cannot start a shell in {}: {error}", begins.display()))
            })?;
        Ok(LocalTalk {
            stdin: child.stdin.take(),
            stdout: Pipe::new(child.stdout.take()),
            stderr: Pipe::new(child.stderr.take()),
            child,
            exited: false,
            err_first: true,
        })
    }
}

/// A child process that is listened to.
pub(super) struct LocalTalk {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Pipe<ChildStdout>,
    stderr: Pipe<ChildStderr>,
    exited: bool,
    /// Which pipe is read first where both have something: the one that was not read last.
    err_first: bool,
}

impl LocalTalk {
    pub(super) async fn hear(&mut self) -> Heard {
        loop {
            let silent = self.stdout.ended() && self.stderr.ended();
            if self.exited && silent {
                return Heard::Closed;
            }
            let err_first = self.err_first;
            let pipes = async {
                match err_first {
                    true => either((Which::Err, &mut self.stderr), (Which::Out, &mut self.stdout)).await,
                    false => either((Which::Out, &mut self.stdout), (Which::Err, &mut self.stderr)).await,
                }
            };
            tokio::select! {
                // Output before the end, as far as it is there.
                biased;
                (pipe, bytes) = pipes, if !silent => {
                    // By turns: a loud one does not drown what the other says, our own marks among it.
                    self.err_first = pipe == Which::Out;
                    match (pipe, bytes) {
                        (_, None) => {}
                        (Which::Out, Some(bytes)) => return Heard::Out(bytes),
                        (Which::Err, Some(bytes)) => return Heard::Err(bytes),
                    }
                }
                status = self.child.wait(), if !self.exited => {
                    self.exited = true;
                    return match status {
                        Ok(status) => Heard::Exit(exit(status)),
                        Err(_) => Heard::Lost,
                    };
                }
            }
        }
    }

    pub(super) fn deliver(&mut self, bytes: Zeroizing<Vec<u8>>) -> Delivery {
        let stdin = self.stdin.take();
        Box::pin(async move {
            if let Some(mut stdin) = stdin {
                // A shell that left early is heard to have left; dropping the pipe is its end of input.
                let _ = stdin.write_all(&bytes).await;
            }
        })
    }
}

/// One of a child's two pipes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Out,
    Err,
}

/// What comes next out of two pipes; where both have something, out of the first.
async fn either<A: AsyncRead + Unpin, B: AsyncRead + Unpin>(
    (name, first): (Which, &mut Pipe<A>),
    (other, second): (Which, &mut Pipe<B>),
) -> (Which, Option<Bytes>) {
    tokio::select! {
        biased;
        bytes = first.read(), if !first.ended() => (name, bytes),
        bytes = second.read(), if !second.ended() => (other, bytes),
        else => std::future::pending().await,
    }
}

struct Pipe<R> {
    from: Option<R>,
    room: BytesMut,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    fn new(from: Option<R>) -> Self {
        Self { from, room: BytesMut::new() }
    }

    fn ended(&self) -> bool {
        self.from.is_none()
    }

    /// The next bytes; `None` once, at the end. Safe to cancel.
    async fn read(&mut self) -> Option<Bytes> {
        let from = self.from.as_mut()?;
        // What was handed on shares the room: a new one only when little is left, or a line would cost a whole room.
        if self.room.capacity() - self.room.len() < READ_BYTES_MIN {
            self.room.reserve(READ_BYTES);
        }
        match from.read_buf(&mut self.room).await {
            Ok(0) | Err(_) => {
                self.from = None;
                None
            }
            Ok(_) => Some(self.room.split().freeze()),
        }
    }
}

fn exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Status(code),
        (None, Some(signal)) => Exit::Signal(signal_name(signal)),
        (None, None) => Exit::Signal("unknown".to_owned()),
    }
}

/// Names as SSH has them (RFC 4254, 6.10), for the signals whose numbers POSIX fixes.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "HUP",
        2 => "INT",
        3 => "QUIT",
        6 => "ABRT",
        9 => "KILL",
        11 => "SEGV",
        13 => "PIPE",
        14 => "ALRM",
        15 => "TERM",
        other => return format!("{other}"),
    };
    name.to_owned()
}
