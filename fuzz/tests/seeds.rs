//! Every target, once over every seed out of the tables and the pages of this repository.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

#[test]
fn no_seed_breaks_a_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder of the project");
    let mut broken = Vec::new();
    let mut count = 0;
    for folder in ["integration-tests/tables/cases", "docs"] {
        let folder = root.join(folder);
        let seeds = hybridge_fuzz::seeds(&folder);
        for seed in seeds.unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            count += 1;
            for (name, target) in hybridge_fuzz::TARGETS {
                if catch_unwind(AssertUnwindSafe(|| target(&seed))).is_err() {
                    broken.push(format!("{name}: {}", String::from_utf8_lossy(&seed)));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken.join("\n"));
    assert!(count > 500, "only {count} seeds were found");
}
