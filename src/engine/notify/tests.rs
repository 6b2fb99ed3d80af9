//! Deliveries to real receivers: programs, and servers that answer, redirect, stay silent and are not there.

use crate::connect::webhook::{SIGNATURE, TIMESTAMP, signature};
use crate::domain::notice::{Asked, Channel, End, Sent, Trouble};
use crate::domain::run::{Ending, Phase};
use crate::domain::{Ask, World};
use crate::engine::Handle;
use crate::engine::tests::{Site, ask, propose, start_one, until};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// Far beyond what any of these waits takes: a test that would hang fails instead.
const PATIENCE: Duration = Duration::from_secs(60);

const KEY: &str = "the-key-that-signs-0123456789";

/// A site of the lab that tells a webhook at `place`, which `egress` may name.
fn site(url: &str, egress: &str, more: &str) -> Site {
    let site = Site::new(": > \"$HOME/made\"");
    let key = site.path().join("notify.key");
    std::fs::write(&key, format!("{KEY}\n")).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!(
        "schema = 1\n[site]\nname = \"test\"\n[egress]\nallow = [\"{egress}\"]\n[notify]\nwebhook = \"{url}\"\nsecret = \"file:{}\"\n{more}",
        key.display()
    );
    std::fs::write(site.path().join("site/quarterdeck.toml"), text).unwrap();
    site
}

async fn wait_for(handle: &Handle, wanted: impl Fn(&World) -> bool) -> Arc<World> {
    let mut world = handle.world();
    match tokio::time::timeout(PATIENCE, world.wait_for(|world| wanted(world))).await {
        Ok(found) => Arc::clone(&found.unwrap()),
        Err(_) => panic!("still {:?}", handle.world().borrow().outbox),
    }
}

async fn test_notice(handle: &Handle) -> u64 {
    ask(handle, "grace", Ask::Notice(Asked::Test)).await.unwrap().index.unwrap()
}

/// What became of the test notice by webhook.
async fn sent(handle: &Handle, id: u64) -> Sent {
    let is_it = move |sent: &&Sent| sent.notice.id == id && sent.channel == Channel::Webhook;
    let world = wait_for(handle, |world| world.outbox.sent.iter().any(|sent| is_it(&sent))).await;
    world.outbox.sent.iter().find(is_it).unwrap().clone()
}

fn header(request: &Request, name: &str) -> String {
    request.headers.get(name).unwrap().to_str().unwrap().to_owned()
}

