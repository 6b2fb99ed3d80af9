//! An application of Argo CD: looked at, told what to do once, and looked at until that is over.

use super::super::output::Outlet;
use crate::connect::{self, Answer, CallError, Request};
use crate::domain::call::argocd::{Application, Argo, Standing};
use crate::domain::order::{CellResult, Stream};
use crate::domain::run::Reason;
use bytes::Bytes;
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};
use zeroize::Zeroizing;

/// Longest time one request may take.
const ASK_MS_MAX: u64 = 10_000;

/// Between two looks.
const LOOK_EVERY_MS: u64 = 1_000;

/// Everything that is asked of one application.
pub(super) struct Asked {
    /// Where Argo CD answers, and the application's own path there.
    pub address: String,
    /// The value of `Authorization`.
    pub authorization: Zeroizing<String>,
    /// What is done, its templates filled.
    pub does: Argo,
    /// The entry of its history to go back to, for a rollback.
    pub back_to: Option<String>,
    /// What names this request for as long as its step lives.
    pub key: String,
    /// Longest time all of it may take, in milliseconds.
    pub timeout_ms: u64,
}

/// Does it, and says how it ended.
pub(super) async fn carry_out(asked: &Asked, outlet: &mut Outlet) -> (CellResult, String) {
    let until = Instant::now() + Duration::from_millis(asked.timeout_ms);
    // Nothing is asked for yet: whatever goes wrong here has changed nothing.
    let refused = |words: String| (CellResult::Refused(Reason::Unreachable), words);
    let before = match asked.look().await {
        Ok(before) => before,
        Err(Unseen::Said(words) | Unseen::Unheard(words)) => return refused(words),
    };
    if before.pending || matches!(before.phase.as_str(), "Running" | "Terminating") {
        return refused("another operation is under way; see in Argo CD whose it is".to_owned());
    }
    let replaced = before.newest.map_or_else(|| "none".to_owned(), |id| id.to_string());
    let (path, body) = match (&asked.does, asked.back_to.as_deref()) {
        (Argo::Sync { revision, prune }, _) => {
            let infos = json!([{"name": "quarterdeck", "value": asked.key}]);
            let mut body = json!({"prune": prune, "dryRun": false, "infos": infos});
            if let Some(revision) = revision
                && let Some(object) = body.as_object_mut()
            {
                object.insert("revision".to_owned(), json!(revision));
            }
            ("/sync", body)
        }
        (Argo::Rollback { .. }, Some(id)) => match id.parse::<u64>() {
            Ok(id) => ("/rollback", json!({"id": id, "dryRun": false, "prune": false})),
            Err(_) => return refused("there was nothing before it: the application has no earlier entry".to_owned()),
        },
        (Argo::Rollback { .. }, None) => {
            return refused("no step before it says what was replaced".to_owned());
        }
    };
    outlet.note(&format!("POST {}{path}", asked.address));
    match connect::send(asked.request("POST", path, Some(body.to_string()))).await {
        Ok(answer) if (200..300).contains(&answer.status) => {}
        Ok(answer) => {
            outlet.push(Stream::Out, Bytes::from(answer.body.clone()));
            return (CellResult::Failed(Reason::NotAsExpected), said(&answer));
        }
        Err(CallError::NotSent(words)) => return refused(words),
        Err(CallError::NotHeard(words)) => return (CellResult::Unknown(Reason::ConnectionLost), words),
    }
    let end = watched(asked, &before, until, outlet).await;
    if let (CellResult::Ok, words) = &end {
        let revision = words.clone();
        outlet.push(Stream::Out, Bytes::from(format!("revision {revision}\nreplaced {replaced}\n")));
        return (CellResult::Ok, format!("at {revision}, healthy; entry {replaced} before"));
    }
    end
}

/// Looks until the operation is over; a look that is not answered is taken again.
async fn watched(asked: &Asked, before: &Application, until: Instant, outlet: &mut Outlet) -> (CellResult, String) {
    let mut last = String::new();
    let mut seen: Option<Application> = None;
    while let Ok(()) = timeout_at(until, sleep(Duration::from_millis(LOOK_EVERY_MS))).await {
        let Ok(now) = asked.look().await else { continue };
        match now.since(before) {
            Standing::Done => return (CellResult::Ok, now.revision),
            Standing::Failed(words) => return (CellResult::Failed(Reason::NotAsExpected), words),
            Standing::Working(words) => {
                if words != last {
                    outlet.note(&words);
                    last = words;
                }
            }
        }
        seen = Some(now);
    }
    match seen {
        // What was asked for is done; what it changed is not well.
        Some(now) if now.began != before.began && now.phase == "Succeeded" => (
            CellResult::Failed(Reason::NotAsExpected),
            format!("done, but its resources are {} to the end", now.health),
        ),
        _ => (CellResult::Unknown(Reason::StepTimeout), format!("no longer waited for; last seen: {last}")),
    }
}

/// Why an application was not seen.
enum Unseen {
    /// The answer was no.
    Said(String),
    /// There was none.
    Unheard(String),
}

impl Asked {
    fn request(&self, method: &'static str, path: &str, body: Option<String>) -> Request {
        let mut headers = vec![("Authorization".to_owned(), self.authorization.clone())];
        if body.is_some() {
            headers.push(("Content-Type".to_owned(), Zeroizing::new("application/json".to_owned())));
        }
        let url = format!("{}{path}", self.address);
        Request { method, url, headers, body: body.map(Zeroizing::new), timeout_ms: ASK_MS_MAX }
    }

    async fn look(&self) -> Result<Application, Unseen> {
        let answer =
            connect::send(self.request("GET", "", None)).await.map_err(|error| Unseen::Unheard(error.to_string()))?;
        if answer.status != 200 {
            return Err(Unseen::Said(said(&answer)));
        }
        Application::read(&String::from_utf8_lossy(&answer.body)).map_err(Unseen::Said)
    }
}

/// What an answer says that is not the one hoped for: its `message`, as Argo CD words it.
fn said(answer: &Answer) -> String {
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    let message = serde_json::from_str::<serde_json::Value>(&body).ok();
    let message = message.as_ref().and_then(|body| body.get("message")?.as_str());
    format!("answered {}: {}", answer.status, message.unwrap_or(body.trim()))
}
