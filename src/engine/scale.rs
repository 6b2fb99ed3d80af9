//! A run on very many hosts inside this process, through the whole engine: every line of every host is stored once, also where the
//! disk keeps everybody waiting in between.

use super::Settings;
use super::open::open_on;
use super::tests::{start_one, until, verified};
use crate::domain::order::Stream;
use crate::domain::query::{Fetch, Fetched, LogFrom, LogQuery};
use crate::domain::run::{CellState, Ending, Item, Phase};
use crate::domain::{PersonId, RunId};
use crate::engine::Handle;
use crate::executor::tests::fake::{Does, Ways, crowd};
use crate::executor::{self, LocalPlace};
use crate::ledger::RealDisk;
use crate::ledger::disk::{Disk, DiskError, FileId, Mode};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// How much of it is tried.
struct Size {
    hosts: usize,
    parallel: usize,
    lines: usize,
    stall: Duration,
}

/// What a run of the suite has time for, and what `tests/run --deep` tries.
#[expect(clippy::disallowed_methods, reason = "the test runner says so by the environment")]
fn size() -> Size {
    match std::env::var_os("QUARTERDECK_DEEP") {
        None => Size { hosts: 200, parallel: 64, lines: 300, stall: Duration::from_secs(1) },
        Some(_) => Size { hosts: 2_000, parallel: 256, lines: 1_000, stall: Duration::from_secs(5) },
    }
}

/// A disk that lets everybody wait once, in the middle of what is written to transcripts.
#[derive(Debug)]
struct Stalling {
    disk: RealDisk,
    stall: Duration,
    appends: AtomicUsize,
    transcripts: std::sync::Mutex<Vec<FileId>>,
}

/// By then hosts are printing.
const STALLS_AT: usize = 40;

impl Disk for Stalling {
    fn open(&self, path: &str, mode: Mode) -> Result<FileId, DiskError> {
        let file = self.disk.open(path, mode)?;
        if path.starts_with("transcripts/") {
            self.transcripts.lock().unwrap().push(file);
        }
        Ok(file)
    }

    fn append(&self, file: FileId, bytes: &[u8]) -> Result<(), DiskError> {
        let here = self.transcripts.lock().unwrap().contains(&file);
        if here && self.appends.fetch_add(1, SeqCst) == STALLS_AT {
            // Nothing ever comes this way.
            let (_kept, nothing) = std::sync::mpsc::sync_channel::<()>(1);
            let _timed_out = nothing.recv_timeout(self.stall);
        }
        self.disk.append(file, bytes)
    }

    fn close(&self, file: FileId) {
        self.transcripts.lock().unwrap().retain(|other| *other != file);
        self.disk.close(file);
    }

    fn len(&self, file: FileId) -> Result<u64, DiskError> {
        self.disk.len(file)
    }

    fn read_at(&self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        self.disk.read_at(file, offset, into)
    }

    fn overwrite(&self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.disk.overwrite(file, offset, bytes)
    }

    fn sync_data(&self, file: FileId) -> Result<(), DiskError> {
        self.disk.sync_data(file)
    }

    fn truncate(&self, file: FileId, len: u64) -> Result<(), DiskError> {
        self.disk.truncate(file, len)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &str) -> Result<(), DiskError> {
        self.disk.remove(path)
    }

    fn create_dir(&self, path: &str) -> Result<(), DiskError> {
        self.disk.create_dir(path)
    }

