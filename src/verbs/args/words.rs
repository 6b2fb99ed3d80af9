//! The words that stand on the command line for a value of the domain.

use crate::domain::command::Decision;
use crate::domain::incident::{Mark, Severity};
use crate::domain::order::Stream;
use crate::domain::plan::{RunPurpose, Settled, Unsure};
use crate::domain::run::{Ending, PhaseTag};
use crate::domain::runbook::Impact;
use crate::domain::{Role, ServerName, StepId};
use clap::ValueEnum;

/// `web-2:restart=done,seen in the process list`.
pub(super) fn settled(text: &str) -> Result<Settled, String> {
    const AS: &str = "write HOST:STEP=done|again|skip|failed,WHY";
    let (place, said) = text.split_once('=').ok_or(AS)?;
    let (host, step) = place.split_once(':').ok_or(AS)?;
    let (word, why) = said.split_once(',').unwrap_or((said, ""));
    let became = match word {
        "done" => Unsure::Done,
        "again" => Unsure::Again,
        "skip" => Unsure::Skip,
        "failed" => Unsure::Failed,
        other => return Err(format!("`{other}` is none of done, again, skip and failed")),
    };
    let host = (host != "run").then(|| ServerName::new(host));
    Ok(Settled { host, step: StepId::new(step), became, reason: why.trim().to_owned() })
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident for $of:ty { $($word:ident $($literal:literal)? => $value:expr),* $(,)? }) => {
        $(#[$doc])*
        #[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
        #[allow(missing_docs, reason = "the words say it")]
        pub enum $name { $($(#[value(name = $literal)])? $word,)* }

        impl From<$name> for $of {
            fn from(word: $name) -> Self {
                match word { $($name::$word => $value,)* }
            }
        }
    };
}

words!(
    /// `--purpose`.
    Purpose for RunPurpose {
        NewEnvironment => RunPurpose::NewEnvironment,
        Rollout => RunPurpose::Rollout,
        Fix => RunPurpose::Fix,
        Audit => RunPurpose::Audit,
    }
);

words!(
    /// A role.
    RoleWord for Role {
        Viewer => Role::Viewer,
        Operator => Role::Operator,
        Approver => Role::Approver,
        Reviewer => Role::Reviewer,
        Commander => Role::Commander,
        Auditor => Role::Auditor,
        Owner => Role::Owner,
    }
);

words!(
    /// How grave an incident is.
    SeverityWord for Severity {
        P1 => Severity::P1,
        P2 => Severity::P2,
        P3 => Severity::P3,
        P4 => Severity::P4,
    }
);

words!(
    /// How far an incident is.
    MarkWord for Mark {
        Acknowledged => Mark::Acknowledged,
        Told => Mark::Told,
        Mitigated => Mark::Mitigated,
        Resolved => Mark::Resolved,
    }
);

words!(
    /// `--impact`.
    ImpactWord for Impact {
        Low => Impact::Low,
        Medium => Impact::Medium,
        High => Impact::High,
    }
);

words!(
    /// What `decide` decides.
    DecisionWord for Decision {
        Retry => Decision::Retry,
        Probe => Decision::Probe,
        Skip => Decision::Skip,
        Drop => Decision::Drop,
        MarkOk => Decision::MarkOk,
        MarkFailed => Decision::MarkFailed,
    }
);

words!(
    /// `--ending`.
    EndingWord for Ending {
        Succeeded => Ending::Succeeded,
        Failed => Ending::Failed,
        Unverified => Ending::Unverified,
        Aborted => Ending::Aborted,
        Interrupted => Ending::Interrupted,
        Stuck => Ending::Stuck,
        Unknown => Ending::Unknown,
    }
);

words!(
    /// `--phase`.
    PhaseWord for PhaseTag {
        Checking => PhaseTag::Checking,
        Waiting => PhaseTag::Waiting,
        Approved => PhaseTag::Approved,
        Running => PhaseTag::Running,
        Paused => PhaseTag::Paused,
        Stopping => PhaseTag::Stopping,
        Verifying => PhaseTag::Verifying,
        Ended => PhaseTag::Ended,
        Closed => PhaseTag::Closed,
        Reviewed => PhaseTag::Reviewed,
        Cancelled => PhaseTag::Cancelled,
    }
);

words!(
    /// `--stream`.
    StreamWord for Stream {
        Out => Stream::Out,
        Err => Stream::Err,
        Note => Stream::Note,
    }
);
