//! A crowd of people who watch one run over SSH, each with a terminal of its own: what their screens show, how old it is, and what
//! they cost the server, which is another process. A bench and a test take it in.

#![allow(
    dead_code,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a measurement reads the clock, and may stop at the first surprise; each user takes its own part"
)]

pub mod screen;

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use russh::client::{self, Handler};
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg};
use screen::Screen;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::real::product::runbook;
use super::real::{Fleet, Served};

/// The terminals.
pub const COLUMNS: u16 = 120;
pub const ROWS: u16 = 40;

/// People the crowd consists of; each has several terminals.
const PEOPLE: usize = 100;

/// So many sign in at once: as many as a server lets one source.
const SIGNING_IN: usize = 4;

/// Times somebody knocks.
const KNOCKS_MAX: usize = 40;

/// How often it is looked how old the screens are.
const LOOK: Duration = Duration::from_millis(25);

/// Ages are counted by milliseconds; what is older counts as this.
const AGE_MS_MAX: usize = 60_000;

/// What the program prints last.
pub const THE_END: &str = "that was the last line";

/// Prints numbered lines with the moment of each, at a steady pace: what it falls behind it makes up for. In the end it writes how
/// long it took into a file.
const PRINTER: &str = r#"
import sys, time
rate, seconds, took = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
begun, sent, out = time.monotonic(), 0, sys.stdout.buffer
while sent < rate * seconds:
    due = min(int((time.monotonic() - begun) * rate), int(rate * seconds))
    now = time.time_ns() // 1000
    if due > sent:
        out.write(b"".join(b"L%09d T%016d GET /v1/orders/%d 200 in %d ms\n" % (n, now, n * 7919, n % 97) for n in range(sent, due)))
        out.flush()
        sent = due
    time.sleep(0.01)
print("@END@", flush=True)
with open(took, "w") as file:
    file.write(str(time.monotonic() - begun))
"#;

/// A server with a crowd's people, and a run that prints.
pub struct Stage {
    pub served: Served,
    keys: Vec<Arc<PrivateKey>>,
}

impl Stage {
    /// On one host, with a runbook `print-SECONDS` for each of these.
    pub fn set(fleet: &Fleet, lines_per_second: u32, seconds: &[u32]) -> Stage {
        let keys: Vec<Arc<PrivateKey>> = (0..PEOPLE).map(key).collect();
        let mut people = String::new();
        for (nr, key) in keys.iter().enumerate() {
            let line = key.public_key().to_openssh().unwrap();
            write!(people, "\n[[person]]\nid = \"{}\"\nname = \"Viewer {nr}\"\nkeys = [\"{line}\"]\n", name(nr))
                .unwrap();
        }
        let members: String = (0..PEOPLE).map(|nr| format!("{} = [\"reviewer\"]\n", name(nr))).collect();
        let texts: Vec<(String, String)> = seconds
            .iter()
            .map(|seconds| {
                let id = format!("print-{seconds}");
                let run = format!("python3 \"@DIR@/printer.py\" {lines_per_second} {seconds} \"@DIR@/took-{seconds}\"");
                let step = format!(
                    "[[step]]\nid = \"print\"\ntitle = \"Print\"\nrun = '{run}'\neffect = \"read\"\ntimeout = \"10m\"\n\
                     [[verify]]\nid = \"v\"\ntitle = \"v\"\nrun = 'true'\neffect = \"read\"\n"
                );
                let text = runbook(&id, &step);
                (id, text)
            })
            .collect();
        let texts: Vec<(&str, &str)> = texts.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
        let served = Served::prepared(fleet, &texts, "connections = 2000\n", |product| {
            let dir = product.at("").display().to_string();
            fs::write(product.at("printer.py"), PRINTER.replace("@END@", THE_END)).unwrap();
            for (id, text) in &texts {
                let path = product.at(&format!("site/runbooks/{id}.toml"));
                fs::write(path, text.replace("@DIR@/", &dir)).unwrap();
            }
            let append = |file: &str, after: &str, more: &str| {
                let path = product.at(file);
                let text = fs::read_to_string(&path).unwrap();
                fs::write(path, text.replace(after, &format!("{after}{more}"))).unwrap();
            };
            let file = product.at("site/people.toml");
            fs::write(&file, fs::read_to_string(&file).unwrap() + &people).unwrap();
            append("site/workspaces/lab.toml", "[members]\n", &members);
        });
        Stage { served, keys }
    }

