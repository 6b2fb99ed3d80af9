//! Numbers as Prometheus reads them: its text format, 0.0.4.
//!
//! Invariant: names, labels and their values are words of this program's own source, so nothing that anybody wrote can stand in
//! it, and there are never more lines than the source has words for.

use std::fmt::Write as _;

/// What the format calls itself.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a number means.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// It only grows, until the server starts anew.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How many took how long.
    Histogram,
}

/// Labels: names and closed words.
pub type Labels<'a> = &'a [(&'static str, &'static str)];

/// A page of numbers as it is written.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Numbers of one name, each with its labels.
    pub fn family<'a>(
        &mut self,
        (name, kind, help): (&'static str, Kind, &'static str),
        samples: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) {
        self.head(name, kind, help);
        for (labels, value) in samples {
            self.sample(name, labels, None, value);
        }
    }

    /// One number.
    pub fn one(&mut self, what: (&'static str, Kind, &'static str), value: f64) {
        self.family(what, [(&[][..], value)]);
    }

    /// How many took no longer than each bound, in seconds, and how long all took. `counts` has one more than `bounds`: those that
    /// took longer than all of them.
    pub fn histogram(&mut self, (name, help): (&'static str, &'static str), bounds: &[f64], counts: &[u64], sum: f64) {
        self.head(name, Kind::Histogram, help);
        let (mut so_far, bucket) = (0, format!("{name}_bucket"));
        let ends = bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        for (end, count) in ends.zip(counts) {
            so_far += count;
            self.sample(&bucket, &[], Some(("le", &end)), number(so_far));
        }
        self.sample(&format!("{name}_sum"), &[], None, sum);
        self.sample(&format!("{name}_count"), &[], None, number(so_far));
    }

    /// The page.
    pub fn into_text(self) -> String {
        self.0
    }

    fn head(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // Writing into a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: Labels<'_>, bound: Option<(&str, &str)>, value: f64) {
        let all = labels.iter().copied().chain(bound);
        let labels: Vec<String> = all.map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

/// A count as the format has it: exact up to 2^53, which no count of ours reaches.
#[expect(clippy::cast_precision_loss, reason = "the format has no other numbers")]
pub fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up_and_the_last_one_holds_all() {
        let mut page = Page::default();
        page.histogram(("a_seconds", "A."), &[0.001, 1.0], &[2, 0, 3], 4.5);
        page.family(("b", Kind::Gauge, "B."), [(&[("c", "d"), ("e", "f")][..], 0.0)]);
        let expected = "# HELP a_seconds A.\n# TYPE a_seconds histogram\n\
            a_seconds_bucket{le=\"0.001\"} 2\na_seconds_bucket{le=\"1\"} 2\na_seconds_bucket{le=\"+Inf\"} 5\n\
            a_seconds_sum 4.5\na_seconds_count 5\n# HELP b B.\n# TYPE b gauge\nb{c=\"d\",e=\"f\"} 0\n";
        assert_eq!(page.into_text(), expected);
    }
}
