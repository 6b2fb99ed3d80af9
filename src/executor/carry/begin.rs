//! From an order to a shell of ours that reads its input. Nothing of the script has left by then, so whatever goes
//! wrong here is `Refused`.

use super::{Carrier, Heeded, Reader, listen, words};
use crate::domain::order::{SAW_BYTES_MAX, Stream};
use crate::domain::run::Reason;
use crate::domain::workspace::Reach;
use crate::executor::ending::way;
use crate::executor::marker::{Mark, Marker};
use crate::executor::script::Nonce;
use crate::executor::talk::{Place, Talk};
use crate::executor::trouble::Trouble;
use tokio::time::timeout_at;

impl Carrier<'_> {
    /// Connects, starts the line, and waits until the shell says that it reads. Nothing of the script has left by then.
    pub(super) async fn reader(&mut self, nonce: &Nonce, line: impl Fn(&Place) -> String) -> Result<Reader, Trouble> {
        let cancel = self.cancel.clone();
        let until = self.connect_until;
        let limit_ms = self.order.limits.connect_ms;
        let opened = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Trouble::new(Reason::Aborted, "stopped before anything was sent")),
            opened = timeout_at(until, self.open(nonce, line)) => opened.unwrap_or_else(|_| {
                // A connection that was once good may be half-open: the next order makes a new one.
                self.executor.pool.forget(self.order.key.run, &self.order.host.name);
                Err(Trouble::new(Reason::ConnectTimeout, format!("no usable session within {limit_ms} ms")))
            }),
        };
        opened
    }

    async fn open(&mut self, nonce: &Nonce, line: impl Fn(&Place) -> String) -> Result<Reader, Trouble> {
        let mut first = true;
        loop {
            let place = self.place().await?;
            let talk = match place.start(&line(&place)).await {
                // The connection of an earlier order ended meanwhile: nothing was sent, so one more try is no repetition.
                Err(trouble) if trouble.reason == Reason::ConnectionLost && first => {
                    first = false;
                    continue;
                }
                other => other?,
            };
            return self.await_reader(place, talk, Marker::new(nonce.clone())).await;
        }
    }

    async fn place(&self) -> Result<Place, Trouble> {
        match self.order.host.reach {
            Reach::Local => Ok(Place::Local(self.executor.local.clone())),
            Reach::Ssh { .. } => {
                let way = way(self.order);
                self.executor.pool.connect(self.order.key.run, &way).await.map(Place::Ssh)
            }
        }
    }

    async fn await_reader(&mut self, place: Place, mut talk: Talk, mut marker: Marker) -> Result<Reader, Trouble> {
        let mut exit = None;
        loop {
            match listen(&mut talk, &mut marker, &mut self.outlet).await {
                Heeded::Marks(marks) => {
                    if let Some(Mark::Reads(pid)) = marks.first() {
                        return Ok(Reader { pid: *pid, place, talk, marker });
                    }
                }
                Heeded::Output => {}
                Heeded::Exit(how) => exit = Some(how),
                Heeded::Closed => {
                    self.outlet.push(Stream::Err, marker.finish());
                    let said = self.outlet.last_words(SAW_BYTES_MAX / 2);
                    let how =
                        exit.map_or("closed the session".to_owned(), |exit| format!("ended with {}", words(&exit)));
                    let said = if said.is_empty() { said } else { format!(": {said}") };
                    return Err(Trouble::new(
                        Reason::NoShell,
                        format!("logged in, but what runs is no shell of ours: it {how}{said}"),
                    ));
                }
                Heeded::Lost => {
                    return Err(Trouble::new(
                        Reason::ConnectionLost,
                        "the connection ended before the script was sent",
                    ));
                }
            }
        }
    }
}
