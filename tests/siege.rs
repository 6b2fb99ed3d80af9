//! The door from the network under siege: peers that mean harm at every stage of the protocol, one row after the other and all at
//! once, against the built program as its own process. Whoever has good manners is served all the while, a key is answered, and the
//! server stays within its memory and gives everything back. What a row of the threat list says here is in the test's name.
//!
//! Attackers come from other addresses of this machine than people do, as they would.

#![cfg(test)]

mod crowd;
mod real;

use crowd::{Trusting, sign_in, try_sign_in};
use real::wait::SOON;
use real::{Fleet, Served, deep, until};
use russh::client;
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, load_secret_key};
use russh::{Channel, ChannelMsg, ChannelWriteHalf, Pty, Sig};
use std::fs;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Memory the server may take on for whatever is thrown at it: 256 connections of half a MiB.
const SIEGE_KIB_MAX: u64 = 128 * 1_024;

/// A key is answered within this on a quiet machine. A test asserts a multiple of it under `--deep`, and prints what it saw.
const KEY_GOAL: Duration = Duration::from_millis(50);
const KEY_LENIENT: u32 = 10;

const HELLO: &[u8] = b"SSH-2.0-peer\r\n";

/// The last of the four numbers of the source that comes next.
static SOURCES: AtomicU32 = AtomicU32::new(0);

/// A source that nobody came from before.
fn fresh_source() -> Ipv4Addr {
    Ipv4Addr::from_bits(0x7f01_0001 + SOURCES.fetch_add(1, Ordering::Relaxed))
}

#[expect(clippy::disallowed_methods, reason = "other programs keep real time")]
fn now() -> Instant {
    Instant::now()
}

struct Siege {
    served: Served,
    ada: Arc<PrivateKey>,
    runtime: Runtime,
    before_kib: u64,
    before_files: usize,
}

impl Siege {
    fn lay() -> Option<Siege> {
        let fleet = Fleet::plan(1).start()?;
        let served = Served::start(&fleet, &[], "");
        let ada = Arc::new(load_secret_key(&served.ada.private, None).unwrap());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut siege = Siege { served, ada, runtime, before_kib: 0, before_files: 0 };
        siege.serves();
        (siege.before_kib, siege.before_files) = (siege.kib(), siege.files());
        Some(siege)
    }

    fn of_server(&self, name: &str) -> std::path::PathBuf {
        format!("/proc/{}/{name}", self.served.product.server().unwrap().as_raw_nonzero()).into()
    }

    fn kib(&self) -> u64 {
        let status = fs::read_to_string(self.of_server("status")).expect("the server lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn files(&self) -> usize {
        fs::read_dir(self.of_server("fd")).expect("the server lives").count()
    }

    /// Whether somebody with good manners gets an answer.
    #[track_caller]
    fn serves(&self) {
        let said = self.served.says(&self.served.ada.private, "ada", &["runs", "list"]);
        assert!(said.status.success(), "{said:?}");
    }

    /// After an attack: served, within bounds, and every descriptor given back.
    #[track_caller]
    fn stands(&self) {
        self.serves();
        let grown = self.kib().saturating_sub(self.before_kib);
        assert!(grown <= SIEGE_KIB_MAX, "{grown} KiB more than before");
        until("every descriptor to be given back", 2 * SOON, || {
            let files = self.files();
            if files <= self.before_files + 2 { Ok(()) } else { Err(format!("{files}, {} before", self.before_files)) }
        });
    }

    /// A connection from a source.
    async fn from(&self, source: Ipv4Addr) -> TcpStream {
        connect(source, self.served.port).await.unwrap()
    }

    async fn ada(&self) -> client::Handle<Trusting> {
        sign_in(&self.ada, "ada", self.served.port).await
    }
}

async fn connect(source: Ipv4Addr, port: u16) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((source, 0)))?;
    socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}

/// Reads until the far end closes: what it said, and after how long.
async fn until_closed(mut stream: impl AsyncRead + Unpin) -> (Vec<u8>, Duration) {
    let (mut said, begun) = (Vec::new(), now());
    // Closed with bytes of ours unread is closed.
    let read = tokio::time::timeout(2 * SOON, stream.read_to_end(&mut said)).await;
    assert!(read.is_ok(), "never closed: {said:?}");
    (said, begun.elapsed())
}

