//! Printing. A reader that has had enough (`| head`) is no error; an answer that does not arrive is one.

use super::{Exit, Failure};
use std::io::{self, Write as _};

/// How bytes for standard output fared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// They were written.
    All,
    /// Nobody reads on.
    Enough,
}

/// To standard output.
pub fn out(text: &str) -> Result<(), Failure> {
    bytes(text.as_bytes()).map(|_| ())
}

/// Bytes to standard output.
pub fn bytes(bytes: &[u8]) -> Result<Sent, Failure> {
    let mut to = io::stdout().lock();
    judged(to.write_all(bytes).and_then(|()| to.flush()))
}

fn judged(written: io::Result<()>) -> Result<Sent, Failure> {
    match written {
        Ok(()) => Ok(Sent::All),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Sent::Enough),
        Err(error) => Err(Failure::new(Exit::Storage, format!("standard output cannot be written: {error}"))),
    }
}

/// To standard error.
pub fn err(text: &str) {
    let mut to = io::stderr().lock();
    // Where even complaints cannot go, the exit status says it.
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

/// Standard error, for a log that is read by a machine.
pub fn errors() -> impl io::Write + Send + 'static {
    io::stderr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_reader_that_left_has_had_enough() {
        let failed = |kind: io::ErrorKind| judged(Err(kind.into()));
        assert_eq!(judged(Ok(())), Ok(Sent::All));
        assert_eq!(failed(io::ErrorKind::BrokenPipe), Ok(Sent::Enough));
        assert_eq!(failed(io::ErrorKind::StorageFull).unwrap_err().exit, Exit::Storage);
    }
}
