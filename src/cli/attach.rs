//! The console over the link: this terminal's bytes there, its frames back, and the terminal given back at the end.

mod reconnect;

use super::link::{self, Link};
use super::person::{Ending, heard, keyboard};
use super::places::Places;
use super::sign::ToSign;
use super::surroundings::Surroundings;
use super::{Ended, Exit, Failure, say, speak};
use crate::server::{MARK_STREAM, SAVE_STREAM, SIGN_STREAM};
use crate::session::{MARK_BYTES_MAX, Opening, SIGNING_FORM};
use crate::terminal::bytes::leave;
use crate::terminal::guard::{DUMB, Environment, RawMode, detect, is_dumb, size};
use crate::verbs::args::Line;
use crate::verbs::safe_lines;
use bytes::{Bytes, BytesMut};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use reconnect::Waited;
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use tokio::signal::unix::{Signal, SignalKind};
use tokio::sync::mpsc;

/// Standard error, as SSH numbers it.
const STDERR: u32 = 1;

/// Longest text taken for saving; the server cuts at the same length.
const SAVED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Longest first line of a text to save.
const SAVE_HEAD_BYTES_MAX: usize = 4 * 1024;

/// Longest thing to sign, with the keys that may sign it.
const TO_SIGN_BYTES_MAX: usize = 256 * 1024;

/// Opens the console where it is asked to begin, and there again whenever its server was away.
pub fn attach(places: &Places, around: &Surroundings, line: &Line, open: Opening) -> Ended {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(Failure::new(Exit::Usage, "the console needs a terminal; the verbs work without (see --help)"));
    }
    // Before anything is written to it.
    if is_dumb(around.told("TERM")) {
        return Err(Failure::new(Exit::Usage, DUMB));
    }
    let mut words = match open {
        Opening::Home => vec!["attach".to_owned()],
        Opening::Run(run) => vec!["attach".to_owned(), run.0.to_string()],
        Opening::Wall => vec!["wall".to_owned()],
    };
    if let Some(person) = &line.common.acting_as {
        words.extend(["--as".to_owned(), person.clone()]);
    }
    let socket = places.socket()?;
    let runtime = speak::runtime()?;
    let ended = runtime.block_on(async {
        let link = link::reach(places, around).await?;
        over(link, around, &words, Some(&socket)).await
    });
    // The keyboard's thread sits in a read that only a key would end.
    runtime.shutdown_background();
    ended
}

/// Everything between sitting down and getting up. Where the link is lost and a socket is named, the terminal waits there
/// for the server to come back.
pub async fn over(link: Link, around: &Surroundings, words: &[String], again: Option<&Path>) -> Ended {
    let line = speak::quoted(words)?;
    let mut place = Some(set(&link, around, None).await?);
    let raw = RawMode::enter(std::io::stdin(), std::io::stdout(), last_bytes(around))
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    let restore = raw.restorer();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        restore();
        before(panic);
    }));
    let mut person =
        Person { keyboard: keyboard(), resized: heard(SignalKind::window_change())?, ending: Ending::new()? };
    let signer = Signer { agent: around.agent.clone(), person: acting_as(words) };
    let mut said = Vec::new();
    // Where the person is, as the server last wrote it: the console opens there again.
    let mut mark = Mark::default();
    // A link ends its channels with it.
    let mut _link = link;
    let end = loop {
        let sat = match place.take() {
            Some(channel) => sit(channel, &line, &mut person, &signer, (&mut said, &mut mark)).await,
            None => Sat::Lost,
        };
        match (sat, again) {
            (Sat::Ended(end), _) => break end,
            (Sat::Lost, None) => break Err(speak::lost()),
            (Sat::Lost, Some(socket)) => match reconnect::wait(socket, &mut person).await {
                Waited::Back(link) => {
                    // The server opens the screen afresh: it must not stand open already.
                    reconnect::close_screen(&last_bytes(around));
                    place = set(&link, around, mark.whole.as_deref()).await.ok();
                    _link = link;
                }
                Waited::Left => break Ok(Exit::Done),
                Waited::TurnedAway(failure) => break Err(failure),
            },
        }
    };
    // The terminal first: what is said next is for a person at a shell.
    drop(raw);
    if !said.is_empty() {
        say::err(&format!("{}\n", safe_lines(&String::from_utf8_lossy(&said))));
    }
    end
}

