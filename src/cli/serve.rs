//! Being the server: open the data, let people in, leave in order.

use super::places::Places;
use super::surroundings::{self, Surroundings, uid};
use super::systemd::{self, Passed};
use super::upgrade::{self, Handed, Relieving, Sockets, Successor};
use super::{Ended, Exit, Failure, log, say};
use crate::domain::serving::{Goal, Want};
use crate::domain::{Actor, Ask, Digest, Seen};
use crate::engine::{self, Handle, Settings};
use crate::executor::{self, LocalPlace, Tcp};
use crate::ledger::{Entropy as _, OsEntropy, RealDisk};
use crate::server::{self, Accounts, Doors, HostKey, HostKeyError, House, ListenError, Port};
use crate::session::Hint;
use crate::verbs::args::{LogFormat, Serve};
use core::net::SocketAddr;
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing_appender::non_blocking::WorkerGuard;

/// Files of the log that are kept, one a day.
const LOG_FILES_MAX: usize = 14;

/// What a thread that is still busy gets after everybody has left: asking a directory service for a name takes five.
pub const SHUTDOWN_WAIT: Duration = Duration::from_secs(6);

/// Names of private keys that are tried, in `keys/` of the data and in `~/.ssh`.
const KEY_NAMES: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];

/// How long steps in flight are waited for where nobody says otherwise: most end within it, and a longer banner is a nuisance.
pub const DRAIN: Duration = Duration::from_secs(300);

/// Signals on their way to the process that serves now.
const SIGNALS_WAITING_MAX: usize = 8;

/// `serve`.
pub fn serve(places: &Places, around: &Surroundings, asked: &Serve) -> Ended {
    let idle_exit = asked.idle_exit.as_deref().map(duration).transpose()?;
    let drain = asked.drain.as_deref().map(duration).transpose()?.unwrap_or(DRAIN);
    let metrics = ported("--metrics", asked.metrics, asked.metrics_open, "nobody signs in there")?;
    let hooks = ported("--hooks", asked.hooks, asked.hooks_open, "nothing is encrypted there")?;
    if let Some(what) = asked.unit {
        say::out(&systemd::unit(what, places, asked)?)?;
        return Ok(Exit::Done);
    }
    // A server that somebody's verb starts is nobody's service, whatever that verb was started by.
    let passed = match asked.detach || asked.handed {
        true => Passed::default(),
        false => systemd::passed(&places.socket()?)?,
    };
    // By its name at this moment: that is where a newer one is put.
    let program = std::env::current_exe().map_err(|error| Failure::new(Exit::Unreachable, error.to_string()))?;
    let mut arguments = surroundings::arguments().unwrap_or_default();
    arguments.retain(|argument| argument != "--handed");
    if asked.detach {
        // Of its own session, so that no closing terminal reaches it. It fails where it already leads one.
        let _ = rustix::process::setsid();
    }
    let serving = Serving {
        site: places.site()?.to_owned(),
        data: places.data()?,
        socket: places.socket()?,
        executor: executor_settings(&places.data()?, around),
        listen: asked.listen.clone(),
        passed,
        metrics,
        hooks,
        idle_exit,
        hint: None,
        heir: None,
    };
    // Before the first file is made there: it may be a directory of something else.
    RealDisk::prepare(&serving.data).map_err(|error| Failure::new(Exit::Storage, error.to_string()))?;
    let _log = match !asked.detach && systemd::is_journal(around.journal.as_deref()) {
        true => log_to_journal(asked.log_format),
        false => log_to(&serving.data, asked.log_format)?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Unreachable, format!("no runtime: {error}")))?;
    let loud = !asked.detach;
    let ended = runtime.block_on(async {
        let mut serving = serving;
        let mut before = None;
        if asked.handed {
            let Handed { passed, baton, program } = upgrade::handed().await?;
            (serving.passed, serving.heir, before) = (passed, Some(program), Some(Arc::new(baton)));
        }
        let (stop, relieved) = (CancellationToken::new(), CancellationToken::new());
        let open = open(serving, stop.clone()).await?;
        let sockets = open.sockets()?;
        if loud {
            say::err(&format!("serving at {}\n", open.socket.display()));
            let network = open.at_the_network();
            let watched = open.doors.watched.as_ref().and_then(Port::address);
            let hooks = open.doors.hooks.as_ref().and_then(Port::address);
            let watched = watched.map(|at| format!("metrics at http://{at}/metrics"));
            let hooks = hooks.map(|at| format!("requests at http://{at}/hooks/MACHINE"));
            for line in network.into_iter().chain(watched).chain(hooks) {
                say::err(&format!("{line}\n"));
            }
        }
        let tasks = TaskTracker::new();
        let (onward, signals) = mpsc::channel(SIGNALS_WAITING_MAX);
        let waits = loud && !around.manager.is_there();
        let (engine, house) = (open.handle.clone(), Arc::clone(&open.house));
        let obeys = Obeys { engine, house, stop: stop.clone(), loud, drain, waits, onward };
        tasks.spawn(obeys.work());
        let manager = around.manager.clone();
        #[cfg(feature = "traces")]
        if let Some(url) = &asked.traces {
            tasks.spawn(engine::traces::tell(open.handle.clone(), url.clone()));
        }
        if loud {
            let (house, engine) = (Arc::clone(&open.house), open.handle.clone());
            tasks.spawn(systemd::tell(manager.clone(), house, engine, stop.clone(), relieved.clone()));
        }
        if let Some(baton) = before {
            upgrade::is_here(&baton).await?;
            tasks.spawn(Arc::clone(&open.house).take_consoles(baton));
        }
        let (handle, house) = (open.handle.clone(), Arc::clone(&open.house));
        let relieving = Relieving { handle, house, sockets, program, arguments, drain, manager, relieved, stop };
        // Whoever started this process and waits for it sees the one that serves now end.
        let standing_by = tasks.spawn(async move {
            match relieving.attend().await {
                Some(Successor { child: Some(child), .. }) if waits => Some(upgrade::stand_by(child, signals).await),
                Some(_) | None => None,
            }
        });
        match open.until_ended().await? {
            Over::Ended => Ok(Exit::Done),
            Over::Relieved => Ok(standing_by.await.ok().flatten().unwrap_or(Exit::Done)),
        }
    });
    runtime.shutdown_timeout(SHUTDOWN_WAIT);
    ended
}

