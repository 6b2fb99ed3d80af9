//! Systems of a kind of their own, against servers that answer as their documentation says: none of them can be had here.

use super::kit::{Came, carry, order, pinned, secrets, settings};
use crate::domain::call::argocd::Argo;
use crate::domain::call::message::Form;
use crate::domain::call::{Call, CallKind};
use crate::domain::order::{CellResult, Errand, Job};
use crate::domain::plan::PlannedHost;
use crate::domain::run::Reason;
use crate::domain::runbook::Expect;
use crate::executor::Executor;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use wiremock::matchers::{body_partial_json, header, method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

const TOKEN: &str = "argo-token-argo-token";

async fn came(kind: CallKind, variables: &[(&str, &str)], secret: (&str, &str), timeout_ms: u64) -> Came {
    let call = Call { kind, secrets: vec![secret.0.to_owned()], timeout_ms, expect: Expect::default() };
    let given = [("step", "say")].iter().chain(variables);
    let variables = given.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let errand = Errand { what: call, variables, secrets: vec![pinned(secret.0)] };
    let executor = Executor::new(settings(), secrets(&[secret]));
    carry(&executor, order(PlannedHost::here(), Job::Call(errand))).await
}

/// An application whose operations take a look or two.
struct Argocd {
    looks: AtomicUsize,
    begun_at: usize,
    end: (&'static str, &'static str),
}

impl Respond for Argocd {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let look = self.looks.fetch_add(1, SeqCst);
        let (began, phase, health) = match look {
            0 => ("2026-01-01T00:00:00Z", "Succeeded", "Healthy"),
            // Nobody has begun it yet: what is seen is the one before.
            n if n < self.begun_at => ("2026-01-01T00:00:00Z", "Succeeded", "Healthy"),
            n if n == self.begun_at => ("2026-01-02T00:00:00Z", "Running", "Progressing"),
            _ => ("2026-01-02T00:00:00Z", self.end.0, self.end.1),
        };
        ResponseTemplate::new(200).set_body_json(json!({
            "metadata": {"name": "web"},
            "status": {
                "operationState": {"startedAt": began, "phase": phase, "message": "one or more objects failed to apply"},
                "health": {"status": health}, "sync": {"revision": "4f2c"}, "history": [{"id": 6}, {"id": 7}],
            },
        }))
    }
}

async fn argocd(
    end: (&'static str, &'static str),
    does: Argo,
    timeout_ms: u64,
    answer: ResponseTemplate,
) -> (Came, Vec<Value>) {
    let server = MockServer::start().await;
    let look = Argocd { looks: AtomicUsize::new(0), begun_at: 2, end };
    let token = format!("Bearer {TOKEN}");
    Mock::given(method("GET"))
        .and(path("/api/v1/applications/web"))
        .and(header("authorization", token.as_str()))
        .respond_with(look)
        .mount(&server)
        .await;
    for way in ["sync", "rollback"] {
        let asked = Mock::given(method("POST")).and(path(format!("/api/v1/applications/web/{way}")));
        asked.and(header("authorization", token.as_str())).respond_with(answer.clone()).mount(&server).await;
    }
    let kind = CallKind::Argocd { url: server.uri(), application: "web".to_owned(), token: "token".to_owned(), does };
    let came = came(kind, &[("release", "v2"), ("brought_replaced", "6")], ("token", TOKEN), timeout_ms).await;
    let asked = server.received_requests().await.unwrap();
    let posted = asked.iter().filter(|it| it.method.as_str() == "POST");
    let posted = posted.map(|it| {
        let mut body: Value = serde_json::from_slice(&it.body).unwrap();
        body["way"] = it.url.path().rsplit('/').next().unwrap().into();
        body
    });
    (came, posted.collect())
}

fn sync() -> Argo {
    Argo::Sync { revision: Some("{{ release }}".to_owned()), prune: true }
}

