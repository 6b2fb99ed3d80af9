//! A verb on a channel: its streams, its exit status, and the verbs that are the server's own: stop, upgrade, sessions, doctor.

use super::here::Connection;
use super::wire::Terminal;
use super::{House, Peer, Told, doctor, sessions};
use crate::domain::people::Role;
use crate::domain::{Actor, PersonId, Refusal, Rule};
use crate::verbs::args::{Common, Line, Place, Serve, Verb};
use crate::verbs::out::{Gone, Io, document};
use crate::verbs::{self, Exit, Misunderstood};
use bytes::Bytes;
use russh::server::Msg;
use russh::{ChannelId, ChannelWriteHalf};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A line of words, and where its streams go.
pub struct Spoken {
    pub understood: Result<Line, Misunderstood>,
    pub stdin: mpsc::Receiver<Bytes>,
    pub gone: CancellationToken,
    pub channel: ChannelId,
    pub handle: russh::server::Handle,
    pub writer: ChannelWriteHalf<Msg>,
    pub connection: Arc<Connection>,
    /// Whether a terminal is at the far end.
    pub at_terminal: bool,
}

/// Standard error, as SSH numbers it.
const STDERR: u32 = 1;

/// Carries a line out and tells the far end how it ended.
pub async fn carry_out(house: &Arc<House>, peer: &Peer, spoken: Spoken) {
    let Spoken { understood, stdin, gone, channel, handle, writer, connection, at_terminal } = spoken;
    let mut stdout = Terminal::new(writer.make_writer(), at_terminal);
    let mut stderr = Terminal::new(writer.make_writer_ext(Some(STDERR)), at_terminal);
    let mut io = Io { stdout: &mut stdout, stderr: &mut stderr, stdin };
    let exit = tokio::select! {
        exit = spoken_to(house, peer, understood, &mut io) => exit,
        () = gone.cancelled() => Exit::TryAgain,
        () = connection.out.cancelled() => Exit::No,
    };
    if connection.out.is_cancelled() {
        // Whoever has gone hears nothing.
        let _ = stderr.write_all(connection.last_words().as_bytes()).await;
        let _ = stderr.flush().await;
    }
    let _ = handle.exit_status_request(channel, u32::from(exit.code())).await;
    let _ = handle.eof(channel).await;
    let _ = handle.close(channel).await;
}

async fn spoken_to(house: &House, peer: &Peer, understood: Result<Line, Misunderstood>, io: &mut Io<'_>) -> Exit {
    // Whoever has gone hears nothing.
    carried_out(house, peer, understood, io).await.unwrap_or(Exit::TryAgain)
}

async fn carried_out(
    house: &House,
    peer: &Peer,
    understood: Result<Line, Misunderstood>,
    io: &mut Io<'_>,
) -> Result<Exit, Gone> {
    let line = match understood {
        Ok(line) => line,
        Err(Misunderstood { text, exit: Exit::Done, .. }) => return io.out(&text).await.map(|()| Exit::Done),
        Err(Misunderstood { text, exit, json }) => return verbs::fail(exit, &text, json, io).await,
    };
    let Common { acting_as, json, .. } = &line.common;
    let actor = house.actor(peer, acting_as.as_deref());
    if let Some(Verb::Serve(Serve { stop: times @ 1.., .. })) = &line.verb {
        return match stop(house, peer, actor, *times) {
            Ok(()) if *json => io.out(&document(&json!({"done": "stopping"}))).await.map(|()| Exit::Done),
            Ok(()) => io.err("stopping\n").await.map(|()| Exit::Done),
            Err(refusal) => verbs::refuse(&refusal, *json, io).await,
        };
    }
    if let Some(Verb::Serve(Serve { upgrade: Some(program), .. })) = &line.verb {
        let wished = (!program.is_empty()).then(|| PathBuf::from(program));
        return upgrade(house, peer, actor, wished, *json, io).await;
    }
    if matches!(line.verb, Some(Verb::Doctor)) && is_own(house, peer) {
        return doctor::run(house, *json, io).await;
    }
    let actor = match actor {
        Ok(actor) => actor,
        Err(refusal) => return verbs::refuse(&refusal, *json, io).await,
    };
    match &line.verb {
        None | Some(Verb::Attach { .. } | Verb::Wall) => {
            verbs::fail(Exit::Usage, "the console needs a terminal; verbs work without", *json, io).await
        }
        Some(Verb::Doctor) => doctor::run(house, *json, io).await,
        Some(Verb::Sessions(verb)) => sessions::run(house, &actor, verb, *json, io).await,
        Some(verb) if verb.place() != Place::Server => verbs::fail(Exit::Usage, verbs::ELSEWHERE, *json, io).await,
        Some(_) => Ok(verbs::run(&house.engine, &actor, &line, io).await),
    }
}