    fn sync_dir(&self, path: &str) -> Result<(), DiskError> {
        self.disk.sync_dir(path)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, DiskError> {
        self.disk.list(path)
    }
}

/// A site of these hosts, with one runbook of one step for all of them at once.
fn site(dir: &Path, size: &Size, host_key: &str) {
    let base = super::tests::Site::new("true");
    let read = |name: &str| std::fs::read_to_string(base.path().join("site").join(name)).unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.join("site").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    for name in ["quarterdeck.toml", "people.toml"] {
        write(name, &read(name));
    }
    let server = |nth: usize| {
        format!(
            "[[server]]\nname = \"h{nth:04}\"\naddress = \"h{nth:04}.invalid\"\nuser = \"ops\"\ngroups = [\"lab\"]\nhost_key = \"{host_key}\"\n"
        )
    };
    let servers: String = (0..size.hosts).map(server).collect();
    let here = "[[server]]\nname = \"here\"\nlocal = true\ngroups = [\"lab\"]\n";
    write("workspaces/lab.toml", &read("workspaces/lab.toml").replace(here, &servers));
    let runbook = read("runbooks/touch.toml").replace("parallel = 1", &format!("parallel = {}", size.parallel));
    let (from, to) = (runbook.find("[[preflight]]").unwrap(), runbook.find("[[step]]").unwrap());
    write("runbooks/touch.toml", &format!("{}{}", &runbook[..from], &runbook[to..]));
}

/// How many lines each host printed: each the one that comes next.
async fn printed(handle: &Handle, run: RunId) -> BTreeMap<String, usize> {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    let mut from = 0;
    loop {
        let query = LogQuery {
            run,
            host: None,
            item: Some(Item::Step(0)),
            stream: Some(Stream::Out),
            matching: None,
            from: LogFrom::Line(from),
            count: 1_000,
        };
        let Fetched::Log(page) = handle.fetch(&PersonId::new("ada"), Fetch::Log(query)).await else { panic!("no log") };
        assert_eq!(page.amiss, None);
        if page.lines.is_empty() {
            assert_eq!(from, page.total);
            return found;
        }
        from += page.lines.len() as u64;
        for line in page.lines {
            let count = found.entry(line.host.clone()).or_default();
            let next = if *count == 0 { "began".to_owned() } else { format!("line {}", *count - 1) };
            assert_eq!(String::from_utf8_lossy(&line.bytes), next, "of {}", line.host);
            *count += 1;
        }
    }
}

/// The most memory this process ever had, in KiB (proc(5)).
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_of_very_many_hosts_is_missing_or_doubled_where_the_disk_stalls() {
    let size = size();
    let dir = tempfile::tempdir().unwrap();
    let (dial, client, host_key) = crowd(Ways { does: Does::Counts(size.lines), ..Ways::default() }, dir.path());
    site(dir.path(), &size, &host_key);
    std::fs::create_dir_all(dir.path().join("home")).unwrap();
    let executor = executor::Settings {
        keys: vec![client],
        named_keys: std::path::PathBuf::new(),
        known_hosts: Vec::new(),
        agent: None,
        dial,
        now: Arc::new(super::clock::wall),
        local: LocalPlace { home: dir.path().join("home"), lang: "C.UTF-8".to_owned() },
    };
    let settings = Settings { site: dir.path().join("site"), data: dir.path().join("data"), executor };
    let before = peak_kib();
    let stall = size.stall;
    let stalling = move |disk| -> Arc<dyn Disk> {
        Arc::new(Stalling { disk, stall, appends: AtomicUsize::new(0), transcripts: Default::default() })
    };
    let (handle, engine) = open_on(settings, stalling).await.unwrap();
    let id = start_one(&handle).await;
    let run = until(&handle, id, |run| run.phase.ending().is_some()).await;
    assert_eq!(run.phase, Phase::Ended(Ending::Succeeded));
    let steps = run.cells.iter().filter(|(slot, _)| slot.item == Item::Step(0));
    assert!(steps.clone().all(|(_, cell)| cell.state == CellState::Ok && cell.attempt == 1));
    assert_eq!(steps.count(), size.hosts);
    let peak = peak_kib();
    let found = printed(&handle, id).await;
    assert_eq!(found.len(), size.hosts);
    assert!(found.values().all(|lines| *lines == size.lines + 1), "{found:?}");
    println!(
        "{} hosts, {} at once, {} lines stored; peak memory {} MiB with the hosts themselves, {} KiB a host more than before",
        size.hosts,
        size.parallel,
        found.values().sum::<usize>(),
        peak / 1024,
        (peak - before) / size.hosts as u64
    );
    handle.shut_down().await;
    engine.ended().await;
    let verdict = verified(&dir.path().join("data"));
    assert_eq!((verdict.exit_code(), verdict.transcripts_missing), (0, 0), "{verdict}");
}
