//! What is said of notices: that a moment has come, how a try ended, that somebody tries whether they arrive.

use super::*;
use crate::domain::notice::{self, Act, Asked, Channel, Trouble, What};

/// So much of what was seen of a try is kept.
const SAW_CHARS_MAX: usize = 300;

impl Deciding {
    pub(super) fn notice(&mut self, asked: &Asked) -> Result<(), Refusal> {
        match asked {
            Asked::Due { run } => self.notice_due(*run),
            Asked::Tried { notice, channel, attempt, came, saw } => self.tried(*notice, *channel, *attempt, *came, saw),
            Asked::Test => self.test_notice(),
        }
    }

    /// Everything of a run that is due by now; nothing where somebody was faster.
    fn notice_due(&mut self, id: RunId) -> Result<(), Refusal> {
        self.engine_only()?;
        while let Some(run) = self.world.run(id).cloned()
            && let Some((_, why)) = notice::next_due(&self.world, &run).filter(|(at, _)| self.at >= *at)
        {
            let next = notice::next(&self.world, &run).filter(|_| why == notice::Due::Reminder);
            self.emit(Entry::bare(Event::Notice { act: Act::Due { run: id, why, next } }))?;
        }
        Ok(())
    }

    fn tried(
        &mut self,
        id: u64,
        channel: Channel,
        attempt: u16,
        came: Result<(), Trouble>,
        saw: &str,
    ) -> Result<(), Refusal> {
        self.engine_only()?;
        let pending = self.world.outbox.pending.get(&id);
        let Some((pending, tries)) = pending.and_then(|pending| Some((pending, pending.open.get(&channel)?))) else {
            return Err(Refusal::new(Rule::State, format!("notice {id} is through with the {}", channel.word())));
        };
        if tries.made + 1 != attempt {
            return Err(Refusal::new(Rule::State, format!("notice {id} is at another try than {attempt}")));
        }
        let entry = match came {
            Ok(()) => Entry::bare(Event::Notice { act: Act::Delivered { notice: id, channel, attempt } }),
            Err(trouble) => {
                let again = trouble.may_pass() && attempt < pending.notice.what.tries_max();
                let act = Act::Failed { notice: id, channel, attempt, trouble, again };
                let saw: String = saw.chars().take(SAW_CHARS_MAX).collect();
                match saw.is_empty() {
                    true => Entry::bare(Event::Notice { act }),
                    false => Entry::with(Event::Notice { act }, "saw", saw),
                }
            }
        };
        self.emit(entry)
    }

    /// Somebody who answers for a part of the site may try it; one test at a time.
    fn test_notice(&mut self) -> Result<(), Refusal> {
        let person = self.person()?;
        let Some(site) = self.world.site.clone() else {
            return Err(Refusal::new(Rule::State, "no site is in force"));
        };
        let may = |it: &PersonId| {
            site.administrators.contains(it) || site.workspaces.values().any(|place| place.is_owned_by(it))
        };
        if !may(&person) {
            let who: Vec<&str> = site.people.keys().filter(|it| may(it)).map(PersonId::as_str).collect();
            let what = format!("{person} neither owns a workspace nor administers the site");
            return Err(Refusal::new(Rule::Role, what).who_may(who.join(", ")));
        }
        if site.notify.is_none() {
            return Err(Refusal::new(Rule::State, "the site tells nobody")
                .next("write [notify] in quarterdeck.toml: `quarterdeck schema site` prints its keys"));
        }
        let under_way = self.world.outbox.pending.values().any(|pending| pending.notice.what == What::Test);
        if under_way {
            return Err(Refusal::new(Rule::State, "a test is still on its way")
                .next("`quarterdeck notify list` shows how far it is"));
        }
        self.emit(Entry::bare(Event::Notice { act: Act::Test }))
    }
}
