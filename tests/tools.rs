//! Programs of the server's machine as steps: Ansible over real hosts, kubectl before an API that answers as Kubernetes documents.

#![cfg(test)]

mod real;

use real::product::{Product, RUN, runbook};
use real::wait::SOON;
use real::{Fleet, program, until};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The tests' hosts come with this Python.
const PYTHON: &str = "ansible_python_interpreter: /usr/bin/python3\n";

const VERIFY: &str = "[[verify]]\nid = \"v\"\ntitle = \"v\"\nrun = 'true'\neffect = \"read\"\n";

fn put(product: &Product, name: &str, text: &str) {
    let file = product.at(&format!("site/{name}"));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn secret(product: &Product, name: &str, text: &str) {
    fs::write(product.at(name), text).unwrap();
    fs::set_permissions(product.at(name), fs::Permissions::from_mode(0o600)).unwrap();
}

/// A site whose steps find this program where the tests have it.
fn with_program(fleet: &Fleet, name: &str) -> Option<Product> {
    let at = program(name)?;
    let product = Product::new(fleet, &[]);
    let settings = fs::read_to_string(product.at("site/quarterdeck.toml")).unwrap();
    put(&product, "quarterdeck.toml", &format!("{settings}[local.programs]\n{name} = \"{}\"\n", at.display()));
    Some(product)
}

/// Stands in the command line of this test's Ansible alone: others run beside it.
fn own_word() -> String {
    // The last word closes it: another process may have a number that begins with this one.
    format!("of-{}-here", std::process::id())
}

/// A runbook that plays `tasks` with the fleet's key and a secret of its own.
fn play(product: &Product, fleet: &Fleet, tasks: &str, select: &str) {
    put(product, "files/web/site.yml", &format!("- name: Deploy\n  hosts: fleet\n  gather_facts: false\n{tasks}"));
    put(product, "files/web/group_vars/all.yml", PYTHON);
    secret(product, "token", "wheelhouse-9137");
    let rest = format!(
        "[inputs.release]\nprompt = \"Release\"\ntype = \"string\"\ndefault = '''{{{{ lookup(\"pipe\", \"id\") }}}} 'ü\"'''\n\
         [secrets.login]\nref = \"file:{key}\"\npurpose = \"p\"\n[secrets.token]\nref = \"file:{token}\"\npurpose = \"p\"\n\
         [[step]]\nid = \"play\"\nkind = \"ansible\"\nplaybook = \"files/web/site.yml\"\nkey = \"login\"\n\
         secrets = [\"token\"]\nskip_tags = [\"never-mind\", \"{own}\"]\neffect = \"idempotent\"\n{VERIFY}",
        key = fleet.user_key.private.display(),
        token = product.at("token").display(),
        own = own_word(),
    );
    put(product, "runbooks/play.toml", &runbook("play", &rest).replace("group:fleet", select));
}

fn log(product: &Product, id: u64) -> String {
    let said = product.says(&["runs", "log", &id.to_string(), "--step", "play", "--as", "ada"]);
    String::from_utf8(said.stdout).unwrap()
}

#[test]
fn real_ansible_plays_on_the_hosts_of_the_run_alone_and_takes_values_as_values() {
    let Some(fleet) = Fleet::plan(3).start() else { return };
    let Some(product) = with_program(&fleet, "ansible-playbook") else { return };
    let tasks = "  roles: [web]\n  tasks:\n    - name: Say the token\n      debug: msg={{ token }}\n\
                 \x20   - name: Leave this out\n      command: 'false'\n      tags: never-mind\n";
    play(&product, &fleet, tasks, "group:fleet & !host:h03");
    put(
        &product,
        "files/web/roles/web/tasks/main.yml",
        "- name: Write the release\n  template: src=release.j2 dest=~/release mode=0600\n",
    );
    put(&product, "files/web/roles/web/templates/release.j2", "{{ inventory_hostname }} run {{ run }}: {{ release }}");
    let id = product.start("play");
    let run = product.until_phase(id, &["ended"]);
    let log = log(&product, id);
    assert_eq!(run["ending"], "succeeded", "{run:#}\n{log}");
    for host in ["h01", "h02"] {
        let home = fleet.hosts().iter().find(|it| it.name == host).unwrap().file("release");
        assert_eq!(home, format!("{host} run {id}: {{{{ lookup(\"pipe\", \"id\") }}}} 'ü\""));
        for line in
            [format!("changed      {host}  web : Write the release"), format!("in all       {host}  2 ok, 1 changed")]
        {
            assert!(log.contains(&line), "{line}: {log}");
        }
    }
    assert_eq!(fleet.host(3).file("release"), "");
    assert!(!log.contains("wheelhouse") && !log.contains("h03") && !log.contains("Leave this out"), "{log}");
    product.verifies();
}

#[test]
fn real_ansible_that_fails_says_on_which_host_and_why() {
    let Some(fleet) = Fleet::plan(2).start() else { return };
    let Some(product) = with_program(&fleet, "ansible-playbook") else { return };
    let tasks = "  tasks:\n    - name: Try\n      command: sh -c 'echo no room >&2; exit 3'\n      when: inventory_hostname == 'h02'\n";
    play(&product, &fleet, tasks, "group:fleet");
    let id = product.start("play");
    product.until_phase(id, &["paused"]);
    let log = log(&product, id);
    for line in ["skipped      h01  Try", "failed       h02  Try", "no room", "in all       h02  1 failed"] {
        assert!(log.contains(line), "{line}: {log}");
    }
    product.verifies();
}

#[test]
fn real_ansible_that_meant_no_host_of_the_run_is_not_ok() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let Some(product) = with_program(&fleet, "ansible-playbook") else { return };
    play(&product, &fleet, "  tasks: [{ping: }]\n", "group:fleet");
    put(&product, "files/web/site.yml", "- hosts: databases\n  tasks: [{ping: }]\n");
    let id = product.start("play");
    product.until_phase(id, &["paused"]);
    let log = log(&product, id);
    assert!(log.contains("no host of this run took part"), "{log}");
}

