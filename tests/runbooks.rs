//! Every shipped runbook, run on a demo host with nothing but `sh`: whole, it must end well and be undone well; with
//! any one of its script steps taken away, its own verification must say no.
//!
//! This is the content's test, not the program's: it reads the TOML itself and knows no engine, so that a runbook is
//! judged by what it does to a host. Deliberately absent: manual steps, which change nothing a script could read back.

#[cfg(test)]
mod runbooks {
    mod content;
    mod host;

    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::io::Write;
    use std::process::{Command, Stdio};

    use quarterdeck::site::{Diagnostic, Git, Ink, Look, load, render};
    use std::path::Path;

    use content::{Case, Flat, read, root, text, toml_files};
    use host::{Host, said};

    const HOST_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB";

    /// The fingerprint that a request for the demo's secret names.
    const TOKEN_FINGERPRINT: &str = "2df068b1e9af";

    const INCIDENT: [(&str, &str); 3] = [
        ("alert", "WebErrorBudgetBurn"),
        // Quotes, a dollar and a substitution: an input is a value, whatever it looks like.
        ("customer_impact", "Sign-in fails, it's \"slow\" for $HOME and $(false); `exit 1`"),
        ("incident_owner", "kim"),
    ];

    const RESTART: &[(&str, &str)] = &[INCIDENT[0], INCIDENT[1], INCIDENT[2], ("mitigation", "restart")];
    const SCALE: &[(&str, &str)] = &[INCIDENT[0], INCIDENT[1], INCIDENT[2], ("mitigation", "scale")];
    const DRAIN: &[(&str, &str)] = &[INCIDENT[0], INCIDENT[1], INCIDENT[2], ("mitigation", "drain")];
    const ROLLBACK: &[(&str, &str)] =
        &[INCIDENT[0], INCIDENT[1], INCIDENT[2], ("mitigation", "rollback"), ("rollback_to", "v1.4.1")];

    const PLANNED_CHANGE: Case = Case {
        runbook: "planned-change",
        host: "web-1",
        inputs: &[("release", "v1.5.0"), ("pull_request", "#871"), ("risk", "Watch the latency graph.\nTwo lines.")],
        before: "",
    };

    const CASES: &[Case] = &[
        PLANNED_CHANGE,
        Case { runbook: "p1-incident", host: "edge-1", inputs: RESTART, before: "" },
        Case { runbook: "p1-incident", host: "edge-1", inputs: SCALE, before: "" },
        Case { runbook: "p1-incident", host: "edge-1", inputs: DRAIN, before: "" },
        Case { runbook: "p1-incident", host: "edge-1", inputs: ROLLBACK, before: "" },
        Case { runbook: "p1-incident-de", host: "edge-1", inputs: RESTART, before: "" },
        Case { runbook: "slo-breach", host: "edge-1", inputs: &[("objective", "requests-availability")], before: "" },
        Case {
            runbook: "lift-release-freeze",
            host: "web-1",
            inputs: &[],
            before: "echo frozen >~/app/release-freeze",
        },
        Case { runbook: "secrets-rotation", host: "web-2", inputs: &[("fingerprint", TOKEN_FINGERPRINT)], before: "" },
        Case { runbook: "disaster-recovery", host: "edge-1", inputs: &[("declared_by", "grace")], before: "" },
        Case {
            runbook: "disaster-recovery",
            host: "db-1",
            inputs: &[("declared_by", "grace"), ("service", "db")],
            before: ": >~/data/records.csv",
        },
        Case { runbook: "host-maintenance", host: "web-2", inputs: &[("accept_list", "libssl3")], before: "" },
        Case { runbook: "service-restart", host: "web-1", inputs: &[], before: "" },
        Case { runbook: "service-restart", host: "db-1", inputs: &[("service", "db")], before: "" },
        Case { runbook: "disk-cleanup", host: "web-1", inputs: &[], before: "" },
        Case {
            runbook: "security-event",
            host: "web-2",
            inputs: &[("key", "contractor@laptop"), ("reported_by", "lea"), ("suspicion", "Seen from elsewhere.")],
            before: "",
        },
        Case {
            runbook: "access-review",
            host: "web-2",
            inputs: &[("quarter", "2026-Q4"), ("leavers", "contractor@laptop kim@bastion")],
            before: "",
        },
    ];

