//! Which lines of a transcript: of a host, of a step, of a stream.

use super::lane::Lane;
use super::legend::Legend;
use crate::domain::id::HostIx;
use crate::domain::order::Stream;
use crate::domain::query::LogQuery;
use crate::domain::run::Item;

/// Which lanes' lines are wanted. The default is all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filter {
    /// Of which host.
    pub host: Hosts,
    /// Of which step or check; `None`: of all.
    pub item: Option<Item>,
    /// Of which stream; `None`: of all.
    pub stream: Option<Stream>,
}

/// Which hosts' lines are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hosts {
    /// All, and those about the whole run.
    #[default]
    All,
    /// Those about the whole run alone.
    Run,
    /// Those of one host.
    One(HostIx),
    /// A name the run does not know: none.
    None,
}

impl Filter {
    /// The filter of a question, whose host is a name of `legend`; the empty name means the whole run.
    #[must_use]
    pub fn of(query: &LogQuery, legend: &Legend) -> Self {
        let host = match query.host.as_deref() {
            None => Hosts::All,
            Some("") => Hosts::Run,
            Some(name) => legend.host_ix(name).map_or(Hosts::None, Hosts::One),
        };
        Self { host, item: query.item, stream: query.stream }
    }

    /// Whether lines of `lane` are wanted.
    #[must_use]
    pub fn wants(&self, lane: &Lane) -> bool {
        let host = match self.host {
            Hosts::All => true,
            Hosts::Run => lane.slot.host.is_none(),
            Hosts::One(ix) => lane.slot.host == Some(ix),
            Hosts::None => false,
        };
        host && self.item.is_none_or(|it| it == lane.slot.item) && self.stream.is_none_or(|it| it == lane.stream)
    }

    /// Whether every line is wanted.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }
}