/// A packet before any key: length, padding, payload.
fn packet(payload: &[u8]) -> Vec<u8> {
    let padding = 8 - (payload.len() + 5) % 8 + if (payload.len() + 5) % 8 > 4 { 8 } else { 0 };
    let len = u32::try_from(payload.len() + padding + 1).unwrap();
    [&len.to_be_bytes()[..], &[u8::try_from(padding).unwrap()], payload, &vec![0; padding]].concat()
}

/// KEXINIT with these name lists: key exchange, host key, cipher, MAC and compression (both ways), language.
fn kexinit(lists: [&str; 5]) -> Vec<u8> {
    let [kex, key, cipher, mac, compression] = lists;
    let mut payload = [&[20], &[7; 16][..]].concat();
    for list in [kex, key, cipher, cipher, mac, mac, compression, compression, "", ""] {
        payload.extend_from_slice(&u32::try_from(list.len()).unwrap().to_be_bytes());
        payload.extend_from_slice(list.as_bytes());
    }
    payload.extend_from_slice(&[0; 5]);
    packet(&payload)
}

const PLAIN: [&str; 5] =
    ["curve25519-sha256", "ssh-ed25519", "aes256-gcm@openssh.com", "hmac-sha2-256-etm@openssh.com", "none"];

#[test]
fn s01_s02_s03_s04_real_a_first_line_that_never_ends_is_cut_in_time() {
    let Some(siege) = Siege::lay() else { return };
    let first_lines: [(&str, Vec<u8>, Option<u8>); 6] = [
        ("S1 silence", Vec::new(), None),
        ("S2 a byte now and then", b"SSH-2.0-slow".to_vec(), Some(b'x')),
        ("S3 lines before it", b"hello\r\n".repeat(21), None),
        ("S4 256 bytes", [b"SSH-2.0-", &[b'x'; 256][..]].concat(), None),
        ("a MiB of it", vec![b'x'; 1 << 20], None),
        ("another protocol", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), None),
    ];
    siege.runtime.block_on(async {
        let mut all = JoinSet::new();
        for (what, bytes, drip) in first_lines {
            let (mut reader, mut writer) = siege.from(fresh_source()).await.into_split();
            all.spawn(async move {
                let flood = async {
                    // The server may have had enough before all is written.
                    let _ = writer.write_all(&bytes).await;
                    while let Some(byte) = drip {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        if writer.write_all(&[byte]).await.is_err() {
                            break;
                        }
                    }
                    std::future::pending::<()>().await;
                };
                tokio::select! {
                    closed = until_closed(&mut reader) => (what, closed),
                    () = flood => unreachable!(),
                }
            });
        }
        for (what, (said, took)) in all.join_all().await {
            assert!(said.is_empty() || said.starts_with(b"SSH-2.0-Quarterdeck\r\n"), "{what}: {said:?}");
            assert!(took <= Duration::from_secs(5) + SOON / 4, "{what}: {took:?}");
        }
    });
    siege.stands();
}

#[test]
fn s05_s06_s07_real_huge_and_endless_key_exchanges_and_compression_end_their_own_connection() {
    let Some(siege) = Siege::lay() else { return };
    let junk = "x".repeat(60 * 1_024);
    let many = vec!["abcdefgh@example.org"; 2_900].join(",");
    let with = |at: usize, list: &str| {
        let mut lists = PLAIN;
        lists[at] = list;
        kexinit(lists)
    };
    let mut cases: Vec<(&str, Vec<u8>)> = vec![
        ("S5 a name of 60 KiB", with(0, &junk)),
        ("S5 thousands of names", with(2, &many)),
        ("S5 more than a packet holds", kexinit([&junk; 5])),
        ("S5 no name at all", kexinit([""; 5])),
        ("S6 one after the other", kexinit(PLAIN).repeat(1_000)),
        ("S7 zlib alone", with(4, "zlib,zlib@openssh.com")),
        ("a packet of 4 GiB", [&u32::MAX.to_be_bytes()[..], &[0; 64]].concat()),
        ("an empty packet", vec![0; 64]),
        ("a sign-in in the clear", packet(&[&[5, 0, 0, 0, 12], &b"ssh-userauth"[..]].concat())),
        ("data of a channel in the clear", packet(&[94, 0, 0, 0, 0, 0, 0, 0, 1, b'x'])),
    ];
    for message in 0..=u8::MAX {
        cases.push(("S28 a message out of turn", packet(&[&[message], &[0; 32][..]].concat())));
    }
    siege.runtime.block_on(async {
        // Few at once: the door has ten places for strangers.
        for some in cases.chunks(8) {
            let mut all = JoinSet::new();
            for (what, bytes) in some.iter().cloned() {
                let (mut reader, mut writer) = siege.from(fresh_source()).await.into_split();
                all.spawn(async move {
                    // The server may have had enough before all is written.
                    let _ = writer.write_all(&[HELLO, &bytes].concat()).await;
                    let _ = writer.shutdown().await;
                    (what, until_closed(&mut reader).await.0)
                });
            }
            for (what, said) in all.join_all().await {
                assert!(said.starts_with(b"SSH-2.0-Quarterdeck\r\n"), "{what}: {said:?}");
                let offered = String::from_utf8_lossy(&said);
                assert!(!offered.contains("zlib"), "{what}: compression is offered");
            }
        }
    });
    siege.stands();
}