/// Whether any file below `dir` holds these bytes.
fn holds(dir: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(dir).unwrap().map(Result::unwrap).any(|entry| match entry.file_type().unwrap() {
        kind if kind.is_dir() => holds(&entry.path(), bytes),
        kind if kind.is_file() => std::fs::read(entry.path()).unwrap().windows(bytes.len()).any(|part| part == bytes),
        _ => false,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_gets_the_same_notice_again_signed_anew() {
    let server = MockServer::start().await;
    Mock::given(path("/hook")).respond_with(ResponseTemplate::new(500)).up_to_n_times(1).mount(&server).await;
    Mock::given(path("/hook")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let place = server.address().to_string();
    let site = site(&format!("http://{place}/hook"), &place, "tell = [\"ended\"]\n");
    let (handle, engine) = site.open().await.unwrap();
    let run = start_one(&handle).await;
    let ended = until(&handle, run, |run| run.phase.ending().is_some()).await;
    assert_eq!(ended.phase, Phase::Ended(Ending::Succeeded));
    let world = wait_for(&handle, |world| world.outbox.sent.len() == 1).await;
    assert!(world.outbox.pending.is_empty());
    assert_eq!((world.outbox.sent[0].tries, world.outbox.sent[0].end), (2, End::Delivered));
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 2);
    for request in &requests {
        let body = String::from_utf8(request.body.clone()).unwrap();
        assert_eq!(header(request, SIGNATURE), signature(KEY.as_bytes(), &header(request, TIMESTAMP), &body));
        assert!(!body.contains(KEY) && !body.contains("to see"), "{body}");
    }
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(header(&requests[0], "idempotency-key"), header(&requests[1], "idempotency-key"));
    handle.shut_down().await;
    assert_eq!(engine.ended().await, None);
    assert!(!holds(&site.path().join("data"), KEY.as_bytes()), "the key is in no record");
    assert!(holds(&site.path().join("data"), b"delivered"), "what became of it is");
}

#[tokio::test(flavor = "multi_thread")]
async fn z50_a_redirect_is_not_followed_and_a_place_that_egress_does_not_name_not_asked() {
    let server = MockServer::start().await;
    let away = ResponseTemplate::new(307).insert_header("location", format!("{}/inside", server.uri()));
    Mock::given(path("/hook")).respond_with(away).expect(1).mount(&server).await;
    Mock::given(path("/inside")).respond_with(ResponseTemplate::new(200)).expect(0).mount(&server).await;
    let place = server.address().to_string();
    let not_named = "is not named under [egress] allow";
    for (to, egress, end, says) in [
        (place.as_str(), place.as_str(), Trouble::Status(307), ""),
        (&place, "hooks.example:443", Trouble::Egress, not_named),
        (&place.replace("127.0.0.1", "localhost"), &place, Trouble::Egress, not_named),
        ("169.254.169.254", &place, Trouble::Egress, not_named),
    ] {
        let site = site(&format!("http://{to}/hook"), egress, "");
        let (handle, _engine) = site.open().await.unwrap();
        let id = test_notice(&handle).await;
        let sent = sent(&handle, id).await;
        assert_eq!(sent.end, End::GivenUp(end));
        assert!(sent.saw.contains(says), "{}", sent.saw);
        handle.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_stays_silent_holds_up_no_run_and_is_given_five_seconds() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            kept.push(stream);
        }
    });
    let site = site(&format!("http://{place}/hook"), &place, "");
    let (handle, _engine) = site.open().await.unwrap();
    let run = start_one(&handle).await;
    until(&handle, run, |run| run.phase.ending().is_some()).await;
    let world = Arc::clone(&handle.world().borrow());
    assert!(world.outbox.sent.is_empty() && world.outbox.pending.len() == 3, "{:?}", world.outbox);
    let late = |world: &World| {
        let mut tries = world.outbox.pending.values().flat_map(|pending| pending.open.values());
        tries.any(|tries| tries.trouble == Some(Trouble::NoAnswer))
    };
    wait_for(&handle, late).await;
    handle.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_that_ended_had_not_delivered_the_next_one_does() {
    let heard = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let site = site(&format!("http://{address}/hook"), &address.to_string(), "tell = [\"ended\"]\n");
    let settings = site.path().join("site/quarterdeck.toml");
    let text = std::fs::read_to_string(&settings).unwrap().replace("file:", "command:/bin/cat ");
    std::fs::write(&settings, text).unwrap();
    let (handle, engine) = site.open().await.unwrap();
    let run = start_one(&handle).await;
    until(&handle, run, |run| run.phase.ending().is_some()).await;
    let tried =
        |world: &World| world.outbox.pending.values().any(|pending| pending.open.values().any(|tries| tries.made == 1));
    let before = wait_for(&handle, tried).await;
    handle.shut_down().await;
    engine.ended().await;
    drop(handle);

    let receiver = MockServer::builder().listener(std::net::TcpListener::bind(address).unwrap()).start().await;
    let count = Arc::clone(&heard);
    let answer = move |_: &Request| {
        count.fetch_add(1, SeqCst);
        ResponseTemplate::new(204)
    };
    Mock::given(path("/hook")).respond_with(answer).mount(&receiver).await;
    let (handle, _engine) = site.open_again().await;
    let world = wait_for(&handle, |world| world.outbox.sent.len() == 1).await;
    let id = *before.outbox.pending.get_min().map(|(id, _)| id).unwrap();
    assert_eq!((world.outbox.sent[0].notice.id, world.outbox.sent[0].tries), (id, 2), "it goes on where it stopped");
    assert_eq!(heard.load(SeqCst), 1);
    let requests = receiver.received_requests().await.unwrap();
    assert_eq!(header(&requests[0], "idempotency-key"), format!("{}-{id}", world.origin));
    let body = String::from_utf8(requests[0].body.clone()).unwrap();
    let signed = signature(KEY.as_bytes(), &header(&requests[0], TIMESTAMP), &body);
    assert_eq!(header(&requests[0], SIGNATURE), signed, "by the key that a program prints");
    handle.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_reminds_whoever_is_asked_next_until_somebody_decides() {
    let more =
        "command = [\"/bin/sh\", \"-c\", \"cat >> \\\"$HOME/told\\\"\"]\nremind = \"1s\"\ntell = [\"reminder\"]\n";
    let site = site("http://127.0.0.1:9/hook", "127.0.0.1:9", more);
    let (handle, _engine) = site.open().await.unwrap();
    let form = propose(&handle).await;
    let told = |world: &World| world.outbox.sent.iter().filter(|sent| sent.end == End::Delivered).count() >= 2;
    wait_for(&handle, told).await;
    let text = std::fs::read_to_string(site.path().join("home/told")).unwrap();
    for line in text.lines() {
        let document: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((document["kind"].as_str(), document["next"].as_str()), (Some("reminder"), Some("grace")), "{line}");
    }
    ask(&handle, "ada", Ask::Withdraw { run: form }).await.unwrap();
    assert!(crate::domain::notice::due(&handle.world().borrow()).next().is_none(), "nobody is reminded any more");
    handle.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_gets_each_notice_and_a_key_that_is_not_there_is_said() {
    let site = site(
        "http://127.0.0.1:9/hook",
        "127.0.0.1:9",
        "command = [\"/bin/sh\", \"-c\", \"cat >> \\\"$HOME/told\\\"\"]\n",
    );
    std::fs::remove_file(site.path().join("notify.key")).unwrap();
    let (handle, _engine) = site.open().await.unwrap();
    let id = test_notice(&handle).await;
    let world = wait_for(&handle, |world| world.outbox.sent.len() == 2).await;
    let of = |channel: Channel| world.outbox.sent.iter().find(|sent| sent.channel == channel).unwrap();
    assert_eq!(of(Channel::Command).end, End::Delivered);
    assert_eq!(of(Channel::Webhook).end, End::GivenUp(Trouble::NoSecret));
    assert!(of(Channel::Webhook).saw.contains("cannot be read"), "{}", of(Channel::Webhook).saw);
    let told = std::fs::read_to_string(site.path().join("home/told")).unwrap();
    let document: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (document["kind"].as_str(), document["id"].as_str()),
        (Some("test"), Some(format!("{}-{id}", world.origin)).as_deref())
    );
    handle.shut_down().await;
}
