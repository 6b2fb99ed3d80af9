//! Being the server: open the data, let people in, leave in order.

use super::places::Places;
use super::surroundings::{Surroundings, uid};
use super::systemd::{self, Passed};
use super::{Ended, Exit, Failure, log, say};
use crate::domain::Actor;
use crate::engine::{self, Handle, Settings};
use crate::executor::{self, LocalPlace, Tcp};
use crate::ledger::{Entropy as _, OsEntropy, RealDisk};
use crate::server::{self, Accounts, Doors, Hooks, HostKey, HostKeyError, House, ListenError, Watched};
use crate::session::Hint;
use crate::verbs::args::{LogFormat, Serve};
use core::net::SocketAddr;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing_appender::non_blocking::WorkerGuard;

/// Files of the log that are kept, one a day.
const LOG_FILES_MAX: usize = 14;

/// What a thread that is still busy gets after everybody has left: asking a directory service for a name takes five.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(6);

/// Names of private keys that are tried, in `keys/` of the data and in `~/.ssh`.
const KEY_NAMES: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];

/// `serve`.
pub fn serve(places: &Places, around: &Surroundings, asked: &Serve) -> Ended {
    let idle_exit = match asked.idle_exit.as_deref().map(crate::domain::duration::parse_ms) {
        None => None,
        Some(Ok(ms)) => Some(Duration::from_millis(ms)),
        Some(Err(why)) => return Err(Failure::new(Exit::Usage, why)),
    };
    let metrics = ported("--metrics", asked.metrics, asked.metrics_open, "nobody signs in there")?;
    let hooks = ported("--hooks", asked.hooks, asked.hooks_open, "nothing is encrypted there")?;
    if let Some(what) = asked.unit {
        say::out(&systemd::unit(what, places, asked)?)?;
        return Ok(Exit::Done);
    }
    // A server that somebody's verb starts is nobody's service, whatever that verb was started by.
    let passed = if asked.detach { Passed::default() } else { systemd::passed(&places.socket()?)? };
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
        let stop = CancellationToken::new();
        let open = open(serving, stop.clone()).await?;
        if loud {
            say::err(&format!("serving at {}\n", open.socket.display()));
            let network = open.at_the_network();
            let watched = open.doors.watched.as_ref().and_then(Watched::address);
            let hooks = open.doors.hooks.as_ref().and_then(Hooks::address);
            let watched = watched.map(|at| format!("metrics at http://{at}/metrics"));
            let hooks = hooks.map(|at| format!("requests at http://{at}/hooks/MACHINE"));
            for line in network.into_iter().chain(watched).chain(hooks) {
                say::err(&format!("{line}\n"));
            }
        }
        let signals = TaskTracker::new();
        signals.spawn(obey(open.handle.clone(), stop.clone(), loud));
        #[cfg(feature = "traces")]
        if let Some(url) = &asked.traces {
            signals.spawn(engine::traces::tell(open.handle.clone(), url.clone()));
        }
        if loud {
            signals.spawn(systemd::tell(around.manager.clone(), open.handle.clone(), stop));
        }
        open.until_ended().await
    });
    runtime.shutdown_timeout(SHUTDOWN_WAIT);
    ended
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
    let Serving { site, data, socket, executor, listen, passed, metrics, hooks, idle_exit, hint } = serving;
    let settings = Settings { site: site.clone(), data: data.clone(), executor };
    let (handle, engine) = engine::open(settings).await.map_err(|error| {
        let exit = match error.exit_code() {
            65 => Exit::BadInput,
            73 => Exit::AlreadyRunning,
            75 => Exit::TryAgain,
            _ => Exit::Storage,
        };
        Failure::new(exit, error.to_string())
    })?;
    super::places::note_site(&data, &site);
    let bound = match passed.unix {
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
    let (doors, host_key) = match doors(&data, &listen, passed.tcp, metrics, hooks).await {
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
        doors.watched = Some(Watched::open(at).await.map_err(|error| cannot("metrics", at, error))?);
    }
    if let Some(at) = hooks {
        doors.hooks = Some(Hooks::open(at).await.map_err(|error| cannot("requests", at, error))?);
    }
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

    /// Serves until told to stop, or nobody was here for long enough, or the storage failed.
    pub async fn until_ended(self) -> Ended {
        let Open { engine, house, listener, bound, doors, idle_exit, .. } = self;
        let why = server::serve(house, listener, Accounts::system(), doors, idle_exit).await;
        drop(bound);
        tracing::info!(?why, "the server ends");
        match engine.ended().await {
            None => Ok(Exit::Done),
            Some(error) => Err(Failure::new(Exit::Storage, format!("the record cannot be written: {error}"))),
        }
    }
}

/// Signals to a server: TERM ends it, HUP reads the site again, and INT ends it unless runs are in flight and it is the first.
async fn obey(engine: Handle, stop: CancellationToken, loud: bool) {
    let (Ok(mut term), Ok(mut int), Ok(mut hup)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()))
    else {
        return tracing::error!("signals cannot be heard");
    };
    let mut warned = false;
    loop {
        tokio::select! {
            _ = term.recv() => break,
            _ = hup.recv() => match engine.reload(Actor::Engine).await {
                Ok(_) => tracing::info!("the site was read again"),
                Err(error) => tracing::error!(%error, "the site was not taken"),
            },
            _ = int.recv() => {
                let running = House::in_flight(&engine.world().borrow()).count();
                if running == 0 || warned {
                    break;
                }
                warned = true;
                if loud {
                    say::err(&format!("{running} runs are in flight and would be interrupted; once more to stop all the same\n"));
                }
            }
        }
    }
    stop.cancel();
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
