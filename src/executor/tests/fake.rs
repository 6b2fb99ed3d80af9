//! A host inside this process: it speaks SSH over a pipe, does what a test says, and can be cut off at any stage. With it
//! the clock can stand still, so that an hour of silence takes no time.

use super::kit;
use crate::domain::plan::PlannedHost;
use crate::domain::workspace::Trust;
use crate::executor::{Dial, Executor, Settings, Stream};
use futures::future::BoxFuture;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::server::{self, Auth, Config, Handler, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelOpenFailure, Sig};
use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::task::JoinSet;

/// How far a connection has come, as the host sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// It was dialed.
    Dialed,
    /// The login was asked for.
    Login,
    /// A session was asked for.
    Open,
    /// A command line arrived.
    Exec,
    /// The script has begun to arrive.
    Arriving,
    /// All of the script arrived.
    Arrived,
    /// The script has run for a second.
    Running,
    /// The exit status was sent, a moment ago; the session is still open.
    Exited,
}

/// What happens to a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The host's network stack answers that there is no such connection.
    Reset,
    /// The stream ends.
    Ended,
    /// Nothing arrives any more, in either direction, and nobody says so.
    BlackHole,
    /// Nothing arrives, and nothing is taken any more.
    Stuck,
}

/// What a script does here.
#[derive(Clone, Debug)]
pub enum Does {
    /// Prints and exits.
    Exits(u32),
    /// Exits, and says so before anything it said arrives.
    ExitsUnheard(u32),
    /// Prints, and exits with 0 after so many seconds.
    Takes(u64),
    /// Ends by a signal.
    Dies(Sig),
    /// The session closes without a word about how it ended.
    Closes,
    /// Runs on until it is signalled.
    Runs,
    /// Prints so many numbered lines as fast as they are taken, and exits with 0.
    Counts(usize),
    /// Prints so many bytes in pieces of 1 KiB as fast as they are taken, and exits with 0.
    Prints(usize),
}

/// How a host behaves.
#[derive(Clone, Debug)]
pub struct Ways {
    /// What scripts do.
    pub does: Does,
    /// Said on standard error before anything of ours.
    pub noise: String,
    /// Said on standard output before anything of ours.
    pub greeting: String,
    /// Whether the login makes shells lead their group.
    pub leads: bool,
    /// The signal that ends what runs; none does where it is empty.
    pub dies_of: &'static str,
    /// Whether command lines are accepted.
    pub execs: bool,
    /// So many of the first command lines are answered by nothing but the end of their channel.
    pub closes: usize,
    /// Whether an accepted command line starts a shell of ours.
    pub shell: bool,
    /// Sessions at once.
    pub sessions: usize,
    /// What happens to connections, by the order in which they are dialed.
    pub faults: Vec<(Stage, Fault, Range<usize>)>,
}

impl Default for Ways {
    fn default() -> Self {
        Self {
            does: Does::Exits(0),
            noise: String::new(),
            greeting: String::new(),
            leads: true,
            dies_of: "TERM",
            execs: true,
            closes: 0,
            shell: true,
            sessions: usize::MAX,
            faults: Vec::new(),
        }
    }
}

/// The host.
pub struct Fake {
    ways: Ways,
    config: Arc<Config>,
    state: Arc<State>,
}

/// What became of it.
#[derive(Default)]
pub struct State {
    /// Connections dialed.
    pub dials: AtomicUsize,
    /// Command lines that arrived, in order.
    pub lines: Mutex<Vec<String>>,
    /// Scripts that arrived, whole or in part.
    pub scripts: Mutex<Vec<String>>,
    /// Channels it tried to open towards us, and whether we let it.
    pub towards_us: Mutex<Vec<bool>>,
    ended: AtomicBool,
    tasks: Mutex<JoinSet<()>>,
}

impl State {
    /// The last script that arrived.
    pub fn script(&self) -> String {
        self.scripts.lock().unwrap().last().cloned().unwrap_or_default()
    }

    /// Command lines that start scripts.
    pub fn starts(&self) -> Vec<String> {
        self.lines.lock().unwrap().iter().filter(|line| line.contains("eval")).cloned().collect()
    }
}

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

/// As many hosts as are dialed, all of which behave so: how they are reached, the key they let in, written below `dir`, and the
/// one they show.
pub fn crowd(ways: Ways, dir: &std::path::Path) -> (Arc<dyn Dial>, std::path::PathBuf, String) {
    let client = dir.join("client");
    key(1).write_openssh_file(&client, russh::keys::ssh_key::LineEnding::LF).unwrap();
    let host_key = key(2);
    let shown = host_key.public_key().to_openssh().unwrap();
    (Arc::new(Fake { ways, config: Arc::new(config(host_key)), state: Arc::default() }), client, shown)
}

fn config(host_key: PrivateKey) -> Config {
    Config { keys: vec![host_key], auth_rejection_time: Duration::ZERO, inactivity_timeout: None, ..Config::default() }
}

