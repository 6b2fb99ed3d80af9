//! The server killed at many moments of a run, and what is there when it comes back.
//!
//! A run walks three hosts through three steps that leave one line each; a FIFO on a host holds a step, or the last
//! verification, where the test wants it. The server is killed at a named moment. Then everything acknowledged is there,
//! the run is interrupted, each cell is in one state that agrees with the record and with the host's own file, and
//! nothing is run again.

#![cfg(test)]

mod real;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use real::fleet::Host;
use real::process::processes_with;
use real::product::{Follow, Product, RUN, runbook};
use real::wait::{SOON, at_the_moment};
use real::{Fleet, count, until};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

const STEPS: [&str; 3] = ["one", "two", "three"];
const VERIFY: &str = "look";
const HOSTS: usize = 3;

/// Leaves a run has after its start until it stands before the last verification: per cell an intent, a start and an end.
const LEAVES: usize = HOSTS * STEPS.len() * 3;

/// Says that it has begun, waits where there is a gate, leaves its line.
fn walk() -> String {
    let script = |last: &str| {
        format!(
            "effect = \"once\"\nrun = '''\ncd \"$HOME\"\n: >\"begun-$run-$step\"\n\
             [ ! -p \"gate-$step\" ] || read -r _ <\"gate-$step\"\n{last}\n'''\n"
        )
    };
    let step = |name| {
        let head = format!("\n[[step]]\nid = \"{name}\"\ntitle = \"{name}\"\n");
        head + &script("echo \"$run $step\" >>once")
    };
    let verify = script("").replace("\"once\"", "\"read\"");
    let verify = format!("\n[[verify]]\nid = \"{VERIFY}\"\ntitle = \"{VERIFY}\"\n{verify}");
    runbook("walk", &("parallel = 2\nmax_failures = 0\n".to_owned() + &STEPS.map(step).concat() + &verify))
}

/// When the server is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// A step's intent is on the record.
    Intended { host: usize, step: usize },
    /// A step is at work on its host.
    AtWork { host: usize, step: usize },
    /// The run has so many leaves since its start.
    Leaves(usize),
    /// The last verification is at work.
    Verifying,
    /// A person was just told yes, while a step is at work.
    Told { what: &'static [&'static str], host: usize, step: usize },
    /// The run was paused at a step, and what was at work has ended.
    Resting { host: usize, step: usize },
}

impl Moment {
    /// Where a gate is needed.
    fn place(self) -> Option<(usize, usize)> {
        match self {
            Moment::Intended { host, step }
            | Moment::AtWork { host, step }
            | Moment::Told { host, step, .. }
            | Moment::Resting { host, step } => Some((host, step)),
            Moment::Leaves(_) | Moment::Verifying => None,
        }
    }
}

const PAUSE: &[&str] = &["pause", "RUN"];
const CONTINUE: &[&str] = &["continue", "RUN"];
const NOTE: &[&str] = &["note", "RUN", "all well so far"];
const ABORT: &[&str] = &["abort", "RUN", "--after-step", "--reason", "enough"];

/// The n-th of any number of moments: each kind in turn, and every place within it.
fn moment(n: usize) -> Moment {
    let (turn, place) = (n % 4, n / 4);
    let (host, step) = (place % HOSTS, place / HOSTS % STEPS.len());
    match (turn, place % 6) {
        (0, _) => Moment::Intended { host, step },
        (1, _) => Moment::Leaves(1 + place * 7 % LEAVES),
        (2, _) => Moment::AtWork { host, step },
        (_, 0) => Moment::Verifying,
        (_, 1) => Moment::Told { what: PAUSE, host, step },
        (_, 2) => Moment::Resting { host, step },
        (_, 3) => Moment::Told { what: NOTE, host, step },
        (_, 4) => Moment::Told { what: ABORT, host, step },
        (_, _) => Moment::Told { what: CONTINUE, host, step },
    }
}

/// A FIFO that holds whatever step of this name comes to it on this host.
struct Gate {
    path: PathBuf,
}

impl Gate {
    fn shut(host: &Host, name: &str) -> Gate {
        let path = host.home.join(format!("gate-{name}"));
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        Gate { path }
    }

    /// Lets go whatever waits there. Hold what is returned until it has gone.
    fn open(&self) -> File {
        let mut fifo = File::options().read(true).write(true).open(&self.path).unwrap();
        fifo.write_all(b"\n\n").unwrap();
        fifo
    }

