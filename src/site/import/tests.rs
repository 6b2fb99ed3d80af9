//! What is made of other tools' files: it loads, it claims nothing, and nothing of the source is lost without a word.

use super::*;
use crate::site::parse::{self, Templates};
use proptest::prelude::*;
use std::fs;

/// The draft as the checker reads it.
fn loaded(draft: &Draft) -> crate::domain::runbook::Runbook {
    let text = draft.toml();
    let parsed = parse::runbook("draft.toml", &text, &Templates::default());
    let errors: Vec<String> = parsed
        .diagnostics
        .iter()
        .filter(|it| it.is_error())
        .map(|it| format!("{}:{} {}", it.line, it.column, it.message))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
    parsed.value.unwrap()
}

fn script(runbook: &crate::domain::runbook::Runbook, nth: usize) -> String {
    runbook.steps[nth].action.script().unwrap().text.clone()
}

const JOB: &str = r#"
- defaultTab: nodes
  description: Restarts the web tier after a release.
  executionEnabled: true
  group: ops/web
  id: 9f2b7a52-0000-4000-8000-000000000001
  loglevel: INFO
  name: Restart web
  nodeFilterEditable: false
  nodefilters:
    dispatch:
      excludePrecedence: true
      keepgoing: true
      rankOrder: ascending
      threadcount: '4'
    filter: 'tags: web+zone-a !name: web-9'
  nodesSelectedByDefault: true
  notification:
    onfailure:
      email: {recipients: ops@example.com}
  options:
  - name: release-version
    label: Release
    required: true
    regex: ^v\d+$
    value: v1
  - enforced: true
    name: mode
    values: [fast, slow]
    value: slow
  - name: api-token
    secure: true
    storagePath: keys/web/token
  - name: host
    description: An option with a name that is given to every script
  schedule:
    month: '*'
    time: {hour: '03', minute: '00', seconds: '0'}
  scheduleEnabled: true
  sequence:
    keepgoing: false
    strategy: step-first
    commands:
    - description: Drain
      exec: 'curl -H "X-Token: ${option.api-token}" http://lb/drain/${node.name}?to=${option.release-version}'
    - description: Restart
      script: |-
        #!/usr/bin/env bash
        echo 'now @option.release-version@' "$RD_OPTION_MODE" $RD_OPTION_MODEL
        systemctl restart web
      args: ${option.mode} --now
      errorhandler:
        exec: systemctl status web
    - script: print("@option.mode@")
      scriptInterpreter: python3
    - jobref:
        group: ops
        name: Smoke test
    - type: com.example.Slack
      nodeStep: false
      configuration: {message: done}
    - scriptfile: /opt/jobs/cleanup.sh
  uuid: 9f2b7a52-0000-4000-8000-000000000001
"#;

#[test]
fn a_job_of_rundeck_becomes_a_draft_that_loads_and_names_its_values_as_variables() {
    let drafts = rundeck(JOB).unwrap();
    let [draft] = drafts.as_slice() else { panic!("one job") };
    let runbook = loaded(draft);
    assert_eq!((runbook.id.as_str(), runbook.title.as_str()), ("restart-web", "Restart web"));
    assert_eq!(runbook.targets.select, "tag:web & tag:zone-a & !(host:web-9)");
    assert_eq!(runbook.targets.parallel, 4);
    assert!(runbook.targets.pace.words().is_some(), "step first");
    assert_eq!(runbook.scope.changes, "Restarts the web tier after a release.");
    let names: Vec<&str> = runbook.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["release_version", "mode", "host_2"]);
    assert_eq!(runbook.secrets.keys().collect::<Vec<_>>(), ["api_token"]);
    assert_eq!(
        script(&runbook, 0).trim(),
        "curl -H \"X-Token: ${api_token}\" http://lb/drain/\"${host}\"?to=\"${release_version}\""
    );
    assert_eq!(runbook.steps[0].action.secrets(), ["api_token"]);
    let restart = script(&runbook, 1);
    assert!(restart.starts_with("#!/usr/bin/env bash\nset -- \"${mode}\" --now\n"), "{restart}");
    assert!(restart.contains("echo 'now '\"${release_version}\"'' \"${mode}\" $RD_OPTION_MODEL"), "{restart}");
    // What was not carried over fails, and says so.
    for nth in [3, 4, 5] {
        assert!(script(&runbook, nth).ends_with("exit 1\n"), "{}", script(&runbook, nth));
    }
    let todo = draft.todo().join("\n");
    for words in [
        "schedule",
        "notified",
        "keys/web/token",
        "systemctl status web",
        "ops/Smoke test",
        "com.example.Slack",
        "/opt/jobs/cleanup.sh",
        "$RD_OPTION_MODEL",
        "descriptor 3",
        "[[verify]]",
        "[rollback]",
    ] {
        assert!(todo.contains(words), "no `{words}` in {todo}");
    }
}