#[test]
fn s06_s16_s18_s22_s23_real_whoever_is_let_in_and_floods_harms_nobody_else() {
    let Some(siege) = Siege::lay() else { return };
    siege.runtime.block_on(async {
        let mut healthy = Desk::at(&siege).await;

        // S6: keys exchanged again and again.
        let handle = siege.ada().await;
        for _ in 0..200 {
            if handle.rekey_soon().await.is_err() {
                break;
            }
        }
        healthy.answers().await;
        drop(handle);

        // S16: two channels, whatever is asked for.
        let handle = siege.ada().await;
        let mut open = Vec::new();
        for _ in 0..200 {
            open.extend(handle.channel_open_session().await.ok());
        }
        assert_eq!(open.len(), 2);
        healthy.answers().await;

        // S23: a thousand variables, of which thirty-two are taken.
        let mut channel = open.pop().unwrap();
        let mut taken = 0;
        for nr in 0..1_000 {
            let name = if nr % 2 == 0 { "LANG" } else { "LD_PRELOAD" };
            channel.set_env(true, name, "C.UTF-8").await.unwrap();
            taken += usize::from(granted(&mut channel).await);
        }
        assert_eq!(taken, 16, "half of those that count are ours");
        channel.set_env(true, "LANG", "x".repeat(60_000)).await.unwrap();
        assert!(!granted(&mut channel).await);
        // S22: no line is that long, and a second command on a channel is none.
        channel.exec(true, vec![b'x'; 200 * 1_024]).await.unwrap();
        assert!(!granted(&mut channel).await);
        channel.exec(true, "runs list").await.unwrap();
        assert!(granted(&mut channel).await);
        channel.exec(true, "runs list").await.unwrap();
        assert!(!granted(&mut channel).await);
        let handle = siege.ada().await;
        let channel = handle.channel_open_session().await.unwrap();
        // S22: of a MiB, no packet holds it: the connection ends.
        let _ = channel.exec(true, vec![b'x'; 1 << 20]).await;
        healthy.answers().await;

        // S18: windows and packets of sizes nobody needs.
        for (window_size, maximum_packet_size) in [(0, 0), (1, 1), (u32::MAX, u32::MAX), (u32::MAX, 0), (0, u32::MAX)] {
            let config = client::Config { window_size, maximum_packet_size, ..client::Config::default() };
            let stream = siege.from(fresh_source()).await;
            let mut handle = client::connect_stream(Arc::new(config), stream, Trusting).await.unwrap();
            let key = PrivateKeyWithHashAlg::new(Arc::clone(&siege.ada), None);
            assert!(handle.authenticate_publickey("ada", key).await.unwrap().success());
            // A library that will not open such a channel is no harm either.
            if let Ok(channel) = handle.channel_open_session().await {
                let _ = channel.request_pty(false, "xterm", 500, 200, 0, 0, &[]).await;
                let _ = channel.exec(false, "attach").await;
                healthy.answers().await;
            }
            drop(handle);
        }
        healthy.answers().await;
    });
    siege.stands();
}