    #[test]
    fn the_demo_site_loads() {
        let site = tempfile::tempdir().unwrap();
        copy(&root("src/cli/demo/site"), site.path());
        copy(&root("runbooks"), &site.path().join("runbooks"));
        copy(&root("themes"), &site.path().join("themes"));
        // What the demo fills in when it starts: host keys, and who started it.
        let filled = [("\"DEMO\"\n", format!("\"{HOST_KEY}\"\n")), ("[\"DEMO\"]", "[\"tester\"]".to_owned())];
        for directory in [site.path().to_owned(), site.path().join("workspaces")] {
            for file in toml_files(directory.to_str().unwrap()) {
                let mut text = fs::read_to_string(&file).unwrap();
                for (from, to) in &filled {
                    text = text.replace(from, to);
                }
                fs::write(&file, text).unwrap();
            }
        }
        let loaded = match load(site.path(), Git::default()) {
            Ok(loaded) => loaded,
            Err(found) => panic!("{}", drawn(&found)),
        };
        // The one warning it deserves: everybody may act as everybody.
        let warned: Vec<String> = loaded.warnings.iter().map(|it| format!("{}:{}", it.file, it.line)).collect();
        assert_eq!(warned, ["quarterdeck.toml:9"], "{}", drawn(&loaded.warnings));
        assert_eq!(loaded.site.runbooks.len(), toml_files("runbooks").len());
    }

    #[test]
    fn every_shipped_runbook_has_a_case() {
        let driven: Vec<&str> = CASES.iter().map(|case| case.runbook).collect();
        for file in toml_files("runbooks") {
            let id = file.file_stem().unwrap().to_str().unwrap().to_owned();
            assert!(driven.contains(&id.as_str()), "{id} is shipped and never driven");
            assert_eq!(text(&read(&file)["runbook"], "id"), id, "a runbook's file is called by its id");
        }
    }

    #[test]
    fn whole_it_ends_well_and_is_undone_well() {
        for case in CASES {
            let runbook = Flat::load(case.runbook);
            let host = Host::furnish(case);
            for check in &runbook.preflight {
                host.must(case, &runbook, check);
            }
            for step in runbook.scripts() {
                host.must(case, &runbook, step);
            }
            for check in &runbook.verify {
                host.must(case, &runbook, check);
            }
            for step in runbook.scripts().rev() {
                if let Some(undo) = &step.undo {
                    let out = host.run(undo, &runbook.values(case), &[]);
                    assert!(out.status.success(), "{} undo of {}: {}", case.runbook, step.id, said(&out));
                }
            }
        }
    }

    #[test]
    fn a_step_that_may_be_repeated_is_the_same_twice() {
        for case in CASES {
            let runbook = Flat::load(case.runbook);
            let host = Host::furnish(case);
            for step in runbook.scripts() {
                host.must(case, &runbook, step);
                if !step.once {
                    host.must(case, &runbook, step);
                }
            }
            for check in &runbook.verify {
                host.must(case, &runbook, check);
            }
        }
    }

    #[test]
    fn without_any_one_step_verification_says_no() {
        for case in CASES {
            let runbook = Flat::load(case.runbook);
            for missing in runbook.scripts() {
                let host = Host::furnish(case);
                for step in runbook.scripts().filter(|step| step.id != missing.id) {
                    // It may fail for want of the missing one; verification is asked all the same.
                    host.run(&step.run, &runbook.values(case), &step.secrets);
                }
                let noticed = runbook.verify.iter().any(|check| !host.passes(case, &runbook, check));
                assert!(noticed, "{} without {}: nobody noticed", case.runbook, missing.id);
            }
        }
    }

    #[test]
    fn a_broken_release_is_stopped_before_it_gets_a_request() {
        let case = Case { inputs: &[("release", "v1.6.0"), ("pull_request", "#9"), ("risk", "?")], ..PLANNED_CHANGE };
        let runbook = Flat::load(case.runbook);
        let host = Host::furnish(&case);
        let failed = runbook.scripts().find(|step| !host.passes(&case, &runbook, step)).map(|step| step.id.as_str());
        assert_eq!(failed, Some("health"));
        assert!(host.path("app/drain").exists(), "the sick host stays out of rotation");
        let undo = runbook.scripts().find(|step| step.id == "switch").and_then(|step| step.undo.clone()).unwrap();
        assert_eq!(said(&host.run(&undo, &runbook.values(&case), &[])), "v1.4.2\n");
    }

