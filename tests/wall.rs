//! The wall on a real terminal: it shows what others do, takes no keys, and stays a wall when its server was away.

#![cfg(test)]

mod real;

use real::door::Served;
use real::product::{Product, RUN, runbook};
use real::wait::SOON;
use real::{Fleet, Tmux};

const LONG: &str = "[[step]]\nid = \"hold\"\nrun = \"sleep 300\"\neffect = \"read\"\n[[verify]]\nid = \"v\"\ntitle = \"v\"\nrun = 'true'\neffect = \"read\"\n";

/// A runbook that is at work for as long as anybody looks, and one that waits for somebody's approval.
fn runbooks() -> [(&'static str, String); 2] {
    [
        ("hold", runbook("hold", LONG)),
        ("grave", runbook("grave", LONG).replace("impact = \"low\"", "impact = \"high\"")),
    ]
}

#[test]
fn z51_real_a_wall_shows_what_another_starts_takes_no_keys_and_outlives_its_server() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let runbooks = runbooks();
    let product = Product::new(&fleet, &runbooks.each_ref().map(|(name, text)| (*name, text.as_str())));
    let Some(tmux) = Tmux::shell(80, 24) else { return };
    let command = product.command(&["wall", "--as", "grace"]);
    let words: Vec<String> = command.get_args().map(|word| word.display().to_string()).collect();
    tmux.line("echo be''fore");
    tmux.wait_for_text("before");
    let (stty, modes) = (tmux.stty(), tmux.modes());
    tmux.line(&format!("{} {}", command.get_program().display(), words.join(" ")));
    tmux.wait_for_text("All quiet");

    let id = product.start("hold");
    tmux.wait_for("the run at work on the wall", RUN, |screen| {
        screen.lines().any(|row| row.contains("running") && row.contains(&format!("#{id}")) && row.contains("hold"))
    });
    // Stop, pause, the palette, help, the runs: none of it comes up, and the run goes on.
    tmux.keys(&["X", "p", "?", "3", "Enter"]);
    tmux.text(":abort 1");
    tmux.keys(&["Enter"]);
    let waiting = product.propose("grave");
    let screen = tmux.wait_for("a request on the wall", RUN, |screen| {
        screen.contains(&format!("#{waiting}")) && screen.contains("approver: grace")
    });
    assert!(screen.contains("▸ wall") && !screen.contains("keys:"), "{screen}");
    assert_eq!(product.run(id)["phase"], "running");

    product.kill();
    tmux.wait_for_text("reconnecting, runs go on");
    let later = product.propose("grave");
    let screen = tmux.wait_for("the wall again", RUN, |screen| {
        screen.contains(&format!("#{later}")) && !screen.contains("reconnecting")
    });
    assert!(screen.contains("▸ wall"), "{screen}");
    tmux.keys(&["q"]);
    tmux.wait_for("the shell's own screen", SOON, |screen| screen.contains("before"));
    assert_eq!((tmux.stty(), tmux.modes()), (stty, modes));
}

#[test]
fn z53_real_a_wall_opens_over_ssh_and_without_a_terminal_says_that_it_needs_one() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let runbooks = runbooks();
    let served = Served::start(&fleet, &runbooks.each_ref().map(|(name, text)| (*name, text.as_str())), "");
    let said = served.says(&served.grace.private, "grace", &["wall"]);
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.code() == Some(64) && text.contains("needs a terminal"), "{said:?}");

    let options = served.options(&served.grace.private);
    let command: Vec<&str> = ["ssh", "-t"]
        .into_iter()
        .chain(options.iter().map(String::as_str))
        .chain(["grace@127.0.0.1", "wall"])
        .collect();
    let Some(tmux) = Tmux::start(160, 50, &command) else { return };
    tmux.wait_for_text("All quiet");
    let id = served.product.propose("grave");
    let screen = tmux.wait_for("a request on the wall", RUN, |screen| {
        screen.contains(&format!("#{id}")) && screen.contains("approver: grace")
    });
    assert!(screen.contains("time") && screen.contains("freezes and windows"), "{screen}");
}
