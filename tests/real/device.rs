//! A device that shows the codes of a second factor, worked out by another program than ours; and how one is enrolled.

use super::product::Product;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

/// The step a device is in.
#[expect(clippy::disallowed_methods, reason = "a device reads its own clock")]
pub fn step_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() / 30
}

/// What a device shows, worked out by another program than ours from the standard's text (RFC 6238, RFC 4226).
pub fn device(secret: &str, step: u64) -> String {
    const TOTP: &str = "import base64, hashlib, hmac, struct, sys
digest = hmac.new(base64.b32decode(sys.argv[1]), struct.pack('>Q', int(sys.argv[2])), hashlib.sha1).digest()
at = digest[-1] & 15
print('%06d' % ((struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 1000000))";
    let said = Command::new("python3").args(["-c", TOTP, secret, &step.to_string()]).output().unwrap();
    assert!(said.status.success(), "{said:?}");
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

/// The same words with something on standard input.
pub fn told(product: &Product, who: &str, words: &[&str], input: &str) -> Output {
    let mut command = product.command(words);
    command.args(["--json", "--as", who]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A verb that reads nothing may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// A factor in force, its secret, and the last step that was used.
pub fn enrolled(product: &Product, who: &str, by: &str) -> (String, String, u64) {
    let offered = product.json(who, &["people", "enrol"]);
    let (id, secret) = (offered["id"].as_str().unwrap().to_owned(), offered["secret"].as_str().unwrap().to_owned());
    let step = step_now();
    let said = told(product, who, &["people", "prove"], &format!("{}\n", device(&secret, step)));
    assert!(said.status.success(), "{said:?}");
    product.json(by, &["people", "confirm", who, "--id", &id[..8], "--reason", "read out by telephone"]);
    (id, secret, step)
}
