//! Files that show that a manual step was done, through the whole product: given, kept, listed, taken out again.

#![cfg(test)]

mod real;

use real::Fleet;
use real::product::{Product, RUN, runbook};
use real::until;
use std::fs;

const ASKS: &str = "[[step]]\nid = \"look\"\nkind = \"manual\"\ntext = \"Look at the dashboard.\"\nevidence = true\neffect = \"once\"\n\
    [[step]]\nid = \"then\"\nrun = \"true\"\neffect = \"read\"\n[[verify]]\nid = \"v\"\ntitle = \"v\"\nrun = 'true'\neffect = \"read\"\n";

fn waits_by_hand(product: &Product, id: u64) {
    until("the manual step", RUN, || {
        let run = product.run(id);
        let cells = run["cells"].as_array().unwrap();
        match cells.iter().any(|cell| cell["step"] == "look" && cell["state"] == "waiting") {
            true => Ok(()),
            false => Err(format!("{run:#}")),
        }
    });
}

#[test]
fn real_a_file_that_shows_a_manual_step_is_kept_whole_under_its_sha256_and_stands_for_words() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = Product::new(&fleet, &[("asks", &runbook("asks", ASKS))]);
    // Any bytes: a picture, a zero, what a terminal would obey. Longer than a window of the channel.
    let picture: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let file = product.at("shot \u{fc}.png");
    fs::write(&file, &picture).unwrap();
    let id = product.start("asks");
    waits_by_hand(&product, id);
    let number = id.to_string();
    let name = file.display().to_string();
    let early = product.tries("ada", &["tick", &number, "look"]);
    assert_eq!(early.status.code(), Some(1), "nothing shows it yet");
    product.json("ada", &["evidence", &number, "look", &name]);
    let listed = product.json("ada", &["runs", "evidence", &number]);
    let row = &listed["rows"][0];
    let printed = std::process::Command::new("sha256sum").arg(&file).output().unwrap();
    let sha256 =
        String::from_utf8_lossy(&printed.stdout).split_whitespace().next().unwrap().trim_start_matches('\\').to_owned();
    assert_eq!((row["sha256"].as_str(), row["bytes"].as_u64()), (Some(sha256.as_str()), Some(3_000_000)), "{row}");
    assert_eq!((row["name"].as_str(), row["by"].as_str()), (Some("shot \u{fc}.png"), Some("ada")));
    let back = product.says(&["runs", "evidence", &number, &sha256[..12], "--as", "ada"]);
    assert!(
        back.stdout == picture,
        "the very bytes: {} of them, {}",
        back.stdout.len(),
        String::from_utf8_lossy(&back.stderr)
    );

    for (file, words) in [
        ("/nonexistent", "No such file"),
        ("/dev/null", "between 1 byte and 4 MiB"),
        ("/dev/zero", "longer than 4 MiB"),
    ] {
        let said = product.tries("ada", &["evidence", &number, "look", file]);
        assert!(!said.status.success());
        assert!(String::from_utf8_lossy(&said.stdout).contains(words), "{file}: {said:?}");
    }
    let wrong = product.tries("ada", &["evidence", &number, "then", &name]);
    assert!(String::from_utf8_lossy(&wrong.stdout).contains("no manual step"), "{wrong:?}");

    product.json("ada", &["tick", &number, "look"]);
    let run = product.until_phase(id, &["ended"]);
    assert_eq!(run["ending"], "succeeded", "{run:#}");
    assert_eq!(run["evidence"][0]["sha256"], sha256.as_str());
    let late = product.tries("ada", &["evidence", &number, "look", &name]);
    assert_eq!(late.status.code(), Some(1), "it was ticked off");
    product.verifies();
    // After a new start it is read from the record.
    product.kill();
    let back = product.says(&["runs", "evidence", &number, &sha256[..12], "--as", "ada"]);
    assert!(back.stdout == picture);
    let audit = product.says(&["audit", "list", "--as", "ada"]);
    assert!(String::from_utf8_lossy(&audit.stdout).contains("a file that shows it"), "{audit:?}");
}
