//! Reaching the server: over its socket, with the SSH protocol inside; and starting it where none runs. No wait is without
//! an end, also where what listens never answers.

use super::places::Places;
use super::surroundings::{Surroundings, uid};
use super::{Exit, Failure};
use crate::server::WINDOW_BYTES;
use russh::Channel;
use russh::client::{self, Handle, Msg};
use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _, Seek as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout};

/// How long a server may take until it answers: a long ledger is read first.
const START_WAIT: Duration = Duration::from_secs(60);

/// How often one looks whether it answers.
const START_LOOK: Duration = Duration::from_millis(15);

/// Until a server that runs has let somebody in: it does so at once, unless it is stopped or overwhelmed.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// Pause before a server is started again where another process still held the data: one that was just leaving is gone
/// by then.
const HELD_PAUSE: Duration = Duration::from_millis(200);

/// How long a server that a verb started stays without visitors and work.
const IDLE_EXIT: &str = "10m";

/// Longest complaint of a server that could not start.
const COMPLAINT_BYTES_MAX: u64 = 64 * 1024;

/// A connection to the server, signed in.
pub struct Link {
    pub handle: Handle<Ear>,
}

/// What the client listens to beside its channels.
#[derive(Clone, Default)]
pub struct Ear {
    banner: Arc<Mutex<String>>,
}

impl client::Handler for Ear {
    type Error = russh::Error;

    async fn auth_banner(&mut self, banner: &str, _: &mut client::Session) -> Result<(), Self::Error> {
        self.banner.lock().unwrap_or_else(PoisonError::into_inner).push_str(banner);
        Ok(())
    }

    /// The server is known by its socket: see [`is_trusted`]. Its key lives as long as its process.
    async fn check_server_key(&mut self, _: &russh::keys::PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

impl Link {
    /// A channel to speak over.
    pub async fn channel(&self) -> Result<Channel<Msg>, Failure> {
        match timeout(ANSWER_WAIT, self.handle.channel_open_session()).await {
            Ok(opened) => opened.map_err(|error| Shut::Gone(error.to_string()).into()),
            Err(_) => Err(Shut::Silent.into()),
        }
    }
}

/// Why nobody let us in.
pub enum Shut {
    /// Nobody listens there.
    Nobody,
    /// Whoever listened went away meanwhile.
    Gone(String),
    /// Somebody listens and does not answer.
    Silent,
    /// The answer is no, or it is nobody to speak to.
    Refused(Failure),
}

impl From<Shut> for Failure {
    fn from(shut: Shut) -> Self {
        match shut {
            Shut::Nobody => Failure::new(Exit::Unreachable, "no server runs"),
            Shut::Gone(error) => Failure::new(Exit::TryAgain, format!("the server went away: {error}")),
            Shut::Silent => {
                let text = format!("the server does not answer within {} seconds", ANSWER_WAIT.as_secs());
                Failure::new(Exit::TryAgain, text)
            }
            Shut::Refused(failure) => failure,
        }
    }
}

/// Connects, starting the server where none runs.
pub async fn reach(places: &Places, around: &Surroundings) -> Result<Link, Failure> {
    let socket = places.socket()?;
    match knock(&socket).await {
        // A server may leave in the very moment one comes: then there is none, and it is started.
        Err(Shut::Nobody | Shut::Gone(_)) => start(places, around, &socket).await,
        answered => answered.map_err(Failure::from),
    }
}

/// Connects to a server that runs, and starts none.
pub async fn knock(socket: &Path) -> Result<Link, Shut> {
    let inside = async {
        let stream = UnixStream::connect(socket).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Shut::Nobody,
            // More wait before its door than the system counts.
            io::ErrorKind::WouldBlock => Shut::Silent,
            _ => Shut::Refused(unreachable_at(socket, &error)),
        })?;
        sign_in(stream, socket).await
    };
    timeout(ANSWER_WAIT, inside).await.unwrap_or(Err(Shut::Silent))
}

fn unreachable_at(socket: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Unreachable, format!("the server's socket {} cannot be reached: {error}", socket.display()))
}

