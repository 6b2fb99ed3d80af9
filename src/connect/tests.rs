//! The client against servers that answer, redirect, cut off and never answer.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use wiremock::matchers::{body_string, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn get(url: String) -> Request {
    Request { method: "GET", url, headers: Vec::new(), body: None, timeout_ms: 5_000 }
}

#[tokio::test]
async fn a_request_arrives_as_written_and_its_answer_comes_back() {
    let server = MockServer::start().await;
    let asked = Mock::given(method("POST")).and(path("/x")).and(header("x-token", "hunter2-hunter2"));
    asked.and(body_string("{}")).respond_with(ResponseTemplate::new(201).set_body_string("made")).mount(&server).await;
    let request = Request {
        method: "POST",
        headers: vec![("X-Token".to_owned(), Zeroizing::new("hunter2-hunter2".to_owned()))],
        body: Some(Zeroizing::new("{}".to_owned())),
        ..get(format!("{}/x", server.uri()))
    };
    let answer = send(request).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice(), answer.whole), (201, b"made".as_slice(), true));
}

#[tokio::test]
async fn z50_a_redirect_is_an_answer_and_is_not_followed() {
    let server = MockServer::start().await;
    let away = ResponseTemplate::new(302).insert_header("location", format!("{}/secret", server.uri()));
    Mock::given(path("/x")).respond_with(away).expect(1).mount(&server).await;
    Mock::given(path("/secret")).respond_with(ResponseTemplate::new(200)).expect(0).mount(&server).await;
    assert_eq!(send(get(format!("{}/x", server.uri()))).await.unwrap().status, 302);
}

#[tokio::test]
async fn z50_a_name_that_leads_to_this_machine_is_no_way_in() {
    for address in ["127.0.0.1", "169.254.169.254", "0.0.0.0", "::1", "fe80::1", "::ffff:127.0.0.1"] {
        assert!(!is_outside(address.parse().unwrap()), "{address}");
    }
    for address in ["10.0.0.1", "192.0.2.1", "2001:db8::1"] {
        assert!(is_outside(address.parse().unwrap()), "{address}");
    }
}

/// A server that hears one request after another and does this with each connection.
async fn server(tasks: &mut JoinSet<()>, heard: Arc<AtomicUsize>, answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = [0; 1024];
            let _ = stream.read(&mut bytes).await;
            heard.fetch_add(1, Ordering::SeqCst);
            let _ = stream.write_all(answer).await;
        }
    });
    format!("http://{place}/")
}

#[tokio::test]
async fn c13_a_request_whose_answer_is_cut_off_is_not_heard_and_not_sent_again() {
    let cut: [&[u8]; 4] =
        [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nha"];
    for answer in cut {
        let heard = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        let url = server(&mut tasks, Arc::clone(&heard), answer).await;
        let error = send(get(url)).await.unwrap_err();
        assert!(matches!(error, CallError::NotHeard(_)), "{error}");
        assert_eq!(heard.load(Ordering::SeqCst), 1, "once");
    }
}

#[tokio::test]
async fn a_closed_port_is_certain_not_to_have_been_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    drop(listener);
    let error = send(get(format!("http://{place}/"))).await.unwrap_err();
    assert!(matches!(&error, CallError::NotSent(words) if words.contains("refused")), "{error}");
}

#[tokio::test]
async fn an_answer_without_end_is_kept_in_part() {
    let server = MockServer::start().await;
    let long = ResponseTemplate::new(200).set_body_bytes(vec![b'x'; ANSWER_BYTES_MAX + 1]);
    Mock::given(path("/")).respond_with(long).mount(&server).await;
    let answer = send(get(server.uri())).await.unwrap();
    assert_eq!((answer.body.len(), answer.whole), (ANSWER_BYTES_MAX, false));
}
