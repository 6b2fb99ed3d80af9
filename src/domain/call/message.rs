//! A message to people, in the form that where they are takes.

use serde::{Deserialize, Serialize};
use serde_json::json;

/// Longest message that every form takes: Teams refuses a card of more than 28 KB.
pub const MESSAGE_BYTES_MAX: usize = 24 * 1024;

/// What takes messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// An incoming webhook of Slack.
    Slack,
    /// A workflow of Teams that posts an Adaptive Card (version 1.4).
    Teams,
    /// Anything that takes JSON: `text`, `run` and `step`.
    Json,
}

impl Form {
    /// Every form.
    pub const ALL: [Form; 3] = [Form::Slack, Form::Teams, Form::Json];

    /// The word in files.
    pub fn word(self) -> &'static str {
        match self {
            Form::Slack => "slack",
            Form::Teams => "teams",
            Form::Json => "json",
        }
    }

    /// The one a word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.word() == word)
    }

    /// What is sent.
    pub fn body(self, text: &str, run: &str, step: &str) -> String {
        let body = match self {
            // What Slack would read as a mention or a link is text of a run, not of its author.
            Form::Slack => {
                let plain = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                json!({"text": plain})
            }
            Form::Teams => json!({
                "type": "message",
                "attachments": [{
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "contentUrl": null,
                    "content": {
                        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                        "type": "AdaptiveCard",
                        "version": "1.4",
                        "body": [{"type": "TextBlock", "text": text, "wrap": true}],
                    },
                }],
            }),
            Form::Json => json!({"run": run, "step": step, "text": text}),
        };
        body.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_mentions_nobody_and_stays_what_it_is() {
        let odd = "<!channel> & \"quotes\"\nline";
        let slack: serde_json::Value = serde_json::from_str(&Form::Slack.body(odd, "7", "s")).unwrap();
        assert_eq!(slack["text"], "&lt;!channel&gt; &amp; \"quotes\"\nline");
        let teams: serde_json::Value = serde_json::from_str(&Form::Teams.body(odd, "7", "s")).unwrap();
        assert_eq!(teams["attachments"][0]["content"]["body"][0]["text"], odd);
        let json: serde_json::Value = serde_json::from_str(&Form::Json.body(odd, "7", "s")).unwrap();
        assert_eq!((json["text"].as_str(), json["run"].as_str()), (Some(odd), Some("7")));
        for form in Form::ALL {
            assert_eq!(Form::parse(form.word()), Some(form));
        }
    }
}
