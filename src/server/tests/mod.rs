//! A real engine, the real protocol, and people over pipes in memory.

mod bell;
mod hostile;
mod knock;
mod presence;
mod ship;

use super::*;
use russh::{Channel, ChannelMsg, client};
use ship::*;
use std::sync::atomic::{AtomicBool, Ordering};

#[tokio::test(flavor = "multi_thread")]
async fn z04_an_unmapped_account_is_nobody_root_included() {
    let ship = Ship::launch().await;
    for (uid, account) in [(0, "root"), (999, "mallory")] {
        let (mut handle, ear) = shake_hands(ship.board(uid, account, 4096)).await;
        assert!(!handle.authenticate_none("ada").await.is_ok_and(|answer| answer.success()));
        let said = ear.banner.lock().unwrap().clone();
        assert!(said.contains(account) && said.contains("actor.unknown"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s_every_request_is_answered() {
    let ship = Ship::launch().await;
    let handle = ship.guest("ada").await;
    let mut channel = handle.channel_open_session().await.unwrap();
    // A request and whether it is granted.
    async fn answer(channel: &mut Channel<client::Msg>) -> bool {
        let waiting = async {
            loop {
                match channel.wait().await.expect("the channel stays open") {
                    ChannelMsg::Success => return true,
                    ChannelMsg::Failure => return false,
                    _ => {}
                }
            }
        };
        tokio::time::timeout(SOON, waiting).await.expect("an answer")
    }
    channel.request_shell(true).await.unwrap();
    assert!(!answer(&mut channel).await, "no shell without a terminal");
    channel.set_env(true, "LANG", "C.UTF-8").await.unwrap();
    assert!(answer(&mut channel).await);
    channel.set_env(true, "LD_PRELOAD", "/tmp/x.so").await.unwrap();
    assert!(!answer(&mut channel).await);
    channel.request_subsystem(true, "sftp").await.unwrap();
    assert!(!answer(&mut channel).await);
    channel.request_x11(true, true, "MIT-MAGIC-COOKIE-1", "00", 0).await.unwrap();
    assert!(!answer(&mut channel).await);
    channel.agent_forward(true).await.unwrap();
    assert!(!answer(&mut channel).await);
    channel.exec(true, vec![b'x'; 200 * 1024]).await.unwrap();
    assert!(!answer(&mut channel).await, "a line has a bound");
    channel.request_pty(true, "xterm\x1b]0;x\x07", 0, u32::MAX, 0, 0, &[]).await.unwrap();
    assert!(answer(&mut channel).await);
    channel.request_pty(true, "xterm", 80, 24, 0, 0, &[]).await.unwrap();
    assert!(!answer(&mut channel).await, "one terminal");
    channel.request_shell(true).await.unwrap();
    assert!(answer(&mut channel).await);
    channel.request_shell(true).await.unwrap();
    assert!(!answer(&mut channel).await, "one shell");

    let _second = handle.channel_open_session().await.unwrap();
    assert!(handle.channel_open_session().await.is_err(), "two channels");
    assert!(handle.channel_open_direct_tcpip("127.0.0.1", 22, "127.0.0.1", 1).await.is_err());
    assert!(handle.channel_open_direct_streamlocal("/tmp/x").await.is_err());
    assert!(handle.tcpip_forward("127.0.0.1", 0).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn verbs_end_with_their_exit_codes_and_streams() {
    let ship = Ship::launch().await;
    let cases = [
        ("runs list", 0, "run  proposed", ""),
        ("runs show 7", 1, "", "no run #7"),
        ("approve 1 --code AAA-AAA --reason x", 1, "", "not_found"),
        ("propose greet --in elsewhere --purpose fix", 1, "", "not_found"),
        ("runs list --limit x", 64, "", "invalid value"),
        ("'unclosed", 64, "", "quote"),
        ("check", 64, "", "where it is typed"),
        ("attach", 64, "", "needs a terminal"),
        ("--version", 0, "quarterdeck", ""),
        ("hosts list --as mallory", 1, "", "actor.unknown"),
        ("serve --stop", 1, "", "role.missing"),
        ("secret 1 token", 1, "", "not_found"),
    ];
    for (line, code, on_out, on_err) in cases {
        let (exit, out, err) = ship.says("ada", line).await;
        assert_eq!(exit, code, "{line}: {out}{err}");
        assert!(out.contains(on_out) && err.contains(on_err), "{line}: {out}{err}");
    }
    let refused = ship.says("ada", "runs show 7 --json").await;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&refused.1).unwrap()["refused"]["code"], "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_from_proposal_to_review_by_verbs_alone() {
    let ship = Ship::launch().await;
    let plan = ship.json("ada", "plan greet --in stage --purpose fix").await;
    assert_eq!(plan["hosts"][0]["name"], "here");
    let proposed = ship.json("ada", "propose greet --in stage --purpose fix").await;
    assert_eq!(proposed["run"], 1);
    ship.until_phase(1, "waiting").await;
    let code = ship.json("grace", "runs show 1").await["code"].as_str().unwrap().to_owned();

    let own = ship.says("ada", &format!("approve 1 --code {code} --reason mine")).await;
    assert!(own.0 == 1 && own.2.contains("sod.self") && own.2.contains("who may"), "{own:?}");
    let wrong = ship.says("grace", "approve 1 --code 000-001 --reason fine").await;
    assert!(wrong.0 == 1 && wrong.2.contains("stale"), "{wrong:?}");
    ship.json("grace", &format!("approve 1 --code {} --reason fine", code.to_lowercase())).await;

    let (exit, out, err) = ship.says("ada", "run 1").await;
    assert_eq!(exit, 0, "{out}{err}");
    assert!(out.contains("here greet | hello") && out.contains("here greet ! oops"), "{out}");
    assert!(!out.contains('\u{1b}'), "what hosts print is filtered: {out:?}");
    assert!(out.contains("-- #1 ended, succeeded"), "{out}");

    ship.json("ada", "close 1 --note done").await;
    let own = ship.says("ada", "review 1 --comment mine").await;
    assert_eq!(own.0, 1, "{own:?}");
    let approver = ship.says("grace", "review 1 --comment approved").await;
    assert!(approver.0 == 1 && approver.2.contains("sod.review"), "{approver:?}");
    ship.json("kim", "review 1 --comment 'looked at'").await;
    let log = ship.says("ada", "runs log 1 --grep hello --json").await;
    assert_eq!(log.1.lines().count(), 1);
    let row = &ship.json("ada", "runs list").await["rows"][0];
    assert_eq!((row["phase"].as_str(), row["ending"].as_str()), (Some("reviewed"), Some("succeeded")));
    assert_eq!(row["reviewed_by"], "kim");
    let kinds: Vec<String> = ship.json("ada", "audit list --run 1 --limit 100").await["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["kind"].as_str().unwrap().to_owned())
        .collect();
    assert!(kinds.contains(&"refused".to_owned()) && kinds.contains(&"run_reviewed".to_owned()), "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_see_one_approval() {
    let ship = Ship::launch().await;
    let mut ada = Seat::at(&ship, "ada", &[], "attach").await;
    let mut grace = Seat::at(&ship, "grace", &[], "attach").await;
    ada.sees("ada's home", |screen| screen.contains("ada")).await;
    grace.sees("grace's home", |screen| screen.contains("grace")).await;
    ship.json("ada", "propose greet --in stage --purpose fix").await;
    ship.until_phase(1, "waiting").await;
    ada.sees("the run", |screen| screen.contains("#1")).await;
    grace.sees("the run", |screen| screen.contains("#1")).await;
    let before = ada.shows();
    let code = ship.json("grace", "runs show 1").await["code"].as_str().unwrap().to_owned();
    ship.json("grace", &format!("approve 1 --code {code} --reason fine")).await;
    ada.sees("another frame", |screen| screen != before).await;
    ada.types("q").await;
    ada.leaves().await;
    assert_eq!(ada.exit, Some(0));
    assert!(!ada.screen.screen().alternate_screen(), "the terminal is given back");
    grace.types("\x03").await;
    grace.leaves().await;
    assert_eq!(grace.exit, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_as_somebody_else_is_badged_and_refused_for_strangers() {
    let ship = Ship::launch().await;
    let mut seat = Seat::at(&ship, "ada", &[], "attach").await;
    seat.sees("home", |screen| screen.contains("ada")).await;
    seat.types(":as mallory\r").await;
    seat.sees("the refusal", |screen| screen.contains("actor.unknown")).await;
    seat.types(":as grace\r").await;
    seat.sees("the badge", |screen| screen.contains("grace") && screen.contains("acting as")).await;
    seat.types(":as ada\r").await;
    seat.sees("herself", |screen| screen.contains("ada") && !screen.contains("acting as")).await;
    let acted = ship.says("ada", "propose greet --in stage --purpose fix --as kim").await;
    assert_eq!(acted.0, 0, "{acted:?}");
    let rows = ship.json("ada", "audit list --kind run_proposed").await;
    assert_eq!((&rows["rows"][0]["by"], &rows["rows"][0]["door"]["kind"]), (&"kim".into(), &"as".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_in_afresh_sits_at_the_terminal_as_it_is_by_now() {
    let ship = Ship::launch().await;
    let mut seat = Seat::at(&ship, "ada", &[], "attach").await;
    seat.sees("home", |screen| screen.contains("ada")).await;
    seat.screen.screen_mut().set_size(40.try_into().unwrap(), 120.try_into().unwrap());
    seat.channel.window_change(120, 40, 0, 0).await.unwrap();
    let at_the_bottom = |screen: &str| screen.lines().nth(39).is_some_and(|last| !last.trim().is_empty());
    seat.sees("a larger screen", at_the_bottom).await;
    seat.types(":as grace\r").await;
    seat.sees("all of it, as grace", |screen| screen.contains("acting as") && at_the_bottom(screen)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn z04_the_servers_own_account_may_stop_it_and_do_nothing_else() {
    let ship = Ship::launch().await;
    let by_own = async |line: &str| {
        let (mut handle, _) = shake_hands(ship.board(4242, "daemon", 64 * 1024)).await;
        assert!(handle.authenticate_none("").await.unwrap().success());
        let mut channel = handle.channel_open_session().await.unwrap();
        channel.exec(true, line).await.unwrap();
        heard(&mut channel).await
    };
    let nobody = by_own("runs list").await;
    assert!(nobody.0 == 1 && nobody.2.contains("actor.unknown"), "{nobody:?}");
    let refused = ship.says("ada", "serve --stop --json").await;
    assert!(refused.0 == 1 && refused.1.contains("role.missing") && refused.2.is_empty(), "{refused:?}");
    assert!(!ship.house.stop.is_cancelled());
    let stopped = by_own("serve --stop --json").await;
    assert_eq!((stopped.0, stopped.1.contains("\"done\": \"stopping\"")), (0, true), "{stopped:?}");
    assert!(ship.house.stop.is_cancelled());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_end_that_is_no_answer_says_so_in_json_with_its_exit() {
    let ship = Ship::launch().await;
    ship.json("ada", "propose greet --in stage --purpose fix").await;
    let failed = async |line: &str, exit: u32| {
        let said = ship.says("grace", &format!("{line} --json")).await;
        let value: serde_json::Value = serde_json::from_str(&said.1).unwrap_or_else(|_| panic!("{line}: {said:?}"));
        assert_eq!((said.0, value["failed"]["exit"].as_u64()), (exit, Some(exit.into())), "{line}: {said:?}");
        assert!(said.2.is_empty(), "{line}: {said:?}");
        value["failed"].clone()
    };
    failed("attach", 64).await;
    failed("check", 64).await;
    failed("runs list --since soon", 64).await;
    failed("runs log 1 --grep '['", 64).await;
    assert_eq!(ship.says("grace", "runs show 7").await.0, 1);
    std::fs::write(ship.file("people.toml"), "schema = 1\nnonsense = 1\n").unwrap();
    let wrong = failed("site load", 65).await;
    assert!(wrong["problems"].as_array().is_some_and(|problems| !problems.is_empty()), "{wrong}");
    let said = ship.says("grace", "site load").await;
    assert!(said.2.contains("people.toml:2:"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_past_run_whose_details_are_damaged_is_not_said_to_be_missing() {
    let ship = Ship::launch().await;
    ship.json("ada", "propose greet --in stage --purpose fix").await;
    ship.until_phase(1, "waiting").await;
    ship.json("ada", "withdraw 1").await;
    assert_eq!(ship.says("grace", "runs show 1").await.0, 0);
    for entry in std::fs::read_dir(ship.dir.path().join("data/ledger/details")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "det") {
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(&path, vec![0x55; bytes.len()]).unwrap();
        }
    }
    let said = ship.says("grace", "runs show 1").await;
    assert_eq!(said.0, 74, "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_server_stays_while_it_keeps_a_typed_secret() {
    let ship = Ship::launch().await;
    let secretive = RUNBOOK.replacen("id = \"greet\"", "id = \"secretive\"", 1)
        + "[secrets.token]\nref = \"prompt:\"\npurpose = \"To be kept.\"\n";
    std::fs::write(ship.file("runbooks/secretive.toml"), secretive).unwrap();
    ship.json("grace", "site load").await;
    ship.json("ada", "propose secretive --in stage --purpose fix").await;
    assert!(!ship.house.engine.keeps_typed_secrets());
    let handle = ship.guest("ada").await;
    let mut channel = handle.channel_open_session().await.unwrap();
    channel.exec(true, "secret 1 token").await.unwrap();
    channel.data(&b"hunter22hunter22"[..]).await.unwrap();
    channel.eof().await.unwrap();
    assert_eq!(heard(&mut channel).await.0, 0);
    assert!(ship.house.engine.keeps_typed_secrets() && ship.house.is_busy());
}

/// A server of which all that a channel carries breaks off.
struct Broken;

impl russh::server::Handler for Broken {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<russh::server::Auth, Self::Error> {
        Ok(russh::server::Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<russh::server::Msg>,
        reply: russh::server::ChannelOpenHandle,
        _: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "it ends with the channel, which the test waits for")]
    async fn exec_request(
        &mut self,
        channel: russh::ChannelId,
        _: &[u8],
        session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        tokio::spawn(guest::guarded(session.handle(), channel, async { panic!("asked for by a test") }));
        session.channel_success(channel)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asked_hears_of_a_fault_of_ours_instead_of_waiting() {
    let ship = Ship::launch().await;
    let (near, far) = tokio::io::duplex(64 * 1024);
    let config = Arc::clone(&ship.house.config);
    ship.house.tasks.spawn(async move { russh::server::run_stream(config, far, Broken).await.unwrap().await });
    let (mut handle, _) = shake_hands(near).await;
    assert!(handle.authenticate_none("").await.unwrap().success());
    let mut channel = handle.channel_open_session().await.unwrap();
    channel.exec(true, "runs list").await.unwrap();
    let said = heard(&mut channel).await;
    assert!(said.0 == 75 && said.2.contains("an error of its own"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_ends_one_session() {
    let ship = Ship::launch().await;
    let mut other = Seat::at(&ship, "grace", &[], "attach").await;
    other.sees("home", |screen| screen.contains("grace")).await;
    let mut seat = Seat::at(&ship, "ada", &[("QUARTERDECK_FAULT", "draw")], "attach").await;
    seat.sees("home", |screen| screen.contains("ada")).await;
    seat.types("j").await;
    seat.leaves().await;
    assert_eq!(seat.exit, Some(75));
    assert!(seat.said.contains("closed") && !seat.said.contains("asked for by a test"), "{}", seat.said);
    assert!(!seat.screen.screen().alternate_screen(), "the terminal is given back");
    other.types("?").await;
    let before = other.shows();
    other.sees("help", |screen| screen != before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn z22_who_is_no_longer_known_is_shown_out() {
    let ship = Ship::launch().await;
    let mut seat = Seat::at(&ship, "ada", &[], "attach").await;
    seat.sees("home", |screen| screen.contains("ada")).await;
    let people = PEOPLE.replace("unix = [\"ada\"]", "unix = [\"ada2\"]");
    std::fs::write(ship.file("people.toml"), people).unwrap();
    let (exit, out, err) = ship.says("grace", "site load").await;
    assert_eq!(exit, 0, "{out}{err}");
    assert!(out.contains("waits"), "{out}");
    let digest = ship.json("kim", "site show").await["pending"]["site"]["digest"].as_str().unwrap().to_owned();
    let own = ship.says("grace", &format!("site accept {digest} --reason mine")).await;
    assert!(own.2.contains("sod.self"), "{own:?}");
    let accepted = ship.says("kim", &format!("site accept {} --reason left", &digest[..8])).await;
    assert_eq!(accepted.0, 0, "{accepted:?}");
    seat.leaves().await;
    assert_eq!(seat.exit, Some(1));
    assert!(seat.said.contains("no longer known"), "{}", seat.said);
}

#[tokio::test(flavor = "multi_thread")]
async fn s_a_stuck_reader_delays_nobody() {
    let ship = Ship::launch().await;
    ship.json("ada", "propose greet --in stage --purpose fix").await;
    let asleep = Arc::new(AtomicBool::new(false));
    let stream = Sleepy { stream: ship.board(1, "ada", 4096), asleep: Arc::clone(&asleep) };
    let (mut handle, _) = shake_hands(stream).await;
    assert!(handle.authenticate_none("").await.unwrap().success());
    let channel = handle.channel_open_session().await.unwrap();
    channel.request_pty(false, "xterm-256color", 500, 200, 0, 0, &[]).await.unwrap();
    channel.exec(false, "attach 1").await.unwrap();
    let mut grace = Seat::at(&ship, "grace", &[], "attach 1").await;
    grace.sees("home", |screen| screen.contains("grace")).await;
    asleep.store(true, Ordering::SeqCst);
    for note in 0..40 {
        let begun = Instant::now();
        ship.json("ada", &format!("note 1 'note {note}'")).await;
        assert!(begun.elapsed() < SOON);
        grace.types(&format!("{}", note % 7 + 1)).await;
    }
    grace.types("1").await;
    grace.types(":as ada\r").await;
    grace.sees("her keys to work", |screen| screen.contains("acting as")).await;
}