    /// The same, and holds nothing any more.
    fn remove(self) -> File {
        let fifo = self.open();
        fs::remove_file(&self.path).unwrap();
        fifo
    }
}

/// What clients were told before the server was killed.
#[derive(Default)]
struct Told {
    /// The indexes of what they did.
    events: Vec<u64>,
    notes: Vec<String>,
    /// Rows of the audit list they were shown.
    rows: BTreeMap<u64, Value>,
}

struct Scene {
    product: Product,
    fleet: Fleet,
}

impl Scene {
    /// Starts a run, meets the moment, kills the server. Returns the run, what clients were told, and the leaves that
    /// lay on the disk then.
    fn kill_at(&self, moment: Moment) -> (u64, Told, Vec<Value>) {
        let mut gates = vec![Gate::shut(self.fleet.host(1), VERIFY)];
        gates.extend(moment.place().map(|(host, step)| Gate::shut(self.fleet.host(host + 1), STEPS[step])));
        let run = self.product.propose("walk");
        self.product.until_phase(run, &["approved"]);
        let follow = self.product.follow();
        let over = AtomicBool::new(false);
        let mut told = Told::default();
        let mut done = Vec::new();
        std::thread::scope(|scope| {
            let visitor = scope.spawn(|| self.visit(run, &over));
            self.product.json("ada", &["start", &run.to_string()]);
            done = self.meet(run, moment, follow, &gates);
            self.product.kill();
            over.store(true, Ordering::Relaxed);
            told = visitor.join().unwrap();
        });
        told.events.extend(done);
        let leaves = self.product.leaves();
        // What still runs on the hosts runs to its end, as it would after any lost connection.
        let gates: Vec<File> = gates.into_iter().map(Gate::remove).collect();
        self.until_quiet();
        drop(gates);
        (run, told, leaves)
    }

    /// Waits for the moment; returns the events that were acknowledged to us on the way.
    fn meet(&self, run: u64, moment: Moment, mut follow: Follow, gates: &[Gate]) -> Vec<u64> {
        let begun = |host: usize, step: &str| {
            let marker = self.fleet.host(host + 1).home.join(format!("begun-{run}-{step}"));
            at_the_moment(&format!("{moment:?}"), RUN, || match marker.exists() {
                true => Ok(()),
                false => Err(format!("{:#}", self.product.run(run))),
            });
        };
        let number = run.to_string();
        let say = |words: &[&str]| {
            let words: Vec<&str> = words.iter().map(|word| if *word == "RUN" { &number } else { *word }).collect();
            self.product.json("ada", &words)["event"].as_u64().unwrap()
        };
        let mut leaves: Vec<Value> = Vec::new();
        match moment {
            Moment::AtWork { host, step } => begun(host, STEPS[step]),
            Moment::Verifying => begun(0, VERIFY),
            Moment::Intended { host, step } => at_the_moment(&format!("{moment:?}"), RUN, || {
                leaves.extend(follow.new_leaves());
                let slot = json!({"item": {"step": step}, "host": host});
                let intended = |leaf: &Value| leaf["kind"] == "intended" && leaf["body"]["slot"] == slot;
                leaves.iter().any(intended).then_some(()).ok_or_else(|| format!("{leaves:?}"))
            }),
            Moment::Leaves(wanted) => at_the_moment(&format!("{moment:?}"), RUN, || {
                leaves.extend(follow.new_leaves());
                let of_run = |leaf: &&Value| leaf["body"]["run"] == run && leaf["kind"] != "noted";
                let since = leaves.iter().filter(of_run).skip_while(|leaf| leaf["kind"] != "run_started");
                (since.count() > wanted).then_some(()).ok_or_else(|| format!("{leaves:?}"))
            }),
            Moment::Told { what, host, step } => {
                begun(host, STEPS[step]);
                let before = if what == CONTINUE { vec![say(PAUSE)] } else { Vec::new() };
                return before.into_iter().chain([say(what)]).collect();
            }
            Moment::Resting { host, step } => {
                begun(host, STEPS[step]);
                let paused = say(PAUSE);
                let _open: Vec<File> = gates.iter().map(Gate::open).collect();
                until("nothing to be at work", RUN, || match recorded(&self.product.leaves(), run).in_flight {
                    none if none.is_empty() => Ok(()),
                    some => Err(format!("{some:?}")),
                });
                return vec![paused];
            }
        }
        Vec::new()
    }