fn duration(text: &str) -> Result<Duration, Failure> {
    let ms = crate::domain::duration::parse_ms(text).map_err(|why| Failure::new(Exit::Usage, why))?;
    Ok(Duration::from_millis(ms))
}

/// Where machines are to ask, where that is asked for: on this machine alone, unless it is said otherwise.
fn ported(flag: &str, asked: Option<SocketAddr>, open: bool, for_: &str) -> Result<Option<SocketAddr>, Failure> {
    match asked {
        Some(address) if !address.ip().is_loopback() && !open => {
            let beside = SocketAddr::from(([127, 0, 0, 1], address.port()));
            let words = format!(
                "{flag} {address} can be reached by others, and {for_}; name a loopback address, such as {beside}, or say {flag}-open too"
            );
            Err(Failure::new(Exit::Usage, words))
        }
        address => Ok(address),
    }
}

/// What a server is made of.
pub struct Serving {
    pub site: PathBuf,
    pub data: PathBuf,
    pub socket: PathBuf,
    pub executor: executor::Settings,
    pub listen: Vec<SocketAddr>,
    pub passed: Passed,
    pub metrics: Option<SocketAddr>,
    pub hooks: Option<SocketAddr>,
    pub idle_exit: Option<Duration>,
    pub hint: Option<Hint>,
    /// SHA-256 of the program this is, where a server hands itself over to it.
    pub heir: Option<Digest>,
}

/// A server that lets people in once it is awaited.
pub struct Open {
    pub handle: Handle,
    pub socket: PathBuf,
    engine: engine::Engine,
    house: Arc<House>,
    listener: tokio::net::UnixListener,
    bound: server::Bound,
    doors: Doors,
    host_key: Option<HostKey>,
    idle_exit: Option<Duration>,
}