/// The programs this run's step started, by a word of their command line.
fn lives(word: &str) -> bool {
    let has = |entry: fs::DirEntry| {
        fs::read(entry.path().join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(word))
    };
    fs::read_dir(Path::new("/proc")).unwrap().flatten().any(has)
}

#[test]
fn real_ansible_that_was_aborted_is_unknown_for_what_it_began_elsewhere_may_go_on() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let Some(product) = with_program(&fleet, "ansible-playbook") else { return };
    let tasks = "  tasks:\n    - name: Long\n      command: sh -c 'touch ~/began; exec sleep 300'\n";
    play(&product, &fleet, tasks, "group:fleet");
    let id = product.start("play");
    until("the task to begin", RUN, || match fleet.host(1).home.join("began").exists() {
        true => Ok(()),
        false => Err(log(&product, id)),
    });
    assert!(lives(&own_word()));
    product.json("ada", &["abort", &id.to_string(), "--reason", "enough"]);
    let run = product.until_phase(id, &["ended"]);
    assert_eq!(run["ending"], "unknown", "{run:#}");
    assert!(run.to_string().contains("what it had begun on other machines may go on"), "{run:#}");
    // Its workers lead sessions of their own, and about one time in thirty nobody tells them but the kernel (callback.py).
    until("Ansible's workers to be gone", SOON, || match lives(&own_word()) {
        true => Err("Ansible lives on".to_owned()),
        false => Ok(()),
    });
}

/// Answers one request as the API server would, and gives what was asked.
fn cluster() -> (u16, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        // It may ask what the server can do before it asks what it is for.
        loop {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                match stream.read(&mut byte).unwrap() {
                    0 => break,
                    _ => asked.push(byte[0]),
                }
            }
            let body = r#"{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"shop"}}"#;
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
            );
            stream.write_all((head + body).as_bytes()).unwrap();
            let asked = String::from_utf8(asked).unwrap();
            if asked.contains("/namespaces/") {
                return asked;
            }
        }
    });
    (port, served)
}