    /// Runs the runbook that prints for so long, while `watching` goes on; what that gave, and how long printing took.
    pub fn print<T>(&self, seconds: u32, watching: impl FnOnce(u64) -> T) -> (T, Duration) {
        let product = &self.served.product;
        let id = product.start(&format!("print-{seconds}"));
        product.until_phase(id, &["running", "verifying", "ended"]);
        let watched = watching(id);
        let run = product.until_phase(id, &["ended"]);
        assert_eq!(run["ending"], "succeeded", "{run:#}");
        let took = fs::read_to_string(product.at(&format!("took-{seconds}"))).unwrap();
        (watched, Duration::from_secs_f64(took.trim().parse().unwrap()))
    }

    /// Resident memory of the server, in KiB.
    pub fn server_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// The server's process.
    pub fn server(&self) -> u32 {
        u32::try_from(self.served.product.server().unwrap().as_raw_nonzero().get()).unwrap()
    }
}

/// How many watch, unless the environment says otherwise.
pub fn viewers(usual: usize) -> usize {
    std::env::var("QUARTERDECK_VIEWERS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn name(nr: usize) -> String {
    format!("v{nr:03}")
}

fn key(nr: usize) -> Arc<PrivateKey> {
    let mut seed = [0x5e; 32];
    seed[..8].copy_from_slice(&(nr as u64).to_be_bytes());
    Arc::new(PrivateKey::from(Ed25519Keypair::from_seed(&seed)))
}

/// What somebody sees.
#[derive(Default)]
struct Seen {
    /// When the newest line on the screen was printed, in microseconds; 0: there is none.
    newest: AtomicU64,
    frames: AtomicU64,
    bytes: AtomicU64,
    /// Whether the last line was on the screen.
    end: AtomicUsize,
}

/// Everybody who watches.
pub struct Crowd {
    seen: Vec<Arc<Seen>>,
    tasks: JoinSet<()>,
    /// Connections that nobody reads from.
    stuck: Vec<(client::Handle<Trusting>, Channel<client::Msg>)>,
}

/// What was seen.
#[derive(Debug)]
pub struct Ages {
    by_ms: Vec<u64>,
    pub frames_per_second: f64,
    pub kib_per_second: f64,
}

impl Ages {
    /// The age that so many thousandths of the looks at a screen do not exceed.
    pub fn thousandths_ms(&self, thousandths: u64) -> usize {
        let all: u64 = self.by_ms.iter().sum();
        let mut left = all * thousandths / 1_000;
        for (ms, count) in self.by_ms.iter().enumerate() {
            if *count > left {
                return ms;
            }
            left -= count;
        }
        AGE_MS_MAX
    }
}

impl Crowd {
    /// So many sign in and look at a run; `stuck` more do, and read nothing from then on.
    pub async fn gather(stage: &Stage, run: u64, viewers: usize, stuck: usize) -> Crowd {
        let doors = Arc::new(Semaphore::new(SIGNING_IN));
        let mut crowd = Crowd { seen: Vec::new(), tasks: JoinSet::new(), stuck: Vec::new() };
        for nr in 0..stuck {
            crowd.stuck.push(sit_down(&stage.keys[nr], &name(nr), stage.served.port, run).await);
        }
        for nr in 0..viewers {
            let seen = Arc::new(Seen::default());
            crowd.seen.push(Arc::clone(&seen));
            let (key, doors, port) = (Arc::clone(&stage.keys[nr % PEOPLE]), Arc::clone(&doors), stage.served.port);
            crowd.tasks.spawn(async move {
                let place = doors.acquire_owned().await.unwrap();
                let (_handle, channel) = sit_down(&key, &name(nr % PEOPLE), port, run).await;
                drop(place);
                look(channel, &seen).await;
            });
        }
        crowd
    }

    /// Waits until everybody sees a line.
    pub async fn all_see(&mut self, limit: Duration) {
        self.wait("a line on every screen", limit, |seen| seen.newest.load(Ordering::Relaxed) > 0).await;
    }

    /// Waits until everybody sees the last line.
    pub async fn all_saw_the_end(&mut self, limit: Duration) {
        self.wait("the last line on every screen", limit, |seen| seen.end.load(Ordering::Relaxed) > 0).await;
    }

    async fn wait(&mut self, what: &str, limit: Duration, wanted: impl Fn(&Seen) -> bool) {
        let begun = Instant::now();
        loop {
            let there = self.seen.iter().filter(|seen| wanted(seen)).count();
            if there == self.seen.len() {
                return;
            }
            if let Some(ended) = self.tasks.try_join_next() {
                panic!("somebody left: {ended:?}");
            }
            assert!(begun.elapsed() < limit, "{what}: {there} of {}", self.seen.len());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Looks at all screens for so long.
    pub async fn ages(&self, time: Duration) -> Ages {
        let total =
            |of: fn(&Seen) -> &AtomicU64| self.seen.iter().map(|seen| of(seen).load(Ordering::Relaxed)).sum::<u64>();
        let (frames, bytes, begun) = (total(|seen| &seen.frames), total(|seen| &seen.bytes), Instant::now());
        let mut by_ms = vec![0; AGE_MS_MAX + 1];
        let mut ticks = tokio::time::interval(LOOK);
        while begun.elapsed() < time {
            ticks.tick().await;
            let now = micros();
            for seen in &self.seen {
                let age = now.saturating_sub(seen.newest.load(Ordering::Relaxed)) / 1_000;
                by_ms[usize::try_from(age).unwrap().min(AGE_MS_MAX)] += 1;
            }
        }
        let each = begun.elapsed().as_secs_f64() * self.seen.len() as f64;
        Ages {
            by_ms,
            frames_per_second: (total(|seen| &seen.frames) - frames) as f64 / each,
            kib_per_second: (total(|seen| &seen.bytes) - bytes) as f64 / 1_024.0 / each,
        }
    }
}

fn micros() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

/// A client that trusts everybody.
pub struct Trusting;

impl Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

/// Signs in by a key.
pub async fn sign_in(key: &Arc<PrivateKey>, user: &str, port: u16) -> client::Handle<Trusting> {
    try_sign_in(key, user, port).await.unwrap_or_else(|| panic!("{user} is not let in"))
}

/// The same, for whoever may be turned away.
pub async fn try_sign_in(key: &Arc<PrivateKey>, user: &str, port: u16) -> Option<client::Handle<Trusting>> {
    let config = client::Config { nodelay: true, ..client::Config::default() };
    let mut handle = client::connect(Arc::new(config), ("127.0.0.1", port), Trusting).await.ok()?;
    let key = PrivateKeyWithHashAlg::new(Arc::clone(key), None);
    handle.authenticate_publickey(user, key).await.ok()?.success().then_some(handle)
}

/// Knocks until there is room at the door: a place there is free a moment after its holder was let in.
async fn let_in(key: &Arc<PrivateKey>, user: &str, port: u16) -> client::Handle<Trusting> {
    for _ in 0..KNOCKS_MAX {
        if let Some(handle) = try_sign_in(key, user, port).await {
            return handle;
        }
        tokio::time::sleep(LOOK).await;
    }
    panic!("{user} is not let in");
}

async fn sit_down(
    key: &Arc<PrivateKey>,
    user: &str,
    port: u16,
    run: u64,
) -> (client::Handle<Trusting>, Channel<client::Msg>) {
    let handle = let_in(key, user, port).await;
    let channel = handle.channel_open_session().await.unwrap();
    channel.set_env(false, "LANG", "C.UTF-8").await.unwrap();
    channel.request_pty(false, "xterm-256color", COLUMNS.into(), ROWS.into(), 0, 0, &[]).await.unwrap();
    channel.exec(false, format!("attach {run}")).await.unwrap();
    (handle, channel)
}

async fn look(mut channel: Channel<client::Msg>, seen: &Seen) {
    let mut screen = Screen::new(COLUMNS.into(), ROWS.into());
    while let Some(message) = channel.wait().await {
        let ChannelMsg::Data { data } = message else { continue };
        seen.bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
        screen.feed(&data, |screen| {
            seen.frames.fetch_add(1, Ordering::Relaxed);
            if let Some(newest) = screen.newest_moment() {
                seen.newest.fetch_max(newest, Ordering::Relaxed);
            }
            if screen.shows(THE_END.as_bytes()) {
                seen.end.store(1, Ordering::Relaxed);
            }
        });
    }
}