#[test]
fn an_approved_runbook_is_more_than_a_draft_claims() {
    let draft = &rundeck(JOB).unwrap()[0];
    let approved = draft.toml().replace("status  = \"draft\"", "status = \"approved\"");
    let found = parse::runbook("draft.toml", &approved, &Templates::default()).diagnostics;
    let words: String = found.iter().map(|it| format!("{}\n", it.message)).collect();
    for missing in ["owner", "last_reviewed", "next_review", "verification", "rollback"] {
        assert!(words.contains(missing), "no `{missing}` in {words}");
    }
}

#[test]
fn what_is_no_job_says_so() {
    for (text, words) in [
        ("", "no job of Rundeck"),
        ("a: [", "no YAML"),
        ("- 1\n- 2\n", "`name` and `sequence`"),
        ("[]", "it holds no job"),
        ("'just text'", "no job of Rundeck"),
        ("- sequence: {commands: []}\n", ""),
    ] {
        match rundeck(text) {
            Err(error) => assert!(!words.is_empty() && error.to_string().contains(words), "{text:?}: {error}"),
            Ok(drafts) => {
                assert!(words.is_empty(), "{text:?}");
                loaded(&drafts[0]);
            }
        }
    }
    // Aliases that would grow without end are refused, not followed.
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n\
                g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n";
    assert!(rundeck(bomb).is_err());
    assert_eq!(rundeck(&"x".repeat(SOURCE_BYTES_MAX + 1)), Err(ImportError::TooLong));
}

#[test]
fn two_jobs_of_one_name_become_two_drafts() {
    let two = "- name: Same\n  sequence: {commands: [{exec: 'true'}]}\n- name: same\n  sequence: {commands: [{exec: 'true'}]}\n";
    let ids: Vec<String> = rundeck(two).unwrap().iter().map(|draft| draft.id.clone()).collect();
    assert_eq!(ids, ["same", "same-2"]);
}

const PAGE: &str = r#"---
author: nobody
---
# Rotate the TLS certificate

Replaces the certificate of the web tier before it runs out.

## Why
It expires on the first.

## Prerequisites
The new certificate is there:
```bash
test -s /etc/tls/new.pem
```

## Procedure
1. Tell the chat.
2. Copy the certificate for <site-name>:
   ```
   $ cp /etc/tls/new.pem '/etc/tls/<site-name>.pem'
   copied
   $ chmod 600 "/etc/tls/<site-name>.pem" </dev/null
   ```
3. Reload:

   ```sh
   systemctl reload nginx
   ```

- [ ] Look at the dashboard
- [ ] Ask {{ the customer }}

## Verification
The new one is served.
```console
openssl s_client -connect localhost:443 </dev/null | openssl x509 -noout -enddate
```

## Rollback
Put the old file back:
```
cp /etc/tls/old.pem /etc/tls/site.pem
```
"#;

