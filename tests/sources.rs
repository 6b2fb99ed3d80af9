//! Servers that a workspace asks for: a command of the site's own, and a real inventory of Ansible.

#![cfg(test)]

mod real;

use real::Fleet;
use real::product::{Product, runbook};
use real::program;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const LOOK: &str = "[[step]]\nid = \"look\"\nrun = 'echo here >>\"$HOME/did\"'\neffect = \"once\"\n[[verify]]\nid = \"v\"\ntitle = \"v\"\nrun = 'true'\neffect = \"read\"\n";

/// The product whose workspace writes down no server, and asks this source.
fn asking(fleet: &Fleet, source: &str) -> Product {
    let product = Product::new(fleet, &[("look", &runbook("look", LOOK))]);
    let file = product.at("site/workspaces/lab.toml");
    let text = fs::read_to_string(&file).unwrap();
    let head = text.split("\n[[server]]").next().unwrap().to_owned();
    fs::write(&file, format!("{head}\n[[source]]\nname = \"found\"\n{source}")).unwrap();
    product
}

fn script(product: &Product, name: &str, text: &str) -> String {
    let path = product.at(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

/// What a command prints for these hosts of the fleet, their key pinned.
fn printed(fleet: &Fleet, hosts: &[usize]) -> String {
    let key = fleet.host_key.public_line();
    let of = |n: &usize| fleet.host(*n);
    let vars: serde_json::Map<String, serde_json::Value> = hosts
        .iter()
        .map(of)
        .map(|host| {
            let vars = json!({
                "ansible_host": host.address.to_string(), "ansible_port": host.port, "ansible_user": host.user,
                "quarterdeck_host_key": key,
            });
            (host.name.clone(), vars)
        })
        .collect();
    let names: Vec<&str> = hosts.iter().map(of).map(|host| host.name.as_str()).collect();
    json!({"fleet": {"hosts": names}, "_meta": {"hostvars": vars}}).to_string()
}

#[test]
fn real_servers_that_a_command_names_are_planned_with_run_on_and_recorded() {
    let Some(fleet) = Fleet::plan(3).start() else { return };
    let product = asking(&fleet, "command = [\"@COMMAND@\", \"--list\"]\nuser = \"nobody\"\ntags = [\"found\"]\n");
    let answer = product.at("answer.json");
    fs::write(&answer, printed(&fleet, &[1, 2])).unwrap();
    let command =
        script(&product, "cmdb", &format!("#!/bin/sh\ntest \"$1\" = --list && exec cat {}\n", answer.display()));
    let file = product.at("site/workspaces/lab.toml");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("@COMMAND@", &command)).unwrap();

    let rows = product.json("ada", &["hosts", "list"]);
    let names = |rows: &serde_json::Value| -> Vec<String> {
        rows["rows"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&rows), ["h01", "h02"], "{rows}");
    assert_eq!(rows["rows"][0]["tags"], json!(["found"]));
    let id = product.start("look");
    let run = product.until_phase(id, &["ended"]);
    assert_eq!(run["ending"], "succeeded", "{run:#}");
    assert_eq!((fleet.host(1).file("did").as_str(), fleet.host(3).file("did").as_str()), ("here\n", ""));

    // What is proposed is bound to what was heard then; another answer, heard with the next proposal, voids what waits.
    let waits = product.propose("look");
    product.until_phase(waits, &["waiting", "approved"]);
    fs::write(&answer, printed(&fleet, &[2, 3])).unwrap();
    let next = product.propose("look");
    let voided = product.run(waits);
    assert_eq!(voided["phase"], "cancelled", "{voided:#}");
    let hosts = product.run(next);
    assert!(hosts.to_string().contains("h03") && !hosts.to_string().contains("\"h01\""), "{hosts:#}");

    // A source that does not answer is not taken at its last word.
    for (text, words) in [
        ("#!/bin/sh\necho no route >&2\nexit 3\n", "no route"),
        ("#!/bin/sh\necho '{}'\n", "names no host"),
        ("#!/bin/sh\necho nonsense\n", "no JSON"),
        ("#!/bin/sh\necho '{\"all\": {\"hosts\": [\"-oProxyCommand=x\"]}}'\n", "no name"),
    ] {
        script(&product, "cmdb", text);
        let said = product.tries("ada", &["propose", "look", "--in", "lab", "--purpose", "fix"]);
        let told = String::from_utf8_lossy(&said.stdout).into_owned();
        assert_eq!(said.status.code(), Some(1), "{told}");
        assert!(told.contains(words) && told.contains("the source found"), "{told}");
    }
    // What a run did is undone, and servers the workspace writes down are reached, whatever an inventory says.
    let back = product.tries("ada", &["rerun", &id.to_string(), "--reason", "again"]);
    let told = String::from_utf8_lossy(&back.stdout).into_owned();
    assert!(!told.contains("the source found"), "{told}");
    // Who wants to see the hosts sees what was last heard, and that it was not heard again.
    let list = product.tries("ada", &["hosts", "list"]);
    assert!(list.status.success() && String::from_utf8_lossy(&list.stdout).contains("h03"), "{list:?}");
    assert!(String::from_utf8_lossy(&list.stderr).contains("the source found"), "{list:?}");
    product.verifies();
    let audit = product.says(&["audit", "list", "--as", "ada"]);
    let audit = String::from_utf8_lossy(&audit.stdout).into_owned();
    assert!(audit.contains("source found of lab names 2 servers"), "{audit}");
}

#[test]
fn real_an_inventory_of_ansible_names_servers_by_its_groups() {
    let (Some(fleet), Some(ansible)) = (Fleet::plan(2).start(), program("ansible-inventory")) else { return };
    let product = asking(&fleet, "inventory = \"@INVENTORY@\"\nuser = \"nobody\"\n");
    let key = fleet.host_key.public_line();
    let host = |n: usize| {
        let host = fleet.host(n);
        format!(
            "        {}: {{ansible_host: {}, ansible_port: {}, ansible_user: {}}}\n",
            host.name, host.address, host.port, host.user
        )
    };
    let inventory = product.at("hosts.yml");
    let text = format!(
        "all:\n  vars: {{quarterdeck_host_key: \"{key}\"}}\n  children:\n    fleet:\n      hosts:\n{}{}    spare:\n      hosts: {{elsewhere: {{}}}}\n",
        host(1),
        host(2)
    );
    fs::write(&inventory, text).unwrap();
    let file = product.at("site/workspaces/lab.toml");
    let inventory = inventory.display().to_string();
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("@INVENTORY@", &inventory)).unwrap();
    let site = product.at("site/quarterdeck.toml");
    let text = fs::read_to_string(&site).unwrap();
    fs::write(&site, text + &format!("[local.programs]\nansible-inventory = \"{}\"\n", ansible.display())).unwrap();

    let id = product.start("look");
    let run = product.until_phase(id, &["ended"]);
    assert_eq!(run["ending"], "succeeded", "{run:#}");
    let rows = product.json("ada", &["hosts", "list", "--select", "group:spare"]);
    assert_eq!(rows["rows"][0]["name"], "elsewhere");
    assert!([1, 2].iter().all(|n| fleet.host(*n).file("did") == "here\n"));
}