#[test]
fn s20_s21_s26_s29_real_a_terminal_that_lies_or_floods_harms_nobody_else() {
    let Some(siege) = Siege::lay() else { return };
    siege.runtime.block_on(async {
        let mut healthy = Desk::at(&siege).await;

        // S21: 64 KiB of terminal modes. Whether they are taken or end the connection, they are its own.
        let handle = siege.ada().await;
        let channel = handle.channel_open_session().await.unwrap();
        let modes = vec![(Pty::VINTR, 3); 13_000];
        let _ = channel.request_pty(true, "xterm-256color", 80, 24, 0, 0, &modes).await;
        let _ = channel.exec(true, "attach").await;
        healthy.answers().await;
        drop((handle, channel));

        // S20: sizes no terminal has, and ten thousand of them.
        let handle = siege.ada().await;
        let channel = handle.channel_open_session().await.unwrap();
        channel.request_pty(true, "xterm-256color", u32::MAX, 0, u32::MAX, 0, &[]).await.unwrap();
        channel.exec(true, "attach").await.unwrap();
        let (mut reading, writing) = channel.split();
        let drained = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&drained);
        let mut draining = JoinSet::new();
        draining.spawn(async move {
            while let Some(message) = reading.wait().await {
                if let ChannelMsg::Data { data } = message {
                    count.fetch_add(data.len(), Ordering::Relaxed);
                }
            }
        });
        let flooding = async {
            for nr in 0..10_000_u32 {
                writing.window_change(nr % 700, nr.wrapping_mul(2_654_435_761) % 300, 0, 0).await.unwrap();
            }
            healthy.answers().await;
            // S26: 10 MiB pasted into a line.
            writing.data_bytes(&b":\x1b[200~"[..]).await.unwrap();
            for _ in 0..320 {
                writing.data_bytes(vec![b'x'; 32 * 1_024]).await.unwrap();
            }
            writing.data_bytes(&b"\x1b[201~"[..]).await.unwrap();
            healthy.answers().await;
            // S29: what comes behind the end, in no order.
            writing.signal(Sig::INT).await.unwrap();
            writing.eof().await.unwrap();
            let _ = writing.data_bytes(&b"q"[..]).await;
            let _ = writing.signal(Sig::KILL).await;
            let _ = writing.close().await;
            let _ = writing.eof().await;
        };
        flooding.await;
        draining.abort_all();
        while draining.join_next().await.is_some() {}
        println!("a terminal of ever other sizes was sent {} KiB", drained.load(Ordering::Relaxed) / 1_024);
        let again = handle.channel_open_session().await.unwrap();
        again.exec(true, "runs list").await.unwrap();
        healthy.answers().await;
        drop((handle, again));
    });
    siege.stands();
}

#[test]
fn s27_real_ten_thousand_half_open_connections_keep_nobody_out() {
    let Some(siege) = Siege::lay() else { return };
    let count = if deep() { 10_000 } else { 1_000 };
    let (held, desk) = siege.runtime.block_on(async {
        let mut healthy = Desk::at(&siege).await;
        let mut held = Vec::new();
        for nr in 0..count {
            // Of each source a few.
            let source = Ipv4Addr::from_bits(0x7f02_0001 + nr % 2_500);
            held.extend(connect(source, siege.served.port).await.ok());
            if nr % 500 == 0 {
                healthy.answers().await;
            }
        }
        healthy.answers().await;
        (held, healthy)
    });
    assert!(held.len() > usize::try_from(count).unwrap() * 9 / 10, "{}", held.len());
    let files = siege.files();
    assert!(files < siege.before_files + 100, "most are closed at once: {files}");
    // From where somebody is in already more come in, however many strangers knock.
    siege.serves();
    drop((held, desk));
    siege.stands();
}

/// A stream that breaks off after so many bytes sent.
struct Breaking {
    stream: TcpStream,
    left: usize,
}

