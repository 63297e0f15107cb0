//! What changes or selects a message between its source and its targets.
//!
//! [`build`] makes a step from what the routing-rule file says; it is the only place that tells the
//! kinds apart. Everything that can be computed from the file alone is computed there, once: a
//! message meets compiled look-ups only. No step but those that leave payloads behind does input or output, so none
//! else yields.

mod adapter;
mod claims;
mod cloudevents;
mod condition;
mod content_type;
pub mod expression;
mod extensions;
mod filter;
mod headers;
mod input_transformer;
mod map;
pub mod rules;
mod split;
mod translate;
mod wrap;

pub use claims::{Claims, NoClaims};
pub use condition::{part_that_fails, rules_of};
pub use filter::conditions_of;
pub use hybridge_schemas::template;

use std::sync::Arc;

use hybridge_config::TransformConfig;
use hybridge_core::Transformer;

/// The page `docs/translation.md`, as the tables of the step `translate` have it.
pub fn translation_page() -> String {
    translate::page()
}

/// Makes a step. Pure: no input or output, nothing is spawned. `claims` is where steps may leave payloads.
pub fn build(config: &TransformConfig, claims: &Arc<dyn Claims>) -> Box<dyn Transformer> {
    match config {
        TransformConfig::Adapter(config) => Box::new(adapter::Step::new(config)),
        TransformConfig::ClaimCheck(config) => Box::new(claims::Check::new(config, claims.clone())),
        TransformConfig::Restore(config) => Box::new(claims::Restore::new(config, claims.clone())),
        TransformConfig::Cloudevents(config) => Box::new(cloudevents::Step::new(config)),
        TransformConfig::Extensions(config) => Box::new(extensions::Step::new(config)),
        TransformConfig::Filter(config) => Box::new(filter::Step::new(config)),
        TransformConfig::InputTransformer(config) => Box::new(input_transformer::Step::new(config)),
        TransformConfig::Map(config) => Box::new(map::Step::new(config)),
        TransformConfig::Split(config) => Box::new(split::Step::new(config)),
        TransformConfig::Translate(config) => Box::new(translate::Step::new(config)),
        TransformConfig::Unwrap(config) => Box::new(wrap::Unwrap::new(config)),
        TransformConfig::Wrap(config) => Box::new(wrap::Wrap::new(config)),
    }
}

#[cfg(test)]
mod testing {
    use std::path::PathBuf;

    use super::*;

    /// The steps of a routing-rule file.
    pub(crate) fn steps(file: &str) -> Vec<Box<dyn Transformer>> {
        let kept: Arc<dyn Claims> = Arc::new(crate::claims::tests::Kept::default());
        steps_with(file, &kept)
    }

    /// The same with a place for payloads.
    pub(crate) fn steps_with(file: &str, kept: &Arc<dyn Claims>) -> Vec<Box<dyn Transformer>> {
        let folder = tempfile::tempdir().unwrap();
        let path: PathBuf = folder.path().join("routes.yaml");
        std::fs::write(&path, file).unwrap();
        let loaded = hybridge_config::load(&[path], &|_| None);
        let routes = loaded.unwrap_or_else(|problems| panic!("{problems}")).config.routes;
        routes.values().flat_map(|route| &route.transform).map(|step| build(step, kept)).collect()
    }

    /// One step, as it is written in the list of a route.
    pub(crate) fn step(text: &str) -> Box<dyn Transformer> {
        let file = format!(
            "hybridge: v1\nroutes:\n  r:\n    from: {{ stdio: {{}} }}\n    to: {{ stdio: {{}} }}\n    transform:\n      - {{ {text} }}\n"
        );
        steps(&file).remove(0)
    }
}