#[test]
fn real_a_source_that_is_down_keeps_nobody_from_servers_that_are_named_and_written() {
    let Some(fleet) = Fleet::plan(2).start() else { return };
    let product = Product::new(&fleet, &[("look", &runbook("look", LOOK))]);
    let file = product.at("site/workspaces/lab.toml");
    let source = "\n[[source]]\nname = \"found\"\ncommand = [\"/bin/false\"]\nuser = \"nobody\"\n";
    fs::write(&file, fs::read_to_string(&file).unwrap() + source).unwrap();
    let propose = |more: &[&str]| {
        let words = [&["propose", "look", "--in", "lab", "--purpose", "fix"], more].concat();
        product.tries("ada", &words)
    };
    // What a group means nobody knows while the source is down.
    for more in
        [&[][..], &["--select", "group:fleet"], &["--select", "host:h01 | /h0/"], &["--select", "host:h01 & !tag:x"]]
    {
        let said = propose(more);
        assert_eq!(said.status.code(), Some(1), "{more:?}: {said:?}");
        assert!(String::from_utf8_lossy(&said.stdout).contains("--select"), "{said:?}");
    }
    assert!(propose(&["--select", "host:h01"]).status.success());
    assert!(propose(&["--select", "host:h01 | host:h02"]).status.success());
    assert_eq!(propose(&["--select", "host:h09"]).status.code(), Some(1));
}