impl AsyncRead for Breaking {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Breaking {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let some = &bytes[..bytes.len().min(self.left)];
        if some.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, some);
        if let Poll::Ready(Ok(count)) = &written {
            self.left -= count;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// From the first byte to a console: as far as it comes.
async fn to_a_console(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    key: Arc<PrivateKey>,
) -> Option<()> {
    let mut handle = client::connect_stream(Arc::new(client::Config::default()), stream, Trusting).await.ok()?;
    let key = PrivateKeyWithHashAlg::new(key, None);
    handle.authenticate_publickey("ada", key).await.ok()?.success().then_some(())?;
    let mut channel = handle.channel_open_session().await.ok()?;
    channel.request_pty(false, "xterm-256color", 120, 40, 0, 0, &[]).await.ok()?;
    channel.exec(false, "attach").await.ok()?;
    channel.wait().await?;
    channel.data_bytes(&b"?"[..]).await.ok()?;
    channel.wait().await.map(|_| ())
}

#[test]
fn s28_real_a_peer_that_breaks_off_at_any_byte_leaves_nothing_behind() {
    let Some(siege) = Siege::lay() else { return };
    // A whole sign-in with a console behind it takes some 4 KiB.
    let every = if deep() { 7 } else { 97 };
    siege.runtime.block_on(async {
        for points in (1..5_000).step_by(every).collect::<Vec<_>>().chunks(8) {
            let mut all = JoinSet::new();
            for left in points.iter().copied() {
                let stream = Breaking { stream: siege.from(fresh_source()).await, left };
                let key = Arc::clone(&siege.ada);
                all.spawn(async move { tokio::time::timeout(SOON, to_a_console(stream, key)).await });
            }
            all.join_all().await;
        }
    });
    siege.stands();
    let listed = siege.served.json(&siege.served.grace, "grace", &["sessions", "list"]);
    assert_eq!(listed["rows"].as_array().unwrap().len(), 1, "{listed:#}");
}

/// Somebody with good manners at a console.
struct Desk {
    _handle: client::Handle<Trusting>,
    channel: Channel<client::Msg>,
    screen: vt100::Parser,
    helps: bool,
    took: Vec<Duration>,
}

impl Desk {
    async fn at(siege: &Siege) -> Desk {
        let handle = siege.ada().await;
        let channel = handle.channel_open_session().await.unwrap();
        channel.set_env(false, "LANG", "C.UTF-8").await.unwrap();
        channel.request_pty(false, "xterm-256color", 80, 24, 0, 0, &[]).await.unwrap();
        channel.exec(false, "attach").await.unwrap();
        let screen = vt100::Parser::new(24.try_into().unwrap(), 80.try_into().unwrap(), 0);
        let mut desk = Desk { _handle: handle, channel, screen, helps: false, took: Vec::new() };
        desk.sees(|screen| screen.contains("Home")).await;
        desk
    }

    async fn sees(&mut self, wanted: impl Fn(&str) -> bool) {
        let watching = async {
            while !wanted(&self.screen.screen().contents()) {
                match self.channel.wait().await {
                    Some(ChannelMsg::Data { data }) => self.screen.process(&data),
                    Some(_) => {}
                    None => panic!("the console ended"),
                }
            }
        };
        let seen = tokio::time::timeout(SOON, watching).await.is_ok();
        assert!(seen, "never seen; the screen:\n{}", self.screen.screen().contents());
    }

    /// A key is answered by a frame.
    async fn answers(&mut self) {
        let begun = now();
        self.helps = !self.helps;
        let (key, opens) = if self.helps { ("?", true) } else { ("q", false) };
        self.channel.data_bytes(key.as_bytes().to_vec()).await.unwrap();
        self.sees(|screen| screen.contains("keys: ") == opens).await;
        self.took.push(begun.elapsed());
    }
}

/// Whether a request is granted: a channel that is over by then grants nothing.
async fn granted(channel: &mut Channel<client::Msg>) -> bool {
    let waiting = async {
        loop {
            match channel.wait().await {
                Some(ChannelMsg::Success) => return true,
                Some(ChannelMsg::Failure) | None => return false,
                Some(_) => {}
            }
        }
    };
    tokio::time::timeout(SOON, waiting).await.expect("an answer")
}

/// One kind of attacker: does its worst once, then again.
fn again_and_again<F: Future<Output = ()> + Send + 'static>(
    all: &mut JoinSet<()>,
    over: &Arc<AtomicBool>,
    pause: Duration,
    attack: impl Fn() -> F + Send + 'static,
) {
    let over = Arc::clone(over);
    all.spawn(async move {
        while !over.load(Ordering::Relaxed) {
            // Whatever comes of it.
            let _ = tokio::time::timeout(Duration::from_secs(8), attack()).await;
            tokio::time::sleep(pause).await;
        }
    });
}

#[test]
fn s30_real_under_all_of_it_at_once_a_key_is_answered_and_memory_is_bounded() {
    let Some(siege) = Siege::lay() else { return };
    let (time, handshakes_per_second) =
        if deep() { (Duration::from_secs(30), 200) } else { (Duration::from_secs(4), 50) };
    let port = siege.served.port;
    let (over, knocked, most) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
    let took = siege.runtime.block_on(async {
        let mut healthy = Desk::at(&siege).await;
        let stuck = siege.ada().await;
        let unread = stuck.channel_open_session().await.unwrap();
        unread.request_pty(false, "xterm-256color", 500, 200, 0, 0, &[]).await.unwrap();
        unread.exec(false, "attach").await.unwrap();
        let mut all = JoinSet::new();
        let raw = move |bytes: Vec<u8>| async move {
            if let Ok(mut stream) = connect(fresh_source(), port).await {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
        };
        let soon = Duration::from_millis(20);
        again_and_again(&mut all, &over, soon, move || raw(Vec::new()));
        again_and_again(&mut all, &over, soon, move || raw([HELLO, &kexinit(PLAIN).repeat(200)].concat()));
        let junk = "x".repeat(60 * 1_024);
        again_and_again(&mut all, &over, soon, move || raw([HELLO, &kexinit([&junk, "", "", "", ""])].concat()));
        again_and_again(&mut all, &over, soon, move || raw(vec![b'x'; 1 << 20]));
        // S30: whole handshakes of strangers, each from elsewhere.
        let strangers = handshakes_per_second / 3;
        for _ in 0..strangers {
            let (stranger, knocked) = (
                Arc::new(PrivateKey::from(russh::keys::ssh_key::private::Ed25519Keypair::from_seed(&[9; 32]))),
                Arc::clone(&knocked),
            );
            again_and_again(
                &mut all,
                &over,
                Duration::from_millis(1_000 * strangers / handshakes_per_second),
                move || {
                    let (stranger, knocked) = (Arc::clone(&stranger), Arc::clone(&knocked));
                    async move {
                        let Ok(stream) = connect(fresh_source(), port).await else { return };
                        let config = Arc::new(client::Config::default());
                        let Ok(mut handle) = client::connect_stream(config, stream, Trusting).await else { return };
                        knocked.fetch_add(1, Ordering::Relaxed);
                        let _ = handle.authenticate_publickey("ada", PrivateKeyWithHashAlg::new(stranger, None)).await;
                    }
                },
            );
        }
        // Those who are let in: channels, keys exchanged again, sizes, words.
        let ada = Arc::clone(&siege.ada);
        again_and_again(&mut all, &over, soon, move || {
            let ada = Arc::clone(&ada);
            async move {
                let Some(handle) = try_sign_in(&ada, "ada", port).await else { return };
                for _ in 0..50 {
                    let _ = handle.rekey_soon().await;
                    let _ = handle.channel_open_session().await;
                }
            }
        });
        let ada = Arc::clone(&siege.ada);
        again_and_again(&mut all, &over, soon, move || {
            let ada = Arc::clone(&ada);
            async move {
                let Some(handle) = try_sign_in(&ada, "ada", port).await else { return };
                let Ok(channel) = handle.channel_open_session().await else { return };
                let _ = channel.request_pty(false, "xterm", 500, 200, 0, 0, &[]).await;
                let _ = channel.exec(false, "attach").await;
                let (mut reading, writing): (_, ChannelWriteHalf<client::Msg>) = channel.split();
                let flood = async {
                    for nr in 0..2_000_u32 {
                        if writing.window_change(20 + nr % 480, 5 + nr % 195, 0, 0).await.is_err() {
                            break;
                        }
                    }
                };
                let drain = async { while reading.wait().await.is_some() {} };
                tokio::select! { () = flood => {}, () = drain => {} }
            }
        });
        let begun = now();
        while begun.elapsed() < time {
            healthy.answers().await;
            most.fetch_max(usize::try_from(siege.kib()).unwrap(), Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        over.store(true, Ordering::Relaxed);
        drop((unread, stuck));
        all.abort_all();
        while all.join_next().await.is_some() {}
        let mut took = std::mem::take(&mut healthy.took);
        took.sort_unstable();
        took
    });
    let at = |hundredths: usize| took[(took.len() * hundredths / 100).min(took.len() - 1)];
    let grown = u64::try_from(most.load(Ordering::Relaxed)).unwrap().saturating_sub(siege.before_kib);
    println!(
        "under siege: {} keys, half answered within {:?}, 99 of 100 within {:?}, all within {:?} (goal {KEY_GOAL:?}); {} whole \
         handshakes of strangers in {time:?}; {grown} KiB more at most",
        took.len(),
        at(50),
        at(99),
        at(100),
        knocked.load(Ordering::Relaxed),
    );
    assert!(grown <= SIEGE_KIB_MAX, "{grown} KiB more than before");
    assert!(!deep() || at(99) <= KEY_GOAL * KEY_LENIENT, "{:?}", at(99));
    siege.stands();
    siege.served.product.verifies();
}