/// A channel that knows this terminal.
async fn set(link: &Link, around: &Surroundings, mark: Option<&str>) -> Result<Channel<Msg>, Failure> {
    let broken = |_| speak::lost();
    let channel = link.channel().await?;
    let (columns, rows) = size(std::io::stdout()).unwrap_or((80, 24));
    let term = around.told("TERM").unwrap_or("vt100");
    channel.request_pty(true, term, u32::from(columns), u32::from(rows), 0, 0, &[]).await.map_err(broken)?;
    for (name, value) in around.terminal.iter().filter(|(name, _)| *name != "TERM") {
        channel.set_env(false, *name, value.as_str()).await.map_err(broken)?;
    }
    channel.set_env(false, "QUARTERDECK_CLIENT", env!("CARGO_PKG_VERSION")).await.map_err(broken)?;
    channel.set_env(false, "QUARTERDECK_SIGNS", SIGNING_FORM).await.map_err(broken)?;
    if let Some(mark) = mark {
        channel.set_env(false, "QUARTERDECK_MARK", mark).await.map_err(broken)?;
    }
    Ok(channel)
}

/// Has the console opened on a channel and stays until it ends, or the link does.
async fn sit(
    channel: Channel<Msg>,
    line: &str,
    person: &mut Person,
    signer: &Signer,
    (said, mark): (&mut Vec<u8>, &mut Mark),
) -> Sat {
    if channel.exec(true, line).await.is_err() {
        return Sat::Lost;
    }
    let (reader, writer) = channel.split();
    let (saving, to_sign) = (BytesMut::new(), BytesMut::new());
    let mut table = Table { reader, writer, said, mark, exit: None, saving, to_sign, signer, signing: None };
    table.sit(person).await
}

/// How sitting at a console ended.
enum Sat {
    /// It ended, well or badly.
    Ended(Ended),
    /// The server went away without a word.
    Lost,
}

/// What comes from the person and their terminal.
struct Person {
    keyboard: mpsc::Receiver<Bytes>,
    resized: Signal,
    ending: Ending,
}

/// What gives this terminal back, should the server not get to do it.
fn last_bytes(around: &Surroundings) -> Vec<u8> {
    leave(detect(Environment {
        term: around.told("TERM"),
        colorterm: around.told("COLORTERM"),
        no_color: around.told("NO_COLOR"),
        lc_all: around.told("LC_ALL"),
        lc_ctype: around.told("LC_CTYPE"),
        lang: around.told("LANG"),
    }))
}

/// The person's side of a console.
struct Table<'a> {
    reader: ChannelReadHalf,
    writer: ChannelWriteHalf<Msg>,
    /// Last words, kept until the terminal is given back.
    said: &'a mut Vec<u8>,
    mark: &'a mut Mark,
    exit: Option<Exit>,
    saving: BytesMut,
    /// A part of something to sign.
    to_sign: BytesMut,
    signer: &'a Signer,
    /// What is being signed: an agent may ask its person first, and frames go on meanwhile.
    signing: Option<BoxFuture<'a, Result<String, String>>>,
}

/// Where the person is, in lines as they come; the last whole one counts.
#[derive(Default)]
struct Mark {
    part: Vec<u8>,
    whole: Option<String>,
}

impl Mark {
    fn take(&mut self, data: &[u8]) {
        self.part.extend_from_slice(data);
        while let Some(end) = self.part.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.part.drain(..=end).collect();
            let line = line.get(..end).unwrap_or_default();
            // It is handed back as it came: only what the server would take.
            self.whole =
                String::from_utf8(line.to_vec()).ok().filter(|mark| mark.bytes().all(|byte| byte.is_ascii_graphic()));
        }
        if self.part.len() > MARK_BYTES_MAX {
            self.part.clear();
        }
    }
}

/// Who signs here, and with what.
struct Signer {
    agent: Option<PathBuf>,
    person: Option<String>,
}

