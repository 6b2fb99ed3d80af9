//! Printing. A reader that has gone (`| head`) is no error.

use std::io::Write as _;

/// To standard output.
pub fn out(text: &str) {
    let mut to = std::io::stdout().lock();
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

/// To standard error.
pub fn err(text: &str) {
    let mut to = std::io::stderr().lock();
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}