#[test]
fn a_page_of_markdown_becomes_checks_steps_and_the_way_back() {
    let draft = markdown(PAGE, "rotate").unwrap();
    let runbook = loaded(&draft);
    assert_eq!(runbook.id.as_str(), "rotate-the-tls-certificate");
    assert_eq!(runbook.scope.changes, "Replaces the certificate of the web tier before it runs out.");
    assert_eq!(runbook.scope.why, "It expires on the first.");
    assert_eq!(runbook.preflight[0].script.text.trim(), "test -s /etc/tls/new.pem");
    assert_eq!(runbook.preflight[0].title, "The new certificate is there");
    assert_eq!(runbook.verify.len(), 1);
    assert!(runbook.verify[0].script.text.contains("</dev/null"), "a redirection is no place to fill");
    let titles: Vec<&str> = runbook.steps.iter().map(|step| step.title.as_str()).collect();
    assert_eq!(
        titles,
        ["Tell the chat", "Copy the certificate for <site-name>", "Reload", "Procedure"],
        "{}",
        draft.toml()
    );
    assert_eq!(
        script(&runbook, 1),
        "cp /etc/tls/new.pem '/etc/tls/'\"${site_name}\"'.pem'\nchmod 600 \"/etc/tls/${site_name}.pem\" </dev/null\n"
    );
    assert_eq!(runbook.inputs[0].name, "site_name");
    assert!(runbook.rollback.contains("cp /etc/tls/old.pem"), "{}", runbook.rollback);
    assert!(!draft.todo().iter().any(|todo| todo.contains("[rollback]")), "it has one");
    assert!(!draft.toml().contains("nobody"), "what is about the file is none of it");
}

#[test]
fn a_page_without_headings_and_one_without_steps_become_drafts_too() {
    let steps = markdown("1. Stop it\n2. Start it\n", "restart").unwrap();
    assert_eq!(loaded(&steps).steps.len(), 2);
    let words = markdown("Only words.", "words").unwrap();
    assert!(loaded(&words).steps.is_empty());
    assert!(words.todo().iter().any(|todo| todo.contains("no step was found")));
    assert!(matches!(markdown(" \n", "empty"), Err(ImportError::Nothing(_))));
}

#[test]
fn an_inventory_becomes_servers_a_workspace_takes() {
    let printed = r#"{
        "_meta": {"hostvars": {
            "web-1": {"ansible_host": "10.0.0.1", "ansible_port": 2222, "ansible_user": "deploy", "ansible_ssh_common_args": "-o ProxyJump=ops@edge-1:22"},
            "web-2": {"quarterdeck_host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAvGrhYmd8SuCzPfQsJR2+ZQBaT8RB7bI3xg8UaNQuJv"},
            "box": {"ansible_connection": "local"},
            "sw-1": {"ansible_connection": "network_cli"}
        }},
        "all": {"children": ["ungrouped", "site"]},
        "ungrouped": {"hosts": ["box", "sw-1"]},
        "site": {"children": ["web"]},
        "web": {"hosts": ["web-1", "web-2"], "children": ["site"]}
    }"#;
    let found = inventory(printed, "ops").unwrap();
    let names: Vec<&str> = found.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["box", "sw-1", "web-1", "web-2"]);
    assert_eq!(
        (found[2].address.as_str(), found[2].port, found[2].jump.as_deref()),
        ("10.0.0.1", Some(2222), Some("edge-1"))
    );
    assert_eq!(found[3].groups.iter().collect::<Vec<_>>(), ["site", "web"]);
    assert_eq!((found[3].user.as_str(), found[3].host_keys.len()), ("ops", 1));
    assert!(found[1].todo[0].contains("network_cli"));
    assert!(found[0].local);
    in_a_workspace(&servers(&found, "inventory"), 4);
}

/// That a workspace with these servers loads, and has so many.
fn in_a_workspace(toml: &str, count: usize) {
    let head = "schema = 1\n[workspace]\nid = \"lab\"\ntitle = \"Lab\"\nenvironment = \"lab\"\nowner = \"ada\"\n\
                [[server]]\nname = \"edge-1\"\naddress = \"10.9.9.9\"\nuser = \"ops\"\n";
    let parsed = parse::workspace("lab.toml", &format!("{head}{toml}"));
    let errors: Vec<String> =
        parsed.diagnostics.iter().filter(|it| it.is_error()).map(|it| format!("{}: {}", it.line, it.message)).collect();
    assert!(errors.is_empty(), "{errors:?}\n{toml}");
    assert_eq!(parsed.value.unwrap().servers.len(), count + 1, "{toml}");
}

#[test]
fn what_no_workspace_takes_stands_there_as_a_comment() {
    let nobody = inventory(
        r#"{"all": {"hosts": ["a"]}, "_meta": {"hostvars": {"a": {"quarterdeck_host_key": "ssh-ed25519 nonsense"}}}}"#,
        "",
    )
    .unwrap();
    assert_eq!(nobody[0].unsound().len(), 2, "{:?}", nobody[0].unsound());
    let printed = r#"{"all": {"hosts": ["good", "-oProxyCommand=evil", "a b", "x\ny"]}, "_meta": {"hostvars": {"good": {"ansible_user": "me"}}}}"#;
    let found = inventory(printed, "ops").unwrap();
    in_a_workspace(&servers(&found, "evil\n[[server]]"), 1);
}