#[tokio::test]
async fn an_application_is_brought_to_a_revision_once_and_watched_until_it_is_healthy() {
    let ok = ResponseTemplate::new(200).set_body_json(json!({}));
    let (came, posted) = argocd(("Succeeded", "Healthy"), sync(), 20_000, ok).await;
    assert_eq!(came.result(), &CellResult::Ok, "{} {}", came.outcome.saw, came.notes);
    let [body] = posted.as_slice() else { panic!("asked {} times", posted.len()) };
    assert_eq!(
        (body["way"].as_str(), body["revision"].as_str(), body["prune"].as_bool()),
        (Some("sync"), Some("v2"), Some(true))
    );
    assert_eq!(body["infos"][0]["value"], "7-say", "it says whose it is");
    assert_eq!(came.out, "revision 4f2c\nreplaced 7\n");
    assert!(!came.notes.contains(TOKEN) && !came.out.contains(TOKEN));
}

#[tokio::test]
async fn an_operation_that_fails_and_one_whose_resources_stay_ill_have_failed() {
    let ok = || ResponseTemplate::new(200).set_body_json(json!({}));
    let (came, _) = argocd(("Failed", "Degraded"), sync(), 20_000, ok()).await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::NotAsExpected));
    assert!(came.outcome.saw.contains("failed to apply"), "{}", came.outcome.saw);
    let (came, _) = argocd(("Succeeded", "Degraded"), sync(), 5_000, ok()).await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::NotAsExpected));
    assert!(came.outcome.saw.contains("Degraded"), "{}", came.outcome.saw);
    // It is still at it when nobody waits any longer: what comes of it nobody knows.
    let (came, _) = argocd(("Running", "Progressing"), sync(), 4_000, ok()).await;
    assert_eq!(came.result(), &CellResult::Unknown(Reason::StepTimeout), "{}", came.outcome.saw);
}

#[tokio::test]
async fn an_application_is_taken_back_to_what_was_there_and_a_refusal_is_said_in_its_own_words() {
    let ok = ResponseTemplate::new(200).set_body_json(json!({}));
    let back = Argo::Rollback { replaced: "brought_replaced".to_owned() };
    let (came, posted) = argocd(("Succeeded", "Healthy"), back, 20_000, ok).await;
    assert_eq!(came.result(), &CellResult::Ok, "{}", came.outcome.saw);
    assert_eq!((posted[0]["way"].as_str(), posted[0]["id"].as_u64()), (Some("rollback"), Some(6)));
    let no = ResponseTemplate::new(403).set_body_json(json!({"message": "permission denied: applications, sync, web"}));
    let (came, _) = argocd(("Succeeded", "Healthy"), sync(), 20_000, no).await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::NotAsExpected));
    assert!(came.outcome.saw.contains("permission denied"), "{}", came.outcome.saw);
    // Not let in to look: nothing was asked for.
    let server = MockServer::start().await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(401)).expect(1).mount(&server).await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200)).expect(0).mount(&server).await;
    let kind =
        CallKind::Argocd { url: server.uri(), application: "web".to_owned(), token: "token".to_owned(), does: sync() };
    let refused = came_with(kind, &[("release", "v2")]).await;
    assert_eq!(refused.result(), &CellResult::Refused(Reason::Unreachable));
}

async fn came_with(kind: CallKind, variables: &[(&str, &str)]) -> Came {
    came(kind, variables, ("token", TOKEN), 5_000).await
}

