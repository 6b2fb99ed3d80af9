//! Being a service of systemd: sockets it passes, what it is told, whether standard error is its journal, and unit files.
//!
//! Deliberately absent: any wish for systemd. Where it is not there, nothing here does anything.

use super::places::Places;
use super::serve::DRAIN;
use super::{Exit, Failure};
use crate::domain::duration;
use crate::engine::Handle;
use crate::server::House;
use crate::verbs::args::{Serve, Unit};
use listenfd::ListenFd;
use std::fmt::Write as _;
use std::io;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a server needs to leave once steps in flight have ended.
const LEAVE: Duration = Duration::from_secs(30);

/// Sockets that somebody else has bound for this server.
#[derive(Debug, Default)]
pub struct Passed {
    /// The socket.
    pub unix: Option<UnixListener>,
    /// Whether its file goes with this server: the one before it had made it.
    pub made: bool,
    /// Where people come in over SSH.
    pub tcp: Vec<TcpListener>,
    /// Where machines ask.
    pub metrics: Option<TcpListener>,
    /// Where machines send requests.
    pub hooks: Option<TcpListener>,
}

/// Takes what systemd passed, once: `LISTEN_FDS` of a `LISTEN_PID` that is this process. `socket` is where clients look.
pub fn passed(socket: &Path) -> Result<Passed, Failure> {
    let mut found = ListenFd::from_env();
    let mut passed = Passed::default();
    for nr in 0..found.len() {
        if let Ok(Some(unix)) = found.take_unix_listener(nr) {
            is_where_clients_look(&unix, socket)?;
            if passed.unix.replace(unix).is_some() {
                return Err(Failure::new(Exit::Usage, "systemd passed two unix sockets, and there is use for one"));
            }
        } else if let Ok(Some(tcp)) = found.take_tcp_listener(nr) {
            passed.tcp.push(tcp);
        } else {
            let what = format!("what systemd passed as descriptor {} is no listening stream socket", nr + 3);
            return Err(Failure::new(Exit::Usage, what + "; use ListenStream= alone in the socket unit"));
        }
    }
    Ok(passed)
}

/// Whoever knocks somewhere else would start a second server, which then finds the data taken.
fn is_where_clients_look(passed: &UnixListener, socket: &Path) -> Result<(), Failure> {
    let bound = passed.local_addr().ok().and_then(|address| address.as_pathname().map(Path::to_owned));
    let file = |path: &Path| std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    match &bound {
        Some(path) if path == socket || file(path).is_some_and(|found| file(socket) == Some(found)) => Ok(()),
        other => {
            let there = other.as_ref().map_or_else(|| "no path".to_owned(), |path| path.display().to_string());
            let what = format!("systemd passed a socket at {there}, and clients look at {}", socket.display());
            Err(Failure::new(Exit::Usage, what + "; let ListenStream= and `socket` under [data], or --socket, agree"))
        }
    }
}

/// Says that people are let in, until another program serves (`relieved`), keeps saying that the server lives where that is wanted, and says when it stops.
pub async fn tell(
    manager: Manager,
    house: Arc<House>,
    engine: Handle,
    stop: CancellationToken,
    relieved: CancellationToken,
) {
    manager.hears("READY=1");
    let ends = async {
        tokio::select! {
            () = stop.cancelled() => {}
            () = engine.ended() => {}
        }
    };
    tokio::pin!(ends);
    // Twice as often as is asked for, as systemd recommends.
    let pause = manager.watchdog.map(|most| most / 2).filter(|pause| !pause.is_zero());
    let mut over = false;
    loop {
        tokio::select! {
            () = &mut ends, if !over => {
                over = true;
                // One that is being relieved does not stop: the service goes on.
                if !house.relief().is_under_way() {
                    break;
                }
            }
            () = relieved.cancelled() => return,
            () = wait(pause) => manager.hears("WATCHDOG=1"),
        }
    }
    manager.hears("STOPPING=1");
}

async fn wait(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}

/// The service manager that started this process, as the environment says it.
#[derive(Clone, Debug, Default)]
pub struct Manager {
    /// `NOTIFY_SOCKET`: a path, or a name behind `@` that lies in no file system.
    socket: Option<String>,
    /// How long it waits for a sign of life, where it wants any.
    watchdog: Option<Duration>,
}