#[test]
fn an_inventory_that_is_none_says_so() {
    for (text, words) in [
        ("[]", "no JSON object"),
        ("{", "no JSON"),
        ("{\"_meta\": {}}", "names no host"),
        ("{\"a\": {\"children\": [\"a\"]}}", "names no host"),
    ] {
        let error = inventory(text, "ops").unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn hosts_of_a_client_configuration_are_those_it_names_one_by_one() {
    let text = "Include more\nHost web-1 web-2 *.example !x\n  User me\nhost=\"quoted\"\nMatch user x\nHost *\n";
    let include =
        |pattern: &str| if pattern == "more" { vec!["Host inner\nInclude more\n".to_owned()] } else { Vec::new() };
    assert_eq!(ssh_hosts(text, &include), ["inner", "web-1", "web-2", "quoted"]);
}

#[test]
fn the_real_ssh_says_what_its_configuration_means() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config");
    fs::write(&file, "Host edge-1\n  HostName 10.9.9.9\nHost web-*\n  User deploy\n  Port 2222\n  ProxyJump edge-1\nHost web-1\n  HostName 10.0.0.1\n").unwrap();
    let answer = |name: &str| {
        let output = std::process::Command::new("ssh").arg("-G").arg("-F").arg(&file).arg("--").arg(name).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let found = ssh_settings("web-1", &answer("web-1"));
    assert_eq!((found.address.as_str(), found.port, found.user.as_str()), ("10.0.0.1", Some(2222), "deploy"));
    assert_eq!((found.jump.as_deref(), found.todo.len()), (Some("edge-1"), 0));
    let edge = ssh_settings("edge-1", &answer("edge-1"));
    assert_eq!((edge.address.as_str(), edge.port, edge.jump), ("10.9.9.9", Some(22), None));
    in_a_workspace(&servers(&[found], "config"), 1);
}

/// Texts that break out of quotes, comments and tables where they can.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("'''".to_owned()),
        Just("\"\"\"".to_owned()),
        Just("\n[[step]]\nid = \"x\"\n".to_owned()),
        Just("'".to_owned()),
        Just("\\".to_owned()),
        Just("\r\n".to_owned()),
        Just("\u{202e}".to_owned()),
        Just("\0".to_owned()),
        Just("${option.a}".to_owned()),
        Just("<x y>".to_owned()),
        Just("{{ y }}".to_owned()),
        Just("é".to_owned()),
        "[ -~]{0,12}",
    ];
    proptest::collection::vec(pieces, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn whatever_a_job_says_its_draft_loads(name in text(), says in text(), run in text(), option in text(), regex in text(), value in text()) {
        let job = serde_json::json!([{
            "name": name, "description": says, "group": says,
            "nodefilters": {"filter": format!("tags: {value}")},
            "options": [{"name": option, "regex": regex, "value": value, "description": says}, {"name": "a", "values": [value, says], "enforced": true, "value": value}],
            "sequence": {"commands": [{"exec": run, "description": says}, {"script": run, "args": value}, {"jobref": {"name": name}}]},
        }]);
        let drafts = rundeck(&job.to_string()).unwrap();
        let runbook = loaded(&drafts[0]);
        prop_assert_eq!(runbook.steps.len(), 3);
    }

    #[test]
    fn whatever_a_page_says_its_draft_loads(parts in proptest::collection::vec((0..7u8, text()), 1..12)) {
        let page: String = parts.iter().map(|(kind, words)| match kind {
            0 => format!("# {words}\n\n"),
            1 => format!("## Rollback {words}\n\n"),
            2 => format!("## Steps {words}\n\n"),
            3 => format!("1. {words}\n\n"),
            4 => format!("```sh\n{words}\n```\n\n"),
            5 => format!("## Verification\n\n- [ ] {words}\n\n"),
            _ => format!("{words}\n\n"),
        }).collect();
        if let Ok(draft) = markdown(&page, "page") {
            loaded(&draft);
        }
    }
}