async fn sign_in(stream: UnixStream, socket: &Path) -> Result<Link, Shut> {
    let server = stream.peer_cred().map_err(|error| Shut::Refused(unreachable_at(socket, &error)))?;
    if !is_trusted(socket, server.uid()) {
        let text = format!(
            "{} is held by user {}, who owns neither it nor its directory: not spoken to",
            socket.display(),
            server.uid()
        );
        return Err(Shut::Refused(Failure::new(Exit::Unreachable, text)));
    }
    let config = client::Config {
        window_size: WINDOW_BYTES,
        inactivity_timeout: None,
        preferred: russh::Preferred {
            cipher: Cow::Borrowed(&[russh::cipher::AES_256_GCM, russh::cipher::CHACHA20_POLY1305]),
            compression: Cow::Borrowed(&[russh::compression::NONE]),
            ..russh::Preferred::default()
        },
        ..client::Config::default()
    };
    let gone = |error: russh::Error| Shut::Gone(error.to_string());
    let ear = Ear::default();
    let banner = Arc::clone(&ear.banner);
    let mut handle = client::connect_stream(Arc::new(config), stream, ear).await.map_err(gone)?;
    let answer = handle.authenticate_none("").await;
    let said = banner.lock().unwrap_or_else(PoisonError::into_inner).replace("\r\n", "\n");
    match answer {
        Ok(answer) if answer.success() => Ok(Link { handle }),
        // A peer that is nobody is told so before it is turned away.
        Ok(_) => Err(Shut::Refused(Failure::new(Exit::No, said))),
        Err(_) if !said.is_empty() => Err(Shut::Refused(Failure::new(Exit::No, said))),
        Err(error) => Err(gone(error)),
    }
}

/// Whether the process behind a socket may be who it says: us, root, or whoever owns the directory the socket lies in.
/// Anybody can make a socket in `/tmp`.
fn is_trusted(socket: &Path, server: u32) -> bool {
    let owner = socket.parent().and_then(|dir| fs::metadata(dir).ok()).map(|dir| dir.uid());
    server == 0 || server == uid() || owner == Some(server)
}

/// Starts the server as a process of its own, and connects once it answers. Another server may be leaving, or being
/// started by somebody else at the same moment: whoever comes second tries again.
async fn start(places: &Places, around: &Surroundings, socket: &Path) -> Result<Link, Failure> {
    let (site, data) = (places.site()?, places.data()?);
    if fs::metadata(&data).is_ok_and(|dir| dir.uid() != uid()) {
        let text = format!(
            "no server runs, and {} belongs to another account: ask whoever runs it to start `quarterdeck serve`",
            data.display()
        );
        return Err(Failure::new(Exit::Unreachable, text));
    }
    let mut arguments: Vec<&OsStr> = ["serve", "--detach", "--idle-exit", IDLE_EXIT].map(OsStr::new).into();
    for (flag, path) in [("--site", site), ("--data", &data), ("--socket", socket)] {
        arguments.extend([OsStr::new(flag), path.as_os_str()]);
    }
    let deadline = Instant::now() + START_WAIT;
    let mut started = Started::spawn(&arguments, around).map_err(|error| cannot_start(&error))?;
    loop {
        match knock(socket).await {
            Err(Shut::Nobody | Shut::Gone(_)) => {}
            answered => return answered.map_err(Failure::from),
        }
        let late = Instant::now() >= deadline;
        match started.ended() {
            Some(held) if held.exit == Exit::AlreadyRunning && !late => {
                sleep(HELD_PAUSE).await;
                started = Started::spawn(&arguments, around).map_err(|error| cannot_start(&error))?;
            }
            Some(failure) => return Err(failure),
            None if late => {
                let text = "the server was started and does not answer; its log says why";
                return Err(Failure::new(Exit::Unreachable, text));
            }
            None => sleep(START_LOOK).await,
        }
    }
}

fn cannot_start(error: &io::Error) -> Failure {
    Failure::new(Exit::Unreachable, format!("the server cannot be started: {error}"))
}

/// A server that was started, and what it complains of.
struct Started {
    child: Child,
    complaint: fs::File,
}

impl Started {
    fn spawn(arguments: &[&OsStr], around: &Surroundings) -> io::Result<Self> {
        let complaint = tempfile::tempfile()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(complaint.try_clone()?);
        command.current_dir(around.home.as_deref().unwrap_or(Path::new("/")));
        Ok(Self { child: command.spawn()?, complaint })
    }

    /// Why it has ended already, where it has.
    fn ended(&mut self) -> Option<Failure> {
        let status = self.child.try_wait().ok()??;
        let mut text = String::new();
        let _ = self.complaint.rewind();
        let _ = (&self.complaint).take(COMPLAINT_BYTES_MAX).read_to_string(&mut text);
        let text = text.trim_start_matches("quarterdeck: ").trim_end().to_owned();
        let exit = [Exit::Usage, Exit::BadInput, Exit::AlreadyRunning, Exit::Storage, Exit::TryAgain]
            .into_iter()
            .find(|exit| status.code() == Some(i32::from(exit.code())))
            .unwrap_or(Exit::Unreachable);
        Some(Failure::new(exit, format!("the server could not start: {text}")))
    }
}