impl Signer {
    /// Signs what the server sent, where that is an approval of this person's.
    async fn sign(&self, line: &[u8]) -> Result<String, String> {
        let value: Value = serde_json::from_slice(line).map_err(|_| "the server sent nothing to sign".to_owned())?;
        let statement = value.get("statement").and_then(Value::as_str).unwrap_or_default();
        let keys = value.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let keys = keys.iter().filter_map(|key| key.as_str().map(str::to_owned)).collect();
        ToSign::new(statement, keys, self.person.as_deref())?.by_agent(self.agent.as_deref()).await
    }
}

/// The person a line asks to act as.
fn acting_as(words: &[String]) -> Option<String> {
    let at = words.iter().position(|word| word == "--as")?;
    words.get(at + 1).cloned()
}

enum Woken {
    Heard(Option<ChannelMsg>),
    Typed(Option<Bytes>),
    Resized,
    Signed(Result<String, String>),
    Ending,
}

impl Table<'_> {
    async fn sit(&mut self, person: &mut Person) -> Sat {
        loop {
            let woken = tokio::select! {
                heard = self.reader.wait() => Woken::Heard(heard),
                typed = person.keyboard.recv() => Woken::Typed(typed),
                _ = person.resized.recv() => Woken::Resized,
                signed = made(&mut self.signing) => Woken::Signed(signed),
                () = person.ending.come() => Woken::Ending,
            };
            let still_there = match woken {
                Woken::Heard(None) => return self.exit.map_or(Sat::Lost, |exit| Sat::Ended(Ok(exit))),
                Woken::Heard(Some(message)) => match self.heard(message).await {
                    Ok(()) => true,
                    Err(failure) => return Sat::Ended(Err(failure)),
                },
                // A server that takes nothing more does not keep anybody.
                Woken::Typed(Some(bytes)) => tokio::select! {
                    sent = self.writer.data_bytes(bytes) => sent.is_ok(),
                    () = person.ending.come() => return Sat::Ended(Ok(Exit::Done)),
                },
                Woken::Signed(result) => {
                    self.signing = None;
                    let answer = match result {
                        Ok(signature) => json!({"signature": signature}),
                        Err(why) => json!({"failed": why}),
                    };
                    self.writer.extended_data_bytes(SIGN_STREAM, Bytes::from(answer.to_string())).await.is_ok()
                }
                // The keyboard is gone: so is the person.
                Woken::Typed(None) | Woken::Ending => return Sat::Ended(Ok(Exit::Done)),
                Woken::Resized => {
                    let (columns, rows) = size(std::io::stdout()).unwrap_or((80, 24));
                    self.writer.window_change(u32::from(columns), u32::from(rows), 0, 0).await.is_ok()
                }
            };
            if !still_there && self.exit.is_none() {
                return Sat::Lost;
            }
        }
    }

    async fn heard(&mut self, message: ChannelMsg) -> Result<(), Failure> {
        match message {
            ChannelMsg::Data { data } => {
                let mut to = std::io::stdout().lock();
                to.write_all(&data)
                    .and_then(|()| to.flush())
                    .map_err(|error| Failure::new(Exit::Done, format!("the terminal is gone: {error}")))?;
            }
            ChannelMsg::ExtendedData { data, ext: STDERR } => self.said.extend_from_slice(&data),
            ChannelMsg::ExtendedData { data, ext: SAVE_STREAM } => self.save(&data).await,
            ChannelMsg::ExtendedData { data, ext: SIGN_STREAM } => self.sign(&data),
            ChannelMsg::ExtendedData { data, ext: MARK_STREAM } => self.mark.take(&data),
            ChannelMsg::ExitStatus { exit_status } => self.exit = Exit::of_code(exit_status),
            ChannelMsg::Failure => {
                return Err(Failure::new(Exit::Unreachable, "the server gives no console on this channel"));
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes a part of something to sign; once it is whole, it is signed or not, and the server told.
    fn sign(&mut self, data: &[u8]) {
        if self.to_sign.len() + data.len() > TO_SIGN_BYTES_MAX {
            return self.to_sign.clear();
        }
        self.to_sign.extend_from_slice(data);
        if let Some(end) = self.to_sign.iter().position(|byte| *byte == b'\n') {
            let line = self.to_sign.split_to(end + 1);
            let signer = self.signer;
            self.signing = Some(async move { signer.sign(&line).await }.boxed());
        }
    }

    /// Takes a part of a text to save; once it is whole, it is written and the server told where.
    async fn save(&mut self, data: &[u8]) {
        if self.saving.len() + data.len() > SAVED_BYTES_MAX + SAVE_HEAD_BYTES_MAX {
            self.saving.clear();
            return;
        }
        self.saving.extend_from_slice(data);
        let Some((name, text)) = whole(&mut self.saving) else {
            return;
        };
        let answer = match write_new(Path::new("."), &name, &text) {
            Ok(path) => json!({"saved": path}),
            Err(why) => json!({"failed": why}),
        };
        // Where the link is lost the next wait says so.
        let _ = self.writer.extended_data_bytes(SAVE_STREAM, Bytes::from(answer.to_string())).await;
    }
}

/// Waits until something is signed; for ever where nothing is.
async fn made(signing: &mut Option<BoxFuture<'_, Result<String, String>>>) -> Result<String, String> {
    match signing {
        Some(signing) => signing.await,
        None => std::future::pending().await,
    }
}

/// The first text of a stream of texts, where all of it is there.
fn whole(stream: &mut BytesMut) -> Option<(String, Bytes)> {
    let head_end = stream.iter().position(|byte| *byte == b'\n')?;
    let head: Value = serde_json::from_slice(stream.get(..head_end)?).ok()?;
    let bytes = usize::try_from(head.get("bytes")?.as_u64()?).ok()?;
    if stream.len() < head_end + 1 + bytes {
        return None;
    }
    let name = head.get("name")?.as_str()?.to_owned();
    let _head = stream.split_to(head_end + 1);
    Some((name, stream.split_to(bytes).freeze()))
}

/// Writes a new file beside where the person is: never over another, never elsewhere, never a hidden one, whatever the
/// server says.
fn write_new(dir: &Path, name: &str, text: &[u8]) -> Result<String, String> {
    let plain = !name.is_empty() && !name.starts_with(['.', '-']) && !name.contains(['/', '\0']) && name.len() <= 255;
    if !plain || name.contains(crate::domain::input::is_invisible) {
        return Err("name a file in the directory you started from, without a path".to_owned());
    }
    let path = dir.join(name);
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let mut file = made.map_err(|error| error.to_string())?;
    file.write_all(text).map_err(|error| error.to_string())?;
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_whole_mark_counts() {
        let mut mark = Mark::default();
        mark.take(b"one\ntw");
        assert_eq!(mark.whole.as_deref(), Some("one"));
        mark.take(b"o\nthr");
        assert_eq!(mark.whole.as_deref(), Some("two"));
        mark.take(&[b'x'; 5_000]);
        mark.take(b"\n\x1b[2J\n");
        assert_eq!(mark.whole, None, "what is no mark is not handed back");
    }

    #[test]
    fn a_text_comes_in_parts() {
        let mut stream = BytesMut::new();
        stream.extend_from_slice(b"{\"bytes\":5,\"name\":\"a.log\"}\nhel");
        assert_eq!(whole(&mut stream), None);
        stream.extend_from_slice(b"lo{\"bytes\":0,");
        assert_eq!(whole(&mut stream), Some(("a.log".to_owned(), Bytes::from_static(b"hello"))));
        assert_eq!(&stream[..], b"{\"bytes\":0,");
    }

    #[test]
    fn a_server_cannot_write_where_it_likes() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["../x", "/etc/x", ".profile", "-rf", "", "a/b", "x\u{202e}y", &"n".repeat(300)] {
            assert!(write_new(dir.path(), name, b"x").is_err(), "{name:?}");
        }
        assert_eq!(write_new(dir.path(), "run.log", b"x"), Ok("run.log".to_owned()));
        assert!(write_new(dir.path(), "run.log", b"y").is_err());
        assert_eq!(std::fs::read(dir.path().join("run.log")).unwrap(), b"x");
    }
}
