//! Opens the byte stream to the first server on the way.

use crate::domain::run::Reason;
use crate::executor::trouble::Trouble;
use futures::future::BoxFuture;
use rustix::net::sockopt::set_tcp_user_timeout;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Where a name has several addresses, each but the last gets this long: a dead one must not use up the whole time.
const ADDRESS_TRY_MS_MAX: u64 = 4_000;

/// After this long without an acknowledgement the kernel gives a connection up: as long as a host may be silent.
const UNACKNOWLEDGED_MS_MAX: u32 = 60_000;

/// A byte stream in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// How streams are opened: by TCP, or to servers inside this process.
pub trait Dial: Send + Sync {
    /// Opens a stream to `port` of `address`, a name or an address as written in the workspace.
    fn dial<'a>(&'a self, address: &'a str, port: u16) -> BoxFuture<'a, io::Result<Box<dyn Stream>>>;
}

/// Opens TCP connections.
#[derive(Clone, Copy, Debug)]
pub struct Tcp;

impl Dial for Tcp {
    fn dial<'a>(&'a self, address: &'a str, port: u16) -> BoxFuture<'a, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let mut addresses = tokio::net::lookup_host((address, port)).await?.peekable();
            let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            while let Some(next) = addresses.next() {
                let attempt = TcpStream::connect(next);
                let attempt = if addresses.peek().is_some() {
                    tokio::time::timeout(Duration::from_millis(ADDRESS_TRY_MS_MAX), attempt)
                        .await
                        .unwrap_or_else(|late| Err(late.into()))
                } else {
                    attempt.await
                };
                match attempt {
                    Ok(stream) => {
                        // Small packets both ways: waiting to fill them would only delay.
                        stream.set_nodelay(true)?;
                        // What is sent and never acknowledged must not hold what waits to be sent for a quarter of an hour.
                        let _ = set_tcp_user_timeout(&stream, UNACKNOWLEDGED_MS_MAX);
                        return Ok(Box::new(stream) as Box<dyn Stream>);
                    }
                    Err(error) => last = error,
                }
            }
            Err(last)
        })
    }
}

/// What a failed dial means.
pub(super) fn trouble(address: &str, port: u16, error: &io::Error) -> Trouble {
    let reason = match error.kind() {
        io::ErrorKind::ConnectionRefused => Reason::ConnectRefused,
        io::ErrorKind::TimedOut => Reason::ConnectTimeout,
        // Everything else says in its own way that there is no way there.
        _ => Reason::Unreachable,
    };
    Trouble::new(reason, format!("{address} port {port}: {error}"))
}
