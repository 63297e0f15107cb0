//! The published cases, of which the folder is named by `HYBRIDGE_CONFORMANCE`. Without it there is nothing to run:
//! then only the cases of our own are, in `own.rs`.

use std::path::PathBuf;

/// The suites of which every counted case passes.
const SUITES: &[&str] = &[
    "adapters",
    "bindings",
    "cesql",
    "cloud-samples",
    "cloudevents-format",
    "event-patterns",
    "extensions",
    "subscription-filters",
    "transforms",
];

#[test]
fn every_counted_case_passes() {
    let Some(folder) = std::env::var_os("HYBRIDGE_CONFORMANCE").map(PathBuf::from) else { return };
    let mut failures = Vec::new();
    for suite in SUITES {
        let ran = hybridge_tables::run(&folder, Some(*suite), |report| {
            if !report.pass() && report.counted {
                failures.push(report.line());
            }
        });
        ran.unwrap_or_else(|error| panic!("{suite}: {error}"));
    }
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}
