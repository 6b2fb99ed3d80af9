//! How soon a person sees something: the first frame after the command, the frame after a key while a run prints 50 000 lines a
//! second, somebody's act while ten thousand runs are open, and what a console costs when nothing happens. The real program, on a
//! terminal of ours, but for the act, which a watcher of the engine's sees. Never a timed test.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark reads the clock, prints, and may stop at the first surprise"
)]

mod common;
#[path = "common/crowd.rs"]
mod crowd;
#[path = "common/ground.rs"]
mod ground;
#[path = "../tests/past/mod.rs"]
mod past;
#[path = "common/pty.rs"]
mod pty;
#[path = "../tests/real/mod.rs"]
mod real;

use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::{alone, machine, note, percentile_ms, used};
use ground::{Ground, HERE};
use pty::Pty;
use quarterdeck::ledger::RealDisk;
use real::until;
use real::wait::SOON;
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_quarterdeck");

/// A terminal as people have it: more cells than 80×24, fewer than a wall.
const COLUMNS: u16 = 160;
const ROWS: u16 = 50;

const COLD_STARTS: usize = 10;
const WARM_STARTS: usize = 20;

/// How long a quiet console is listened to.
const IDLE: Duration = Duration::from_secs(10);

/// What a console writes after it has settled: nothing is due before the header's next minute.
const SETTLE: Duration = Duration::from_secs(2);

/// Runs in the list in which keys move.
const LISTED: usize = 12;

/// A key's frames are all there after so long.
const KEY_SETTLE: Duration = Duration::from_millis(300);

/// Keys pressed while lines arrive, half of them open something and half close it.
const KEYS: usize = 400;

/// Between keys: fast fingers, and no multiple of a frame's distance.
const KEY_GAP: Duration = Duration::from_millis(33);

/// Lines of one burst of the printing run, and how many bursts a second make 50 000 lines of them.
const BURST_LINES: u32 = 1_000;
const LINES_PER_SECOND: f64 = 50_000.0;

fn main() {
    let ground = Ground::new(HERE, Vec::new());
    ground.runbook("flood", &flood());
    let site = Site { ground };
    site.first_frame();
    let server = site.serve();
    site.idle(server.0.id());
    site.bytes_per_key();
    site.key_to_frame();
    site.says(&["serve", "--stop", "--stop"]);
    drop(server);
    crowd::measure();
    machine();
}

/// Prints lines at a steady pace, as fast as a shell can keep it: what it falls behind it makes up for.
fn flood() -> String {
    let every = f64::from(BURST_LINES) / LINES_PER_SECOND;
    format!(
        "line='Nov 24 12:00:00 web-1 api[4711]: GET /v1/orders 200 in 12 ms, request 5f3a9c\n'\n\
         burst=''; n=0; while [ $n -lt {BURST_LINES} ]; do burst=\"$burst$line\"; n=$((n+1)); done\n\
         while :; do printf %s \"$burst\"; sleep {every}; done"
    )
}

/// Ends with the bench, also with one that stops at a surprise.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Site {
    ground: Ground,
}

