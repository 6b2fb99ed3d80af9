//! Opens a data directory: lock, ledger, views, site; says that the server has started; and sets everything to work.

use super::clock::{self, Clock};
use super::core::{Core, Happened, Past, ReplayError, Reply, Request};
use super::fetch::{Library, Shelf};
use super::handle::{Handle, REQUESTS_WAITING_MAX};
use super::notify::Teller;
use super::reconcile::Reconciler;
use super::recorder::Recorder;
use super::reload::{Reload, ReloadError};
use super::shell;
use super::tally::Tally;
use super::vault::Vault;
use crate::domain::serving::{self, Serving};
use crate::domain::{Ask, Digest, Refusal, Rule, World};
use crate::executor::{self, Executor};
use crate::ledger::transcript::{TranscriptError, Transcripts};
use crate::ledger::{Disk, Ledger, LedgerError, OpenDirError, OsEntropy, RESERVE_BYTES, RealDisk};
use crate::secrets::Factors;
use crate::site::Diagnostic;
use crate::store::{Store, StoreError};
use futures::future::BoxFuture;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Room the views need to be made at all.
const VIEWS_BYTES_MIN: u64 = 4 * 1024 * 1024;

/// Events handed to views that lag behind at once: a run's row is then written once for many of its events.
const CATCH_UP_EVENTS: usize = 1_024;

/// What the engine is given.
pub struct Settings {
    /// The site's directory.
    pub site: PathBuf,
    /// The data directory.
    pub data: PathBuf,
    /// Key files, known_hosts and agent the executor uses, and how it reaches hosts.
    pub executor: executor::Settings,
}

/// Whether a server hands itself over to the one that opens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heir {
    /// What ran before it is interrupted.
    No,
    /// Where the record says so too, runs go on. The digest is of the program that opens.
    Yes(Digest),
}

/// How long an heir waits for the one before it to let go of the data: its last readers end within a moment.
const LET_GO_WAIT: Duration = Duration::from_secs(20);

/// How often it looks.
const LET_GO_LOOK: Duration = Duration::from_millis(20);

