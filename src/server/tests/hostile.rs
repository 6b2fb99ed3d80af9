//! Peers that mean harm, or are broken: the server stays up, the others are served, and every bound is met.

use super::*;
use std::io;
use std::os::unix::fs::MetadataExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

/// A ship at a real socket, where the account the tests run under is ada.
struct Harbour {
    ship: Ship,
    socket: PathBuf,
    serving: JoinHandle<Ended>,
    _bound: Bound,
}

impl Harbour {
    async fn open() -> Self {
        let ship = Ship::launch().await;
        let socket = ship.dir.path().join("s");
        let uid = std::fs::metadata(ship.dir.path()).unwrap().uid();
        let passwd = ship.dir.path().join("passwd");
        std::fs::write(&passwd, format!("ada:x:{uid}:{uid}::/:/bin/sh\n")).unwrap();
        let (listener, bound) = listen(&socket).unwrap();
        let house = Arc::clone(&ship.house);
        #[expect(clippy::disallowed_methods, reason = "the harbour owns it: it is waited for at the end")]
        let serving = tokio::spawn(serve(house, listener, Accounts::file(passwd), Doors::default(), None));
        Self { ship, socket, serving, _bound: bound }
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(&self.socket).await.unwrap()
    }

    /// Whether somebody with good manners gets an answer.
    async fn serves(&self) {
        let (mut handle, _) = shake_hands(self.connect().await).await;
        assert!(handle.authenticate_none("").await.unwrap().success());
        let mut channel = handle.channel_open_session().await.unwrap();
        channel.exec(true, "runs list").await.unwrap();
        channel.eof().await.unwrap();
        assert_eq!(heard(&mut channel).await.0, 0);
    }

    /// Stops the server, which must see everybody out in time.
    async fn close(self) {
        self.ship.house.stop.cancel();
        let ended = tokio::time::timeout(SOON, self.serving).await.expect("everybody is seen out").unwrap();
        assert_eq!(ended, Ended::Stopped);
    }
}

/// Reads until the far end closes. `None`: it never did.
async fn until_closed(mut stream: impl AsyncRead + Unpin) -> Option<Vec<u8>> {
    let mut said = Vec::new();
    match tokio::time::timeout(SOON, stream.read_to_end(&mut said)).await {
        Ok(Ok(_)) => Some(said),
        // Closed with bytes of ours unread.
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => Some(said),
        Ok(Err(error)) => panic!("{error}"),
        Err(_) => None,
    }
}

const HELLO: &[u8] = b"SSH-2.0-peer\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn s_garbage_ends_its_own_connection_alone() {
    let harbour = Harbour::open().await;
    let noise: Vec<u8> = (0u32..65_536).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let long_line = vec![b'x'; 1 << 20];
    let huge_packet = [HELLO, &u32::MAX.to_be_bytes(), &[0; 64]].concat();
    let empty_packet = [HELLO, &[0; 64]].concat();
    let late_noise = [HELLO, &noise].concat();
    let other_protocol = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(64);
    for bytes in [&noise, &long_line, &huge_packet, &empty_packet, &late_noise, &other_protocol] {
        let (reader, mut writer) = harbour.connect().await.into_split();
        // The server may have had enough before all is written.
        let _ = writer.write_all(bytes).await;
        let _ = writer.shutdown().await;
        let said = until_closed(reader).await.expect("it is closed");
        assert!(said.is_empty() || said.starts_with(b"SSH-2.0-"), "{said:?}");
        harbour.serves().await;
    }
    harbour.close().await;
}

