//! A console on a channel: one visit after the other until the person leaves, then a last word and an exit status.

use super::guest::{MARK_STREAM, SAVE_STREAM, SIGN_STREAM};
use super::here::Connection;
use super::{House, Peer, relay, themes};
use crate::domain::presence::Seat;
use crate::domain::{Actor, PersonId};
use crate::session::{self, DUMB, End, FromPeer, Opening, Place, SavedText, ToSign, Visit};
use crate::verbs::Exit;
use russh::server::Msg;
use russh::{ChannelId, ChannelWriteHalf};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, watch};

/// Longest text that is saved on the person's side.
const SAVED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Texts on their way to the person's disk.
const SAVES_WAITING_MAX: usize = 1;

/// Texts on their way to the person's key.
const SIGNATURES_WAITING_MAX: usize = 1;

/// Standard error, as SSH numbers it.
const STDERR: u32 = 1;

/// What a console begins with.
pub struct Sitting {
    pub place: Place,
    pub acting_as: Option<String>,
    pub open: Opening,
    pub from: mpsc::Receiver<FromPeer>,
    pub channel: ChannelId,
    pub handle: russh::server::Handle,
    pub writer: ChannelWriteHalf<Msg>,
    pub connection: Arc<Connection>,
}

/// Holds a console until it ends, and tells the far end how.
pub async fn hold(house: &Arc<House>, peer: Peer, mut sitting: Sitting) {
    let mut ended = visits(house, &peer, &mut sitting).await;
    if ended.is_none() {
        ended = go_on(house, &peer, &mut sitting).await;
    }
    let Some((exit, last)) = ended else {
        return sitting.connection.dropped.cancel();
    };
    // Whoever hung up hears nothing.
    match &peer {
        Peer::Account { .. } if !last.is_empty() => {
            let mut stderr = sitting.writer.make_writer_ext(Some(STDERR));
            let _ = stderr.write_all(last.as_bytes()).await;
        }
        // Other clients mix their streams as they come: on another one it could come before the terminal is given back.
        Peer::Visitor(_) => {
            let _ = sitting.writer.make_writer().write_all(last.replace('\n', "\r\n").as_bytes()).await;
        }
        Peer::Account { .. } => {}
    }
    let (handle, channel) = (&sitting.handle, sitting.channel);
    let _ = handle.exit_status_request(channel, u32::from(exit.code())).await;
    let _ = handle.eof(channel).await;
    let _ = handle.close(channel).await;
}

/// Goes on at the successor. At the socket the client does so by itself, once it loses this end: `None`.
async fn go_on(house: &House, peer: &Peer, sitting: &mut Sitting) -> Option<(Exit, String)> {
    let stopped = || (Exit::TryAgain, "the server has stopped; attach again to start it\n".to_owned());
    match (house.relief().settled().await, peer) {
        (Some(_), Peer::Account { .. }) => None,
        (Some(baton), Peer::Visitor(visitor)) => Some(relay::carry(&baton, visitor, sitting).await),
        (None, Peer::Account { .. } | Peer::Visitor(_)) => Some(stopped()),
    }
}

