//! Changes of secrets where they lie, as files say them.

use super::whole::{DRAFT, refused, sound, stands};
use crate::site::diagnostic::Code;

const SITE: &str = "schema = 1\n[site]\nname = \"acme\"\n[vault]\naddress = \"https://vault.example:8200\"\nrole_id = \"r\"\nsecret_id = \"/s/id\"\n";
const SECRETS: &str = "[secrets.token]\nref = \"vault:kv/web#token\"\npurpose = \"p\"\n[secrets.typed]\nref = \"prompt:typed\"\npurpose = \"p\"\n";

fn step(id: &str, rest: &str) -> String {
    format!("[[step]]\nid = \"{id}\"\nkind = \"vault\"\n{rest}\neffect = \"once\"\n")
}

#[test]
fn a_secret_is_made_anew_and_the_old_version_revoked() {
    let steps = [
        step("new-token", "do = \"generate\"\nsecret = \"token\""),
        "[[step]]\nid = \"told\"\nkind = \"manual\"\ntext = \"Version {{ new_token_version }} is there.\"\neffect = \"once\"\n".to_owned(),
        step("gone", "do = \"revoke\"\nsecret = \"token\"\nof = \"new-token\""),
        step("given", "do = \"write\"\nsecret = \"token\"\nvalue = \"typed\""),
    ];
    let text = format!("{DRAFT}{SECRETS}{}", steps.concat());
    let loaded = sound(&[("quarterdeck.toml", SITE), ("runbooks/hello.toml", &text)]);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn what_is_changed_lies_in_a_vault_and_what_is_revoked_was_replaced() {
    let generate = step("new-token", "do = \"generate\"\nsecret = \"token\"");
    for (steps, code, token) in [
        (step("x", "do = \"generate\"\nsecret = \"typed\""), Code::Rule, "\"typed\"\neffect"),
        (step("x", "do = \"generate\"\nsecret = \"tokem\""), Code::Undeclared, "\"tokem\""),
        (step("x", "do = \"generate\"\nsecret = \"token\"\nlength = 8"), Code::Value, "8\neffect"),
        (step("x", "do = \"plan\"\nsecret = \"token\""), Code::Value, "\"plan\""),
        (step("x", "do = \"write\"\nsecret = \"token\""), Code::Rule, "[[step]]\nid = \"x\""),
        (step("x", "do = \"write\"\nsecret = \"token\"\nvalue = \"none\""), Code::Undeclared, "\"none\""),
        (step("x", "do = \"revoke\"\nsecret = \"token\"\nof = \"new-token\""), Code::Undeclared, "\"new-token\""),
        (step("x", "do = \"generate\"\nsecret = \"token\"\nof = \"y\""), Code::KeyMisplaced, "\"y\""),
        (
            format!("{generate}{}", step("x", "do = \"revoke\"\nsecret = \"typed\"\nof = \"new-token\"")),
            Code::Undeclared,
            "\"new-token\"\neffect",
        ),
    ] {
        let text = format!("{DRAFT}{SECRETS}{steps}");
        let found = refused(&[("quarterdeck.toml", SITE), ("runbooks/hello.toml", &text)]);
        stands(&found, code, "runbooks/hello.toml", &text, token);
    }
}
