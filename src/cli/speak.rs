//! A verb over the link: the words go there, the streams and the exit status come back.

use super::approve;
use super::link::{self, Link};
use super::person::Ending;
use super::places::Places;
use super::say::Sent;
use super::surroundings::Surroundings;
use super::{Ended, Exit, Failure};
use crate::domain::evidence::EVIDENCE_BYTES_MAX;
use crate::server::LINE_BYTES_MAX;
use crate::terminal::guard::RawMode;
use crate::terminal::line::Safe;
use crate::verbs::args::{Evidence, Line, People, Record, Runs, RunsLog, Verb};
use russh::{ChannelMsg, ChannelReadHalf};
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::Path;
use zeroize::Zeroizing;

/// Standard error, as SSH numbers it.
const STDERR: u32 = 1;

/// Longest standard input of a verb that reads it: see `verbs::act::secret`, which says no to more.
const STDIN_BYTES_MAX: u64 = 128 * 1024;

/// Longest answer that is kept instead of printed.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Says a line to the server, starting it where none runs.
pub fn speak(places: &Places, around: &Surroundings, line: &Line, arguments: &[String]) -> Ended {
    let enough = match &line.verb {
        // Whoever reads no further does not know how it ends, and neither may we say that it ended well.
        Some(Verb::Run { .. } | Verb::Runs(Runs::Log(RunsLog { follow: true, .. }))) => Exit::TryAgain,
        Some(_) | None => Exit::Done,
    };
    let spoken = async |stdin| {
        let link = link::reach(places, around).await?;
        say(&link, arguments, stdin, enough).await
    };
    runtime()?.block_on(async {
        let name = match &line.verb {
            Some(Verb::Secret { name, .. }) => name,
            Some(Verb::Approve(asked)) => return approve::approve(places, around, line, asked).await,
            Some(Verb::People(People::Prove)) => "a code of your second factor",
            Some(Verb::BreakGlass(breaking)) if breaking.reads() => "a code of your second factor",
            Some(Verb::Record(Record::Add(_))) => return spoken(Some(piped()?)).await,
            Some(Verb::Record(Record::File { file, .. })) => return spoken(Some(evidence(file)?)).await,
            Some(Verb::Evidence(Evidence { pack: None, file: Some(file), .. })) => {
                return spoken(Some(evidence(file)?)).await;
            }
            Some(Verb::Evidence(Evidence { pack: Some(_), .. })) if std::io::stdout().is_terminal() => {
                let text = "a pack is not for a terminal: write it somewhere, as in --out FILE";
                return Err(Failure::new(Exit::Usage, text));
            }
            Some(Verb::Runs(Runs::Evidence { sha256: Some(_), .. })) if to_a_terminal(line) => {
                let text = "a file is not for a terminal: write it somewhere, as in > FILE";
                return Err(Failure::new(Exit::Usage, text));
            }
            Some(_) | None => return spoken(None).await,
        };
        // Before the terminal is raw: from here on no signal ends us without giving it back.
        let mut ending = Ending::new()?;
        let value = given(name, &mut ending).await?;
        tokio::select! {
            ended = spoken(Some(value)) => ended,
            () = ending.come() => Err(lost()),
        }
    })
}

/// A value from standard input: asked for by its name at a terminal, unechoed, else read to its end.
pub async fn given(name: &str, ending: &mut Ending) -> Result<Zeroizing<Vec<u8>>, Failure> {
    match std::io::stdin().is_terminal() {
        true => asked(name, ending).await,
        false => piped(),
    }
}

fn to_a_terminal(line: &Line) -> bool {
    !line.common.json && std::io::stdout().is_terminal()
}

/// The file of a person, read as that person; one byte more than the server takes says that it is too long.
fn evidence(file: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let unread = |error: std::io::Error| Failure::new(Exit::BadInput, format!("{}: {error}", file.display()));
    let from: Box<dyn std::io::Read> = match file.as_os_str() == "-" {
        true => Box::new(std::io::stdin()),
        false => Box::new(std::fs::File::open(file).map_err(unread)?),
    };
    let mut bytes = Zeroizing::new(Vec::new());
    from.take(EVIDENCE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(unread)?;
    Ok(bytes)
}

/// Says a line to the server that runs.
pub fn to_a_running_server(places: &Places, arguments: &[String]) -> Ended {
    let socket = places.socket()?;
    runtime()?.block_on(async {
        let link = link::knock(&socket).await?;
        say(&link, arguments, None, Exit::Done).await
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

/// `enough`: the exit where nobody reads the answer to its end (`| head`).
pub async fn say(link: &Link, arguments: &[String], stdin: Option<Zeroizing<Vec<u8>>>, enough: Exit) -> Ended {
    let line = quoted(arguments)?;
    let broken = |_| lost();
    let channel = link.channel().await?;
    channel.exec(true, line).await.map_err(broken)?;
    let (mut read, write) = channel.split();
    // An answer may come before all of it is taken: then the rest need not go.
    let given = async {
        if let Some(bytes) = stdin {
            let _ = write.data(bytes.as_slice()).await;
        }
        let _ = write.eof().await;
        std::future::pending().await
    };
    tokio::select! {
        ended = hear(&mut read, enough) => ended,
        () = given => Err(lost()),
    }
}

/// Says a line and keeps the answer, instead of printing it.
pub async fn answer(link: &Link, arguments: &[String]) -> Result<(Exit, Vec<u8>), Failure> {
    let line = quoted(arguments)?;
    let mut channel = link.channel().await?;
    channel.exec(true, line).await.map_err(|_| lost())?;
    let (mut exit, mut answer) = (None, Vec::new());
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } if answer.len() + data.len() <= ANSWER_BYTES_MAX => {
                answer.extend_from_slice(&data)
            }
            ChannelMsg::ExitStatus { exit_status } => exit = Exit::of_code(exit_status),
            _ => {}
        }
    }
    exit.map(|exit| (exit, answer)).ok_or_else(lost)
}

/// Says a line and writes the answer into `to`, instead of printing it.
pub async fn save(link: &Link, arguments: &[String], to: &mut std::fs::File) -> Ended {
    let line = quoted(arguments)?;
    let mut channel = link.channel().await?;
    channel.exec(true, line).await.map_err(|_| lost())?;
    let mut exit = None;
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                to.write_all(&data).map_err(|error| Failure::new(Exit::Storage, error.to_string()))?;
            }
            ChannelMsg::ExtendedData { data, ext: STDERR } => {
                let mut stderr = std::io::stderr().lock();
                let _ = stderr.write_all(&data).and_then(|()| stderr.flush());
            }
            ChannelMsg::ExitStatus { exit_status } => exit = Exit::of_code(exit_status),
            _ => {}
        }
    }
    exit.ok_or_else(lost)
}