    /// What `step` of a case's runbook says on a host that was furnished and then changed by `before`.
    fn one_step(case: &Case, step: &str, before: &str) -> (Host, bool, String) {
        let runbook = Flat::load(case.runbook);
        let host = Host::furnish(case);
        host.run(before, &runbook.values(case), &[]);
        let step = runbook.scripts().find(|item| item.id == step).unwrap();
        let out = host.run(&step.run, &runbook.values(case), &step.secrets);
        (host, out.status.success(), said(&out))
    }

    #[test]
    fn a_host_that_cannot_say_what_is_in_flight_is_not_drained() {
        let silent = "mkdir -p ~/changes/$run && systemctl stop web.service";
        let (host, ok, said) = one_step(&PLANNED_CHANGE, "drain", silent);
        assert!(!ok, "{said}");
        assert!(!host.path("changes/42/log").exists());
    }

    #[test]
    fn a_p1_is_mended_where_nothing_can_be_written_down() {
        let case = Case { runbook: "p1-incident", host: "edge-1", inputs: SCALE, before: "" };
        for step in ["triage", "diagnose", "mitigate"] {
            let (host, ok, said) = one_step(&case, step, "rm -rf ~/changes && : >~/changes");
            assert!(ok, "{step}: {said}");
            let config = fs::read_to_string(host.path("app/config/web.env")).unwrap();
            assert_eq!(config.contains("WORKERS=8"), step == "mitigate", "{said}");
        }
    }

    #[test]
    fn undoing_a_mitigation_brings_back_what_this_run_found_and_nothing_older() {
        for (id, step) in [("p1-incident", "mitigate"), ("slo-breach", "capacity")] {
            let inputs = if id == "slo-breach" { &[("objective", "requests-availability")] } else { SCALE };
            let case = Case { runbook: id, host: "edge-1", inputs, before: "" };
            // An older run scaled from two workers to eight, as many as this one is to set.
            let older =
                "mkdir -p ~/changes/$run; cd ~/app/config; echo WORKERS=2 >web.env.previous; echo WORKERS=8 >web.env";
            let (host, ok, told) = one_step(&case, step, older);
            assert!(ok, "{told}");
            let runbook = Flat::load(id);
            let undo = runbook.scripts().find(|item| item.id == step).and_then(|item| item.undo.clone()).unwrap();
            let out = host.run(&undo, &runbook.values(&case), &[]);
            assert!(out.status.success(), "{}", said(&out));
            assert_eq!(fs::read_to_string(host.path("app/config/web.env")).unwrap(), "WORKERS=8\n", "{id}");
        }
    }

    #[test]
    fn a_restored_service_may_write_and_a_clean_disk_may_fill_before_verification() {
        let writes = "echo new >>~/data/records.csv; seq 9999 >>~/app/logs/web.log";
        let recovery =
            Case { runbook: "disaster-recovery", host: "web-1", inputs: &[("declared_by", "grace")], before: "" };
        let cleanup = Case { runbook: "disk-cleanup", host: "web-1", inputs: &[("keep_days", "3650")], before: "" };
        for case in [recovery, cleanup] {
            let runbook = Flat::load(case.runbook);
            let host = Host::furnish(&case);
            for step in runbook.scripts() {
                host.must(&case, &runbook, step);
            }
            host.run(writes, &BTreeMap::new(), &[]);
            for check in &runbook.verify {
                host.must(&case, &runbook, check);
            }
        }
    }

    #[test]
    fn data_that_are_gone_are_restored_too() {
        let case = Case {
            runbook: "disaster-recovery",
            host: "web-1",
            inputs: &[("declared_by", "grace")],
            before: "rm -rf ~/data",
        };
        let runbook = Flat::load(case.runbook);
        let host = Host::furnish(&case);
        for item in runbook.preflight.iter().chain(runbook.scripts()).chain(&runbook.verify) {
            host.must(&case, &runbook, item);
        }
        let rows = fs::read_to_string(host.path("data/records.csv")).unwrap().lines().count();
        assert_eq!(rows, 201, "a heading and the backup's 200 records");
    }

