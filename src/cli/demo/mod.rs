//! The demo: a world of its own, with nothing to install. Four SSH hosts inside this process, five people who do not exist,
//! the runbooks that ship, and a little history, all driven through the same engine, door and console as the real thing.

mod drive;
mod hosts;
mod world;

use super::person::Ending;
use super::places::Places;
use super::serve::{self, Serving};
use super::surroundings::Surroundings;
use super::systemd::Passed;
use super::{Ended, Exit, Failure, Form, attach, files, link, say};
use crate::domain::run;
use crate::server::SOCKET_PATH_BYTES_MAX;
use crate::session::Hint;
use crate::verbs::args::{Common, Demo};
use crate::verbs::out::line;
use drive::{Change, Stage};
use serde_json::json;
use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use world::Ground;

/// The change that `--headless` drives and that waits for its approval on a terminal.
const CHANGE: Change = Change {
    by: "ada",
    approver: "grace",
    workspace: "prod-web",
    runbook: "planned-change",
    inputs: &[
        ("release", "v1.5.0"),
        ("pull_request", "#871"),
        ("risk", "Slower pages; the latency graph would show it."),
    ],
    ticks: &["release"],
    ticket: "CHG-30211",
    reason: "The release that fixes the slow search.",
};

/// What happened before anybody looked.
const EARLIER: [Change; 2] = [
    Change {
        by: "bo",
        approver: "kim",
        workspace: "lab",
        runbook: "disk-cleanup",
        inputs: &[],
        ticks: &["keep_days"],
        ticket: "OPS-118",
        reason: "The disk of edge-1 fills up.",
    },
    Change {
        by: "bo",
        approver: "kim",
        workspace: "prod-web",
        runbook: "service-restart",
        inputs: &[],
        ticks: &[],
        ticket: "CHG-30207",
        reason: "Pick up the new configuration.",
    },
];

/// What a demo's last shells get to end in, before its ground goes from under them.
const LAST_SHELLS_WAIT: Duration = Duration::from_secs(5);

/// `demo`.
pub fn demo(asked: &Demo, around: &Surroundings, form: Form) -> Ended {
    let audience = match std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && !asked.headless {
        true => Audience::Person,
        false => Audience::Script(form),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Unreachable, format!("no runtime: {error}")))?;
    let (ended, temporary) = runtime.block_on(async {
        // Before anything is made: no signal leaves it lying about.
        let mut ending = Ending::new()?;
        let (root, temporary) = ground(asked.keep.as_deref())?;
        Ok::<_, Failure>((live(&root, around, audience, &mut ending).await, temporary))
    })?;
    // The keyboard's thread sits in a read that only a key would end.
    runtime.shutdown_background();
    drop(temporary);
    if let (Some(kept), Audience::Person | Audience::Script(Form::Text)) = (&asked.keep, audience) {
        say::out(&format!(
            "kept: {0}/site and {0}/data. The demo's hosts are gone; the record is not:\n  quarterdeck --site {0}/site --data {0}/data audit verify\n",
            kept.display()
        ))?;
    }
    ended
}

/// Who watches.
#[derive(Clone, Copy)]
enum Audience {
    /// Somebody at a terminal, who becomes ada.
    Person,
    /// Nobody, or a program: a whole run is told.
    Script(Form),
}

/// The directory to live in: kept where somebody asks, else gone at the end.
fn ground(keep: Option<&Path>) -> Result<(PathBuf, Option<tempfile::TempDir>), Failure> {
    let wrong = |error: std::io::Error| Failure::new(Exit::Storage, format!("no place for the demo: {error}"));
    let Some(dir) = keep else {
        // Short: its socket stands in a command that people type.
        let dir = tempfile::Builder::new().prefix("quarterdeck-").tempdir().map_err(wrong)?;
        return Ok((dir.path().to_owned(), Some(dir)));
    };
    let room = SOCKET_PATH_BYTES_MAX.saturating_sub(world::SOCKET.len() + 1);
    if std::path::absolute(dir).map_err(wrong)?.as_os_str().len() > room {
        let text =
            format!("{}: the demo's socket would not fit; name a directory of at most {room} bytes", dir.display());
        return Err(Failure::new(Exit::Usage, text));
    }
    fs::create_dir_all(dir).map_err(wrong)?;
    if fs::read_dir(dir).map_err(wrong)?.next().is_some() {
        return Err(Failure::new(Exit::Usage, format!("{} is not empty; name a new directory", dir.display())));
    }
    Ok((dir.canonicalize().map_err(wrong)?, None))
}

async fn live(root: &Path, around: &Surroundings, audience: Audience, ending: &mut Ending) -> Ended {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let ended = served(root, around, audience, ending, &tasks, &stop).await;
    stop.cancel();
    tasks.close();
    // What is still at work then is ended with the runtime.
    let _ = timeout(LAST_SHELLS_WAIT, tasks.wait()).await;
    ended
}

