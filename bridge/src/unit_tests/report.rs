//! How tests went.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

/// How one test went.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The file of the test.
    pub file: String,
    /// Its name.
    pub name: String,
    /// What is not as expected; empty where it passed.
    pub differences: Vec<String>,
    /// How long it took on its own clock.
    #[serde(serialize_with = "seconds")]
    pub took: Duration,
    /// The golden file that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<String>,
}

impl Report {
    /// Whether all is as expected.
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

fn seconds<S: serde::Serializer>(took: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(took.as_secs_f64())
}

/// Which rules of the tested routes some test has met.
#[derive(Debug, Default)]
pub(crate) struct Coverage(BTreeMap<String, Rules>);

#[derive(Debug, Default)]
struct Rules {
    all: Vec<String>,
    met: BTreeSet<String>,
}

/// The coverage of one route.
#[derive(Debug, Serialize)]
pub(crate) struct RouteCoverage {
    /// The route.
    pub route: String,
    /// How many rules it has.
    pub rules: usize,
    /// Those that no test met, in the order of the file.
    pub never: Vec<String>,
}

impl Coverage {
    /// A test of `route`, which has the rules `all`, has met `met`.
    pub fn add(&mut self, route: &str, all: &[String], met: &BTreeSet<String>) {
        if all.is_empty() {
            return;
        }
        let rules = self.0.entry(route.to_owned()).or_default();
        rules.all = all.to_vec();
        rules.met.extend(met.iter().cloned());
    }

    /// Each route that has rules and was tested.
    pub fn routes(&self) -> Vec<RouteCoverage> {
        let coverage = |(route, rules): (&String, &Rules)| RouteCoverage {
            route: route.clone(),
            rules: rules.all.len(),
            never: rules.all.iter().filter(|name| !rules.met.contains(*name)).cloned().collect(),
        };
        self.0.iter().map(coverage).collect()
    }
}