#[tokio::test]
async fn a_workflow_is_triggered_with_what_the_run_knows_and_one_that_is_not_there_says_what_to_do() {
    let server = MockServer::start().await;
    let expected = json!({"idempotency_key": "7-say", "inputs": {"release": "v\"2"}, "step": "say"});
    Mock::given(method("POST"))
        .and(path("/webhook/deploy"))
        .and(header("idempotency-key", "7-say"))
        .and(header("content-type", "application/json"))
        .and(body_partial_json(&expected))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"message": "Workflow was started"})))
        .mount(&server)
        .await;
    let gone =
        json!({"code": 404, "message": "The requested webhook is not registered.", "hint": "Activate the workflow."});
    Mock::given(method("POST"))
        .and(path("/webhook/gone"))
        .respond_with(ResponseTemplate::new(404).set_body_json(gone))
        .mount(&server)
        .await;
    let flow =
        |name: &str| CallKind::N8n { url: format!("{}/webhook/{name}", server.uri()), headers: Vec::new(), body: None };
    let came = came_with(flow("deploy"), &[("release", "v\"2")]).await;
    assert_eq!(came.result(), &CellResult::Ok, "{}", came.outcome.saw);
    let came = came_with(flow("gone"), &[]).await;
    assert_eq!(came.result(), &CellResult::Failed(Reason::NotAsExpected));
    assert!(
        came.outcome.saw.contains("is it active") && came.outcome.saw.contains("Activate the workflow"),
        "{}",
        came.outcome.saw
    );
    let written = CallKind::N8n {
        url: format!("{}/webhook/deploy", server.uri()),
        headers: Vec::new(),
        body: Some(
            "{\"inputs\": {\"release\": \"{{ release }}\"}, \"idempotency_key\": \"7-say\", \"step\": \"say\"}"
                .to_owned(),
        ),
    };
    assert_eq!(came_with(written, &[("release", "v\"2")]).await.result(), &CellResult::Ok, "a body of its own");
}

#[tokio::test]
async fn a_header_the_runbook_writes_is_not_sent_a_second_time() {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let own = [("content-type", "application/vnd.api+json"), ("IDEMPOTENCY-KEY", "{{ release }}")];
    let headers: Vec<_> = own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let url = format!("{}/hook", server.uri());
    let post = crate::domain::call::Method::Post;
    let body = Some("{}".to_owned());
    for kind in [
        CallKind::N8n { url: url.clone(), headers: headers.clone(), body: body.clone() },
        CallKind::Http { method: post, url: url.clone(), headers, body, status: Vec::new() },
    ] {
        assert_eq!(came_with(kind, &[("release", "v2")]).await.result(), &CellResult::Ok);
    }
    for request in server.received_requests().await.unwrap() {
        let all = |name: &str| request.headers.get_all(name).iter().collect::<Vec<_>>();
        assert_eq!(all("content-type"), ["application/vnd.api+json"]);
        assert_eq!(all("idempotency-key"), ["v2"]);
    }
}

#[tokio::test]
async fn a_message_reaches_its_secret_address_and_no_other_place_and_its_address_stands_nowhere() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/services/T0/B0/secretpart"))
        .and(body_partial_json(json!({"text": "v2 &lt;!here&gt; is out"})))
        .respond_with(ResponseTemplate::new(200).set_body_string("ok"))
        .mount(&server)
        .await;
    let address = format!("{}/services/T0/B0/secretpart", server.uri());
    let say = |url: String| CallKind::Notify {
        url,
        form: Form::Slack,
        address: "chat".to_owned(),
        text: "{{ release }} <!here> is out".to_owned(),
    };
    let sent = came(say(server.uri()), &[("release", "v2")], ("chat", &address), 5_000).await;
    assert_eq!(sent.result(), &CellResult::Ok, "{}", sent.outcome.saw);
    assert!(!sent.notes.contains("secretpart") && !sent.outcome.saw.contains("secretpart"), "{}", sent.notes);
    // The secret leads elsewhere: it is not followed, and where to is not said.
    for (url, secret) in
        [("https://hooks.slack.example", address.as_str()), (server.uri().as_str(), "not an address at all")]
    {
        let refused = came(say(url.to_owned()), &[("release", "v2")], ("chat", secret), 5_000).await;
        assert_eq!(refused.result(), &CellResult::Refused(Reason::Local), "{}", refused.outcome.saw);
        assert!(!refused.outcome.saw.contains("secretpart"), "{}", refused.outcome.saw);
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}
