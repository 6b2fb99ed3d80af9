//! What is sent, fed to real shells: whole, and cut anywhere.

use super::*;
use std::io::Write as _;
use std::process::{Command, Stdio};

fn delivery(text: &str) -> Delivery {
    let variables = vec![("v".to_owned(), "it's 5 o'clock\n} ; touch ran; {".to_owned())];
    Delivery {
        interpreter: Interpreter::Sh,
        variables,
        secrets: Vec::new(),
        text: text.to_owned(),
        becomes: None,
        pty: false,
        expect: None,
        elsewhere: false,
    }
}

/// What a shell does that is started by our line and given `bytes`.
fn fed(shell: &str, dir: &std::path::Path, nonce: &Nonce, bytes: &[u8]) -> (Option<i32>, String) {
    let line = line(&Interpreter::Sh, nonce, Lead::Given).replace("exec sh", &format!("exec {shell}"));
    let mut child = Command::new("setsid")
        .args(["sh", "-c", &line])
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_delivery_cut_anywhere_runs_nothing() {
    let nonce = Nonce::fresh().unwrap();
    let payload = payload(&nonce, &delivery("touch ran # 'quoted'\ntouch ran\n"), &[]).unwrap();
    let begins = format!("{} +", nonce.as_str());
    for (n, shell) in ["dash", "bash", "busybox sh"].into_iter().enumerate() {
        let program = shell.split(' ').next().unwrap();
        if !Command::new(program).args(["--help"]).stdin(Stdio::null()).output().is_ok_and(|_| true) {
            println!("skipped: {program} is not here");
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        let ran = dir.path().join("ran");
        // The last byte is a line end, which a command substitution drops.
        for cut in (n..payload.len() - 1).step_by(7).chain([payload.len() - 2]) {
            let (_, said) = fed(shell, dir.path(), &nonce, &payload[..cut]);
            let began = ran.exists() || said.lines().any(|line| line == begins);
            assert!(!began, "{shell} ran when cut at {cut}: {said}");
        }
        let (status, said) = fed(shell, dir.path(), &nonce, &payload);
        assert!(status == Some(0) && said.lines().any(|line| line == begins) && ran.exists(), "{shell}: {said}");
    }
}

#[test]
fn the_line_is_constant_but_for_its_nonce() {
    let nonce = Nonce("0123456789abcdef0123456789abcdef".to_owned());
    assert_eq!(
        line(&Interpreter::Sh, &nonce, Lead::Given),
        "exec sh -c 'echo \"0123456789abcdef0123456789abcdef $$\" >&2; eval \"$(cat)\" </dev/null'"
    );
    assert!(line(&Interpreter::Bash, &nonce, Lead::Taken).starts_with("exec setsid bash -c '"));
    assert_ne!(Nonce::fresh().unwrap(), Nonce::fresh().unwrap());
}

#[test]
fn too_much_is_refused_before_it_is_copied() {
    let nonce = Nonce::fresh().unwrap();
    let long = delivery(&"'".repeat(PAYLOAD_BYTES_MAX / 4));
    assert_eq!(payload(&nonce, &long, &[]).unwrap_err(), ScriptError::TooLong);
    let fits = delivery(&"x".repeat(1024 * 1024));
    let sent = payload(&nonce, &fits, &[]).unwrap();
    assert!(sent.capacity() - sent.len() < 1024, "reserved {} for {}", sent.capacity(), sent.len());
}