/// One visit after the other, until the person leaves or has to; `None` where another server goes on.
async fn visits(house: &Arc<House>, peer: &Peer, sitting: &mut Sitting) -> Option<(Exit, String)> {
    if sitting.place.is_dumb() {
        return Some((Exit::Usage, format!("{DUMB}\n")));
    }
    let mut acting_as = sitting.acting_as.clone();
    let mut open = sitting.open;
    loop {
        let actor = match house.actor(peer, acting_as.as_deref()) {
            Ok(actor) => actor,
            Err(refusal) => return Some((Exit::No, format!("refused: {refusal}\n"))),
        };
        let person = actor.person().cloned();
        let (looks, seat) = watch::channel(Seat::default());
        let visit = visit(house, peer, sitting, actor, (std::mem::take(&mut open), looks)).await;
        let (files, mut saving) = mpsc::channel(SAVES_WAITING_MAX);
        let (signer, mut signing) = mpsc::channel(SIGNATURES_WAITING_MAX);
        let files = visit.place.takes_files().then_some(files);
        let signer = visit.place.signs().then_some(signer);
        let (marks, mut marking) = watch::channel(String::new());
        let marks = visit.place.takes_files().then_some(marks);
        let mut visit = Visit { files, signer, marks, ..visit };
        let mut wire = sitting.writer.make_writer();
        let mut texts = sitting.writer.make_writer_ext(Some(SAVE_STREAM));
        let mut statements = sitting.writer.make_writer_ext(Some(SIGN_STREAM));
        let mut bookmarks = sitting.writer.make_writer_ext(Some(MARK_STREAM));
        let live = session::run(&mut visit, &house.engine, &mut sitting.from, &mut wire);
        let save = async {
            while let Some(text) = saving.recv().await {
                let message = message(&text);
                if texts.write_all(&message).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        let sign = async {
            while let Some(to_sign) = signing.recv().await {
                if statements.write_all(&to_be_signed(&to_sign)).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        let mark = async {
            while marking.changed().await.is_ok() {
                let line = format!("{}\n", *marking.borrow_and_update());
                if bookmarks.write_all(line.as_bytes()).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        let told = tell(house, &sitting.connection, person, seat);
        let end = tokio::select! {
            end = live => end,
            () = told => End::HungUp,
            () = save => End::HungUp,
            () = sign => End::HungUp,
            () = mark => End::HungUp,
        };
        house.here.sits(&sitting.connection, None);
        // Whoever signs in afresh sits at the terminal as it is by now.
        sitting.place = visit.place;
        match end {
            End::SignInAs(person) => {
                acting_as = someone_else(house, peer, person);
                // Somebody else begins at home.
                sitting.place.take_bookmark();
            }
            End::Left | End::HungUp => return Some((Exit::Done, String::new())),
            End::ShownOut => return Some((Exit::No, sitting.connection.last_words())),
            End::HandedOver => return None,
            End::Stopped => {
                return Some((Exit::TryAgain, "the server has stopped; attach again to start it\n".to_owned()));
            }
            End::Broke => {
                let text = "this console had an error of its own and closed; it was recorded, and runs go on\nnext: attach again\n";
                return Some((Exit::TryAgain, text.to_owned()));
            }
        }
    }
}

/// Tells others where somebody looks, for as long as they sit here.
async fn tell(house: &House, connection: &Connection, person: Option<PersonId>, mut seat: watch::Receiver<Seat>) {
    loop {
        let sits = person.clone().map(|person| (person, seat.borrow_and_update().clone()));
        house.here.sits(connection, sits);
        if seat.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

async fn visit(
    house: &Arc<House>,
    peer: &Peer,
    sitting: &Sitting,
    actor: Actor,
    (open, looks): (Opening, watch::Sender<Seat>),
) -> Visit {
    let world = house.engine.world().borrow().clone();
    let (first, tests) = match &world.site {
        Some(site) => (site.theme.clone(), site.allow_as),
        None => (String::new(), false),
    };
    let site = house.site.clone();
    let themes = tokio::task::spawn_blocking(move || themes::of_site(&site, &first)).await;
    let mut place = sitting.place.clone();
    if !tests {
        place.forbid_faults();
    }
    Visit {
        actor,
        account: peer.account().to_owned(),
        out: sitting.connection.out.clone(),
        place,
        themes: themes.unwrap_or_default(),
        open,
        files: None,
        signer: None,
        marks: None,
        hint: house.hint.clone(),
        looks,
        present: house.here.present(),
        shared: Arc::clone(&house.shared),
    }
}

/// The name to act as; `None` where it is the peer's own person.
fn someone_else(house: &House, peer: &Peer, person: PersonId) -> Option<String> {
    let own = house.person(peer);
    (own.as_ref() != Some(&person)).then(|| person.to_string())
}

/// A text for our client to save: one line of JSON, its length in bytes first, then the text.
fn message(text: &SavedText) -> Vec<u8> {
    let cut = text.text.get(..SAVED_BYTES_MAX.min(text.text.len())).unwrap_or_default();
    let head = json!({"bytes": cut.len(), "name": text.name});
    let mut message = format!("{head}\n").into_bytes();
    message.extend_from_slice(cut.as_bytes());
    message
}

/// Something for our client to sign: one line of JSON.
fn to_be_signed(ToSign { statement, keys }: &ToSign) -> Vec<u8> {
    format!("{}\n", json!({"keys": keys, "statement": statement})).into_bytes()
}

/// What our client says became of something to sign; `None` where it says nothing we know.
pub fn signed(data: &[u8]) -> Option<Result<String, String>> {
    let value: Value = serde_json::from_slice(data).ok()?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    text("signature").map(Ok).or_else(|| text("failed").map(Err))
}

/// What our client says became of a text; `None` where it says nothing we know.
pub fn saved(data: &[u8]) -> Option<Result<String, String>> {
    let value: Value = serde_json::from_slice(data).ok()?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    text("saved").map(Ok).or_else(|| text("failed").map(Err))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_to_be_signed_is_a_line_and_what_comes_back_is_an_answer_or_nothing() {
        let keys = vec!["ssh-ed25519 AAAA ada@laptop".to_owned()];
        let line = to_be_signed(&ToSign { statement: "quarterdeck approval v1\nrun: 1\n".to_owned(), keys });
        assert_eq!(
            line.iter().filter(|byte| **byte == b'\n').count(),
            1,
            "breaks of the statement are written as such"
        );
        let value: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["statement"], "quarterdeck approval v1\nrun: 1\n");
        assert_eq!(signed(br#"{"signature":"x"}"#), Some(Ok("x".to_owned())));
        assert_eq!(signed(br#"{"failed":"no agent"}"#), Some(Err("no agent".to_owned())));
        for other in [&b""[..], b"{}", b"[1]", b"\xff\xfe", br#"{"signature":1}"#, br#"{"saved":"x"}"#] {
            assert_eq!(signed(other), None, "{}", String::from_utf8_lossy(other));
        }
    }
}
