//! The person at this terminal: what they type as it comes, and the signals that say they are going.

use super::{Exit, Failure};
use bytes::Bytes;
use std::io::Read as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Bytes read from the keyboard at once: a paste comes in several.
const READ_BYTES_MAX: usize = 4_096;

/// Reads that wait for the link. Beyond it the tty keeps what is typed.
const READS_WAITING_MAX: usize = 16;

/// What is typed, as it comes. A thread of its own: a read from a terminal cannot be given up.
pub fn keyboard() -> mpsc::Receiver<Bytes> {
    let (to, typed) = mpsc::channel(READS_WAITING_MAX);
    std::thread::spawn(move || {
        let mut buffer = vec![0; READ_BYTES_MAX];
        while let Ok(count @ 1..) = std::io::stdin().lock().read(&mut buffer) {
            let bytes = Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default());
            if to.blocking_send(bytes).is_err() {
                break;
            }
        }
    });
    typed
}

/// The signals that end a visit. From its making on they end nothing by themselves.
pub struct Ending([Signal; 4]);

impl Ending {
    /// Listens for them.
    pub fn new() -> Result<Self, Failure> {
        let [hung_up, terminated, interrupted, quit] =
            [SignalKind::hangup(), SignalKind::terminate(), SignalKind::interrupt(), SignalKind::quit()].map(heard);
        Ok(Self([hung_up?, terminated?, interrupted?, quit?]))
    }

    /// Waits for the first of them.
    pub async fn come(&mut self) {
        let [hung_up, terminated, interrupted, quit] = &mut self.0;
        tokio::select! {
            _ = hung_up.recv() => {}
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
            _ = quit.recv() => {}
        }
    }
}

/// A signal to listen for.
pub fn heard(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::new(Exit::Unreachable, format!("signals cannot be heard: {error}")))
}