    /// Somebody who writes notes and reads the audit list until the server is gone.
    fn visit(&self, run: u64, over: &AtomicBool) -> Told {
        let mut told = Told::default();
        let number = run.to_string();
        for n in 0.. {
            let text = format!("note {n}");
            let noted = self.product.visits("grace", &["note", &number, &text]);
            if noted.status.success() {
                let event = serde_json::from_slice::<Value>(&noted.stdout).unwrap()["event"].as_u64().unwrap();
                told.events.push(event);
                told.notes.push(text);
            }
            let listed = self.product.visits("grace", &["audit", "list", "--run", &number, "--limit", "20"]);
            if listed.status.success() {
                told.rows.extend(rows(&serde_json::from_slice(&listed.stdout).unwrap()));
            }
            if over.load(Ordering::Relaxed) {
                break;
            }
        }
        told
    }

    /// Waits until no host runs anything any more.
    fn until_quiet(&self) {
        for host in self.fleet.hosts() {
            let home = format!("HOME={}", host.home.display());
            until("the hosts to be quiet", SOON, || match processes_with(&home) {
                left if left.is_empty() => Ok(()),
                left => Err(format!("{left:?}")),
            });
        }
    }

    /// Starts the server, and kills it when it has the data and is about to read it.
    fn kill_at_the_start(&self) {
        let mut server = self.product.command(&["serve"]).stderr(Stdio::null()).spawn().unwrap();
        at_the_moment("the server to own the data", SOON, || match self.product.server() {
            Some(owner) if owner.as_raw_nonzero().get().unsigned_abs() == server.id() => Ok(()),
            other => Err(format!("{other:?}")),
        });
        server.kill().unwrap();
        server.wait().unwrap();
    }

    /// Starts the server again, by a verb, and holds everything against what was there before.
    fn check(&self, run: u64, told: &Told, before: &[Value]) -> Recorded {
        let shown = self.product.run(run);
        assert_eq!((&shown["phase"], &shown["ending"]), (&json!("ended"), &json!("interrupted")), "{shown:#}");
        let after = self.product.leaves();
        assert_eq!(&after[..before.len()], before, "what lay on the disk");
        let since: Vec<&Value> = after[before.len()..].iter().filter(|leaf| leaf["body"]["run"] == run).collect();
        assert!(since.iter().all(|leaf| leaf["kind"] == "run_ended"), "nothing is run again: {since:?}");

        let events: BTreeSet<u64> = before.iter().map(|leaf| leaf["i"].as_u64().unwrap()).collect();
        assert!(told.events.iter().all(|event| events.contains(event)), "{:?} of {}", told.events, events.len());
        let listed = self.product.audit(run);
        for (index, row) in &told.rows {
            assert_eq!(listed.get(index), Some(row), "event {index}");
        }
        let notes: Vec<&str> =
            shown["notes"].as_array().unwrap().iter().map(|note| note["text"].as_str().unwrap()).collect();
        assert!(told.notes.iter().all(|note| notes.contains(&note.as_str())), "{:?} {notes:?}", told.notes);

        let recorded = recorded(before, run);
        self.check_cells(run, &shown, &recorded);
        self.product.verifies();
        recorded
    }

    /// Each cell stands once, in the state the record says, and its host's file agrees.
    fn check_cells(&self, run: u64, shown: &Value, recorded: &Recorded) {
        let mut states: BTreeMap<String, String> = BTreeMap::new();
        for cell in shown["cells"].as_array().unwrap() {
            let host = self.fleet.hosts().iter().position(|host| cell["host"] == host.name).unwrap();
            let item = match cell["kind"].as_str().unwrap() {
                "step" => json!({"step": STEPS.iter().position(|step| cell["step"] == *step).unwrap()}),
                "verify" => json!({"verify": 0}),
                kind => json!(kind),
            };
            let (state, reason) = (cell["state"].as_str().unwrap(), cell["reason"].as_str().unwrap_or_default());
            let known = states.insert(json!({"item": item, "host": host}).to_string(), format!("{state} {reason}"));
            assert_eq!(known, None, "one state each: {cell}");
        }
        let ended = recorded.ended.iter().map(|(slot, result)| (slot.clone(), format!("{result} ")));
        let lost = recorded.in_flight.iter().map(|slot| (slot.clone(), "unknown interrupted".to_owned()));
        assert_eq!(states, ended.chain(lost).collect(), "{shown:#}");

        for (number, host) in self.fleet.hosts().iter().enumerate() {
            let once = host.file("once");
            for (step, name) in STEPS.iter().enumerate() {
                let lines = once.lines().filter(|line| *line == format!("{run} {name}")).count();
                let slot = json!({"item": {"step": step}, "host": number}).to_string();
                let fits = match states.get(&slot).map(String::as_str) {
                    None => lines == 0,
                    Some("ok ") => lines == 1,
                    Some("unknown interrupted") => lines <= 1,
                    Some(_) => false,
                };
                assert!(fits, "{lines} lines of {name} on {}: {:?}", host.name, states.get(&slot));
            }
        }
    }
}

