//! The table's own rules.

use super::*;
use std::collections::BTreeMap;

#[test]
fn within_a_scope_and_its_parents_a_key_means_one_thing() {
    for scope in Scope::ALL {
        let mut seen: BTreeMap<String, Act> = BTreeMap::new();
        for bound in scope.chain().iter().flat_map(|scope| own(*scope)) {
            for key in bound.keys {
                let before = seen.insert(label(*key), bound.act);
                // Run and Log both say Enter opens; the same key for the same act would be no clash.
                assert_eq!(before.filter(|act| *act != bound.act), None, "{} in {scope:?}", label(*key));
            }
        }
    }
}

#[test]
fn multiplexers_and_flow_control_keep_their_keys() {
    for bound in TABLE {
        for key in bound.keys {
            for taken in ['a', 'b', 's', 'q', 'c', 'z'] {
                assert_ne!(*key, Key::ctrl(taken), "{:?}", bound.act);
            }
        }
    }
}

#[test]
fn where_letters_are_typed_no_letter_is_a_command() {
    for scope in [Scope::Form, Scope::Dialog, Scope::Line] {
        for bound in scope.chain().iter().flat_map(|scope| own(*scope)) {
            for key in bound.keys {
                let letter = matches!(key.code, KeyCode::Char(_)) && key.mods == Mods::NONE;
                assert!(!letter, "{} in {scope:?}", label(*key));
            }
        }
    }
}

#[test]
fn every_row_has_words() {
    for bound in TABLE {
        assert!(!bound.word.is_empty() && bound.help.ends_with('.'), "{bound:?}");
        assert!(!bound.keys.is_empty(), "{bound:?}");
    }
}

#[test]
fn esc_has_its_twin() {
    assert_eq!(act(Scope::Home, Key::char('q')), act(Scope::Home, Key::new(KeyCode::Esc)));
    assert_eq!(act(Scope::Dialog, Key::char('q')), None);
}