/// Opens data and socket.
pub async fn open(serving: Serving, stop: CancellationToken) -> Result<Open, Failure> {
    let Serving { site, data, socket, executor, listen, mut passed, metrics, hooks, idle_exit, hint, heir } = serving;
    let settings = Settings { site: site.clone(), data: data.clone(), executor };
    let opened = match heir {
        Some(program) => engine::take_over(settings, program).await,
        None => engine::open(settings).await,
    };
    let (handle, engine) = opened.map_err(|error| {
        let exit = match error.exit_code() {
            65 => Exit::BadInput,
            73 => Exit::AlreadyRunning,
            75 => Exit::TryAgain,
            _ => Exit::Storage,
        };
        Failure::new(exit, error.to_string())
    })?;
    super::places::note_site(&data, &site);
    let bound = match passed.unix.take() {
        Some(listener) if heir.is_some() => server::taken_over(&socket, listener, passed.made),
        Some(listener) => server::passed(&socket, listener),
        None => server::listen(&socket),
    };
    let (listener, bound) = match bound {
        Ok(bound) => bound,
        Err(error) => {
            handle.shut_down().await;
            let exit = match error {
                ListenError::Held(_) => Exit::AlreadyRunning,
                ListenError::TooLong(_) => Exit::Usage,
                ListenError::Occupied(_) | ListenError::System { .. } => Exit::Unreachable,
            };
            return Err(Failure::new(exit, error.to_string()));
        }
    };
    let opened = match heir {
        // What the server before this one listens at is listened at already.
        Some(_) => passed_on(&data, passed).await,
        None => doors(&data, &listen, passed.tcp, metrics, hooks).await,
    };
    let (doors, host_key) = match opened {
        Ok(opened) => opened,
        Err(failure) => {
            handle.shut_down().await;
            return Err(failure);
        }
    };
    let house = House::new(handle.clone(), site, uid(), &seed()?, stop, hint);
    Ok(Open { handle, socket, engine, house, listener, bound, doors, host_key, idle_exit })
}

/// Everything that stands open beside the socket, and the key this server is known by.
async fn doors(
    data: &Path,
    listen: &[SocketAddr],
    passed: Vec<std::net::TcpListener>,
    metrics: Option<SocketAddr>,
    hooks: Option<SocketAddr>,
) -> Result<(Doors, Option<HostKey>), Failure> {
    let (network, host_key) = at_the_network(data, listen, passed).await?;
    let cannot = |what: &str, at: SocketAddr, error: std::io::Error| {
        Failure::new(Exit::Unreachable, format!("{what} cannot be had at {at}: {error}"))
    };
    let mut doors = Doors { network, ..Doors::default() };
    if let Some(at) = metrics {
        doors.watched = Some(Port::open(at).await.map_err(|error| cannot("metrics", at, error))?);
    }
    if let Some(at) = hooks {
        doors.hooks = Some(Port::open(at).await.map_err(|error| cannot("requests", at, error))?);
    }
    Ok((doors, host_key))
}

/// The same where another server passes them on.
async fn passed_on(data: &Path, passed: Passed) -> Result<(Doors, Option<HostKey>), Failure> {
    let Passed { tcp, metrics, hooks, .. } = passed;
    let (mut doors, host_key) = doors(data, &[], tcp, None, None).await?;
    let cannot = |error: std::io::Error| Failure::new(Exit::Unreachable, format!("nobody can listen there: {error}"));
    doors.watched = metrics.map(Port::passed).transpose().map_err(cannot)?;
    doors.hooks = hooks.map(Port::passed).transpose().map_err(cannot)?;
    Ok((doors, host_key))
}

/// The door from the network, and the key this server is known by there; nothing where it does not listen.
async fn at_the_network(
    data: &Path,
    listen: &[SocketAddr],
    passed: Vec<std::net::TcpListener>,
) -> Result<(Option<server::Door>, Option<HostKey>), Failure> {
    if listen.is_empty() && passed.is_empty() {
        return Ok((None, None));
    }
    let seconds = u64::try_from(engine::clock::wall().0 / 1_000).unwrap_or(0);
    let host_key = HostKey::open(data, &seed()?, seconds).map_err(|error| {
        let exit = match error {
            HostKeyError::System { .. } => Exit::Storage,
            HostKeyError::Open { .. } | HostKeyError::NoKey { .. } | HostKeyError::Certificate { .. } => Exit::BadInput,
        };
        Failure::new(exit, error.to_string())
    })?;
    let door = server::Door::open(listen, passed, &host_key, seed()?).await;
    let door = door.map_err(|(address, error)| {
        Failure::new(Exit::Unreachable, format!("nobody can listen at {address}: {error}"))
    })?;
    Ok((Some(door), Some(host_key)))
}

impl Open {
    /// Where people come in from the network, in lines for whoever started it.
    fn at_the_network(&self) -> Vec<String> {
        let (Some(door), Some(key)) = (&self.doors.network, &self.host_key) else {
            return Vec::new();
        };
        let fingerprint = HostKey::fingerprint(&key.private);
        let mut lines: Vec<String> = door.addresses().iter().map(|at| format!("serving SSH at {at}")).collect();
        lines.push(format!("host key {fingerprint}"));
        lines.extend(key.unoffered.iter().map(|why| format!("its certificate {why}, and is not offered")));
        lines
    }