/// Why the engine could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server owns the data, or the directory cannot be used.
    #[error(transparent)]
    Data(#[from] OpenDirError),
    /// The ledger cannot be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The ledger does not fold.
    #[error("the ledger is damaged: {0}")]
    Replay(#[from] ReplayError),
    /// The transcripts cannot be used.
    #[error(transparent)]
    Transcripts(#[from] TranscriptError),
    /// The views cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no site in force and its files are wrong.
    #[error("the site has {} problems; `quarterdeck check` shows them", .0.len())]
    Site(Vec<Diagnostic>),
    /// The engine refused its own start.
    #[error("the server could not start: {0}")]
    Refused(Refusal),
    /// The system gave no thread.
    #[error("no thread for transcripts: {0}")]
    Thread(#[from] std::io::Error),
    /// Opening broke off.
    #[error("opening the data broke off")]
    Broken,
}

impl OpenError {
    /// The exit code of this error's class.
    pub fn exit_code(&self) -> u8 {
        match self {
            OpenError::Data(OpenDirError::AlreadyRunning { .. }) => 73,
            OpenError::Site(_) => 65,
            OpenError::Ledger(error) => error.exit_code(),
            OpenError::Refused(refusal) if refusal.rule == Rule::NoRoom => 75,
            OpenError::Data(OpenDirError::Io { .. })
            | OpenError::Replay(_)
            | OpenError::Transcripts(_)
            | OpenError::Store(_)
            | OpenError::Refused(_)
            | OpenError::Thread(_)
            | OpenError::Broken => 74,
        }
    }
}

/// The running engine: hold it, and it works; await it, and you learn how it ended.
#[derive(Debug)]
pub struct Engine {
    writer: tokio::task::JoinHandle<Option<String>>,
}

impl Engine {
    /// Waits for the engine's end. Says why, where its storage failed for good (exit 74).
    pub async fn ended(self) -> Option<String> {
        self.writer.await.unwrap_or_else(|_| Some("the engine broke off".to_owned()))
    }
}

/// Opens the data directory, making what is missing, and starts the engine.
///
/// # Errors
/// With the exit code of its class.
pub async fn open(settings: Settings) -> Result<(Handle, Engine), OpenError> {
    open_on(settings, |disk| Arc::new(disk)).await
}

/// The same where another server has just handed itself over: it may take a moment to let go of the data, and its runs go on.
///
/// # Errors
/// With the exit code of its class.
pub async fn take_over(settings: Settings, program: Digest) -> Result<(Handle, Engine), OpenError> {
    let begun = Instant::now();
    let disk = loop {
        let data = settings.data.clone();
        let locking = tokio::task::spawn_blocking(move || RealDisk::lock(&data, std::process::id()));
        match locking.await.map_err(|_| OpenError::Broken)? {
            Err(OpenDirError::AlreadyRunning { .. }) if begun.elapsed() < LET_GO_WAIT => {
                tokio::time::sleep(LET_GO_LOOK).await;
            }
            other => break other?,
        }
    };
    opened(settings, Heir::Yes(program), move || Ok(Arc::new(disk) as Arc<dyn Disk>)).await
}

/// The same on what is made of the disk: a slower one, for tests.
pub(super) async fn open_on(
    settings: Settings,
    made_of: impl FnOnce(RealDisk) -> Arc<dyn Disk> + Send + 'static,
) -> Result<(Handle, Engine), OpenError> {
    let data = settings.data.clone();
    opened(settings, Heir::No, move || Ok(made_of(RealDisk::lock(&data, std::process::id())?))).await
}

async fn opened(
    settings: Settings,
    heir: Heir,
    locked: impl FnOnce() -> Result<Arc<dyn Disk>, OpenDirError> + Send + 'static,
) -> Result<(Handle, Engine), OpenError> {
    let Settings { site, data, executor } = settings;
    let factors = Factors::of(&data);
    let opening = move || {
        let disk = locked()?;
        open_data(data, disk, executor)
    };
    let opened = tokio::task::spawn_blocking(opening).await.map_err(|_| OpenError::Broken)??;
    let Opened { mut core, transcripts, store, executor, clock, repaired_bytes } = opened;
    let origin = core.world().origin.clone();
    let library = Library::new(store, (core.reader(), core.signer()), transcripts.clone(), executor.1.clone(), origin);
    if core.signer().is_none() {
        tracing::error!(
            "the ledger's key keys/ledger.ed25519 is not here: nothing is signed for; put it back from a backup"
        );
    }
    let reload = Reload::new(site);

    let mut first = Vec::new();
    match reload.read(core.world().site.clone()).await {
        Ok(read) => first.push(Ask::LoadSite { site: Arc::new(read.site), diff: read.diff }),
        Err(ReloadError::Wrong(problems)) if core.world().site.is_none() => {
            return Err(OpenError::Site(problems));
        }
        Err(error) => tracing::error!(%error, "the site in force stays; its files are wrong"),
    }
    let (goes_on, begins) = match (heir, core.world().serving) {
        (Heir::Yes(program), Serving::HandedOver) => {
            (true, Ask::Server(serving::Want::TakeOver { program, repaired_bytes }))
        }
        (Heir::Yes(_) | Heir::No, Serving::HandedOver | Serving::Draining { .. } | Serving::Usual) => {
            (false, Ask::Boot { repaired_bytes })
        }
    };
    first.push(begins);
    let requests: Vec<Request> = first.into_iter().map(Request::of_engine).collect();
    let committed = core.commit(&requests, clock.now());
    library.take(&committed.happened);
    let tally = Arc::new(Tally::default());
    tally.take(&committed);
    if let Some(refusal) = fatal(core.world(), &requests, committed.replies) {
        return Err(OpenError::Refused(refusal));
    }

    let recorder = Recorder::start(transcripts, clock.clone())?;
    let (requests, waiting) = mpsc::channel(REQUESTS_WAITING_MAX);
    let (publish, world) = watch::channel(Arc::clone(core.world()));
    let shelf = Shelf::of(library.clone());
    let (stop, stopped) = (CancellationToken::new(), CancellationToken::new());
    let grown = recorder.grown();
    let handle = Handle {
        requests,
        world,
        clock: clock.clone(),
        shelf: shelf.clone(),
        tally: Arc::clone(&tally),
        vault: executor.1,
        keys: super::signing::Keys::default(),
        factors,
        executor: Arc::clone(&executor.0),
        reload,
        grown,
        stop: stop.clone(),
        stopped: stopped.clone(),
    };
    let reconciler = Reconciler::new(handle.clone(), executor.0, recorder, goes_on);
    let teller = Teller::new(handle.clone());
    let writer = start(core, waiting, publish, (library, tally, shelf), clock, stop, stopped, (reconciler, teller));
    Ok((handle, Engine { writer }))
}

/// The refusal that keeps the server from starting: with a site in force, another that is refused is as one that is wrong.
pub(super) fn fatal(world: &World, requests: &[Request], replies: Vec<Reply>) -> Option<Refusal> {
    let refused = requests.iter().zip(replies).filter_map(|(request, reply)| reply.err().map(|why| (request, why)));
    for (request, refusal) in refused {
        if world.site.is_none() || !matches!(request.ask, Ask::LoadSite { .. }) {
            return Some(refusal);
        }
        tracing::error!(%refusal, "the site in force stays; the one in the files was refused");
    }
    None
}

#[expect(clippy::disallowed_methods, reason = "the engine's three tasks, owned by the returned handle")]
#[expect(clippy::too_many_arguments, reason = "the one place where the parts are put together")]
fn start(
    core: Core,
    waiting: mpsc::Receiver<super::handle::Waiting>,
    publish: watch::Sender<Arc<crate::domain::World>>,
    (library, tally, shelf): (Library, Arc<Tally>, Shelf),
    clock: Clock,
    stop: CancellationToken,
    stopped: CancellationToken,
    (reconciler, teller): (Reconciler, Teller),
) -> tokio::task::JoinHandle<Option<String>> {
    let working = tokio::spawn(reconciler.work());
    let telling = tokio::spawn(teller.work());
    tokio::spawn(async move {
        let end = shell::serve(core, waiting, publish, (library, tally), clock, stop.clone()).await;
        stop.cancel();
        working.await.ok();
        telling.await.ok();
        shelf.clear();
        stopped.cancel();
        end
    })
}

struct Opened {
    core: Core,
    transcripts: Transcripts,
    store: Store,
    executor: (Arc<Executor>, Vault),
    clock: Clock,
    repaired_bytes: u64,
}

fn open_data(data: PathBuf, disk: Arc<dyn Disk>, executor: executor::Settings) -> Result<Opened, OpenError> {
    let wall = clock::wall();
    let entropy = || Box::new(OsEntropy);
    let mut ledger = match Ledger::open(Arc::clone(&disk), entropy()) {
        Err(LedgerError::Missing) => {
            Ledger::init(Arc::clone(&disk), entropy(), wall.0, serde_json::Value::from("engine"))?
        }
        opened => opened?,
    };
    ledger.keep_reserve(RESERVE_BYTES)?;
    let views = |ledger: &Ledger| Store::open(&data.join("store"), &ledger.genesis().origin, ledger.head().size);
    let store = match views(&ledger) {
        // A full disk must not keep the server from starting: then nothing could be stopped.
        Err(_) if ledger.give_reserve(VIEWS_BYTES_MIN)? => views(&ledger)?,
        opened => opened?,
    };
    let mut behind = Behind { store: &store, applied: store.applied(), group: Vec::new(), failed: None };
    let mut core = Core::replay(ledger, |past| behind.take(past))?;
    behind.catch_up()?;
    let clock = Clock::start(wall, core.world().last_at);
    let folded = core.world().events;
    let repaired_bytes = core.record_repairs(clock.now())?;
    core.own_from(folded)?.iter().try_for_each(|row| store.apply_own(row))?;
    let transcripts = Transcripts::new(disk)?;
    transcripts.keep_reserve();
    close_transcripts(&core, &transcripts);
    let vault = Vault::default();
    let resolver = vault.clone();
    let resolve = move |run, secret| -> BoxFuture<'static, _> {
        let resolver = resolver.clone();
        Box::pin(async move { resolver.resolve(run, &secret).await })
    };
    let executor = Executor::new(executor, Arc::new(resolve));
    Ok(Opened { core, transcripts, store, executor: (Arc::new(executor), vault), clock, repaired_bytes })
}

/// Ends the transcripts of runs that were at work when the last server ended: a torn end is moved aside and the index made
/// again once, and not for every page that is read.
fn close_transcripts(core: &Core, transcripts: &Transcripts) {
    let printed = transcripts.runs().unwrap_or_default();
    for run in printed.into_iter().filter(|run| core.world().run(*run).is_some_and(|run| run.phase.ending().is_none()))
    {
        match transcripts.writer(run) {
            Ok((_, None)) => {}
            Ok((_, Some(torn))) => {
                tracing::warn!(%run, bytes = torn.bytes, "a torn end of a transcript was moved aside")
            }
            Err(error) => tracing::error!(%run, %error, "a transcript cannot be ended"),
        }
    }
}

/// Makes up, while the ledger is folded, for what the views lack.
struct Behind<'a> {
    store: &'a Store,
    applied: u64,
    group: Vec<Happened>,
    failed: Option<StoreError>,
}

impl Behind<'_> {
    fn take(&mut self, past: Past) {
        let index = match &past {
            Past::Happened(happened) => happened.recorded.index,
            Past::Own(row) => row.index,
        };
        if index < self.applied || self.failed.is_some() {
            return;
        }
        match past {
            Past::Happened(happened) => self.group.push(happened),
            Past::Own(row) => {
                self.apply();
                self.failed = self.failed.take().or(self.store.apply_own(&row).err());
            }
        }
        if self.group.len() >= CATCH_UP_EVENTS {
            self.apply();
        }
    }

    fn apply(&mut self) {
        let group = self.group.iter().map(|one| (&one.recorded, one.run.as_ref()));
        self.failed = self.store.apply(group).err();
        self.group.clear();
    }

    fn catch_up(mut self) -> Result<(), StoreError> {
        if self.failed.is_none() {
            self.apply();
        }
        self.failed.map_or(Ok(()), Err)
    }
}
