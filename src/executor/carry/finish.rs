//! The end of an order: ending what runs, and what is said of what ended.

use super::{AFTER_ENDING_MS_MAX, Carrier, End, Heeded, Reader, listen_on};
use crate::domain::check;
use crate::domain::order::{CellResult, Delivery, Job, SAW_BYTES_MAX};
use crate::domain::run::Reason;
use crate::domain::runbook::Expect;
use crate::executor::ending::{NOTES_MAX, Seen, end_anyhow};
use crate::executor::marker::Mark;
use crate::executor::output::{Extent, JUDGED_BYTES_MAX, Judged};
use crate::executor::talk::Exit;
use crate::executor::trouble::Trouble;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// How much was heard of what a shell said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hearing {
    /// More may come.
    More,
    /// Everything.
    All,
    /// The way there broke, or something kept silent: something may be missing.
    Part,
}

impl Hearing {
    fn goes_on(&mut self, heeded: Heeded, begun: &mut bool) {
        match heeded {
            Heeded::Marks(marks) => *begun |= marks.contains(&Mark::Begins),
            Heeded::Output | Heeded::Exit(_) => {}
            Heeded::Closed => *self = Self::All,
            Heeded::Lost => *self = Self::Part,
        }
    }
}

impl Carrier<'_> {
    /// Ends what runs and sees that it is gone, listening meanwhile.
    pub(super) async fn stop(&mut self, mut reader: Reader, mut begun: bool, why: Reason) -> Result<End, Trouble> {
        let (say, mut said) = mpsc::channel(NOTES_MAX);
        let pid = reader.pid;
        let mut ending = Box::pin(end_anyhow(
            &self.executor.pool,
            self.order,
            reader.place.clone(),
            pid,
            self.becoming.clone(),
            say,
        ));
        let mut heard = Hearing::More;
        let seen = loop {
            tokio::select! {
                biased;
                seen = &mut ending => break seen,
                Some(words) = said.recv() => self.outlet.note(&words),
                // Its output is taken whether or not anybody has room for it: the connection must stay usable.
                heeded = listen_on(&mut reader.talk, &mut reader.marker, &mut self.outlet), if heard == Hearing::More => {
                    heard.goes_on(heeded, &mut begun);
                }
            }
        };
        drop(ending);
        while let Some(words) = said.recv().await {
            self.outlet.note(&words);
        }
        let until = Instant::now() + Duration::from_millis(AFTER_ENDING_MS_MAX);
        while seen == Seen::Gone && heard == Hearing::More {
            match timeout_at(until, listen_on(&mut reader.talk, &mut reader.marker, &mut self.outlet)).await {
                Ok(heeded) => heard.goes_on(heeded, &mut begun),
                Err(_) => heard = Hearing::Part,
            }
        }
        self.outlet.push(reader.marker.stream, reader.marker.finish());
        reader.talk.leave().await;
        Ok(match seen {
            Seen::Gone if begun => End::Stopped(why, format!("process group {pid} was ended and seen to be gone")),
            // It says so before the first word of the script, and everything it said was heard.
            Seen::Gone if heard == Hearing::All => {
                return Err(Trouble::new(why, "ended before the script began, and seen to be gone"));
            }
            Seen::Gone => End::Unknown(why, "ended while the script was still being sent".to_owned()),
            Seen::There => {
                End::Unknown(why, format!("process group {pid} is still there after KILL; look on the host"))
            }
            Seen::NoAnswer(words) => {
                End::Unknown(why, format!("whether process group {pid} is gone cannot be told: {words}"))
            }
        })
    }

    pub(super) fn verdict(&self, end: End) -> (CellResult, String) {
        match (end, &self.order.job) {
            (End::Reached(words), _) => (CellResult::Ok, words),
            (End::Stopped(why, words), Job::Script(Delivery { elsewhere: true, .. })) => {
                let words = format!("{words}; what it had begun on other machines may go on");
                (CellResult::Unknown(why), self.with_last_words(words))
            }
            (End::Stopped(why, words), _) => (CellResult::Failed(why), self.with_last_words(words)),
            (End::Unknown(why, words), _) => (CellResult::Unknown(why), self.with_last_words(words)),
            (End::Exit(Exit::Signal(name)), _) => {
                (CellResult::Failed(Reason::Signal(name)), self.with_last_words(String::new()))
            }
            (End::Exit(Exit::OtherSignal(name)), _) => {
                let words = self.outlet.clean(&format!("ended by a signal that the host calls {name}"));
                (CellResult::Failed(Reason::Signal("other".to_owned())), self.with_last_words(words))
            }
            (End::Exit(Exit::Status(status)), Job::Script(Delivery { expect: Some(expect), .. })) => {
                self.judge(expect, status)
            }
            // A signal, or the program's own word: nobody saw how it ends elsewhere.
            (End::Exit(Exit::Status(status)), Job::Script(Delivery { elsewhere: true, .. })) if status > 128 => {
                (CellResult::Unknown(Reason::Exit(status)), self.with_last_words(String::new()))
            }
            (End::Exit(Exit::Status(0)), _) => (CellResult::Ok, String::new()),
            (End::Exit(Exit::Status(status)), _) => {
                (CellResult::Failed(Reason::Exit(status)), self.with_last_words(String::new()))
            }
        }
    }

    fn judge(&self, expect: &Expect, status: i32) -> (CellResult, String) {
        let Judged { stdout, stderr, extent } = self.outlet.judged();
        let (result, saw) = match check::judge(expect, status, &stdout, &stderr) {
            Ok(()) => (CellResult::Ok, stdout.trim().to_owned()),
            Err(why) => (CellResult::Failed(Reason::NotAsExpected), why),
        };
        match extent {
            Extent::Whole => (result, saw),
            Extent::Cut => (result, format!("judged by the first {} KiB alone: {saw}", JUDGED_BYTES_MAX / 1024)),
        }
    }

    /// Whether what it prints decides.
    pub(super) fn is_judged(&self) -> bool {
        matches!(&self.order.job, Job::Script(Delivery { expect: Some(_), .. }))
    }

    pub(super) fn with_last_words(&self, words: String) -> String {
        let last = self.outlet.last_words(SAW_BYTES_MAX - words.len().min(SAW_BYTES_MAX) - 1);
        match (words.is_empty(), last.is_empty()) {
            (true, _) => last,
            (false, true) => words,
            (false, false) => format!("{words}\n{last}"),
        }
    }
}
