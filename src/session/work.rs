//! What a console wants done, and what came of it.

use super::follow::{self, Follow, Lines};
use super::{End, SavedText, Session, may_enter};
use crate::console::{Answer, Effect, Hidden, LogRows, MouseOwner, Msg, SiteLoad, Tag};
use crate::domain::query::{Fetch, Fetched, Preset};
use crate::domain::{Actor, Door, PersonId, Receipt, Refusal, Rule, RunId};
use crate::engine::{ReloadError, Sealed};
use crate::terminal::bytes::{self, MouseCapture};
use crate::terminal::line::Safe;
use std::sync::Arc;

/// Questions and asks of one session under way: a person asks one at a time, a held key a few; more is a runaway screen.
const TASKS_MAX: usize = 64;

/// What a task of a session came to.
pub enum Done {
    Submitted(Tag, Result<Receipt, Refusal>),
    Fetched(Tag, Fetched),
    End(Tag, LogRows),
    Lines(RunId, Option<Lines>),
    Kept(Result<(), String>),
    Loaded(Result<SiteLoad, Refusal>),
}

impl Session<'_> {
    /// Does what a console wants done. Nothing here waits: what takes time becomes a task that answers.
    pub(super) fn carry_out(&mut self, effect: Effect) {
        let full = self.tasks.len() >= TASKS_MAX;
        match effect {
            Effect::Submit { tag, .. } | Effect::SubmitWith { tag, .. } if full => {
                let refusal = Refusal::new(Rule::Limit, "too much is on its way").next("wait a moment");
                self.tell(Msg::Submitted(tag, Err(refusal)));
            }
            Effect::Submit { tag, seen, ask } => {
                let (engine, by) = (self.engine.clone(), self.visit.actor.clone());
                self.tasks.spawn(async move { Done::Submitted(tag, engine.submit(by, seen, ask).await) });
            }
            Effect::SubmitWith { tag, seen, ask, with } => self.submit_with(tag, seen, ask, with),
            Effect::Fetch { tag, .. } if full => {
                let answer = Fetched::Failed("too much is on its way; wait a moment".to_owned());
                self.tell(Msg::Fetched(tag, Answer::Plain(answer)));
            }
            Effect::Fetch { tag, fetch } => {
                let Some(person) = self.visit.actor.person().cloned() else {
                    return;
                };
                let (engine, shared) = (self.engine.clone(), Arc::clone(&self.visit.shared));
                self.tasks.spawn(async move {
                    if let Fetch::Log(query) = &fetch
                        && let Some(end) = shared.end(&engine, &person, query).await
                    {
                        return Done::End(tag, end.rows);
                    }
                    Done::Fetched(tag, engine.fetch(&person, fetch).await)
                });
            }
            Effect::Follow(run) => self.follow = Some(Follow::new(run, self.engine.grown())),
            Effect::Unfollow => self.follow = None,
            Effect::Copy(text) => self.copy(&text),
            Effect::SaveText { name, text } => self.save(SavedText { name, text }),
            Effect::SetMouse(owner) => {
                let capture = match owner {
                    MouseOwner::Console => MouseCapture::On,
                    MouseOwner::Terminal => MouseCapture::Off,
                };
                self.out.push(bytes::mouse_capture(self.visit.place.capability(), capture));
            }
            Effect::Ring => self.out.push(bytes::BELL),
            Effect::GiveSecret { tag, run, name, value } => self.give(tag, run, name, value),
            Effect::SaveDraft(proposal) => self.keep(Preset { name: String::new(), proposal }),
            Effect::DropDraft(proposal) => self.forget(Preset { name: String::new(), proposal }),
            Effect::SavePreset { name, proposal } => self.keep(Preset { name, proposal }),
            Effect::SignInAs(person) => self.sign_in_as(person),
            Effect::LoadSite => self.load_site(),
            Effect::Quit => self.end = Some(End::Left),
        }
    }

    /// Takes what a task came to.
    pub(super) fn done(&mut self, done: Done) {
        match done {
            Done::Submitted(tag, result) => self.tell(Msg::Submitted(tag, result)),
            Done::Fetched(tag, Fetched::Log(page)) => {
                self.tell(Msg::Fetched(tag, Answer::Log(follow::page(page))));
            }
            Done::End(tag, rows) => self.tell(Msg::Fetched(tag, Answer::Log(rows))),
            Done::Fetched(tag, answer) => self.tell(Msg::Fetched(tag, Answer::Plain(answer))),
            Done::Lines(run, lines) => {
                let followed = self.follow.as_mut().filter(|follow| follow.run() == run);
                let rows = followed.map(|follow| follow.answered(lines)).unwrap_or_default();
                if !rows.is_empty() {
                    self.tell(Msg::Tail(run, rows));
                }
            }
            Done::Loaded(result) => self.tell(Msg::SiteLoaded(result)),
            Done::Kept(Ok(())) => {}
            Done::Kept(Err(why)) => tracing::warn!(why, "a form could not be kept"),
        }
    }

    /// Asks for the followed run's next lines.
    pub(super) fn ask_for_lines(&mut self) {
        let (Some(follow), Some(person)) = (&mut self.follow, self.visit.actor.person().cloned()) else {
            return;
        };
        let (run, (known, question), engine) = (follow.run(), follow.question(), self.engine.clone());
        let shared = Arc::clone(&self.visit.shared);
        self.tasks.spawn(async move {
            if let Some(end) = shared.end(&engine, &person, &question).await {
                return Done::Lines(run, Some(Lines { known: end.known, rows: end.rows }));
            }
            let lines = match engine.fetch(&person, Fetch::Log(question)).await {
                Fetched::Log(page) => Some(Lines { known, rows: follow::page(page) }),
                Fetched::History(_)
                | Fetched::Audit(_)
                | Fetched::Run(_)
                | Fetched::Presets(_)
                | Fetched::Drafts(_)
                | Fetched::Secrets(_)
                | Fetched::Evidence(..)
                | Fetched::Keys(_)
                | Fetched::Proof(_)
                | Fetched::Sealed(_)
                | Fetched::Failed(_) => None,
            };
            Done::Lines(run, lines)
        });
    }

    fn keep(&mut self, form: Preset) {
        let Some(person) = self.visit.actor.person().cloned() else {
            return;
        };
        let engine = self.engine.clone();
        self.tasks.spawn(async move { Done::Kept(engine.keep(&person, form).await) });
    }

    fn forget(&mut self, form: Preset) {
        let Some(person) = self.visit.actor.person().cloned() else {
            return;
        };
        let engine = self.engine.clone();
        self.tasks.spawn(async move { Done::Kept(engine.forget(&person, form).await) });
    }

    /// Hands a typed secret to the vault. It goes through no record, no message and no log on the way.
    fn give(&mut self, tag: Tag, run: RunId, name: String, value: Hidden) {
        let (engine, by) = (self.engine.clone(), self.visit.actor.clone());
        self.tasks.spawn(async move {
            let given = match Sealed::new(value.into_bytes()) {
                Ok(value) => engine.provide_secret(&by, run, &name, value).await,
                Err(error) => Err(Refusal::new(Rule::Input, error.to_string())),
            };
            Done::Submitted(tag, given.map(|()| Receipt { run: Some(run), index: None }))
        });
    }

    /// Has the engine read the site's files again.
    fn load_site(&mut self) {
        let (engine, by) = (self.engine.clone(), self.visit.actor.clone());
        self.tasks.spawn(async move {
            Done::Loaded(match engine.reload(by).await {
                Ok(Receipt { index: None, .. }) => Ok(SiteLoad::Unchanged),
                Ok(_) if engine.world().borrow().pending.is_some() => Ok(SiteLoad::Waits),
                Ok(_) => Ok(SiteLoad::InForce),
                Err(ReloadError::Refused(refusal)) => Err(refusal),
                Err(wrong @ (ReloadError::Wrong(_) | ReloadError::Broken)) => {
                    Err(Refusal::new(Rule::Input, wrong.to_string())
                        .next("mend the files, then :site load again; until then what was in force stays in force"))
                }
            })
        });
    }

    fn copy(&mut self, text: &str) {
        let lines = Safe::lines(text);
        match bytes::copy_to_clipboard(self.visit.place.capability(), &lines) {
            Some(sequence) => self.out.push(&sequence),
            None => self.tell(Msg::Refused(
                Refusal::new(Rule::Limit, "too long for the clipboard, or this terminal has none")
                    .next("save it to a file instead"),
            )),
        }
    }

    fn save(&mut self, text: SavedText) {
        let sent = match &self.visit.files {
            None => Err("this terminal takes no files: attach with `quarterdeck`".to_owned()),
            Some(files) => files.try_send(text).map_err(|_| "another text is still being saved".to_owned()),
        };
        if let Err(why) = sent {
            self.tell(Msg::Saved(Err(why)));
        }
    }

    fn sign_in_as(&mut self, person: PersonId) {
        let uid = match &self.visit.actor {
            Actor::Engine | Actor::Person { door: Door::Hook { .. }, .. } => return,
            Actor::Person { door: Door::Socket { uid } | Door::As { uid }, .. } => *uid,
            Actor::Person { person: own, door: Door::Ssh { .. } } => {
                let refusal = Refusal::new(Rule::ActorUnknown, "over SSH everybody is here as themselves")
                    .next(format!("sign in with a key of {person}'s; you are {own}"));
                return self.tell(Msg::Refused(refusal));
            }
        };
        let own = self.world.site.as_ref().and_then(|site| site.person_of_account(&self.visit.account));
        let is_own = own.is_some_and(|own| own.id == person);
        let allowed = match is_own {
            true => Ok(()),
            false => may_enter(&self.world, &self.visit.account, &person, &Door::As { uid }),
        };
        match allowed {
            Ok(()) => self.end = Some(End::SignInAs(person)),
            Err(refusal) => self.tell(Msg::Refused(refusal)),
        }
    }
}
