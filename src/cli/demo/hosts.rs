//! The demo's hosts: SSH servers inside this process, each running a real shell in a directory of its own. They take one key
//! and exec requests, nothing else.

use super::Failure;
use crate::cli::Exit;
use bytes::Bytes;
use russh::keys::{PrivateKey, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Config, Handle, Handler, Msg, Session};
use russh::{Channel, ChannelId, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Read from a shell at once.
const READ_BYTES: usize = 16 * 1024;

/// Standard error, as SSH numbers it.
const STDERR: u32 = 1;

/// A demo host that listens.
pub struct Host {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Its host key, as an OpenSSH line.
    pub key: String,
}

/// Starts a host on a port of its own. It ends with `stop`.
pub async fn start(
    home: PathBuf,
    host_key: PrivateKey,
    login: &PublicKey,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> Result<Host, Failure> {
    let wrong =
        |error: &dyn std::fmt::Display| Failure::new(Exit::Unreachable, format!("a demo host cannot start: {error}"));
    let key = host_key.public_key().to_openssh().map_err(|error| wrong(&error))?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| wrong(&error))?;
    let port = listener.local_addr().map_err(|error| wrong(&error))?.port();
    let config = Arc::new(Config {
        methods: (&[russh::MethodKind::PublicKey][..]).into(),
        keys: vec![host_key],
        nodelay: true,
        ..Config::default()
    });
    let (login, inner) = (login.clone(), tasks.clone());
    tasks.spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else { continue };
            let guest =
                Guest { home: home.clone(), login: login.clone(), tasks: inner.clone(), channels: BTreeMap::new() };
            let (config, stop) = (Arc::clone(&config), stop.clone());
            inner.spawn(async move {
                let Ok(session) = russh::server::run_stream(config, stream, guest).await else {
                    return;
                };
                tokio::select! {
                    () = stop.cancelled() => {}
                    _ = session => {}
                }
            });
        }
    });
    Ok(Host { port, key })
}

struct Guest {
    home: PathBuf,
    login: PublicKey,
    tasks: TaskTracker,
    channels: BTreeMap<ChannelId, Channel<Msg>>,
}

impl Handler for Guest {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _: &str,
        key: russh::server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let known = key.public_key.key_data() == self.login.key_data();
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(&mut self, id: ChannelId, line: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        let (Some(channel), Ok(line)) = (self.channels.remove(&id), std::str::from_utf8(line)) else {
            return session.channel_failure(id);
        };
        match shell(&self.home, line) {
            Ok(child) => {
                session.channel_success(id)?;
                let (reader, writer) = channel.split();
                self.tasks.spawn(serve(child, reader, writer, session.handle(), id));
                Ok(())
            }
            Err(_) => session.channel_failure(id),
        }
    }

    async fn env_request(&mut self, id: ChannelId, _: &str, _: &str, session: &mut Session) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(russh::Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn subsystem_request(&mut self, id: ChannelId, _: &str, session: &mut Session) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }
}

/// A shell as a login on the host would have it. `setsid`, as sshd does: the shell leads a process group of its own.
fn shell(home: &std::path::Path, line: &str) -> std::io::Result<Child> {
    Command::new("setsid")
        .args(["sh", "-c", line])
        .env_clear()
        .env("HOME", home)
        .env("PATH", format!("{}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", home.display()))
        .env("LANG", "C.UTF-8")
        .env("USER", "deploy")
        .current_dir(home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Carries one shell from its first byte to its exit status.
async fn serve(
    mut child: Child,
    reader: ChannelReadHalf,
    writer: ChannelWriteHalf<Msg>,
    session: Handle,
    id: ChannelId,
) {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    // Once the channel is gone, what runs goes on without us, as after any lost connection.
    let hear = async {
        feed(reader, stdin).await;
        std::future::pending::<()>().await;
    };
    let speak = async {
        tokio::join!(forward(stdout, &writer, None), forward(stderr, &writer, Some(STDERR)));
        child.wait().await
    };
    tokio::select! {
        status = speak => {
            if let Ok(status) = status {
                match (status.code(), status.signal()) {
                    (Some(code), _) => {
                        let _ = writer.exit_status(u32::try_from(code).unwrap_or(255)).await;
                    }
                    (None, signal) => {
                        let _ = session.exit_signal_request(id, named(signal), false, String::new(), String::new()).await;
                    }
                }
            }
            let _ = writer.eof().await;
            let _ = writer.close().await;
        }
        () = hear => {}
    }
}

/// Hands standard input on until its end, then hears the channel out, so that the connection never waits for us.
async fn feed(mut reader: ChannelReadHalf, mut stdin: Option<tokio::process::ChildStdin>) {
    while let Some(message) = reader.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                if let Some(to) = &mut stdin
                    && to.write_all(&data).await.is_err()
                {
                    stdin = None;
                }
            }
            ChannelMsg::Eof => stdin = None,
            ChannelMsg::Close => return,
            _ => {}
        }
    }
}

async fn forward(from: Option<impl AsyncRead + Unpin>, writer: &ChannelWriteHalf<Msg>, stream: Option<u32>) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; READ_BYTES];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let bytes = Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default());
        let sent = match stream {
            None => writer.data_bytes(bytes).await,
            Some(number) => writer.extended_data_bytes(number, bytes).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

fn named(signal: Option<i32>) -> Sig {
    match signal {
        Some(1) => Sig::HUP,
        Some(2) => Sig::INT,
        Some(3) => Sig::QUIT,
        Some(6) => Sig::ABRT,
        Some(9) => Sig::KILL,
        Some(11) => Sig::SEGV,
        Some(13) => Sig::PIPE,
        Some(14) => Sig::ALRM,
        Some(15) => Sig::TERM,
        Some(other) => Sig::Custom(other.to_string()),
        None => Sig::TERM,
    }
}