impl Manager {
    /// By `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`. Signs of life are wanted of that process alone.
    pub fn new(socket: Option<String>, watchdog_us: Option<&str>, watchdog_pid: Option<&str>) -> Self {
        let ours = watchdog_pid.is_none_or(|pid| pid.parse() == Ok(std::process::id()));
        let watchdog = watchdog_us.filter(|_| ours).and_then(|us| us.parse().ok()).map(Duration::from_micros);
        Self { socket, watchdog }
    }

    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        self.socket.is_some()
    }

    /// Another process is the service from now on.
    pub fn has_main(&self, pid: u32) {
        self.hears(&format!("MAINPID={pid}"));
    }

    /// A datagram that does not wait for anybody; nothing where there is no manager.
    fn hears(&self, what: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = send(socket, what)
        {
            tracing::warn!(%error, what, "systemd could not be told");
        }
    }
}

fn send(socket: &str, what: &str) -> io::Result<()> {
    let address = match socket.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let from = UnixDatagram::unbound()?;
    from.set_nonblocking(true)?;
    from.send_to_addr(what.as_bytes(), &address).map(drop)
}

/// Whether standard error goes to the journal: `stream` is `JOURNAL_STREAM`, device and inode of what the journal reads.
pub fn is_journal(stream: Option<&str>) -> bool {
    let said = stream.and_then(|stream| stream.split_once(':'));
    let said = said.and_then(|(device, inode)| Some((device.parse().ok()?, inode.parse().ok()?)));
    let own = rustix::fs::fstat(rustix::stdio::stderr()).ok().map(|file| (file.st_dev, file.st_ino));
    said.is_some() && said == own
}

/// A unit file for this site.
pub fn unit(what: Unit, places: &Places, asked: &Serve) -> Result<String, Failure> {
    match what {
        Unit::Socket => {
            let ports = asked.listen.iter().map(|at| format!("ListenStream={at}\n"));
            let socket = written(&places.socket()?)?;
            Ok(SOCKET.replace("@SOCKET@", &socket).replace("@PORTS@", &ports.collect::<String>()))
        }
        Unit::Service => {
            // Which walls can stand depends on what the site says: nobody guesses.
            let dir = places.site()?;
            let loaded = crate::site::load(dir, crate::site::git::state(dir));
            let site = loaded.map_err(|problems| Failure::of_site("the site is to be mended first", problems))?.site;
            service(places, asked, site.local_account.is_some())
        }
    }
}

fn service(places: &Places, asked: &Serve, becomes_another: bool) -> Result<String, Failure> {
    let (site, data, socket) = (places.site()?.to_owned(), places.data()?, places.socket()?);
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/usr/bin/quarterdeck"));
    let mut start = written(&program)?;
    for (flag, path) in [("--site", &site), ("--data", &data), ("--socket", &socket)] {
        // Writing into a string cannot fail.
        let _ = write!(start, " {flag} {}", written(path)?);
    }
    start += " serve";
    for at in &asked.listen {
        let _ = write!(start, " --listen {at}");
    }
    if let Some(at) = asked.metrics {
        let _ = write!(start, " --metrics {at}{}", if asked.metrics_open { " --metrics-open" } else { "" });
    }
    if let Some(at) = asked.hooks {
        let _ = write!(start, " --hooks {at}{}", if asked.hooks_open { " --hooks-open" } else { "" });
    }
    #[cfg(feature = "traces")]
    if let Some(url) = &asked.traces {
        let _ = write!(start, " --traces {}", written(Path::new(url))?);
    }
    if let Some(drain) = &asked.drain {
        let _ = write!(start, " --drain {drain}");
    }
    let mut places = String::new();
    let mut keeps = |directive: &str, root: &str, dir: &Path| -> Result<(), Failure> {
        let below = dir.strip_prefix(root).ok().filter(|below| below.components().count() > 0);
        let line = match below {
            Some(below) => format!("{directive}={}\n", written(below)?),
            None => format!("ReadWritePaths={}\n", written(dir)?),
        };
        places += &line;
        Ok(())
    };
    keeps("StateDirectory", "/var/lib", &data)?;
    keeps("RuntimeDirectory", "/run", socket.parent().unwrap_or(Path::new("/run")))?;
    let drain = asked.drain.as_deref().map(duration::parse_ms).transpose();
    let drain = drain.map_err(|why| Failure::new(Exit::Usage, why))?;
    let stop = drain.map_or(DRAIN, Duration::from_millis) + LEAVE;
    let privileges = if becomes_another { OF_ANOTHER } else { OF_NONE };
    Ok(SERVICE
        .replace("@START@", &start)
        .replace("@PLACES@", &places)
        .replace("@STOP@", &stop.as_secs().to_string())
        .replace("@PRIVILEGES@", privileges))
}