async fn served(
    root: &Path,
    around: &Surroundings,
    audience: Audience,
    ending: &mut Ending,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Ended {
    let ground = unless_ended(ending, world::build(root, around, tasks, stop)).await?;
    let _log = serve::log_to(&ground.data, None)?;
    let serving = Serving {
        site: ground.site.clone(),
        data: ground.data.clone(),
        socket: ground.socket.clone(),
        executor: serve::executor_settings(&ground.data, &Surroundings::default()),
        listen: Vec::new(),
        passed: Passed::default(),
        metrics: None,
        hooks: None,
        idle_exit: None,
        hint: Some(hint(&ground)),
        heir: None,
    };
    let closing = CancellationToken::new();
    let open = serve::open(serving, closing.clone()).await?;
    let engine = open.handle.clone();
    let house = tasks.spawn(open.until_ended());
    let ended = match audience {
        Audience::Person => match unless_ended(ending, earlier(&engine, &ground)).await {
            Ok(()) => visit(&ground, around).await,
            Err(failure) => Err(failure),
        },
        Audience::Script(form) => unless_ended(ending, headless(&engine, &ground, form)).await,
    };
    closing.cancel();
    let served = house.await.map_or(Ok(Exit::Done), |over| over.map(|_| Exit::Done));
    ended.and_then(|exit| served.map(|_| exit))
}

/// Work, unless somebody ends the demo meanwhile.
async fn unless_ended<T>(ending: &mut Ending, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::select! {
        done = work => done,
        () = ending.come() => Err(Failure::new(Exit::TryAgain, "the demo was ended before it was over")),
    }
}

/// How a second window is opened: what the first one hides is in its help.
fn hint(ground: &Ground) -> Hint {
    Hint {
        notice: "a demo: help (?) says how to open a second window, as somebody else".to_owned(),
        help: format!(" This is a demo. A second window, as somebody else: {}", second_window(ground)),
    }
}

fn second_window(ground: &Ground) -> String {
    let program = std::env::current_exe().map_or_else(|_| "quarterdeck".to_owned(), |path| path.display().to_string());
    format!("{program} --socket {} --as grace", ground.socket.display())
}

/// What happened before, with a change that waits for grace at its end.
async fn earlier(engine: &crate::engine::Handle, ground: &Ground) -> Result<(), Failure> {
    say::out("Making a small world: four hosts, five people, a little history …\n")?;
    let quiet = |_: &str, _: &str| {};
    let stage = Stage::new(engine, &quiet);
    for change in &EARLIER {
        let id = stage.propose(change).await?;
        stage.approve(change, id).await?;
        stage.run(change, id).await?;
        stage.close(change, id, "Done as planned.").await?;
    }
    stage.propose(&CHANGE).await?;
    say::out(&format!(
        "You are ada. `:as grace` signs in afresh as grace, who can approve. For a second window:\n  {}\n",
        second_window(ground)
    ))
}

/// A person at the console as ada.
async fn visit(ground: &Ground, around: &Surroundings) -> Ended {
    let flags = Common {
        site: Some(ground.site.clone()),
        data: Some(ground.data.clone()),
        socket: Some(ground.socket.clone()),
        ..Common::default()
    };
    let link = link::reach(&Places::new(&flags, around), around).await?;
    // The demo is its own server: with the link all of it would be gone.
    attach::over(link, around, &["attach".to_owned()], None).await
}

/// A whole governed run without a terminal, told step by step.
async fn headless(engine: &crate::engine::Handle, ground: &Ground, form: Form) -> Ended {
    let tell = |who: &str, what: &str| {
        let told = match form {
            Form::Text => format!("{who:>10}  {what}\n"),
            Form::Json => line(&json!({"what": what, "who": who})),
        };
        // Where nothing can be written, the verdict at the end says so.
        let _ = say::out(&told);
    };
    let stage = Stage::new(engine, &tell);
    let id = stage.propose(&CHANGE).await?;
    stage.approve(&CHANGE, id).await?;
    let ending = stage.run(&CHANGE, id).await?;
    stage.close(&CHANGE, id, "v1.5.0 answers on every host.").await?;
    stage.review("lea", id).await?;
    let verdict = files::verdict(&ground.data)?;
    say::out(&match form {
        Form::Text => format!("{verdict}\n"),
        Form::Json => line(&files::verdict_json(&verdict)),
    })?;
    Ok(match ending {
        run::Ending::Succeeded => files::exit_of(&verdict),
        run::Ending::Failed
        | run::Ending::Unverified
        | run::Ending::Aborted
        | run::Ending::Interrupted
        | run::Ending::Stuck
        | run::Ending::Unknown => Exit::No,
    })
}
