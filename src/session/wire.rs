//! Bytes on their way to one terminal: whole, in order, never more than one frame ahead of it.

use std::io;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Bytes that are not written yet.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    written: usize,
}

impl Outbox {
    /// Adds a frame, which is taken as it is where nothing waits.
    pub fn push_frame(&mut self, frame: Vec<u8>) {
        match self.is_empty() {
            true => (self.bytes, self.written) = (frame, 0),
            false => self.push(&frame),
        }
    }

    /// Adds bytes behind those that wait.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether everything was written.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() <= self.written
    }

    /// Writes a part of what waits. Dropped before it is done, nothing was written.
    ///
    /// # Errors
    /// The terminal went away.
    pub async fn write(&mut self, wire: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let rest = self.bytes.get(self.written..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(());
        }
        match wire.write(rest).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => self.written += written,
        }
        if self.is_empty() {
            // Its memory is given back: a thousand sessions are idle at once.
            *self = Self::default();
        }
        Ok(())
    }

    /// Writes all that waits.
    ///
    /// # Errors
    /// The terminal went away.
    pub async fn flush(&mut self, wire: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        while !self.is_empty() {
            self.write(wire).await?;
        }
        wire.flush().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn a_torn_write_goes_on_where_it_stopped() {
        let (mut near, mut far) = tokio::io::duplex(3);
        let mut out = Outbox::default();
        out.push(b"abcdefgh");
        out.write(&mut near).await.unwrap();
        assert!(!out.is_empty());
        let abandoned = tokio::time::timeout(std::time::Duration::from_millis(1), out.write(&mut near)).await;
        assert!(abandoned.is_err());
        let reader = async {
            let mut all = vec![0; 8];
            far.read_exact(&mut all).await.unwrap();
            all
        };
        let (flushed, all) = tokio::join!(out.flush(&mut near), reader);
        flushed.unwrap();
        assert_eq!(all, b"abcdefgh");
        assert!(out.is_empty());
    }
}