/// A path as a unit file has it. One that would need quotes is refused: nobody has it by accident, and quotes can be got wrong.
fn written(path: &Path) -> Result<String, Failure> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+@:".contains(byte);
    match path.to_str() {
        Some(text) if path.as_os_str().as_bytes().iter().all(plain) => Ok(text.to_owned()),
        _ => {
            let what = format!("{} cannot stand in a unit file as it is", path.display());
            Err(Failure::new(Exit::Usage, what + "; use a path of letters, digits and / . _ - + @ :"))
        }
    }
}

const SERVICE: &str = "\
# quarterdeck.service, as `quarterdeck serve --unit service` prints it for this site. Read it, then put it into
# /etc/systemd/system/. It wants an account of its own: useradd --system --home-dir /var/lib/quarterdeck quarterdeck
[Unit]
Description=Quarterdeck, a console that governs operations
Wants=network-online.target
After=network-online.target time-sync.target

[Service]
Type=notify
User=quarterdeck
Group=quarterdeck
ExecStart=@START@
ExecReload=/bin/kill -HUP $MAINPID
# A change of the site: systemctl reload. A newer program, once it lies at the place above:
#   systemctl kill -s USR2 --kill-whom=main quarterdeck      (or, as its account: quarterdeck serve --upgrade)
# Steps in flight finish first, the new process goes on with the runs and becomes the main one. A stop or restart also lets steps in
# flight finish, and then interrupts the runs.
NotifyAccess=main
Restart=on-failure
RestartSec=2
# Wrong arguments, a wrong site, data in use, a damaged record: starting again would not mend them.
RestartPreventExitStatus=64 65 73 74
WatchdogSec=30
# A long record is read before anybody is let in.
TimeoutStartSec=5min
# What --drain gives steps in flight, and half a minute to leave.
TimeoutStopSec=@STOP@
KillMode=mixed
StateDirectoryMode=0700
RuntimeDirectoryMode=0755
# The socket of quarterdeck.socket, where that is used, outlives the service.
RuntimeDirectoryPreserve=yes
@PLACES@
ProtectSystem=strict
# Programs and keys of the account may lie in its home; nothing there is written.
ProtectHome=read-only
PrivateTmp=yes
ProtectControlGroups=yes
LimitNOFILE=65536
LimitCORE=0
@PRIVILEGES@
[Install]
WantedBy=multi-user.target
";

/// What a server needs that never becomes anybody else.
const OF_NONE: &str = "
# Nobody else is ever become here: the site names no [local] account. Once it does, print this unit again.
NoNewPrivileges=yes
UMask=0077
CapabilityBoundingSet=
AmbientCapabilities=
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectClock=yes
ProtectHostname=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
";

/// What one needs that does local work under another account, by `sudo -n`.
const OF_ANOTHER: &str = "
# The site names a [local] account, which is become by `sudo -n`: a set-user-ID program. NoNewPrivileges=yes would forbid it,
# and so would every setting that systemd can only keep with it (system call filters, RestrictSUIDSGID, PrivateDevices,
# ProtectKernel*, RestrictNamespaces, MemoryDenyWriteExecute, ...). They are left out for that reason alone.
NoNewPrivileges=no
CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_AUDIT_WRITE CAP_SYS_RESOURCE CAP_DAC_READ_SEARCH CAP_KILL
AmbientCapabilities=
";