#[tokio::test]
async fn s_whoever_never_finishes_signing_in_is_cut_off_in_time() {
    let ship = Ship::launch().await;
    let cases: [(&[u8], Duration); 3] =
        [(b"", HELLO_WAIT), (b"SSH-2.0-slo", HELLO_WAIT), (HELLO, HELLO_WAIT + SIGN_IN_WAIT)];
    tokio::time::pause();
    for (bytes, limit) in cases {
        let mut stream = ship.board(1, "ada", 4096);
        stream.write_all(bytes).await.unwrap();
        let begun = Instant::now();
        let closed = tokio::time::timeout(limit * 2, stream.read_to_end(&mut Vec::new())).await;
        assert!(closed.is_ok(), "{bytes:?} holds its place for ever");
        assert!(begun.elapsed() <= limit + Duration::from_secs(1), "{bytes:?}: {:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s_a_thousand_half_open_connections_keep_nobody_out() {
    let harbour = Harbour::open().await;
    let mut held = Vec::new();
    for _ in 0..1_000 {
        let mut stream = harbour.connect().await;
        let mut first = [0; 4];
        // A greeting, or the end.
        if let Ok(1..) = stream.read(&mut first).await {
            held.push(stream);
        }
        assert!(held.len() <= SIGNING_IN_PER_ACCOUNT_MAX);
    }
    // Another account is let in while these sit there.
    let (exit, _, err) = harbour.ship.says("grace", "runs list").await;
    assert_eq!(exit, 0, "{err}");
    assert!(!held.is_empty());
    drop(held);
    let gone = async {
        while !harbour.ship.house.crowd.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, gone).await.expect("all places are free again");
    harbour.serves().await;
    harbour.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s_a_flood_on_standard_input_drowns_nobody() {
    let ship = Ship::launch().await;
    ship.json("ada", "propose greet --in stage --purpose fix").await;
    // `secret` reads its input, up to a bound; the others read none.
    for (line, code) in [("secret 1 token", 1), ("runs list", 0)] {
        let handle = ship.guest("ada").await;
        let mut channel = handle.channel_open_session().await.unwrap();
        channel.exec(true, line).await.unwrap();
        let flood = async {
            for _ in 0..1_024 {
                if channel.data_bytes(vec![b'x'; 32 * 1024]).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        let calm = async { ship.says("grace", "runs list").await };
        let served = tokio::select! {
            () = flood => unreachable!(),
            served = calm => served,
        };
        assert_eq!(served.0, 0);
        let (exit, _, err) = heard(&mut channel).await;
        assert_eq!(exit, code, "{line}: {err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s_a_reader_that_stops_holds_up_its_own_verb_alone() {
    let harbour = Harbour::open().await;
    harbour.ship.json("ada", "propose greet --in stage --purpose fix").await;
    for note in 0..20 {
        harbour.ship.json("ada", &format!("note 1 'note {note} {}'", "x".repeat(8 * 1024))).await;
    }
    let asleep = Arc::new(AtomicBool::new(false));
    let stream = Sleepy { stream: harbour.ship.board(1, "ada", 4096), asleep: Arc::clone(&asleep) };
    let (mut handle, _) = shake_hands(stream).await;
    assert!(handle.authenticate_none("").await.unwrap().success());
    let channel = handle.channel_open_session().await.unwrap();
    asleep.store(true, Ordering::SeqCst);
    channel.exec(false, "audit list --json --limit 1000").await.unwrap();
    for _ in 0..10 {
        harbour.serves().await;
    }
    // And it does not keep the server from stopping.
    harbour.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn as_is_refused_where_the_site_does_not_allow_it() {
    let ship = Ship::launch_with(PEOPLE, false).await;
    let refused = ship.says("ada", "propose greet --in stage --purpose fix --as grace").await;
    assert!(refused.0 == 1 && refused.2.starts_with("refused: ") && refused.2.contains("\nnext: "), "{refused:?}");
    let told = ship.says("ada", "runs list --as grace --json").await;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&told.1).unwrap()["refused"]["code"], "actor.unknown");
    assert_eq!(ship.says("ada", "runs list --as ada").await.0, 0, "oneself one may be");
    let mut seat = Seat::at(&ship, "ada", &[], "attach").await;
    seat.sees("home", |screen| screen.contains("ada")).await;
    seat.types(":as grace\r").await;
    seat.sees("the refusal", |screen| screen.contains("actor.unknown")).await;
    assert!(!seat.shows().contains("acting as"), "{}", seat.shows());
    assert_eq!(ship.json("ada", "runs list").await["rows"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn z04_root_is_who_people_toml_says_and_no_more() {
    let people = PEOPLE.replace("unix = [\"ada\"]", "unix = [\"ada\", \"root\"]");
    let ship = Ship::launch_with(&people, false).await;
    ship.json("root", "propose greet --in stage --purpose fix").await;
    ship.until_phase(1, "waiting").await;
    let code = ship.json("root", "runs show 1").await["code"].as_str().unwrap().to_owned();
    let own = ship.says("root", &format!("approve 1 --code {code} --reason mine")).await;
    assert!(own.0 == 1 && own.2.contains("sod.self"), "{own:?}");
    let stop = ship.says("root", "serve --stop").await;
    assert!(stop.0 == 1 && stop.2.contains("role.missing"), "{stop:?}");
    let rows = ship.json("grace", "audit list --kind run_proposed").await;
    assert_eq!(rows["rows"][0]["by"], "ada");
}
