//! A ship to board: a real engine on a site of its own, and people who reach it over pipes in memory.

use crate::domain::Timestamp;
use crate::engine::{ExecutorSettings, LocalPlace, Settings, Tcp};
use crate::server::*;
use russh::client;
use russh::{Channel, ChannelMsg};
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tempfile::TempDir;
use tokio::io::{DuplexStream, ReadBuf};

/// The longest any honest answer takes on a busy machine.
pub const SOON: Duration = Duration::from_secs(30);

pub const PEOPLE: &str = r#"
schema = 1
[[person]]
id = "ada"
name = "Ada"
unix = ["ada"]
[[person]]
id = "grace"
name = "Grace"
unix = ["grace"]
[[person]]
id = "kim"
name = "Kim"
unix = ["kim"]
"#;

pub const WORKSPACE: &str = r#"
schema = 1
[workspace]
id = "stage"
title = "Stage"
environment = "staging"
colour = "yellow"
baseline_tags = ["baseline"]
duties = ["commander"]
owner = "grace"
[[server]]
name = "here"
local = true
groups = ["web"]
[members]
ada = ["operator"]
grace = ["approver", "reviewer", "owner"]
kim = ["operator", "reviewer", "owner"]
[policy]
approval_expiry = "4h"
execution_expiry = "24h"
"#;

pub const RUNBOOK: &str = r#"
schema = 1
[runbook]
id = "greet"
title = "Greet"
kind = "maintenance"
version = "1.0.0"
status = "draft"
owner = "platform"
impact = "medium"
runs_as = "operator"
[scope]
changes = "A file."
why = "To see it work."
expected = "A greeting."
excluded = ["everything else"]
[targets]
select = "group:web"
[[step]]
id = "greet"
title = "Greet"
run = "printf 'hello \\033]0;x\\007 from %s\\n' \"$host\"; echo oops >&2"
effect = "read"
[[verify]]
id = "true"
title = "It is true"
run = "true"
effect = "read"
[rollback]
plan = "Nothing to undo."
"#;

pub struct Ship {
    pub house: Arc<House>,
    pub dir: TempDir,
}

impl Ship {
    pub async fn launch() -> Self {
        Self::launch_with(PEOPLE, true).await
    }

    /// With these people, and with or without `--as`.
    pub async fn launch_with(people: &str, allow_as: bool) -> Self {
        Self::launch_saying(people, allow_as, "").await
    }

    /// The same, with more in quarterdeck.toml.
    pub async fn launch_saying(people: &str, allow_as: bool, more: &str) -> Self {
        let settings = format!("schema = 1\n[site]\nname = \"tests\"\n[local]\nallow_as = {allow_as}\n{more}");
        let dir = tempfile::tempdir().unwrap();
        let site = dir.path().join("site");
        for (file, text) in [
            ("quarterdeck.toml", settings.as_str()),
            ("people.toml", people),
            ("workspaces/stage.toml", WORKSPACE),
            ("runbooks/greet.toml", RUNBOOK),
        ] {
            let path = site.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let executor = ExecutorSettings {
            keys: Vec::new(),
            named_keys: std::path::PathBuf::new(),
            known_hosts: Vec::new(),
            agent: None,
            dial: Arc::new(Tcp),
            now: Arc::new(|| Timestamp(0)),
            local: LocalPlace { home: dir.path().to_owned(), lang: "C.UTF-8".to_owned() },
        };
        let settings = Settings { site: site.clone(), data: dir.path().join("data"), executor };
        let (engine, running) = crate::engine::open(settings).await.unwrap();
        std::mem::forget(running);
        let house = House::new(engine, site, 4242, &[7; 32], CancellationToken::new(), None);
        Self { house, dir }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join("site").join(name)
    }

    pub fn board(&self, uid: u32, account: &str, pipe: usize) -> DuplexStream {
        let (near, far) = tokio::io::duplex(pipe);
        let connection = Connection::new(Origin::Account { uid, name: Some(account.to_owned()) });
        let house = Arc::clone(&self.house);
        let config = Arc::clone(&house.config);
        // As `welcome` does: without a place the connection ends at once.
        if let Some(pass) = self.house.crowd.take(Whom::Account(uid), 0, self.house.places()) {
            self.house.tasks.spawn(async move { house.admit(far, config, connection, pass).await });
        }
        near
    }

    /// Signs in as the account `name`.
    pub async fn guest(&self, name: &str) -> client::Handle<Ear> {
        let uid = name.bytes().map(u32::from).sum();
        let mut handle = shake_hands(self.board(uid, name, 64 * 1024)).await.0;
        assert!(handle.authenticate_none("").await.unwrap().success());
        handle
    }

    /// A verb by `name`: exit, standard output, standard error.
    pub async fn says(&self, name: &str, line: &str) -> (u32, String, String) {
        let handle = self.guest(name).await;
        let mut channel = handle.channel_open_session().await.unwrap();
        channel.exec(true, line).await.unwrap();
        channel.eof().await.unwrap();
        heard(&mut channel).await
    }

    /// A verb that must succeed, its JSON.
    pub async fn json(&self, name: &str, line: &str) -> serde_json::Value {
        let (exit, out, err) = self.says(name, &format!("{line} --json")).await;
        assert_eq!(exit, 0, "{line}: {out}{err}");
        serde_json::from_str(&out).unwrap()
    }

    pub async fn until_phase(&self, run: u64, phase: &str) {
        let run = crate::domain::RunId(run);
        let mut world = self.house.engine.world();
        let reached = world.wait_for(|world| world.run(run).is_some_and(|run| run.phase.tag().word() == phase));
        tokio::time::timeout(SOON, reached).await.unwrap_or_else(|_| panic!("{run} never was {phase}")).unwrap();
    }
}

#[derive(Clone, Default)]
pub struct Ear {
    pub banner: Arc<Mutex<String>>,
}

impl client::Handler for Ear {
    type Error = russh::Error;

