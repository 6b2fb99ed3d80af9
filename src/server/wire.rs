//! A stream that can be cut from outside: russh keeps a connection for as long as its stream lives. And one that writes line ends
//! out for a terminal.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A stream that ends when its token is cancelled.
pub struct Cuttable<S> {
    stream: S,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<S> Cuttable<S> {
    /// A stream that ends when `cut` is cancelled.
    pub fn new(stream: S, cut: CancellationToken) -> Self {
        Self { stream, cut: Box::pin(cut.cancelled_owned()) }
    }

    fn is_cut(&mut self, cx: &mut Context<'_>) -> bool {
        self.cut.as_mut().poll(cx).is_ready()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Cuttable<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.is_cut(cx) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Cuttable<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_cut(cx) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_cut(cx) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_cut(cx) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Bytes taken at once where line ends are written out.
const CHUNK_BYTES: usize = 4_096;

/// What a verb writes to a terminal at the far end that nobody there writes line ends out for: `ssh -t` leaves it raw.
pub struct Terminal<W> {
    to: W,
    is_terminal: bool,
    pending: Vec<u8>,
    written: usize,
}

impl<W: AsyncWrite + Unpin> Terminal<W> {
    /// A stream to a terminal, or, where it is none, the stream as it is.
    pub fn new(to: W, is_terminal: bool) -> Self {
        Self { to, is_terminal, pending: Vec::new(), written: 0 }
    }

    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.pending.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.to).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                taken => self.written += taken,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Terminal<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if !self.is_terminal {
            return Pin::new(&mut self.to).poll_write(cx, bytes);
        }
        ready!(self.poll_pending(cx))?;
        let chunk = bytes.get(..bytes.len().min(CHUNK_BYTES)).unwrap_or_default();
        self.pending =
            chunk.iter().flat_map(|byte| [b'\r', *byte].into_iter().skip(usize::from(*byte != b'\n'))).collect();
        self.written = 0;
        // What the stream does not take now goes with the next call.
        match self.poll_pending(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(chunk.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        Pin::new(&mut self.to).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        Pin::new(&mut self.to).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn line_ends_are_written_out_for_a_terminal_however_little_it_takes_at_once() {
        let text = "row\n".repeat(3_000) + "end";
        for is_terminal in [true, false] {
            let (near, mut far) = tokio::io::duplex(7);
            let mut to = Terminal::new(near, is_terminal);
            let mut read = String::new();
            let write = async {
                to.write_all(text.as_bytes()).await.unwrap();
                to.flush().await.unwrap();
                to.shutdown().await.unwrap();
            };
            let (read_bytes, ()) = tokio::join!(far.read_to_string(&mut read), write);
            read_bytes.unwrap();
            assert_eq!(read, if is_terminal { text.replace('\n', "\r\n") } else { text.clone() });
        }
    }
}
