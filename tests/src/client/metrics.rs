//! `/metrics`, as a scraper reads it. Source: OpenMetrics 1.0, text format.

use super::http;
use std::collections::BTreeMap;

/// Samples of one scrape: `name{labels}` as written, and the value.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// Scrapes.
    ///
    /// # Panics
    ///
    /// If the answer is not in the format.
    #[track_caller]
    #[must_use]
    pub fn scrape(address: &str) -> Self {
        let reply = http::get(address, "/metrics");
        assert_eq!(reply.status, 200);
        let content_type = reply.header("content-type").unwrap_or("").to_owned();
        assert!(
            content_type.starts_with("application/openmetrics-text"),
            "{content_type}"
        );
        let text = reply.text();
        assert!(text.ends_with("# EOF\n"), "the end is missing");
        let samples = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let (name, value) = line
                    .rsplit_once(' ')
                    .unwrap_or_else(|| panic!("sample `{line}`"));
                let value = value
                    .parse()
                    .unwrap_or_else(|_| panic!("value of `{line}`"));
                (name.to_owned(), value)
            });
        let count = samples.clone().count();
        let samples: BTreeMap<String, f64> = samples.collect();
        assert_eq!(samples.len(), count, "a sample is there twice");
        Self(samples)
    }

    /// The samples of `family` that have all of `labels` (`name="value"`), added up.
    #[must_use]
    pub fn sum(&self, family: &str, labels: &[&str]) -> f64 {
        self.samples(family)
            .filter(|(name, _)| labels.iter().all(|label| name.contains(label)))
            .map(|(_, value)| value)
            .sum()
    }

    /// The samples of `family`.
    pub fn samples<'a>(&'a self, family: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0
            .iter()
            .filter(move |(name, _)| name.split('{').next() == Some(family))
            .map(|(name, value)| (name.as_str(), *value))
    }

    /// All samples.
    pub fn all(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}