/// A host that behaves so, an executor that can reach it alone, and the directory of its key.
pub fn fake(ways: Ways) -> (Executor, PlannedHost, Arc<State>, tempfile::TempDir) {
    fake_with(ways, |_| {})
}

/// As [`fake`], with other settings.
pub fn fake_with(
    ways: Ways,
    change: impl FnOnce(&mut Settings),
) -> (Executor, PlannedHost, Arc<State>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let client = dir.path().join("client");
    key(1).write_openssh_file(&client, russh::keys::ssh_key::LineEnding::LF).unwrap();
    let host_key = key(2);
    let trust = Trust::Keys(vec![host_key.public_key().to_openssh().unwrap()]);
    let config = config(host_key);
    let state = Arc::new(State::default());
    let mut settings = kit::settings();
    settings.keys = vec![client];
    settings.dial = Arc::new(Fake { ways, config: Arc::new(config), state: state.clone() });
    change(&mut settings);
    let executor = Executor::new(settings, kit::secrets(&[("token", "s3cr3t-'quoted'-value")]));
    (executor, kit::host("web-1", "web-1.invalid", 22, "ops", trust), state, dir)
}

impl Dial for Fake {
    fn dial<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, io::Result<Box<dyn Stream>>> {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let wire = Arc::new(Wire::default());
        let dial = self.state.dials.fetch_add(1, SeqCst);
        let serving = Serving {
            ways: self.ways.clone(),
            state: self.state.clone(),
            wire: wire.clone(),
            dial,
            channels: HashMap::new(),
        };
        serving.reached(Stage::Dialed);
        let config = self.config.clone();
        self.state.tasks.lock().unwrap().spawn(async move {
            if let Ok(running) = server::run_stream(config, theirs, serving).await {
                let _ = running.await;
            }
        });
        Box::pin(async move { Ok(Box::new(Cuttable { inner: ours, wire }) as Box<dyn Stream>) })
    }
}

struct Serving {
    ways: Ways,
    state: Arc<State>,
    wire: Arc<Wire>,
    dial: usize,
    channels: HashMap<ChannelId, Shell>,
}

/// A channel's shell.
struct Shell {
    nonce: String,
    setsid: bool,
    script: Vec<u8>,
}

impl Serving {
    fn reached(&self, stage: Stage) {
        cut_at(&self.ways, self.dial, &self.wire, stage);
    }

    fn answer(&self, channel: ChannelId, words: &str, session: &mut Session) -> Result<(), russh::Error> {
        session.data(channel, words.as_bytes().to_vec())?;
        session.exit_status_request(channel, 0)?;
        session.close(channel)
    }
}

fn cut_at(ways: &Ways, dial: usize, wire: &Wire, stage: Stage) {
    for (_, fault, _) in ways.faults.iter().filter(|(at, _, dials)| *at == stage && dials.contains(&dial)) {
        wire.cut(*fault);
    }
}

impl Handler for Serving {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        self.reached(Stage::Login);
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: server::ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.reached(Stage::Open);
        if self.channels.len() >= self.ways.sessions {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        self.channels.insert(channel.id(), Shell { nonce: String::new(), setsid: false, script: Vec::new() });
        reply.accept().await;
        let (handle, state) = (session.handle(), self.state.clone());
        let mut tasks = self.state.tasks.lock().unwrap();
        tasks.spawn(async move {
            let opened = [
                handle.channel_open_agent().await.is_ok(),
                handle.channel_open_session().await.is_ok(),
                handle.channel_open_forwarded_tcpip("127.0.0.1", 22, "127.0.0.1", 22).await.is_ok(),
                handle.channel_open_x11("127.0.0.1", 22).await.is_ok(),
            ];
            state.towards_us.lock().unwrap().extend(opened);
        });
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let line = String::from_utf8_lossy(data).into_owned();
        let nth = {
            let mut lines = self.state.lines.lock().unwrap();
            lines.push(line.clone());
            lines.len()
        };
        self.reached(Stage::Exec);
        if nth <= self.ways.closes {
            return session.close(channel);
        }
        if !self.ways.execs {
            return session.channel_failure(channel);
        }
        session.channel_success(channel)?;
        if !self.ways.shell {
            session.extended_data(channel, 1, b"This account is currently not available.\n".to_vec())?;
            session.exit_status_request(channel, 1)?;
            return session.close(channel);
        }
        let Some((before, _)) = line.split_once(" $$\"") else {
            let dies = !self.ways.dies_of.is_empty() && line.contains(&format!("kill -{} -4711", self.ways.dies_of));
            if dies {
                self.state.ended.store(true, SeqCst);
                for shell in self.channels.keys().copied().filter(|other| *other != channel) {
                    session.exit_signal_request(shell, Sig::TERM, false, "", "")?;
                    session.close(shell)?;
                }
            }
            let gone = self.state.ended.load(SeqCst);
            return self.answer(channel, if gone { "gone\n" } else { "there\n" }, session);
        };
        let nonce = before.rsplit('"').next().unwrap_or_default().to_owned();
        let setsid = line.contains("setsid ");
        session.data(channel, self.ways.greeting.clone().into_bytes())?;
        session.extended_data(channel, 1, format!("{}{nonce} 4711\n", self.ways.noise).into_bytes())?;
        if !line.contains("eval") {
            session.exit_status_request(channel, 0)?;
            return session.close(channel);
        }
        self.channels.insert(channel, Shell { nonce, setsid, script: Vec::new() });
        Ok(())
    }

