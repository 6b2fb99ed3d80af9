//! The door from the network over pipes in memory: what no well-behaved client would do.

use super::*;
use crate::domain::algorithms::Algorithms;
use crate::server::knock::{ATTEMPTS_MAX, Knock};
use core::net::IpAddr;
use russh::keys::{Algorithm, PrivateKeyWithHashAlg};
use russh::{MethodKind, MethodSet};

const HERE: [u8; 4] = [192, 0, 2, 7];

fn key(nr: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[nr; 32]))
}

/// ada signs in by the first key, grace by the second.
fn people() -> String {
    let with = |people: &str, id: &str, nr: u8| {
        let line = key(nr).public_key().to_openssh().unwrap();
        people.replace(&format!("id = \"{id}\"\n"), &format!("id = \"{id}\"\nkeys = [\"{line}\"]\n"))
    };
    with(&with(PEOPLE, "ada", 1), "grace", 2)
}

impl Ship {
    async fn with_door(sign_in: &str) -> Self {
        Self::launch_saying(&people(), false, &format!("[sign_in]\n{sign_in}\n")).await
    }

    /// Somebody at the network's door.
    async fn knocks(&self) -> client::Handle<Ear> {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let host_key = HostKey::open(self.dir.path(), &[9; 32], 0).unwrap();
        let config = Arc::new(door::config(&host_key, &Algorithms::Modern.kex()));
        let (house, connection) = (Arc::clone(&self.house), Connection::new(Origin::Source(HERE.into())));
        let pass = house.crowd.take(Whom::Source(HERE.into()), 0, house.places()).unwrap();
        self.house.tasks.spawn(async move { house.admit(far, config, connection, pass).await });
        shake_hands(near).await.0
    }
}

async fn tries(handle: &mut client::Handle<Ear>, user: &str, nr: u8) -> Result<client::AuthResult, russh::Error> {
    handle.authenticate_publickey(user, PrivateKeyWithHashAlg::new(Arc::new(key(nr)), None)).await
}

