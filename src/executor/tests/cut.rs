//! A way to a real host that breaks behind so many bytes: a reset, or silence in both directions (C2, C13).

use crate::executor::{Dial, Stream, Tcp};
use futures::future::BoxFuture;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How a way breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Breaks {
    /// Both ends are told.
    Reset,
    /// Nobody is: what was sent has arrived, and nothing comes any more.
    Silent,
}

/// Breaks once `left` bytes have gone to the host; connections behind the first do not break.
#[derive(Clone)]
pub struct Breaking {
    left: Arc<AtomicI64>,
    dials: Arc<AtomicI64>,
    how: Breaks,
}

impl Breaking {
    /// A way that breaks behind `bytes`.
    pub fn behind(bytes: i64, how: Breaks) -> Self {
        Self { left: Arc::new(AtomicI64::new(bytes)), dials: Arc::default(), how }
    }

    /// How much could still be sent; negative once it broke.
    pub fn left(&self) -> i64 {
        self.left.load(Ordering::SeqCst)
    }
}

impl Dial for Breaking {
    fn dial<'a>(&'a self, address: &'a str, port: u16) -> BoxFuture<'a, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let inner = Tcp.dial(address, port).await?;
            match self.dials.fetch_add(1, Ordering::SeqCst) {
                0 => Ok(Box::new(Way { inner, breaking: self.clone() }) as Box<dyn Stream>),
                _ => Ok(inner),
            }
        })
    }
}

struct Way {
    inner: Box<dyn Stream>,
    breaking: Breaking,
}

impl Way {
    fn broken<T>(&self) -> Option<Poll<io::Result<T>>> {
        (self.breaking.left() < 0).then(|| match self.breaking.how {
            Breaks::Reset => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Breaks::Silent => Poll::Pending,
        })
    }
}

impl AsyncRead for Way {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.broken() {
            Some(broken) => broken,
            None => Pin::new(&mut self.inner).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Way {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(broken) = self.broken() {
            return broken;
        }
        let room = usize::try_from(self.breaking.left()).unwrap_or(0).max(1).min(bytes.len());
        let sent = Pin::new(&mut self.inner).poll_write(cx, &bytes[..room]);
        if let Poll::Ready(Ok(count)) = sent {
            self.breaking.left.fetch_sub(i64::try_from(count).unwrap(), Ordering::SeqCst);
        }
        sent
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
