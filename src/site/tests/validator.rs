//! As much of JSON Schema as our schemas use, to hold them against the reader: what one refuses the other must.

use regex::Regex;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Whether a value keeps a schema.
pub fn keeps(schema: &Value, value: &Value) -> bool {
    let Some(rules) = schema.as_object() else {
        return *schema != Value::Bool(false);
    };
    rules.iter().all(|(rule, wanted)| match rule.as_str() {
        "type" => is_of_type(wanted.as_str().unwrap(), value),
        "enum" => wanted.as_array().unwrap().contains(value),
        "const" => wanted == value,
        "pattern" => value.as_str().is_none_or(|text| matches(wanted.as_str().unwrap(), text)),
        "minimum" => value.as_i64().is_none_or(|number| number >= wanted.as_i64().unwrap()),
        "maximum" => value.as_i64().is_none_or(|number| number <= wanted.as_i64().unwrap()),
        "format" if wanted == "date" => value.as_str().is_none_or(|text| text.parse::<jiff::civil::Date>().is_ok()),
        "format" if wanted == "regex" => value.as_str().is_none_or(|text| Regex::new(text).is_ok()),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| keeps(wanted, item))),
        "required" => value.as_object().is_none_or(|object| {
            wanted.as_array().unwrap().iter().all(|key| object.contains_key(key.as_str().unwrap()))
        }),
        "properties" => value.as_object().is_none_or(|object| {
            wanted.as_object().unwrap().iter().all(|(key, of)| object.get(key).is_none_or(|value| keeps(of, value)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|object| {
            let named = rules.get("properties").and_then(Value::as_object);
            object
                .iter()
                .filter(|(key, _)| named.is_none_or(|named| !named.contains_key(*key)))
                .all(|(_, value)| if wanted == false { false } else { keeps(wanted, value) })
        }),
        "propertyNames" => {
            value.as_object().is_none_or(|object| object.keys().all(|key| keeps(wanted, &Value::String(key.clone()))))
        }
        "anyOf" => wanted.as_array().unwrap().iter().any(|of| keeps(of, value)),
        "allOf" => wanted.as_array().unwrap().iter().all(|of| keeps(of, value)),
        "not" => !keeps(wanted, value),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= wanted.as_u64().unwrap()),
        "if" if keeps(wanted, value) => keeps(&rules["then"], value),
        "if" => rules.get("else").is_none_or(|otherwise| keeps(otherwise, value)),
        "then" | "else" | "description" | "title" | "$schema" => true,
        other => panic!("the schemas use `{other}`, which this validator does not know"),
    })
}

/// Compiles each pattern once: there are thousands of cases.
fn matches(pattern: &str, text: &str) -> bool {
    thread_local! {
        static COMPILED: RefCell<BTreeMap<String, Regex>> = const { RefCell::new(BTreeMap::new()) };
    }
    COMPILED.with_borrow_mut(|compiled| {
        let new = || Regex::new(pattern).unwrap();
        compiled.entry(pattern.to_owned()).or_insert_with(new).is_match(text)
    })
}

fn is_of_type(name: &str, value: &Value) -> bool {
    match name {
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the schemas use the type `{other}`"),
    }
}

/// TOML as an editor hands it to a schema: dates and times as texts.
pub fn json(text: &str) -> Value {
    fn convert(value: toml::Value) -> Value {
        match value {
            toml::Value::String(text) => Value::String(text),
            toml::Value::Integer(number) => number.into(),
            toml::Value::Float(number) => number.into(),
            toml::Value::Boolean(value) => value.into(),
            toml::Value::Datetime(at) => Value::String(at.to_string()),
            toml::Value::Array(items) => items.into_iter().map(convert).collect(),
            toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, convert(value))).collect(),
        }
    }
    convert(toml::Value::Table(text.parse().unwrap()))
}
