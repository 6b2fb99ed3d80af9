//! What the executor's tests share: orders, an executor over given means, and what came out of carrying one out.

use crate::domain::algorithms::Algorithms;
use crate::domain::id::{HostIx, RunId, ServerName, Timestamp};
use crate::domain::order::{CellResult, Delivery, Job, Order, OrderKey, OrderLimits, Outcome, Purpose, Stream, Under};
use crate::domain::plan::{PinnedSecret, PlannedHost};
use crate::domain::policy::Cleared;
use crate::domain::run::{Item, Slot};
use crate::domain::runbook::{Expect, Interpreter};
use crate::domain::workspace::{Reach, Trust};
use crate::executor::{Chunk, Executor, LocalPlace, Resolve, Settings, Tcp};
use crate::secrets::{Resolved, Sealed, SecretError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// A script order's parts, to be changed at will.
pub fn delivery(interpreter: Interpreter, text: &str) -> Delivery {
    Delivery {
        interpreter,
        variables: Vec::new(),
        secrets: Vec::new(),
        text: text.to_owned(),
        becomes: None,
        pty: false,
        expect: None,
        elsewhere: false,
    }
}

/// An order with generous limits.
pub fn order(host: PlannedHost, job: Job) -> Order {
    Order {
        key: OrderKey { run: RunId(7), slot: Slot { item: Item::Step(0), host: Some(HostIx(0)) }, attempt: 1 },
        purpose: Purpose::Step,
        host,
        under: Under::Server,
        jumps: Vec::new(),
        job,
        withhold: false,
        publishes: Vec::new(),
        lacks: Vec::new(),
        limits: OrderLimits { connect_ms: 15_000, idle_ms: 60_000, step_ms: 60_000 },
    }
}

/// A script with `sh`.
pub fn sh(host: &PlannedHost, text: &str) -> Order {
    order(host.clone(), Job::Script(delivery(Interpreter::Sh, text)))
}

/// A script with `bash`.
pub fn bash(host: &PlannedHost, text: &str) -> Order {
    order(host.clone(), Job::Script(delivery(Interpreter::Bash, text)))
}

/// A check with `sh`.
pub fn check(host: &PlannedHost, text: &str, expect: Expect) -> Order {
    let delivery = Delivery { expect: Some(expect), ..delivery(Interpreter::Sh, text) };
    order(host.clone(), Job::Script(delivery))
}

/// Changes an order's delivery.
pub fn with(mut order: Order, change: impl FnOnce(&mut Delivery)) -> Order {
    if let Job::Script(delivery) = &mut order.job {
        change(delivery);
    }
    order
}

/// This machine as a host.
pub fn here() -> PlannedHost {
    PlannedHost { name: ServerName::new("bastion"), reach: Reach::Local }
}

/// A host over SSH.
pub fn host(name: &str, address: &str, port: u16, user: &str, trust: Trust) -> PlannedHost {
    let reach = Reach::Ssh {
        address: address.to_owned(),
        port,
        user: user.to_owned(),
        key: None,
        jump: None,
        trust,
        algorithms: Algorithms::Modern,
    };
    PlannedHost { name: ServerName::new(name), reach }
}

/// A reference to a secret of these tests.
pub fn pinned(name: &str) -> PinnedSecret {
    PinnedSecret { name: name.to_owned(), reference: format!("prompt:{name}"), version: None, vault: None }
}

/// Gives out these values.
pub fn secrets(values: &[(&str, &str)]) -> Resolve {
    let values: BTreeMap<String, String> =
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Arc::new(move |_, wanted: PinnedSecret| {
        let given = match values.get(&wanted.name) {
            Some(value) => match Sealed::new(value.clone().into_bytes()) {
                Ok(value) => Ok(Resolved { value: Arc::new(value), version: None }),
                Err(why) => Err(SecretError::Value { name: wanted.name, why }),
            },
            None => Err(SecretError::NotAnswered { name: wanted.name }),
        };
        Box::pin(std::future::ready(given))
    })
}

/// Settings without keys or hosts.
pub fn settings() -> Settings {
    Settings {
        keys: Vec::new(),
        named_keys: PathBuf::new(),
        known_hosts: Vec::new(),
        agent: None,
        dial: Arc::new(Tcp),
        now: Arc::new(|| Timestamp(1_764_000_000_000)),
        local: LocalPlace { home: PathBuf::from("/"), lang: "C.UTF-8".to_owned() },
    }
}

/// What came of an order.
pub struct Came {
    pub outcome: Outcome,
    pub out: String,
    pub err: String,
    pub notes: String,
    pub group: Option<u32>,
}

impl Came {
    pub fn result(&self) -> &CellResult {
        &self.outcome.result
    }
}

/// Carries out an order to its end, taking output as it comes.
pub async fn carry(executor: &Executor, order: Order) -> Came {
    carry_until(executor, order, CancellationToken::new(), |_| {}).await
}

/// As [`carry`]; shows each chunk to `seen`.
pub async fn carry_until(
    executor: &Executor,
    order: Order,
    cancel: CancellationToken,
    mut seen: impl FnMut(&Chunk),
) -> Came {
    let (to, mut from) = mpsc::channel::<Chunk>(8);
    let (started, group) = oneshot::channel();
    let (mut out, mut err, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    let take = async {
        while let Some(chunk) = from.recv().await {
            assert!(!chunk.bytes.is_empty(), "an empty chunk");
            seen(&chunk);
            match chunk.stream {
                Stream::Out => out.extend_from_slice(&chunk.bytes),
                Stream::Err => err.extend_from_slice(&chunk.bytes),
                Stream::Note => {
                    notes.extend_from_slice(format!("{}\n", String::from_utf8_lossy(&chunk.bytes)).as_bytes())
                }
            }
        }
    };
    let (outcome, ()) = tokio::join!(executor.carry_out(Cleared::for_test(order), to, started, cancel), take);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Came { outcome, out: text(&out), err: text(&err), notes: text(&notes), group: group.await.ok() }
}

/// The text of a file.
pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
