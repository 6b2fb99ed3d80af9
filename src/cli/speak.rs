//! A verb over the link: the words go there, the streams and the exit status come back.

use super::link::{self, Link};
use super::places::Places;
use super::surroundings::Surroundings;
use super::{Ended, Exit, Failure};
use crate::server::LINE_BYTES_MAX;
use crate::terminal::guard::RawMode;
use crate::verbs::args::{Line, Verb};
use russh::client::Msg;
use russh::{Channel, ChannelMsg};
use std::io::{IsTerminal as _, Read as _, Write as _};
use zeroize::Zeroizing;

/// Standard error, as SSH numbers it.
const STDERR: u32 = 1;

/// Longest standard input of a verb that reads it: see `verbs::act::secret`, which says no to more.
const STDIN_BYTES_MAX: u64 = 128 * 1024;

/// Says a line to the server, starting it where none runs.
pub fn speak(places: &Places, around: &Surroundings, line: &Line, arguments: &[String]) -> Ended {
    let stdin = match &line.verb {
        Some(Verb::Secret { name, .. }) => Some(secret(name)?),
        Some(_) | None => None,
    };
    runtime()?.block_on(async {
        let link = link::reach(places, around).await?;
        say(&link, arguments, stdin).await
    })
}

/// Says a line to the server that runs.
pub fn to_a_running_server(places: &Places, arguments: &[String]) -> Ended {
    let socket = places.socket()?;
    runtime()?.block_on(async {
        let link = link::reach_running(&socket).await?;
        say(&link, arguments, None).await
    })
}

/// The client's runtime: one thread, for it waits and little else.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Unreachable, format!("no runtime: {error}")))
}

/// The words as one line that reads back as the same words.
pub fn quoted(arguments: &[String]) -> Result<String, Failure> {
    let line = shlex::try_join(arguments.iter().map(String::as_str))
        .map_err(|_| Failure::new(Exit::Usage, "arguments hold no zero byte"))?;
    if line.len() > LINE_BYTES_MAX {
        let text = format!("the arguments have {} bytes in all; a line takes {LINE_BYTES_MAX}", line.len());
        return Err(Failure::new(Exit::Usage, text));
    }
    Ok(line)
}

/// What one hears when a link ends without an answer.
pub fn lost() -> Failure {
    Failure::new(
        Exit::TryAgain,
        "the connection to the server was lost before it answered; look before you say it again",
    )
}

async fn say(link: &Link, arguments: &[String], stdin: Option<Zeroizing<Vec<u8>>>) -> Ended {
    let line = quoted(arguments)?;
    let broken = |_| lost();
    let mut channel = link.handle.channel_open_session().await.map_err(broken)?;
    channel.exec(true, line).await.map_err(broken)?;
    if let Some(bytes) = stdin {
        channel.data(bytes.as_slice()).await.map_err(broken)?;
    }
    channel.eof().await.map_err(broken)?;
    hear(&mut channel).await
}

async fn hear(channel: &mut Channel<Msg>) -> Ended {
    let mut exit = None;
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                let mut to = std::io::stdout().lock();
                if to.write_all(&data).and_then(|()| to.flush()).is_err() {
                    // Whoever reads has had enough (`| head`).
                    return Ok(Exit::Done);
                }
            }
            ChannelMsg::ExtendedData { data, ext: STDERR } => {
                let mut to = std::io::stderr().lock();
                let _ = to.write_all(&data).and_then(|()| to.flush());
            }
            ChannelMsg::ExitStatus { exit_status } => exit = of_code(exit_status),
            ChannelMsg::Failure => {
                return Err(Failure::new(Exit::Usage, "the server does not take this line: too long"));
            }
            _ => {}
        }
    }
    exit.ok_or_else(lost)
}

/// The exit a server's status means.
pub fn of_code(code: u32) -> Option<Exit> {
    [
        Exit::Done,
        Exit::No,
        Exit::Unknown,
        Exit::Usage,
        Exit::BadInput,
        Exit::Unreachable,
        Exit::AlreadyRunning,
        Exit::Storage,
        Exit::TryAgain,
    ]
    .into_iter()
    .find(|exit| u32::from(exit.code()) == code)
}

/// A secret from standard input; from a terminal unechoed, up to the first line feed.
fn secret(name: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let stdin = std::io::stdin();
    let wrong = |error: std::io::Error| Failure::new(Exit::Usage, format!("standard input cannot be read: {error}"));
    if !stdin.is_terminal() {
        let mut bytes = Zeroizing::new(Vec::new());
        stdin.lock().take(STDIN_BYTES_MAX).read_to_end(&mut bytes).map_err(wrong)?;
        return Ok(bytes);
    }
    super::say::err(&format!("{name}: "));
    let raw = RawMode::enter(&stdin, Vec::new()).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    let typed = typed(stdin.lock());
    drop(raw);
    super::say::err("\n");
    typed.map_err(wrong)?.ok_or_else(|| Failure::new(Exit::Usage, "nothing was given"))
}

/// Bytes up to the end of the line; `None` where the person thought better of it.
fn typed(from: impl std::io::Read) -> std::io::Result<Option<Zeroizing<Vec<u8>>>> {
    const INTERRUPT: u8 = 3;
    const END: u8 = 4;
    const BACKSPACE: [u8; 2] = [8, 127];
    let mut typed = Zeroizing::new(Vec::new());
    for byte in std::io::BufReader::with_capacity(1, from).bytes() {
        match byte? {
            b'\r' | b'\n' => return Ok(Some(typed)),
            INTERRUPT | END => return Ok(None),
            byte if BACKSPACE.contains(&byte) => drop(typed.pop()),
            byte => typed.push(byte),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_secret_ends_with_its_line_and_can_be_mended() {
        let read = |bytes: &[u8]| typed(bytes).unwrap().map(|typed| typed.to_vec());
        assert_eq!(read(b"hunterx\x7f22\rrest").as_deref(), Some(&b"hunter22"[..]));
        assert_eq!(read(b"hunter\x03\r"), None);
        assert_eq!(read(b"hunter"), None);
    }

    #[test]
    fn words_survive_the_line() {
        let words = ["note", "42", "it's \"odd\"; $(rm -rf /) \\ \n end", ""].map(str::to_owned);
        assert_eq!(shlex::split(&quoted(&words).unwrap()).unwrap(), words);
        assert!(quoted(&["a\0b".to_owned()]).is_err());
        let long = quoted(&["note".to_owned(), "1".to_owned(), "x".repeat(LINE_BYTES_MAX)]).unwrap_err();
        assert!(long.exit == Exit::Usage && long.text.contains("a line takes 163840"), "{}", long.text);
    }

    #[test]
    fn statuses_are_exits() {
        assert_eq!(of_code(64), Some(Exit::Usage));
        assert_eq!(of_code(3), None);
    }
}