    async fn data(&mut self, channel: ChannelId, data: &[u8], _: &mut Session) -> Result<(), russh::Error> {
        self.reached(Stage::Arriving);
        if let Some(shell) = self.channels.get_mut(&channel) {
            shell.script.extend_from_slice(data);
        }
        Ok(())
    }

    async fn channel_eof(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        let Some(shell) = self.channels.get(&channel).filter(|shell| !shell.nonce.is_empty()) else {
            return Ok(());
        };
        let script = String::from_utf8_lossy(&shell.script).into_owned();
        self.state.scripts.lock().unwrap().push(script);
        self.reached(Stage::Arrived);
        if !self.ways.leads && !shell.setsid {
            session.extended_data(channel, 1, format!("{} -\n", shell.nonce).into_bytes())?;
            session.exit_status_request(channel, 0)?;
            return session.close(channel);
        }
        if !matches!(self.ways.does, Does::ExitsUnheard(_)) {
            session.extended_data(channel, 1, format!("{} +\n", shell.nonce).into_bytes())?;
            session.data(channel, b"began\n".to_vec())?;
        }
        let (handle, ways, dial, wire) = (session.handle(), self.ways.clone(), self.dial, self.wire.clone());
        self.state.tasks.lock().unwrap().spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            cut_at(&ways, dial, &wire, Stage::Running);
        });
        match self.ways.does.clone() {
            Does::Exits(status) | Does::ExitsUnheard(status) => {
                session.exit_status_request(channel, status)?;
                let (ways, wire) = (self.ways.clone(), self.wire.clone());
                self.state.tasks.lock().unwrap().spawn(async move {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    cut_at(&ways, dial, &wire, Stage::Exited);
                    let _ = handle.close(channel).await;
                });
                Ok(())
            }
            Does::Dies(signal) => {
                session.exit_signal_request(channel, signal, false, "", "")?;
                session.close(channel)
            }
            Does::Closes => session.close(channel),
            Does::Runs => Ok(()),
            Does::Takes(seconds) => {
                self.state.tasks.lock().unwrap().spawn(async move {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    let _ = handle.exit_status_request(channel, 0).await;
                    let _ = handle.close(channel).await;
                });
                Ok(())
            }
            Does::Counts(lines) => {
                self.state.tasks.lock().unwrap().spawn(async move {
                    let numbers: Vec<usize> = (0..lines).collect();
                    for piece in numbers.chunks(100) {
                        let text: String = piece.iter().map(|number| format!("line {number}\n")).collect();
                        if handle.data(channel, text.into_bytes()).await.is_err() {
                            return;
                        }
                    }
                    let _ = handle.exit_status_request(channel, 0).await;
                    let _ = handle.close(channel).await;
                });
                Ok(())
            }
            Does::Prints(bytes) => {
                self.state.tasks.lock().unwrap().spawn(async move {
                    for _ in 0..bytes / 1024 {
                        if handle.data(channel, vec![b'x'; 1024]).await.is_err() {
                            return;
                        }
                    }
                    let _ = handle.exit_status_request(channel, 0).await;
                    let _ = handle.close(channel).await;
                });
                Ok(())
            }
        }
    }

    async fn channel_close(&mut self, channel: ChannelId, _: &mut Session) -> Result<(), russh::Error> {
        self.channels.remove(&channel);
        Ok(())
    }
}

/// What one connection's stream is doing.
#[derive(Default)]
struct Wire {
    fault: Mutex<Option<Fault>>,
    waiting: Mutex<Vec<Waker>>,
}

impl Wire {
    fn cut(&self, fault: Fault) {
        *self.fault.lock().unwrap() = Some(fault);
        self.waiting.lock().unwrap().drain(..).for_each(Waker::wake);
    }

    fn fault(&self, cx: &Context<'_>) -> Option<Fault> {
        self.waiting.lock().unwrap().push(cx.waker().clone());
        *self.fault.lock().unwrap()
    }
}

/// Our end of a stream that can be cut.
struct Cuttable {
    inner: DuplexStream,
    wire: Arc<Wire>,
}

impl AsyncRead for Cuttable {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.wire.fault(cx) {
            None => Pin::new(&mut self.inner).poll_read(cx, buf),
            Some(Fault::Reset) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Some(Fault::Ended) => Poll::Ready(Ok(())),
            Some(Fault::BlackHole | Fault::Stuck) => Poll::Pending,
        }
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.wire.fault(cx) {
            None => Pin::new(&mut self.inner).poll_write(cx, buf),
            Some(Fault::Reset) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            // The kernel takes what is written, as it does while it still hopes.
            Some(Fault::Ended | Fault::BlackHole) => Poll::Ready(Ok(buf.len())),
            Some(Fault::Stuck) => Poll::Pending,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
