//! Hosts that say too much: one line of 100 MiB, standard error without end, bytes that are no text. Nothing
//! of it is lost, the host beside is not harmed, and no byte that is not safe is shown.

#![cfg(test)]

mod real;

use real::Fleet;
use real::product::{Product, runbook, state};

/// One host floods, the other does its small work beside it.
const FLOODS: &str = r#"batches = ["100%"]
parallel = 2

[[step]]
id = "line"
title = "One line of 100 MiB"
run = 'case $host in *1) head -c 104857600 /dev/zero | tr "\0" x; echo; echo "after the line";; *) echo small;; esac'
effect = "read"
timeout = "2m"

[[step]]
id = "errors"
title = "A flood on standard error"
run = 'case $host in *1) yes "this went wrong" | head -c 20971520 >&2;; *) echo small;; esac'
effect = "read"
timeout = "2m"

[[step]]
id = "binary"
title = "No text"
run = 'printf "\377\376\033]0;owned\007\033[2Jafter\200\n"; head -c 65536 /dev/urandom; echo; echo "the end"'
effect = "read"

[[verify]]
id = "fine"
title = "Both are fine"
run = 'true'
effect = "read"
"#;

#[test]
fn real_hosts_that_say_much_end_as_they_ended_and_nothing_of_it_is_lost() {
    let Some(fleet) = Fleet::plan(2).start() else { return };
    let product = Product::new(&fleet, &[("flood", &runbook("flood", FLOODS))]);
    let id = product.start("flood");
    let run = product.until_phase(id, &["ended"]);
    assert_eq!(run["ending"], "succeeded", "{run:#}");
    let hosts = [1, 2].map(|number| fleet.host(number).name.clone());
    for host in &hosts {
        for step in ["line", "errors", "binary"] {
            assert_eq!(state(&run, host, "step", step), "ok", "{host} {step}");
        }
    }
    let log = |host: &str, step: &str| {
        let said = product.says(&["runs", "log", &id.to_string(), "--host", host, "--step", step, "--as", "ada"]);
        assert!(said.status.success(), "{said:?}");
        said.stdout
    };
    let text = |host: &str, step: &str| String::from_utf8(log(host, step)).unwrap();
    let line = text(&hosts[0], "line");
    assert_eq!(line.matches('x').count(), 100 << 20, "nothing of the line is lost");
    assert!(line.contains("after the line"));
    let errors = text(&hosts[0], "errors");
    assert_eq!(errors.matches("this went wrong").count(), 1_310_720, "nor of a flood");
    assert!(text(&hosts[1], "line").contains("small") && text(&hosts[1], "errors").contains("small"));
    for host in &hosts {
        let binary = text(host, "binary");
        assert!(binary.contains("after") && binary.contains("the end"), "{binary:?}");
        let unsafe_ones = binary.chars().filter(|c| c.is_control() && !matches!(c, '\n' | '\t'));
        assert_eq!(unsafe_ones.count(), 0, "{binary:?}");
        assert!(!binary.contains("owned"), "a title is no text");
    }
    product.verifies();
}