impl Site {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        let at = |name: &str| self.ground.at(name).display().to_string();
        command.args(words).args(["--site", &at("site"), "--data", &at("data"), "--socket", &at("socket")]);
        command.env_clear().env("HOME", self.ground.at("home")).env("PATH", "/usr/bin:/bin");
        command
    }

    fn says(&self, words: &[&str]) -> Output {
        let output = self.command(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    fn console(&self, words: &[&str]) -> Pty {
        Pty::start(self.command(words), COLUMNS, ROWS)
    }

    /// A server of its own, known by its process.
    fn serve(&self) -> Server {
        let server = self.command(&["serve"]).stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let socket = self.ground.at("socket");
        until("the server to answer", SOON, || UnixStream::connect(&socket).map_err(|error| error.to_string()));
        Server(server)
    }

    /// Ends the server, and waits until its data are free.
    fn stop(&self) {
        self.says(&["serve", "--stop", "--stop"]);
        let data = self.ground.at("data");
        until("the server to be gone", SOON, || match RealDisk::lock(&data, std::process::id()) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        });
    }

    /// From starting the command to the first frame with a screen on it.
    fn one_start(&self) -> Duration {
        let begun = Instant::now();
        let mut console = self.console(&[]);
        let seen = console.until(|screen| screen.contains("Home"));
        console.types("q");
        seen - begun
    }

    fn first_frame(&self) {
        let cold: Vec<Duration> = (0..COLD_STARTS)
            .map(|_| {
                let took = self.one_start();
                self.stop();
                took
            })
            .collect();
        // One that stays, for the others to find.
        self.one_start();
        let warm: Vec<Duration> = (0..WARM_STARTS).map(|_| self.one_start()).collect();
        self.stop();
        alone("first_frame_ms", percentile_ms(&warm, 50), "ms", "100");
        let (warm_worst, cold_half, cold_worst) =
            (percentile_ms(&warm, 100), percentile_ms(&cold, 50), percentile_ms(&cold, 100));
        note(&format!(
            "first frame at a server that runs: at worst {warm_worst:.1} ms; where the command starts the server itself: {cold_half:.1} ms, at worst {cold_worst:.1} ms"
        ));
    }

    fn idle(&self, server: u32) {
        let mut console = self.console(&[]);
        console.until(|screen| screen.contains("Home"));
        console.listen(SETTLE);
        // What the turn of the header's minute writes is not idleness.
        console.listen(to_a_minute_with(IDLE + SETTLE));
        let used = |console: u32| used::cpu(server) + used::cpu(console);
        let (bytes, before) = (console.bytes, used(console.pid()));
        console.listen(IDLE);
        let spent = used(console.pid()) - before;
        alone("idle_bytes", (console.bytes - bytes) as f64, "bytes", "0");
        let share = 100.0 * spent.as_secs_f64() / IDLE.as_secs_f64();
        note(&format!("idle processor of server and console together: {share:.3} % of a core (goal 0.5)"));
        console.types("q");
        console.listen(SETTLE);
    }

    /// What keys cost on a bad link, on a small terminal with 24 bits of colour: moving in a list, which is to take half a second at 9 600
    /// baud, typing in the command line, opening a screen.
    fn bytes_per_key(&self) {
        for _ in 0..LISTED {
            self.says(&["propose", "flood", "--in", "lab", "--purpose", "fix"]);
        }
        let mut console = Pty::start(self.command(&[]), 80, 24);
        console.until(|screen| screen.contains("Home"));
        console.listen(SETTLE);
        let mut pressed = |keys: &[&str]| -> Vec<u64> {
            let cost = |key: &&str| {
                let before = console.bytes;
                console.types(key);
                console.listen(KEY_SETTLE);
                console.bytes - before
            };
            keys.iter().map(cost).collect()
        };
        let opened = pressed(&["3"]);
        let moved = pressed(&["j"; 10]);
        let typed = pressed(&[":", "r", "u", "n", " ", "1"]);
        let entered = pressed(&["\r"]);
        let worst = moved.iter().max().copied().unwrap_or(0);
        alone("bytes_per_key", worst as f64, "bytes", "480");
        note(&format!(
            "bytes at 80 by 24, of which 9 600 baud carries 960 a second: {moved:?} for moving in a list of {LISTED} runs, {typed:?} for \
             typing a command, {opened:?} and {entered:?} for opening a screen"
        ));
        console.types("q");
        console.listen(SETTLE);
    }

    fn key_to_frame(&self) {
        let proposed = self.says(&["propose", "flood", "--in", "lab", "--purpose", "fix", "--json"]);
        let run = number(&proposed.stdout, "run").expect("the run's number").to_string();
        self.phase(&run, "approved");
        self.says(&["start", &run]);
        self.phase(&run, "running");
        let mut console = self.console(&["attach", &run]);
        console.until(|screen| screen.contains("GET /v1/orders"));
        let (lines, begun) = (self.lines(&run), Instant::now());
        let frames = console.bytes;
        let mut times = Vec::with_capacity(KEYS);
        for n in 0..KEYS {
            let (key, opens) = if n % 2 == 0 { ("?", true) } else { ("q", false) };
            console.listen(KEY_GAP);
            let pressed = console.types(key);
            let seen = console.until(|screen| screen.contains("keys: ") == opens);
            times.push(seen.saturating_duration_since(pressed));
        }
        let took = begun.elapsed().as_secs_f64();
        let rate = (self.lines(&run) - lines) as f64 / took;
        alone("key_to_frame_p99_ms", percentile_ms(&times, 99), "ms", "16");
        note(&format!(
            "half of the keys within {:.1} ms, the slowest {:.1} ms, while {rate:.0} lines/s arrived and the console got {:.0} KiB/s",
            percentile_ms(&times, 50),
            percentile_ms(&times, 100),
            (console.bytes - frames) as f64 / 1_024.0 / took,
        ));
        self.says(&["abort", &run, "--reason", "measured"]);
    }

    fn phase(&self, run: &str, wanted: &str) {
        let begun = Instant::now();
        loop {
            let shown: Value = serde_json::from_slice(&self.says(&["runs", "show", run, "--json"]).stdout).unwrap();
            if shown["phase"] == wanted {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "not {wanted}: {shown}");
        }
    }

    /// Lines stored so far.
    fn lines(&self, run: &str) -> u64 {
        let last = self.says(&["runs", "log", run, "--tail", "1", "--json"]).stdout;
        let last = last.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).unwrap_or_default();
        number(last, "number").expect("a line's number")
    }
}

fn number(json: &[u8], name: &str) -> Option<u64> {
    serde_json::from_slice::<Value>(json).ok()?.get(name)?.as_u64()
}

/// How long until so much time is left of the wall's minute: a header that shows the time changes with it.
fn to_a_minute_with(time: Duration) -> Duration {
    let minute = Duration::from_secs(60);
    let past = Duration::from_secs(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() % 60);
    if past + time > minute { minute - past + SETTLE } else { SETTLE }
}