    /// Copies of the sockets, to be passed on.
    fn sockets(&self) -> Result<Sockets, Failure> {
        let Doors { network, watched, hooks } = &self.doors;
        let copies = || -> std::io::Result<Sockets> {
            Ok(Sockets {
                unix: server::copy_of(&self.listener)?,
                made: self.bound.is_made(),
                ssh: network.as_ref().map(server::Door::copies).transpose()?.unwrap_or_default(),
                metrics: watched.as_ref().map(Port::copy).transpose()?,
                hooks: hooks.as_ref().map(Port::copy).transpose()?,
            })
        };
        copies().map_err(|error| Failure::new(Exit::Unreachable, format!("the system gives no descriptor: {error}")))
    }

    /// Serves until told to stop, or nobody was here for long enough, or the storage failed, or another program serves.
    pub async fn until_ended(self) -> Result<Over, Failure> {
        let Open { engine, house, listener, bound, doors, idle_exit, .. } = self;
        let home = Arc::clone(&house);
        let why = server::serve(house, listener, Accounts::system(), doors, idle_exit).await;
        let over = match why {
            server::Ended::Relieved => {
                bound.leave();
                Over::Relieved
            }
            server::Ended::Stopped | server::Ended::Idle | server::Ended::Engine => {
                drop(bound);
                Over::Ended
            }
        };
        tracing::info!(?why, "the server ends");
        match engine.ended().await {
            None if home.relief().has_failed() => {
                let what =
                    "the server let go of its data to be upgraded, and no program could be started; its log says why";
                Err(Failure::new(Exit::TryAgain, what))
            }
            None => Ok(over),
            Some(error) => Err(Failure::new(Exit::Storage, format!("the record cannot be written: {error}"))),
        }
    }
}

/// How serving ended.
pub enum Over {
    /// In order.
    Ended,
    /// Another program serves.
    Relieved,
}

/// Signals to a server: TERM ends it once steps in flight have ended, or at once where it is said twice; HUP reads the site again;
/// USR2 has the program it was started as, as it lies there by now, take its place; INT ends it unless runs are in flight and
/// it is the first. Where another process serves they go there.
struct Obeys {
    engine: Handle,
    house: Arc<House>,
    stop: CancellationToken,
    loud: bool,
    drain: Duration,
    /// Whether this process stays as the parent of the one that serves then.
    waits: bool,
    onward: mpsc::Sender<Signal>,
}

impl Obeys {
    async fn work(self) {
        let kinds =
            [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup(), SignalKind::user_defined2()];
        let [Ok(mut term), Ok(mut int), Ok(mut hup), Ok(mut usr2)] = kinds.map(signal) else {
            return tracing::error!("signals cannot be heard");
        };
        let (mut warned, mut ends) = (false, None);
        loop {
            let drained = async {
                match &mut ends {
                    Some(ends) => tokio::time::timeout_at(*ends, self.engine.drained()).await.ok(),
                    None => std::future::pending().await,
                }
            };
            let heard = tokio::select! {
                _ = term.recv() => Signal::TERM,
                _ = hup.recv() => Signal::HUP,
                _ = usr2.recv() => Signal::USR2,
                _ = int.recv() => Signal::INT,
                _ = drained => break,
            };
            if self.house.relief().is_under_way() {
                match (self.waits, heard) {
                    (false, Signal::TERM) => self.house.cut_off(),
                    // A terminal tells its whole foreground by itself.
                    (_, Signal::INT) => {}
                    // More than wait there are one.
                    (_, heard) => drop(self.onward.try_send(heard)),
                }
                continue;
            }
            match heard {
                Signal::TERM if ends.is_some() => break,
                Signal::TERM => match self.begins_to_end().await {
                    Some(at) => ends = Some(at),
                    None => break,
                },
                Signal::HUP => match self.engine.reload(Actor::Engine).await {
                    Ok(_) => tracing::info!("the site was read again"),
                    Err(error) => tracing::error!(%error, "the site was not taken"),
                },
                Signal::USR2 => {
                    if self.house.relief().wish(Actor::Engine, None).is_none() {
                        tracing::error!("an upgrade was asked for while one is under way");
                    }
                }
                _ => {
                    let running = House::in_flight(&self.engine.world().borrow()).count();
                    if running == 0 || warned {
                        break;
                    }
                    warned = true;
                    self.says(&format!(
                        "{running} runs are in flight and would be interrupted; once more to stop all the same"
                    ));
                }
            }
        }
        self.stop.cancel();
    }

