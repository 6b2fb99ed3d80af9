//! From an order to a shell of ours that reads its input. Nothing of the script has left by then, so whatever goes
//! wrong here is `Refused`.

use super::{Carrier, Heeded, Reader, listen_on, words};
use crate::domain::order::SAW_BYTES_MAX;
use crate::domain::run::Reason;
use crate::domain::workspace::Reach;
use crate::executor::ending::way;
use crate::executor::marker::{Mark, Marker};
use crate::executor::output::Outlet;
use crate::executor::script::{Lead, Nonce};
use crate::executor::talk::{Place, Streams, Talk};
use crate::executor::trouble::Trouble;
use tokio::time::{Instant, timeout_at};

impl Carrier<'_> {
    /// Connects, starts the line, and waits until the shell says that it reads. Nothing of the script has left by then.
    pub(super) async fn reader(
        &mut self,
        nonce: &Nonce,
        streams: Streams,
        line: impl Fn(Lead) -> String,
    ) -> Result<Reader, Trouble> {
        let cancel = self.cancel.clone();
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Trouble::new(Reason::Aborted, "stopped before anything was sent")),
            opened = self.open(nonce, streams, line) => opened,
        }
    }

    async fn open(
        &mut self,
        nonce: &Nonce,
        streams: Streams,
        line: impl Fn(Lead) -> String,
    ) -> Result<Reader, Trouble> {
        let mut first = true;
        loop {
            let place = self.in_time(self.place()).await?;
            let waits = Instant::now();
            let room = place.room().await;
            // Others of our own were in the way, not the host.
            self.connect_until += waits.elapsed();
            let lead = place.lead();
            let talk = match self.in_time(place.start(&line(lead), streams, room)).await {
                // The connection of an earlier order ended meanwhile: nothing was sent, so one more try is no repetition.
                Err(trouble) if trouble.reason == Reason::ConnectionLost && first => {
                    first = false;
                    continue;
                }
                other => other?,
            };
            let until = self.connect_until;
            let (marker, outlet) = (Marker::new(nonce.clone(), streams.of_marks()), &mut self.outlet);
            let read = timeout_at(until, await_reader(outlet, place, lead, talk, marker)).await;
            return read.unwrap_or_else(|_| Err(self.late()));
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
        timeout_at(self.connect_until, work).await.unwrap_or_else(|_| Err(self.late()))
    }

    fn late(&self) -> Trouble {
        self.executor.late(self.order)
    }

    async fn place(&self) -> Result<Place, Trouble> {
        match self.order.host.reach {
            Reach::Local => self.executor.local.under(&self.order.under).await.map(|it| Place::Local(it.into())),
            Reach::Ssh { .. } => {
                let way = way(self.order);
                self.executor.pool.connect(self.order.key.run, &way).await.map(Place::Ssh)
            }
        }
    }
}

async fn await_reader(
    outlet: &mut Outlet,
    place: Place,
    lead: Lead,
    mut talk: Talk,
    mut marker: Marker,
) -> Result<Reader, Trouble> {
    let mut exit = None;
    loop {
        // Whether or not there is room for what the login says: its clock runs.
        match listen_on(&mut talk, &mut marker, outlet).await {
            Heeded::Marks(marks) => {
                if let Some(Mark::Reads(pid)) = marks.first() {
                    outlet.forget_what_was_said();
                    return Ok(Reader { place, lead, talk, marker, pid: *pid });
                }
            }
            Heeded::Output => {}
            Heeded::Exit(how) => exit = Some(how),
            Heeded::Closed => {
                outlet.push(marker.stream, marker.finish());
                let said = outlet.last_words(SAW_BYTES_MAX / 2);
                let how = exit.map_or("closed the session".to_owned(), |exit| format!("ended with {}", words(&exit)));
                let said = if said.is_empty() { said } else { format!(": {said}") };
                return Err(Trouble::new(
                    Reason::NoShell,
                    format!("logged in, but what runs is no shell of ours: it {how}{said}"),
                ));
            }
            Heeded::Lost => {
                return Err(Trouble::new(Reason::ConnectionLost, "the connection ended before the script was sent"));
            }
        }
    }
}
