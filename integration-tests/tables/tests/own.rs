//! The cases of our own, below `cases`, in the layout of the published ones.

use std::path::Path;

#[test]
fn our_own_cases_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut failures = Vec::new();
    let mut passed = 0;
    hybridge_tables::run(&folder, None, |report| {
        if report.pass() {
            passed += 1;
        } else if report.counted {
            failures.push(report.line());
        }
    })
    .unwrap_or_else(|error| panic!("{error}"));
    assert!(failures.is_empty(), "{passed} passed, these did not:\n{}", failures.join("\n"));
    assert!(passed >= 90, "only {passed} cases were found");
}