    /// Lets what is in flight end. Until when it is waited for; `None` where nothing is, or it cannot be said.
    async fn begins_to_end(&self) -> Option<Instant> {
        let world = Arc::clone(&self.engine.world().borrow());
        House::in_flight(&world).next()?;
        let ms = u64::try_from(self.drain.as_millis()).unwrap_or(u64::MAX);
        let want = Want::Drain { goal: Goal::Stop, until: self.engine.now().plus_ms(ms) };
        if let Err(refusal) = self.engine.submit(Actor::Engine, Seen::Nothing, Ask::Server(want)).await {
            tracing::warn!(%refusal, "steps in flight are not waited for");
            return None;
        }
        self.says("stopping: steps in flight finish first; once more to stop at once");
        Some(Instant::now() + self.drain)
    }

    fn says(&self, what: &str) {
        tracing::info!(what);
        if self.loud {
            say::err(&format!("{what}\n"));
        }
    }
}

/// Keys of the data directory first, then the account's own; its known_hosts; its agent.
pub fn executor_settings(data: &Path, around: &Surroundings) -> executor::Settings {
    let ssh = around.home.as_ref().map(|home| home.join(".ssh"));
    let dirs = [Some(data.join("keys")), ssh.clone()];
    let keys = dirs
        .iter()
        .flatten()
        .flat_map(|dir| KEY_NAMES.map(|name| dir.join(name)))
        .filter(|path| path.is_file())
        .collect();
    let own = ssh.map(|ssh| ssh.join("known_hosts"));
    let known_hosts = own.into_iter().chain([PathBuf::from("/etc/ssh/ssh_known_hosts")]).collect();
    executor::Settings {
        keys,
        named_keys: data.join("keys"),
        known_hosts,
        agent: around.agent.clone(),
        dial: Arc::new(Tcp),
        now: Arc::new(engine::clock::wall),
        local: LocalPlace {
            home: around.home.clone().unwrap_or_else(|| "/".into()),
            lang: around.lang.clone().unwrap_or_else(|| "C.UTF-8".to_owned()),
        },
    }
}

/// The log in files beside the data, never on a terminal. What panics goes there too.
pub fn log_to(data: &Path, format: Option<LogFormat>) -> Result<WorkerGuard, Failure> {
    let dir = data.join("log");
    let cannot =
        |error: &dyn std::fmt::Display| Failure::new(Exit::Storage, format!("no log in {}: {error}", dir.display()));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(|error| cannot(&error))?;
    let files = tracing_appender::rolling::Builder::new()
        .rotation(tracing_appender::rolling::Rotation::DAILY)
        .filename_prefix("server")
        .filename_suffix("log")
        .max_log_files(LOG_FILES_MAX)
        .build(&dir)
        .map_err(|error| cannot(&error))?;
    Ok(log_with(files, log::Lines { format: format.unwrap_or(LogFormat::Json), timed: true }))
}

/// The log on standard error, which the journal reads: it has a clock, and keeps what it is told for as long as it is told to.
fn log_to_journal(format: Option<LogFormat>) -> WorkerGuard {
    log_with(say::errors(), log::Lines { format: format.unwrap_or(LogFormat::Text), timed: false })
}

fn log_with(to: impl std::io::Write + Send + 'static, lines: log::Lines) -> WorkerGuard {
    let (writer, guard) = tracing_appender::non_blocking(to);
    let filter = tracing_subscriber::EnvFilter::new(log::LEVELS);
    let subscriber = tracing_subscriber::fmt().with_writer(writer).with_env_filter(filter).event_format(lines).finish();
    // A second server in one process (tests) logs where the first does.
    let _ = tracing::subscriber::set_global_default(subscriber);
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic
            .payload()
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.payload().downcast_ref::<String>().map(String::as_str))
            .unwrap_or("of unknown text");
        tracing::error!(place, text, "a panic");
    }));
    guard
}

/// What the host key of this process is made of.
fn seed() -> Result<[u8; 32], Failure> {
    let mut seed = [0; 32];
    OsEntropy.fill(&mut seed).map_err(|error| Failure::new(Exit::Unreachable, format!("no randomness: {error}")))?;
    Ok(seed)
}