fn rows(page: &Value) -> BTreeMap<u64, Value> {
    let rows = page["rows"].as_array().unwrap().iter();
    rows.map(|row| (row["index"].as_u64().unwrap(), row.clone())).collect()
}

#[test]
fn real_server_killed_at_many_moments_loses_nothing_it_acknowledged() {
    let Some(fleet) = Fleet::plan(HOSTS).start() else { return };
    let product = Product::new(&fleet, &[("walk", &walk())]);
    let scene = Scene { product, fleet };
    let moments = count(12, 100);
    let (mut between, mut notes, mut acknowledged, mut leaves) = (0, 0, 0, 0);
    let mut runs = Vec::new();
    for n in 0..moments {
        let moment = moment(n);
        println!("moment {n}: {moment:?}");
        let (run, told, before) = scene.kill_at(moment);
        if n % 5 == 4 {
            scene.kill_at_the_start();
        }
        let recorded = scene.check(run, &told, &before);
        between += usize::from(!recorded.in_flight.is_empty());
        notes += told.notes.len();
        acknowledged += told.events.len() + told.rows.len();
        leaves = before.len();
        // An interrupted run is not stuck: it takes a note, an outcome, a reviewer's word.
        let number = run.to_string();
        scene.product.json("grace", &["note", &number, "the server was killed"]);
        scene.product.json("ada", &["close", &number, "--note", "hosts looked at by hand"]);
        if n % 2 == 0 {
            scene.product.json("lea", &["review", &number, "--comment", "seen"]);
        }
        runs.push((run, recorded));
    }
    // Much later, still: nothing was run again.
    for (run, recorded) in &runs {
        scene.check_cells(*run, &scene.product.run(*run), recorded);
    }
    println!(
        "killed at {moments} moments, {between} of them between intent and outcome; {acknowledged} acknowledgements and \
         {leaves} leaves are all there"
    );
    assert!(between * 100 >= moments * 30, "{between} of {moments}");
    assert!(notes > moments, "somebody was writing notes all the while: {notes}");
}

/// The cells in flight and the ended ones with their results, by host and item, from the leaves of one run.
#[derive(Debug, Default)]
struct Recorded {
    in_flight: BTreeSet<String>,
    ended: BTreeMap<String, String>,
}

fn recorded(leaves: &[Value], run: u64) -> Recorded {
    let mut found = Recorded::default();
    for leaf in leaves.iter().filter(|leaf| leaf["body"]["run"] == run) {
        let slot = leaf["body"]["slot"].to_string();
        match leaf["kind"].as_str().unwrap() {
            "round_began" => found = Recorded::default(),
            "intended" => assert!(found.in_flight.insert(slot), "intended twice: {leaf}"),
            "ended" => {
                assert!(found.in_flight.remove(&slot), "ended and not intended: {leaf}");
                let result = leaf["body"]["result"].clone();
                found.ended.insert(slot, result.as_str().map_or_else(|| result.to_string(), str::to_owned));
            }
            _ => {}
        }
    }
    found
}

#[test]
fn the_record_of_cells_is_read_from_leaves() {
    let leaf = |kind: &str, host: u32, more: Value| {
        let mut body = json!({"run": 7, "slot": {"item": {"step": 0}, "host": host}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"kind": kind, "body": body})
    };
    let leaves = [
        leaf("intended", 0, json!({})),
        leaf("intended", 1, json!({})),
        leaf("started", 0, json!({})),
        leaf("ended", 0, json!({"result": "ok"})),
    ];
    let found = recorded(&leaves, 7);
    assert_eq!(found.ended.values().collect::<Vec<_>>(), ["ok"]);
    assert_eq!(found.in_flight.len(), 1);
    assert!(recorded(&leaves, 8).ended.is_empty());
}
