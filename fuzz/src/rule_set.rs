//! Files of rules and routing-rule files.

use std::path::PathBuf;

use hybridge_config::{RouteConfig, RuleConfig, from_yaml, rule_set};
use hybridge_transformers::rules::Matcher;
use hybridge_transformers::rules_of;

/// A text as a file of rules in JSON and in YAML, as a routing-rule file, and as one route. What is wrong has a reason,
/// and rules that are read can be compiled.
pub fn rule_set(input: &[u8]) {
    for is_yaml in [false, true] {
        match rule_set::read(input, is_yaml, &|_| Ok(())) {
            Ok(rules) => compiles(&rules),
            Err(faults) => {
                assert!(!faults.is_empty());
                assert!(faults.iter().all(|fault| !fault.to_string().is_empty()));
            }
        }
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(rules) = from_yaml::<Vec<RuleConfig>>(text) {
        compiles(&rules);
    }
    let _ = from_yaml::<RouteConfig>(text);
    file(input);
}

fn compiles(rules: &[RuleConfig]) {
    if let Err(faults) = Matcher::compile(&rules_of(rules)) {
        panic!("{faults:?}");
    }
}

/// No variable is set, and nothing is asked of the file but that it ends in a configuration or in problems that can be
/// shown.
fn file(text: &[u8]) {
    thread_local! {
        static PATH: PathBuf = {
            let thread = format!("{:?}", std::thread::current().id());
            let thread = thread.trim_matches(|c: char| !c.is_ascii_digit()).to_owned();
            std::env::temp_dir().join(format!("hybridge-fuzz-{}-{thread}.yaml", std::process::id()))
        };
    }
    PATH.with(|path| {
        std::fs::write(path, text).expect("a file that can be written");
        let loaded = hybridge_config::load(std::slice::from_ref(path), &|_| None);
        let _ = std::fs::remove_file(path);
        match loaded {
            Ok(loaded) => drop(format!("{:?}", loaded.config)),
            Err(problems) => assert!(!problems.to_string().is_empty()),
        }
    });
}