    async fn auth_banner(&mut self, banner: &str, _: &mut client::Session) -> Result<(), Self::Error> {
        self.banner.lock().unwrap().push_str(banner);
        Ok(())
    }

    async fn check_server_key(&mut self, _: &russh::keys::PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

pub async fn shake_hands(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> (client::Handle<Ear>, Ear) {
    let ear = Ear::default();
    let config = client::Config { window_size: WINDOW_BYTES, ..client::Config::default() };
    let handle = client::connect_stream(Arc::new(config), stream, ear.clone()).await.unwrap();
    (handle, ear)
}

pub async fn heard(channel: &mut Channel<client::Msg>) -> (u32, String, String) {
    let (mut exit, mut out, mut err) = (u32::MAX, Vec::new(), Vec::new());
    let all = async {
        while let Some(message) = channel.wait().await {
            match message {
                ChannelMsg::Data { data } => out.extend_from_slice(&data),
                ChannelMsg::ExtendedData { data, .. } => err.extend_from_slice(&data),
                ChannelMsg::ExitStatus { exit_status } => exit = exit_status,
                _ => {}
            }
        }
    };
    tokio::time::timeout(SOON, all).await.expect("the verb ends");
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

pub fn parser() -> vt100::Parser {
    vt100::Parser::new(30.try_into().unwrap(), 100.try_into().unwrap(), 0)
}

/// A person in front of a console.
pub struct Seat {
    pub _handle: client::Handle<Ear>,
    pub channel: Channel<client::Msg>,
    pub screen: vt100::Parser,
    pub said: String,
    pub exit: Option<u32>,
    /// How often the terminal's bell rang.
    pub bells: usize,
}

impl Seat {
    pub async fn at(ship: &Ship, name: &str, variables: &[(&str, &str)], line: &str) -> Self {
        Self::by(ship.guest(name).await, variables, line).await
    }

    /// In front of a console of this connection.
    pub async fn by(handle: client::Handle<Ear>, variables: &[(&str, &str)], line: &str) -> Self {
        let channel = handle.channel_open_session().await.unwrap();
        channel.request_pty(true, "xterm-256color", 100, 30, 0, 0, &[]).await.unwrap();
        channel.set_env(true, "LANG", "C.UTF-8").await.unwrap();
        for (name, value) in variables {
            channel.set_env(true, *name, *value).await.unwrap();
        }
        channel.exec(true, line).await.unwrap();
        Self { _handle: handle, channel, screen: parser(), said: String::new(), exit: None, bells: 0 }
    }

    pub async fn types(&self, keys: &str) {
        self.channel.data_bytes(keys.as_bytes().to_vec()).await.unwrap();
    }

    pub fn shows(&self) -> String {
        self.screen.screen().contents()
    }

    fn takes(&mut self, bytes: &[u8]) {
        self.bells += bytes.iter().filter(|byte| **byte == b'\x07').count();
        self.screen.process(bytes);
    }

    /// Reads until the screen is as wanted.
    pub async fn sees(&mut self, what: &str, wanted: impl Fn(&str) -> bool) {
        let watching = async {
            while !wanted(&self.screen.screen().contents()) {
                match self.channel.wait().await {
                    Some(ChannelMsg::Data { data }) => self.takes(&data),
                    Some(ChannelMsg::ExtendedData { data, .. }) => self.said.push_str(&String::from_utf8_lossy(&data)),
                    Some(_) => {}
                    None => panic!("gone before {what}"),
                }
            }
        };
        let seen = tokio::time::timeout(SOON, watching).await.is_ok();
        assert!(seen, "never saw {what}:\n{}", self.shows());
    }

    pub async fn leaves(&mut self) {
        let ending = async {
            while let Some(message) = self.channel.wait().await {
                match message {
                    ChannelMsg::Data { data } => self.takes(&data),
                    ChannelMsg::ExtendedData { data, .. } => self.said.push_str(&String::from_utf8_lossy(&data)),
                    ChannelMsg::ExitStatus { exit_status } => self.exit = Some(exit_status),
                    _ => {}
                }
            }
        };
        assert!(tokio::time::timeout(SOON, ending).await.is_ok(), "the console never ended:\n{}", self.shows());
    }
}

/// A stream whose reader falls asleep when told.
pub struct Sleepy {
    pub stream: DuplexStream,
    pub asleep: Arc<AtomicBool>,
}

impl AsyncRead for Sleepy {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        if self.asleep.load(Ordering::SeqCst) {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Sleepy {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