#[test]
fn real_kubectl_reads_its_kubeconfig_from_a_pipe_and_asks_what_was_approved() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let Some(product) = with_program(&fleet, "kubectl") else { return };
    let (port, served) = cluster();
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: k, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]\n\
         users: [{{name: u, user: {{username: deploy, password: wheelhouse-9137}}}}]\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n"
    );
    secret(&product, "kubeconfig", &config);
    let rest = format!(
        "[inputs.space]\nprompt = \"Namespace\"\ntype = \"string\"\ndefault = \"shop\"\n\
         [secrets.cluster]\nref = \"file:{}\"\npurpose = \"p\"\n[[step]]\nid = \"play\"\nkind = \"kubectl\"\nkubeconfig = \"cluster\"\n\
         args = [\"get\", \"--raw\", \"/api/v1/namespaces/{{{{ space }}}}\"]\neffect = \"read\"\n{VERIFY}",
        product.at("kubeconfig").display()
    );
    put(&product, "runbooks/ask.toml", &runbook("ask", &rest));
    let id = product.start("ask");
    let run = product.until_phase(id, &["ended", "paused"]);
    let log = log(&product, id);
    assert_eq!(run["ending"], "succeeded", "{run:#}\n{log}");
    assert!(log.contains(r#""name":"shop""#), "{log}");
    let asked = served.join().unwrap();
    assert!(asked.starts_with("GET /api/v1/namespaces/shop ") && asked.contains("kubectl"), "{asked}");
    product.verifies();
}

/// Helm cannot be had where these tests run. What stands in for it says what it was given, as its documentation has it: words behind
/// its name, the chart beside it, `KUBECONFIG` a file that can be read once.
#[test]
fn helm_is_given_its_words_its_chart_and_its_kubeconfig() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let product = Product::new(&fleet, &[]);
    let stand_in = product.at("helm");
    let script = "#!/bin/sh\nfor word; do printf '<%s>\\n' \"$word\"; done\ncat chart/Chart.yaml\n\
                  test \"$(cat \"$KUBECONFIG\")\" = 'cluster: wheelhouse-9137' && echo it fits\nenv | grep -c wheelhouse\nexit 3\n";
    fs::write(&stand_in, script).unwrap();
    fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).unwrap();
    let settings = fs::read_to_string(product.at("site/quarterdeck.toml")).unwrap();
    put(&product, "quarterdeck.toml", &format!("{settings}[local.programs]\nhelm = \"{}\"\n", stand_in.display()));
    put(&product, "files/web/chart/Chart.yaml", "name: web\n");
    secret(&product, "kubeconfig", "cluster: wheelhouse-9137");
    let rest = format!(
        "[inputs.release]\nprompt = \"Release\"\ntype = \"string\"\ndefault = \"v2 --debug $(id)\"\n\
         [secrets.cluster]\nref = \"file:{}\"\npurpose = \"p\"\n[[step]]\nid = \"play\"\nkind = \"helm\"\nkubeconfig = \"cluster\"\n\
         folder = \"files/web\"\nargs = [\"upgrade\", \"web\", \"chart\", \"--set-string=tag={{{{ release }}}}\"]\neffect = \"once\"\n{VERIFY}",
        product.at("kubeconfig").display()
    );
    put(&product, "runbooks/up.toml", &runbook("up", &rest));
    let id = product.start("up");
    let run = product.until_phase(id, &["ended", "paused"]);
    let log = log(&product, id);
    let said: Vec<&str> = log.lines().filter_map(|line| line.split_once('<').map(|(_, rest)| rest)).collect();
    assert_eq!(said, ["upgrade>", "web>", "chart>", "--set-string=tag=v2 --debug $(id)>"], "{log}");
    assert!(log.contains("name: web") && log.contains("it fits"), "{log}");
    assert!(!log.contains("wheelhouse-9137"), "{log}");
    // It ends as it says itself.
    assert!(run.to_string().contains("\"failed\"") && run["phase"] == "paused", "{run:#}");
}

#[test]
fn real_ansible_whose_way_to_a_host_broke_is_unknown() {
    let Some(fleet) = Fleet::plan(1).start() else { return };
    let Some(product) = with_program(&fleet, "ansible-playbook") else { return };
    play(&product, &fleet, "  tasks: [{ping: }]\n", "group:fleet");
    put(&product, "files/web/group_vars/all.yml", &format!("{PYTHON}ansible_port: 1\n"));
    let id = product.start("play");
    let run = product.until_phase(id, &["paused"]);
    let states: Vec<_> = run["cells"].as_array().unwrap().iter().map(|cell| cell["state"].clone()).collect();
    assert!(states.contains(&"unknown".into()), "{run:#}");
    assert!(log(&product, id).contains("unreachable  h01"), "{}", log(&product, id));
}