    #[test]
    fn preflight_refuses_a_burning_service_and_a_wrong_one() {
        let refused_by = |case: Case| {
            let runbook = Flat::load(case.runbook);
            let host = Host::furnish(&case);
            let ids = runbook.preflight.iter().filter(|check| !host.passes(&case, &runbook, check));
            ids.map(|check| check.id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(refused_by(PLANNED_CHANGE), Vec::<String>::new());
        assert_eq!(refused_by(Case { host: "edge-1", ..PLANNED_CHANGE }), ["slo-gate/burn-rate"]);
        assert_eq!(
            refused_by(Case { runbook: "service-restart", host: "db-1", inputs: &[], before: "" }),
            ["change-record/service"]
        );
        let frozen = Case { before: "echo frozen >~/app/release-freeze", ..PLANNED_CHANGE };
        assert_eq!(refused_by(frozen), ["release-freeze"]);
    }

    #[test]
    fn the_german_p1_runs_the_same_scripts() {
        let scripts = |id| {
            let flat = Flat::load(id);
            let all = flat.preflight.iter().chain(&flat.steps).chain(&flat.verify);
            all.map(|item| (item.id.clone(), item.run.clone(), item.undo.clone(), item.manual)).collect::<Vec<_>>()
        };
        assert_eq!(scripts("p1-incident"), scripts("p1-incident-de"));
    }

    #[test]
    fn every_script_passes_shellcheck() {
        if Command::new("shellcheck").arg("--version").output().is_err() {
            skipped("shellcheck is not installed: the runbooks' scripts were not linted");
            return;
        }
        let shims = fs::read_dir(root("src/cli/demo/hosts/bin")).unwrap().map(|entry| entry.unwrap().path());
        for file in shims.chain([root("src/cli/demo/hosts/seed.sh")]) {
            shellcheck(&file.display().to_string(), &fs::read_to_string(&file).unwrap());
        }
        let mut seen = BTreeSet::new();
        for case in CASES {
            let runbook = Flat::load(case.runbook);
            let given = ["host", "run", "step", "attempt"].map(str::to_owned);
            let names: Vec<String> = runbook.inputs.keys().cloned().chain(given).collect();
            for item in runbook.preflight.iter().chain(runbook.scripts()).chain(&runbook.verify) {
                let mut head = "#!/bin/sh\n".to_owned();
                for name in names.iter().chain(&item.secrets) {
                    // Assigned, so that shellcheck knows it: a script that uses anything else is an error.
                    head += &format!("# shellcheck disable=SC2034\n{name}=$1\n");
                }
                for script in [Some(&item.run), item.undo.as_ref()].into_iter().flatten() {
                    if seen.insert(script.clone()) {
                        shellcheck(&format!("{} {}", case.runbook, item.id), &format!("{head}{script}\n"));
                    }
                }
            }
        }
    }

    #[test]
    fn a_stand_in_refuses_what_it_does_not_simulate() {
        let host = Host::furnish(&PLANNED_CHANGE);
        for script in [
            "systemctl daemon-reload web",
            "systemctl restart --now web",
            "curl -fsS http://example.org/",
            "curl -X POST http://localhost:8080/healthz",
            "apt-get -y install nginx",
        ] {
            let out = host.run(script, &BTreeMap::new(), &[]);
            assert!(!out.status.success(), "{script} went through: {}", said(&out));
        }
    }

    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let target = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy(&entry.path(), &target);
            } else {
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }

    fn drawn(found: &[Diagnostic]) -> String {
        let look = Look { width: 120, ink: Ink::Plain };
        found.iter().map(|diagnostic| render(diagnostic, look)).collect()
    }

    // ── outside tools ──

    fn shellcheck(what: &str, script: &str) {
        let mut command = Command::new("shellcheck");
        command.args(["-s", "sh", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "{what}: {}", said(&out));
    }

    /// Leaves a line for the end of `tests/run`: what could not be tried here, and why.
    fn skipped(why: &str) {
        println!("skipped: {why}");
        if let Some(list) = option_env_at_run_time("QUARTERDECK_SKIPPED") {
            let mut file = fs::OpenOptions::new().append(true).create(true).open(list).unwrap();
            writeln!(file, "{why}").unwrap();
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a test learns from tests/run where skipped work is listed")]
    fn option_env_at_run_time(name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}