async fn hear(channel: &mut ChannelReadHalf, enough: Exit) -> Ended {
    let mut exit = None;
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } => match super::say::bytes(&data)? {
                Sent::All => {}
                Sent::Enough => return Ok(enough),
            },
            ChannelMsg::ExtendedData { data, ext: STDERR } => {
                let mut to = std::io::stderr().lock();
                let _ = to.write_all(&data).and_then(|()| to.flush());
            }
            ChannelMsg::ExitStatus { exit_status } => exit = Exit::of_code(exit_status),
            ChannelMsg::Failure => {
                return Err(Failure::new(Exit::Usage, "the server does not take this line: too long"));
            }
            _ => {}
        }
    }
    exit.ok_or_else(lost)
}

/// A secret from standard input.
fn piped() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new(Vec::new());
    std::io::stdin().lock().take(STDIN_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| unread(&error))?;
    Ok(bytes)
}

fn unread(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Usage, format!("standard input cannot be read: {error}"))
}

/// A secret from the terminal, unechoed, up to the first line feed.
async fn asked(name: &str, ending: &mut Ending) -> Result<Zeroizing<Vec<u8>>, Failure> {
    super::say::err(&format!("{}: ", Safe::new(name)));
    let stdin = std::io::stdin();
    let raw =
        RawMode::enter(&stdin, &stdin, Vec::new()).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    let (to, line) = tokio::sync::oneshot::channel();
    // A thread of its own: a read from a terminal cannot be given up.
    std::thread::spawn(move || drop(to.send(typed(std::io::stdin().lock()))));
    let line = tokio::select! {
        line = line => line.ok(),
        () = ending.come() => None,
    };
    drop(raw);
    super::say::err("\n");
    match line {
        Some(Ok(Typed::Line(secret))) => Ok(secret),
        Some(Ok(Typed::Unprintable)) => {
            let text = "the secret was not taken: it holds a key that is no character; type it again, or give it on standard input";
            Err(Failure::new(Exit::Usage, text))
        }
        Some(Ok(Typed::Nothing)) | None => Err(Failure::new(Exit::Usage, "nothing was given")),
        Some(Err(error)) => Err(unread(&error)),
    }
}

/// What was typed at the prompt.
enum Typed {
    /// A line.
    Line(Zeroizing<Vec<u8>>),
    /// A line with an arrow key or the like in it: nobody saw what became of it.
    Unprintable,
    /// The person thought better of it.
    Nothing,
}

/// Bytes up to the end of the line.
fn typed(from: impl std::io::Read) -> std::io::Result<Typed> {
    const INTERRUPT: u8 = 3;
    const END: u8 = 4;
    const BACKSPACE: [u8; 2] = [8, 127];
    let mut line = Zeroizing::new(Vec::new());
    let mut spoiled = false;
    for byte in std::io::BufReader::with_capacity(1, from).bytes() {
        match byte? {
            b'\r' | b'\n' if spoiled => return Ok(Typed::Unprintable),
            b'\r' | b'\n' => return Ok(Typed::Line(line)),
            INTERRUPT | END => return Ok(Typed::Nothing),
            byte if BACKSPACE.contains(&byte) => drop(line.pop()),
            byte => {
                spoiled |= byte.is_ascii_control();
                line.push(byte);
            }
        }
    }
    Ok(Typed::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_secret_ends_with_its_line_and_can_be_mended() {
        let read = |bytes: &[u8]| typed(bytes).unwrap();
        assert!(matches!(read(b"hunterx\x7f22\rrest"), Typed::Line(line) if line[..] == *b"hunter22"));
        assert!(matches!(read(b"hunter\x03\r"), Typed::Nothing));
        assert!(matches!(read(b"hunter"), Typed::Nothing));
    }

    #[test]
    fn an_arrow_key_does_not_become_part_of_a_secret() {
        assert!(matches!(typed(&b"hunter\x1b[D22\r"[..]).unwrap(), Typed::Unprintable));
        assert!(matches!(typed(&b"hunter\t22\n"[..]).unwrap(), Typed::Unprintable));
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
        assert_eq!(Exit::of_code(64), Some(Exit::Usage));
        assert_eq!(Exit::of_code(3), None);
    }
}