fn remaining(result: client::AuthResult) -> (MethodSet, bool) {
    match result {
        client::AuthResult::Failure { remaining_methods, partial_success } => (remaining_methods, partial_success),
        client::AuthResult::Success => panic!("let in"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s_keys_alone_open_the_door_and_the_seventh_wrong_one_ends_the_connection() {
    let ship = Ship::with_door("").await;
    let mut handle = ship.knocks().await;
    let keys_alone = MethodSet::from(&[MethodKind::PublicKey][..]);
    assert_eq!(remaining(handle.authenticate_none("ada").await.unwrap()), (keys_alone.clone(), false));
    for nr in 0..u8::try_from(ATTEMPTS_MAX).unwrap() {
        assert_eq!(remaining(tries(&mut handle, "ada", 100 + nr).await.unwrap()), (keys_alone.clone(), false), "{nr}");
    }
    assert!(!tries(&mut handle, "ada", 1).await.is_ok_and(|result| result.success()), "also by the right one");
    let mut again = ship.knocks().await;
    assert!(tries(&mut again, "ada", 1).await.unwrap().success());
    let mut password = ship.knocks().await;
    assert_eq!(remaining(password.authenticate_password("ada", "hunter2").await.unwrap()).0, keys_alone);
}

#[tokio::test(flavor = "multi_thread")]
async fn s_half_of_a_sign_in_is_good_for_the_name_it_was_given_with_alone() {
    let ship = Ship::with_door("second_factor = true").await;
    let mut handle = ship.knocks().await;
    let code = MethodSet::from(&[MethodKind::KeyboardInteractive][..]);
    assert_eq!(remaining(tries(&mut handle, "ada", 1).await.unwrap()), (code, true), "the key alone is not enough");
    // Whoever begins as ada does not go on as grace, and ada's half is gone by that.
    for user in ["grace", "ada"] {
        let asked = handle.authenticate_keyboard_interactive_start(user, None).await.unwrap();
        assert!(matches!(asked, client::KeyboardInteractiveAuthResponse::Failure { .. }), "{user}: {asked:?}");
    }
    assert!(handle.channel_open_session().await.is_err());
    let mut handle = ship.knocks().await;
    tries(&mut handle, "ada", 1).await.unwrap();
    let asked = handle.authenticate_keyboard_interactive_start("ada", None).await.unwrap();
    let client::KeyboardInteractiveAuthResponse::InfoRequest { instructions, prompts, .. } = asked else {
        panic!("{asked:?}");
    };
    assert!(instructions.contains("factor.missing") && prompts.is_empty(), "{instructions}");
    for answers in [Vec::new(), vec!["0".repeat(100_000)], vec!["000000".to_owned(); 50]] {
        let answered = handle.authenticate_keyboard_interactive_respond(answers).await.unwrap();
        assert!(matches!(answered, client::KeyboardInteractiveAuthResponse::Failure { .. }), "{answered:?}");
        handle.authenticate_keyboard_interactive_start("ada", None).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s_a_peer_that_asks_about_a_thousand_keys_is_left() {
    let ship = Ship::with_door(&format!("user_ca = [\"{}\"]", key(3).public_key().to_openssh().unwrap())).await;
    let from: IpAddr = HERE.into();
    let mut knock = Knock::new(Arc::clone(&ship.house), Connection::new(Origin::Source(from)), from);
    let asked = (0..1_000).take_while(|_| knock.offered("ada", key(5).public_key(), &Algorithm::Ed25519).is_ok());
    assert!(asked.count() < 20);
    let mut knock = Knock::new(Arc::clone(&ship.house), Connection::new(Origin::Source(from)), from);
    let sha1 = Algorithm::Rsa { hash: None };
    assert_ne!(knock.offered("ada", key(1).public_key(), &sha1).unwrap(), russh::server::Auth::Accept, "no SHA-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_over_ssh_is_in_the_list_for_as_long_as_the_connection_and_does_as_at_the_socket() {
    let ship = Ship::with_door("").await;
    let mut handle = ship.knocks().await;
    assert!(tries(&mut handle, "ada", 1).await.unwrap().success());
    let mut channel = handle.channel_open_session().await.unwrap();
    channel.exec(true, "propose greet --in stage --purpose fix --json").await.unwrap();
    channel.eof().await.unwrap();
    let said = heard(&mut channel).await;
    assert_eq!(said.0, 0, "{said:?}");
    let here = || ship.house.here.list().into_iter().filter(|row| row.peer.visitor().is_some()).count();
    assert_eq!(here(), 1);
    let door = &ship.json("ada", "audit list --kind run_proposed").await["rows"][0]["door"];
    assert_eq!(door["kind"], "ssh");
    drop(channel);
    drop(handle);
    let gone = async {
        while here() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, gone).await.expect("the list forgets who has gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn z32_whoever_came_over_ssh_follows_and_is_followed_as_at_the_socket() {
    let ship = Ship::with_door("").await;
    ship.json("ada", "propose greet --in stage --purpose fix").await;
    ship.until_phase(1, "waiting").await;
    let mut ada = Seat::at(&ship, "ada", &[], "attach").await;
    let mut handle = ship.knocks().await;
    assert!(tries(&mut handle, "grace", 2).await.unwrap().success());
    let mut grace = Seat::by(handle, &[], "attach").await;
    for seat in [&mut ada, &mut grace] {
        seat.sees("home", |screen| screen.contains("waiting for")).await;
    }
    grace.types(":follow ada\r").await;
    grace.sees("that she follows", |screen| screen.contains("following ada") && screen.contains("[RO]")).await;
    ada.sees("who follows her", |screen| screen.contains("grace follows")).await;
    ada.types(":run 1\r").await;
    grace.sees("the run", |screen| screen.contains("▸ #1") && screen.contains("following ada · at #1")).await;
    grace.types("x").await;
    grace.sees("that it is over", |screen| screen.contains("you follow ada no more") && !screen.contains("[RO]")).await;
    // And the other way round.
    ada.types(":follow grace\r").await;
    ada.sees("that she follows", |screen| screen.contains("following grace")).await;
    grace.types("7").await;
    ada.sees("the record", |screen| screen.contains("▸ Audit") && screen.contains("following grace")).await;
}
