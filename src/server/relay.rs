//! A console over SSH whose server was relieved: what is typed goes to the successor, what that draws comes back. To the person it
//! is the same console.

use super::WINDOW_BYTES;
use super::baton::{Baton, Message};
use super::console::Sitting;
use super::peer::Visitor;
use crate::session::{FromPeer, Opening};
use crate::verbs::Exit;
use russh::client;
use russh::{Channel, ChannelMsg};
use std::borrow::Cow;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

/// What the successor has to let a console in: it does so at once, unless it is overwhelmed.
const LET_IN_WAIT: Duration = Duration::from_secs(20);

/// What is heard where the console cannot be passed on, or the successor ends.
const AGAIN: &str = "the server was upgraded and runs go on\nnext: connect again\n";

/// Passes a console on until it ends.
pub async fn carry(baton: &Baton, visitor: &Visitor, sitting: &mut Sitting) -> (Exit, String) {
    let opened = timeout(LET_IN_WAIT, open(baton, visitor, sitting)).await;
    let (_link, channel) = match opened {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => {
            tracing::warn!(%error, person = %visitor.welcome.person, "a console could not be passed on");
            return (Exit::TryAgain, AGAIN.to_owned());
        }
        Err(_) => return (Exit::TryAgain, AGAIN.to_owned()),
    };
    let (exit, last) = pass(channel, sitting).await;
    match exit {
        Some(exit) => (exit, last),
        None => (Exit::TryAgain, AGAIN.to_owned()),
    }
}

async fn open(
    baton: &Baton,
    visitor: &Visitor,
    sitting: &Sitting,
) -> Result<(client::Handle<Near>, Channel<client::Msg>), russh::Error> {
    let (near, far) = std::os::unix::net::UnixStream::pair()?;
    near.set_nonblocking(true)?;
    let shown = Box::new(visitor.shown.clone());
    baton.send(&Message::Console { shown }, &[far.as_fd()]).await?;
    drop(far);
    let near = tokio::net::UnixStream::from_std(near)?;
    let config = client::Config {
        window_size: WINDOW_BYTES,
        inactivity_timeout: None,
        preferred: russh::Preferred {
            cipher: Cow::Borrowed(&[russh::cipher::AES_256_GCM, russh::cipher::CHACHA20_POLY1305]),
            compression: Cow::Borrowed(&[russh::compression::NONE]),
            ..russh::Preferred::default()
        },
        ..client::Config::default()
    };
    let mut link = client::connect_stream(Arc::new(config), near, Near).await?;
    if !link.authenticate_none("").await?.success() {
        return Err(russh::Error::NotAuthenticated);
    }
    let channel = link.channel_open_session().await?;
    let (columns, rows) = sitting.place.size();
    channel.request_pty(true, "", u32::from(columns), u32::from(rows), 0, 0, &[]).await?;
    for (name, value) in sitting.place.told() {
        channel.set_env(false, name, value).await?;
    }
    let line = match sitting.open {
        Opening::Wall => "wall".to_owned(),
        Opening::Home | Opening::Run(_) => "attach".to_owned(),
    };
    channel.exec(true, line).await?;
    Ok((link, channel))
}

/// Both ways, until one of them ends. The exit, where the successor said one. Neither way waits for the other: whoever types while
/// nothing can be drawn is still heard.
async fn pass(channel: Channel<client::Msg>, sitting: &mut Sitting) -> (Option<Exit>, String) {
    let (mut reader, writer) = channel.split();
    let Sitting { from, place, connection, writer: out, .. } = sitting;
    let typed = async {
        while let Some(event) = from.recv().await {
            let sent = match event {
                FromPeer::Bytes(bytes) => writer.data_bytes(bytes).await,
                FromPeer::Resized(columns, rows) => {
                    place.resize(columns.into(), rows.into());
                    writer.window_change(columns.into(), rows.into(), 0, 0).await
                }
                // What signs and saves is our own client, which sits at the socket.
                FromPeer::Saved(_) | FromPeer::Signed(_) => Ok(()),
            };
            if sent.is_err() {
                // The other way ends too, and knows how.
                return std::future::pending().await;
            }
        }
        Some(Exit::Done)
    };
    let mut wire = out.make_writer();
    let drawn = async {
        let mut exit = None;
        while let Some(message) = reader.wait().await {
            match message {
                ChannelMsg::Data { data } if wire.write_all(&data).await.is_err() => return Some(Exit::Done),
                ChannelMsg::ExitStatus { exit_status } => exit = Exit::of_code(exit_status),
                ChannelMsg::Failure => return None,
                _ => {}
            }
        }
        exit
    };
    tokio::select! {
        exit = typed => (exit, String::new()),
        exit = drawn => (exit, String::new()),
        () = connection.out.cancelled() => (Some(Exit::No), connection.last_words()),
    }
}

/// The client's side: its server is its own successor, at the far end of a stream that nobody else has.
struct Near;

impl client::Handler for Near {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &russh::keys::PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(true)
    }
}