/// `serve --upgrade`: for the server's own account, and, to the program that lies where this one was started from, for people who own
/// a workspace. Whoever names a program has it run as the server.
async fn upgrade(
    house: &House,
    peer: &Peer,
    actor: Result<Actor, Refusal>,
    program: Option<PathBuf>,
    as_json: bool,
    io: &mut Io<'_>,
) -> Result<Exit, Gone> {
    let by = match (is_own(house, peer), actor, &program) {
        (true, _, _) => Ok(Actor::Engine),
        (false, _, Some(_)) => Err(Refusal::new(Rule::Role, "only the server's own account names a program")),
        (false, actor, None) => actor,
    };
    let by = match by {
        Ok(by) => by,
        Err(refusal) => return verbs::refuse(&refusal, as_json, io).await,
    };
    let Some(mut told) = house.relief().wish(by, program) else {
        let what = "this server cannot be upgraded now: it is being upgraded already, or lives inside another program";
        return verbs::fail(Exit::TryAgain, what, as_json, io).await;
    };
    while let Some(word) = told.recv().await {
        match word {
            Told::Line(line) => io.err(&format!("{line}\n")).await?,
            Told::No(why) => return verbs::fail(Exit::No, &why, as_json, io).await,
            Told::Done(_) if as_json => {
                return io.out(&document(&json!({"done": "upgraded"}))).await.map(|()| Exit::Done);
            }
            Told::Done(what) => return io.err(&format!("{what}\n")).await.map(|()| Exit::Done),
        }
    }
    verbs::fail(Exit::Unknown, "nobody said how the upgrade went; the log does", as_json, io).await
}

/// Whether this is the account the server runs under.
fn is_own(house: &House, peer: &Peer) -> bool {
    matches!(peer, Peer::Account { uid, .. } if *uid == house.own_uid)
}

/// `serve --stop`: for the server's own account, whoever that is here, and for people who own a workspace.
fn stop(house: &House, peer: &Peer, actor: Result<Actor, Refusal>, times: u8) -> Result<(), Refusal> {
    let world = house.engine.world().borrow().clone();
    if !is_own(house, peer) {
        let actor = actor?;
        let owns = |person: &PersonId| {
            let workspaces = world.site.iter().flat_map(|site| site.workspaces.values());
            workspaces.into_iter().any(|workspace| workspace.grants(person, Role::Owner))
        };
        if !actor.person().is_some_and(owns) {
            return Err(Refusal::new(Rule::Role, "only the server's own account, or an owner, may stop it"));
        }
    }
    let running: Vec<String> = House::in_flight(&world).map(|run| run.id.to_string()).collect();
    if !running.is_empty() && times < 2 {
        let what = format!("{} in flight: {}; stopping would interrupt them", running.len(), running.join(", "));
        return Err(
            Refusal::new(Rule::State, what).next("let them end, or say it twice: quarterdeck serve --stop --stop")
        );
    }
    house.stop.cancel();
    Ok(())
}