const SOCKET: &str = "\
# quarterdeck.socket, as `quarterdeck serve --unit socket` prints it for this site: systemd holds the doors, so that a restart of
# the server turns nobody away, and a knock starts it. Ports here are for SSH; --listen of the service is then left out.
[Unit]
Description=Doors of Quarterdeck

[Socket]
ListenStream=@SOCKET@
@PORTS@# Everybody may knock; the kernel says who does.
SocketMode=0666
DirectoryMode=0755
Backlog=512
# Small packets at once, as the server has it for doors of its own.
NoDelay=yes

[Install]
WantedBy=sockets.target
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::surroundings::Surroundings;
    use crate::verbs::args::Common;

    fn places(data: &str, socket: &str) -> Places {
        let flags = Common {
            site: Some("/etc/quarterdeck".into()),
            data: Some(data.into()),
            socket: Some(socket.into()),
            ..Common::default()
        };
        Places::new(&flags, &Surroundings::default())
    }

    #[test]
    fn a_unit_names_this_sites_places_and_what_it_listens_at() {
        let asked = Serve {
            listen: vec!["0.0.0.0:2222".parse().unwrap()],
            metrics: Some("127.0.0.1:9184".parse().unwrap()),
            hooks: Some("127.0.0.1:9185".parse().unwrap()),
            ..Serve::default()
        };
        let said = service(&places("/var/lib/quarterdeck", "/run/quarterdeck/s"), &asked, false).unwrap();
        let start = " --site /etc/quarterdeck --data /var/lib/quarterdeck --socket /run/quarterdeck/s serve \
                     --listen 0.0.0.0:2222 --metrics 127.0.0.1:9184 --hooks 127.0.0.1:9185\n";
        assert!(said.contains(start), "{said}");
        assert!(said.contains("\nStateDirectory=quarterdeck\nRuntimeDirectory=quarterdeck\n"), "{said}");
        assert!(said.contains("\nTimeoutStopSec=330\n"), "{said}");
        assert!(said.contains("\nNoNewPrivileges=yes\n") && !said.contains("\n@"), "{said}");
        let asked = Serve { drain: Some("20m".to_owned()), ..asked };
        let said = service(&places("/srv/q", "/srv/q.sock"), &asked, true).unwrap();
        assert!(said.contains(" --drain 20m\n") && said.contains("\nTimeoutStopSec=1230\n"), "{said}");
        assert!(said.contains("\nReadWritePaths=/srv/q\nReadWritePaths=/srv\n"), "{said}");
        let said = unit(Unit::Socket, &places("/srv/q", "/run/q/s"), &asked).unwrap();
        assert!(said.contains("\nListenStream=/run/q/s\nListenStream=0.0.0.0:2222\n#"), "{said}");
    }

    #[test]
    fn a_path_that_a_unit_would_read_otherwise_is_refused() {
        for path in ["/srv/a b", "/srv/%h", "/srv/$X", "/srv/a\nExecStart=/bin/sh", "/srv/ü"] {
            let refused = service(&places(path, "/run/q/s"), &Serve::default(), false).unwrap_err();
            assert_eq!(refused.exit, Exit::Usage, "{path}");
        }
    }

    #[test]
    fn signs_of_life_are_given_where_they_are_wanted_of_this_process() {
        let own = std::process::id().to_string();
        let wants = |us, pid| Manager::new(None, us, pid).watchdog;
        assert_eq!(wants(Some("3000000"), Some(&*own)), Some(Duration::from_secs(3)));
        assert_eq!(wants(Some("3000000"), None), Some(Duration::from_secs(3)));
        assert_eq!(wants(Some("3000000"), Some("1")), None, "somebody else's");
        assert_eq!(wants(Some("soon"), None), None);
    }

    #[test]
    fn only_the_stream_that_the_journal_reads_is_the_journal() {
        let own = rustix::fs::fstat(rustix::stdio::stderr()).unwrap();
        assert!(is_journal(Some(&format!("{}:{}", own.st_dev, own.st_ino))));
        for other in [None, Some(""), Some("1"), Some("a:b"), Some(&*format!("{}:{}", own.st_dev, own.st_ino + 1))] {
            assert!(!is_journal(other), "{other:?}");
        }
    }
}
