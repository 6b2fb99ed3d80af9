//! A verb on a channel: its streams, its exit status, and the one verb that is the server's own: stop.

use super::{House, Peer};
use crate::domain::PersonId;
use crate::domain::people::Role;
use crate::verbs::args::{Common, Line, Place, Serve, Verb};
use crate::verbs::out::Io;
use crate::verbs::{self, Exit, Misunderstood};
use bytes::Bytes;
use russh::server::Msg;
use russh::{ChannelId, ChannelWriteHalf};
use std::sync::Arc;
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
}

/// Standard error, as SSH numbers it.
const STDERR: u32 = 1;

/// Carries a line out and tells the far end how it ended.
pub async fn carry_out(house: &Arc<House>, peer: &Peer, spoken: Spoken) {
    let Spoken { understood, stdin, gone, channel, handle, writer } = spoken;
    let mut stdout = writer.make_writer();
    let mut stderr = writer.make_writer_ext(Some(STDERR));
    let mut io = Io { stdout: &mut stdout, stderr: &mut stderr, stdin };
    let exit = tokio::select! {
        exit = spoken_to(house, peer, understood, &mut io) => exit,
        () = gone.cancelled() => Exit::TryAgain,
    };
    let _ = handle.exit_status_request(channel, u32::from(exit.code())).await;
    let _ = handle.eof(channel).await;
    let _ = handle.close(channel).await;
}

async fn spoken_to(house: &House, peer: &Peer, understood: Result<Line, Misunderstood>, io: &mut Io<'_>) -> Exit {
    let line = match understood {
        Ok(line) => line,
        Err(Misunderstood { text, exit }) => {
            // Whoever has gone hears nothing.
            let _ = match exit == Exit::Done {
                true => io.out(&text).await,
                false => io.err(&text).await,
            };
            return exit;
        }
    };
    let Common { acting_as, .. } = &line.common;
    let actor = match house.actor(peer, acting_as.as_deref()) {
        Ok(actor) => actor,
        // Whoever has gone hears nothing.
        Err(refusal) => return verbs::refuse(&refusal, line.common.json, io).await.unwrap_or(Exit::TryAgain),
    };
    match &line.verb {
        Some(Verb::Serve(Serve { stop: 1.., .. })) => {
            let person = actor.person().cloned();
            let (exit, text) = stop(house, peer, person.as_ref(), &line);
            let _ = io.err(&text).await;
            exit
        }
        None | Some(Verb::Attach { .. }) => {
            let _ = io.err("the console needs a terminal; verbs work without\n").await;
            Exit::Usage
        }
        Some(verb) if verb.place() != Place::Server => {
            let _ = io.err("this verb is carried out where it is typed, not by the server\n").await;
            Exit::Usage
        }
        Some(_) => verbs::run(&house.engine, &actor, &line, io).await,
    }
}

/// `serve --stop`: for the server's own account, and for people who own a workspace.
fn stop(house: &House, peer: &Peer, person: Option<&PersonId>, line: &Line) -> (Exit, String) {
    let Some(Verb::Serve(Serve { stop, .. })) = &line.verb else {
        return (Exit::Usage, String::new());
    };
    let world = house.engine.world().borrow().clone();
    let owns = |person: &PersonId| {
        let workspaces = world.site.iter().flat_map(|site| site.workspaces.values());
        workspaces.into_iter().any(|workspace| workspace.grants(person, Role::Owner))
    };
    if peer.uid != house.own_uid && !person.is_some_and(owns) {
        let text = "refused: only the server's own account, or an owner, may stop it (role.missing)\n";
        return (Exit::No, text.to_owned());
    }
    let running: Vec<String> = House::in_flight(&world).map(|run| run.id.to_string()).collect();
    if !running.is_empty() && *stop < 2 {
        let text = format!(
            "refused: {} in flight: {}; stopping would interrupt them (state)\nnext: let them end, or say it twice: quarterdeck serve --stop --stop\n",
            running.len(),
            running.join(", ")
        );
        return (Exit::No, text);
    }
    house.stop.cancel();
    (Exit::Done, "stopping\n".to_owned())
}
