//! `approve` over the link: what only the person's side has (digits typed, a key that signs) goes along on standard input.

use super::link::{self, Link};
use super::person::Ending;
use super::places::Places;
use super::sign::ToSign;
use super::speak;
use super::surroundings::Surroundings;
use super::{Ended, Exit, Failure};
use crate::domain::binding;
use crate::engine::SIGNATURE_BYTES_MAX;
use crate::terminal::line::Safe;
use crate::verbs::args::{Approve, BY_AGENT, Line, STDIN};
use serde_json::Value;
use std::io::Read as _;
use std::path::Path;
use zeroize::Zeroizing;

/// Approves a run as the line says.
pub async fn approve(places: &Places, around: &Surroundings, line: &Line, asked: &Approve) -> Ended {
    // Before a terminal is raw: from here on no signal ends us without giving it back.
    let mut ending = Ending::new()?;
    let mut input = Zeroizing::new(Vec::new());
    if asked.factor.as_deref() == Some(STDIN) {
        input = speak::given("a code of your second factor", &mut ending).await?;
    }
    tokio::select! {
        ended = with(places, around, line, asked, input) => ended,
        () = ending.come() => Err(speak::lost()),
    }
}

async fn with(
    places: &Places,
    around: &Surroundings,
    line: &Line,
    asked: &Approve,
    mut input: Zeroizing<Vec<u8>>,
) -> Ended {
    let link = link::reach(places, around).await?;
    if asked.statement {
        return speak::say(&link, &words(line, asked, What::Statement), None, Exit::Done).await;
    }
    let digits = asked.factor.as_deref() == Some(STDIN);
    // All that standard input holds, where both come on it: the digits stand on its first line.
    let shared = digits && asked.signature.as_deref() == Some(Path::new(STDIN));
    if digits && !shared && input.last() != Some(&b'\n') {
        input.push(b'\n');
    }
    let signature = match (&asked.sign, &asked.signature) {
        (Some(sign), _) => match to_sign(&link, line, asked).await? {
            Ok(to_sign) => Some(signed(&to_sign, around, sign).await?.into_bytes()),
            Err(exit) => return Ok(exit),
        },
        (None, Some(_)) if shared => None,
        (None, Some(file)) => Some(read(file)?),
        (None, None) => None,
    };
    let what = match signature.is_some() || shared {
        true => What::Signed,
        false => What::Plain,
    };
    input.extend(signature.unwrap_or_default());
    let input = (what == What::Signed || digits).then_some(input);
    speak::say(&link, &words(line, asked, what), input, Exit::Done).await
}

/// What is said to the server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Statement,
    Signed,
    Plain,
}

/// The line as the server hears it: nothing of where keys lie here.
fn words(line: &Line, asked: &Approve, what: What) -> Vec<String> {
    let mut words = vec!["approve".to_owned(), asked.run.0.to_string(), "--code".to_owned(), asked.code.clone()];
    let mut with = |flag: &str, value: Option<&str>| {
        words.push(flag.to_owned());
        words.extend(value.map(str::to_owned));
    };
    match what {
        What::Statement => with("--statement", None),
        What::Signed | What::Plain => {
            if let Some(reason) = &asked.reason {
                with("--reason", Some(reason));
            }
            if let Some(digits) = &asked.factor {
                with("--factor", Some(digits));
            }
            if what == What::Signed {
                with("--signature", Some(STDIN));
            }
        }
    }
    if let Some(person) = &line.common.acting_as {
        with("--as", Some(person));
    }
    if line.common.json {
        with("--json", None);
    }
    words
}

/// Asks what is to be signed. Where the answer is no, it has been told, and this is the exit.
async fn to_sign(link: &Link, line: &Line, asked: &Approve) -> Result<Result<ToSign, Exit>, Failure> {
    let in_json = Line { common: crate::verbs::args::Common { json: true, ..line.common.clone() }, verb: None };
    let (exit, answer) = speak::answer(link, &words(&in_json, asked, What::Statement)).await?;
    if exit != Exit::Done {
        // Once more in the form that was asked for: what to say is the server's to know.
        return speak::say(link, &words(line, asked, What::Statement), None, Exit::Done).await.map(Err);
    }
    let wrong = |why: &str| Failure::new(Exit::No, format!("not approved: {why}"));
    let value: Value = serde_json::from_slice(&answer).map_err(|_| wrong("the server said nothing to sign"))?;
    let text = value.get("statement").and_then(Value::as_str).unwrap_or_default();
    let keys = value.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let keys = keys.iter().filter_map(|key| key.as_str().map(str::to_owned)).collect();
    let to_sign = ToSign::new(text, keys, line.common.acting_as.as_deref()).map_err(|why| wrong(&why))?;
    // What is signed is what was looked at, whatever the server says it is.
    let statement = &to_sign.statement;
    if statement.run != asked.run || !binding::is_code(&statement.binding, &asked.code) {
        return Err(wrong("the server sent another approval to sign than the one you typed the code of"));
    }
    Ok(Ok(to_sign))
}

async fn signed(to_sign: &ToSign, around: &Surroundings, sign: &str) -> Result<String, Failure> {
    let signed = match sign {
        BY_AGENT => to_sign.by_agent(around.agent.as_deref()).await,
        file => to_sign.by_file(Path::new(file)),
    };
    signed.map_err(|why| Failure::new(Exit::No, format!("not approved: {}", Safe::new(why))))
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let unread = |error: std::io::Error| Failure::new(Exit::BadInput, format!("{}: {error}", file.display()));
    let from: Box<dyn std::io::Read> = match file == Path::new(STDIN) {
        true => Box::new(std::io::stdin()),
        false => Box::new(std::fs::File::open(file).map_err(unread)?),
    };
    let mut bytes = Vec::new();
    from.take(SIGNATURE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(unread)?;
    Ok(bytes)
}
