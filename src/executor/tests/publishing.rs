//! Values taken out of what a script prints on this machine.

use super::kit::{self, Came, carry, here, pinned, secrets, settings, sh, with};
use crate::domain::order::{CellResult, Order};
use crate::domain::published::{Found, Publish};
use crate::domain::run::Reason;
use crate::executor::Executor;

async fn run(text: &str, found: Found) -> Came {
    let executor = Executor::new(settings(), secrets(&[("token", "s3cr3t-value")]));
    let order = with(sh(&here(), text), |delivery| delivery.secrets = vec![pinned("token")]);
    let publishes = vec![Publish { name: "made".to_owned(), found }];
    carry(&executor, Order { publishes, ..order }).await
}

#[tokio::test]
async fn a_step_that_ends_well_publishes_what_it_printed() {
    let came = run("echo one; echo 'made: v1'; echo made: >&2", Found::Matches("^made: (.*)$".to_owned())).await;
    assert_eq!(came.outcome.published, [("made".to_owned(), "v1".to_owned())]);
    assert_eq!((came.result(), came.outcome.saw.as_str()), (&CellResult::Ok, "published made = v1"));
    let came = run("printf '{\"id\": 7}'", Found::Json("id".to_owned())).await;
    assert_eq!(came.outcome.published[0].1, "7");
}

#[tokio::test]
async fn a_step_that_fails_publishes_nothing_and_one_that_prints_it_not_has_failed() {
    let came = run("echo v1; exit 3", Found::Whole).await;
    assert_eq!((came.result(), came.outcome.published.len()), (&CellResult::Failed(Reason::Exit(3)), 0));
    for (text, why) in [
        ("true", "publishes no made: it is empty"),
        ("printf 'a\\377b'", "publishes no made: it is no text"),
        ("printf 'a\\033[31mb'", "invisible character U+001B"),
        ("head -c 2000 /dev/zero | tr '\\0' x", "longer than 1024 bytes"),
    ] {
        let came = run(text, Found::Whole).await;
        assert_eq!(came.result(), &CellResult::Failed(Reason::NotAsExpected), "{text}");
        assert!(came.outcome.saw.contains(why) && came.outcome.published.is_empty(), "{}", came.outcome.saw);
    }
}

#[tokio::test]
async fn a_secret_is_never_published_whole_or_in_part() {
    for text in ["echo \"$token\"", "echo \"by $token\"", "printf '%s' \"$token\" | base64"] {
        let came = run(text, Found::Whole).await;
        assert_eq!(came.result(), &CellResult::Failed(Reason::NotAsExpected), "{text}: {}", came.outcome.saw);
        assert!(came.outcome.saw.contains("a secret stands in it"), "{}", came.outcome.saw);
        assert!(came.outcome.published.is_empty());
    }
}

#[tokio::test]
async fn an_order_that_lacks_a_value_does_not_begin() {
    let executor = Executor::new(settings(), secrets(&[]));
    let flag = tempfile::tempdir().unwrap();
    let path = flag.path().join("ran").display().to_string();
    let order =
        with(kit::sh(&here(), "touch \"$flag\""), |delivery| delivery.variables = vec![("flag".to_owned(), path)]);
    let came = carry(&executor, Order { lacks: vec!["made".to_owned()], ..order }).await;
    assert_eq!(came.result(), &CellResult::Refused(Reason::NotPublished));
    assert!(came.outcome.saw.contains("`made`") && !flag.path().join("ran").exists());
}
