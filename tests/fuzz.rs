//! What reads bytes from outside, given bytes nobody would choose but an attacker.
//!
//! Every target is a function from bytes to a verdict (`tests/fuzz/TARGET.rs`) with inputs worth keeping (`tests/fuzz/corpus/TARGET/`).
//! Each input is tried, and a bounded number of seeded changes of it: the same ones every time, more under `QUARTERDECK_DEEP`.
//! (The one of known_hosts stands beside what it tries, which nothing outside the executor can reach.)
//! Each target is also shown a variant that is wrong on purpose and must notice it.

#![cfg(test)]

mod fuzz {
    pub mod keys;
    pub mod ledger;
    pub mod mutate;
    pub mod redactor;
    pub mod toml;
    pub mod vt;
}

use fuzz::{keys, ledger, mutate, redactor, toml, vt};

#[test]
fn t_vt_filter_lets_nothing_but_text_and_colour_through() {
    mutate::each("vt", 8, |data| vt::check(data, vt::ours));
}

#[test]
fn t_vt_target_notices_bytes_passed_on() {
    mutate::must_notice("vt", |data| vt::check(data, vt::passed_on));
}

#[test]
fn t_vt_target_notices_a_filter_that_forgets_at_a_cut() {
    mutate::must_notice("vt", |data| vt::same_at_every_split(data, vt::forgetful));
}

#[test]
fn r_redactor_hides_whatever_stands_around_a_secret() {
    mutate::each("redactor", 60, |data| redactor::check(data, redactor::ours));
}

#[test]
fn r_redactor_target_notices_one_that_forgets_between_pieces() {
    mutate::must_notice("redactor", |data| redactor::check(data, redactor::forgetful));
}

#[test]
fn toml_loader_always_says_what_is_wrong_and_where() {
    mutate::each("toml", 40, |data| toml::check(data, toml::ours));
}

#[test]
fn toml_target_notices_a_refusal_without_a_reason() {
    mutate::must_notice("toml", |data| toml::check(data, toml::silent));
}

#[test]
fn c6_ledger_reader_reads_what_was_written_or_nothing() {
    mutate::each("ledger", 400, |data| ledger::check(data, ledger::ours));
}

#[test]
fn c6_ledger_target_notices_a_reader_that_trusts_the_file() {
    mutate::must_notice("ledger", |data| ledger::check(data, ledger::trusting));
}

#[test]
fn t_key_decoder_means_the_same_however_bytes_arrive() {
    mutate::each("keys", 400, |data| keys::check(data, keys::ours));
}

#[test]
fn t_key_target_notices_a_decoder_that_forgets() {
    mutate::must_notice("keys", |data| keys::check(data, keys::forgetful));
}
