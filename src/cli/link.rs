//! Reaching the server: over its socket, with the SSH protocol inside; and starting it where none runs.

use super::places::Places;
use super::surroundings::{Surroundings, uid};
use super::{Exit, Failure};
use crate::server::WINDOW_BYTES;
use russh::client::{self, Handle};
use std::borrow::Cow;
use std::fs;
use std::io::{self, Read as _, Seek as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};

/// How long a server may take until it answers: a long ledger is read first.
const START_WAIT: Duration = Duration::from_secs(60);

/// How often one looks whether it answers.
const START_LOOK: Duration = Duration::from_millis(15);

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

/// Connects, starting the server where none runs.
pub async fn reach(places: &Places, around: &Surroundings) -> Result<Link, Failure> {
    let socket = places.socket()?;
    match UnixStream::connect(&socket).await {
        // A server may leave in the very moment one comes: then there is none, and it is started.
        Ok(stream) => match sign_in(stream, &socket).await {
            Err(failure) if failure.exit == Exit::TryAgain => start(places, around, &socket).await,
            signed_in => signed_in,
        },
        Err(error) if is_nobody(&error) => start(places, around, &socket).await,
        Err(error) => Err(unreachable_at(&socket, &error)),
    }
}

/// Connects to a server that runs, and starts none.
pub async fn reach_running(socket: &Path) -> Result<Link, Failure> {
    match UnixStream::connect(socket).await {
        Ok(stream) => sign_in(stream, socket).await,
        Err(error) if is_nobody(&error) => Err(Failure::new(Exit::Unreachable, "no server runs")),
        Err(error) => Err(unreachable_at(socket, &error)),
    }
}

fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

fn unreachable_at(socket: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Unreachable, format!("the server's socket {} cannot be reached: {error}", socket.display()))
}

async fn sign_in(stream: UnixStream, socket: &Path) -> Result<Link, Failure> {
    let server = stream.peer_cred().map_err(|error| unreachable_at(socket, &error))?;
    if !is_trusted(socket, server.uid()) {
        let text = format!(
            "{} is held by user {}, who owns neither it nor its directory: not spoken to",
            socket.display(),
            server.uid()
        );
        return Err(Failure::new(Exit::Unreachable, text));
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
    let gone = |error: russh::Error| Failure::new(Exit::TryAgain, format!("the server went away: {error}"));
    let ear = Ear::default();
    let banner = Arc::clone(&ear.banner);
    let mut handle = client::connect_stream(Arc::new(config), stream, ear).await.map_err(gone)?;
    let answer = handle.authenticate_none("").await;
    let said = banner.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match answer {
        Ok(answer) if answer.success() => Ok(Link { handle }),
        // A peer that is nobody is told so before it is turned away.
        Ok(_) => Err(Failure::new(Exit::No, said)),
        Err(_) if !said.is_empty() => Err(Failure::new(Exit::No, said)),
        Err(error) => Err(gone(error)),
    }
}

/// Whether the process behind a socket may be who it says: us, root, or whoever owns the directory the socket lies in.
/// Anybody can make a socket in `/tmp`.
fn is_trusted(socket: &Path, server: u32) -> bool {
    let owner = socket.parent().and_then(|dir| fs::metadata(dir).ok()).map(|dir| dir.uid());
    server == 0 || server == uid() || owner == Some(server)
}

/// Starts the server as a process of its own, and connects once it answers.
async fn start(places: &Places, around: &Surroundings, socket: &Path) -> Result<Link, Failure> {
    let (site, data) = (places.site()?, places.data()?);
    if fs::metadata(&data).is_ok_and(|dir| dir.uid() != uid()) {
        let text = format!(
            "no server runs, and {} belongs to another account: ask whoever runs it to start `quarterdeck serve`",
            data.display()
        );
        return Err(Failure::new(Exit::Unreachable, text));
    }
    let mut complaint = tempfile::tempfile().map_err(|error| cannot_start(&error))?;
    let program = std::env::current_exe().map_err(|error| cannot_start(&error))?;
    let mut command = Command::new(program);
    command.arg("serve").arg("--detach").args(["--idle-exit", IDLE_EXIT]);
    command.arg("--site").arg(site).arg("--data").arg(&data).arg("--socket").arg(socket);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(complaint.try_clone().map_err(|error| cannot_start(&error))?);
    command.current_dir(around.home.as_deref().unwrap_or(Path::new("/")));
    let mut child = command.spawn().map_err(|error| cannot_start(&error))?;
    let deadline = Instant::now() + START_WAIT;
    loop {
        if let Ok(stream) = UnixStream::connect(socket).await {
            return sign_in(stream, socket).await;
        }
        if let Some(failure) = ended(&mut child, &mut complaint)
            && failure.exit != Exit::AlreadyRunning
        {
            return Err(failure);
        }
        if Instant::now() >= deadline {
            return Err(Failure::new(
                Exit::Unreachable,
                "the server was started and does not answer; its log says why",
            ));
        }
        sleep(START_LOOK).await;
    }
}

fn cannot_start(error: &io::Error) -> Failure {
    Failure::new(Exit::Unreachable, format!("the server cannot be started: {error}"))
}

/// What a server that has ended already complained of.
fn ended(child: &mut Child, complaint: &mut fs::File) -> Option<Failure> {
    let status = child.try_wait().ok()??;
    let mut text = String::new();
    let _ = complaint.rewind();
    let _ = complaint.take(COMPLAINT_BYTES_MAX).read_to_string(&mut text);
    let text = text.trim_start_matches("quarterdeck: ").trim_end().to_owned();
    let exit = [Exit::Usage, Exit::BadInput, Exit::AlreadyRunning, Exit::Storage, Exit::TryAgain]
        .into_iter()
        .find(|exit| status.code() == Some(i32::from(exit.code())))
        .unwrap_or(Exit::Unreachable);
    Some(Failure::new(exit, format!("the server could not start: {text}")))
}
