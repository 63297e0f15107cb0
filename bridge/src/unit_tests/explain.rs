//! One message through a route, told step by step.

use std::sync::Arc;

use hybridge_config::unit_test::TestConfig;
use hybridge_config::{Config, RouteConfig};
use hybridge_connectors::Local;
use hybridge_core::Message;
use hybridge_transformers::rules::{Matcher, Verdict};
use hybridge_transformers::{Claims, rules_of};
use serde::Serialize;
use serde_json::{Value, json};

use super::ends::Taken;
use super::message::{self, shown};
use super::run::{Ran, in_its_time};
use crate::claims::InMemory;
use crate::route::steps::Flow;

/// What a route makes of a message.
#[derive(Debug, Serialize)]
pub(crate) struct Explained {
    pub route: String,
    /// How the message ends, when every target accepts it.
    pub outcome: String,
    /// The messages that the steps make of it, each with what the rules say.
    pub messages: Vec<Stepped>,
    /// What each target gets.
    pub outputs: Vec<Output>,
    /// Why it fails, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// A message behind the steps.
#[derive(Debug, Serialize)]
pub(crate) struct Stepped {
    pub message: Value,
    pub rules: Vec<Asked>,
}

/// What one rule says of a message.
#[derive(Debug, Serialize)]
pub(crate) struct Asked {
    pub rule: String,
    pub matches: bool,
    /// The predicate that failed first, and what it saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    pub send_to: Vec<String>,
}

/// What a target gets.
#[derive(Debug, Serialize)]
pub(crate) struct Output {
    pub target: String,
    pub message: Value,
}

/// Tells what the route `name` makes of the only message of `test`.
///
/// # Errors
/// The message cannot be made, or the route cannot be assembled.
pub(crate) fn explain(
    test: &TestConfig,
    config: &Config,
    name: &str,
    route: &RouteConfig,
    local: &Local,
) -> Result<Explained, String> {
    let folder = std::path::Path::new("");
    let ran = in_its_time(folder, test, config, name, route, local)?;
    let input = test.input.first().ok_or("no message")?;
    let input = message::given(input, route.from.kind(), 0, folder)?;
    let (messages, fault) = stepped(route, input)?;
    let Ran { outcomes, targets, dead_letters, trouble, .. } = ran;
    let outcome = outcomes.first().map(|outcome| json!(outcome));
    let outcome = outcome.as_ref().and_then(Value::as_str).unwrap_or("held").to_owned();
    let output =
        |target: &str, taken: &Taken| Output { target: target.to_owned(), message: shown(taken) };
    let mut outputs = Vec::new();
    for (target, taken) in &targets {
        outputs.extend(taken.iter().map(|taken| output(target, taken)));
    }
    outputs.extend(dead_letters.iter().map(|letter| output("dead_letter", letter)));
    Ok(Explained { route: name.to_owned(), outcome, messages, outputs, fault: fault.or(trouble) })
}

/// Runs the steps alone, and asks the rules about what comes out.
fn stepped(route: &RouteConfig, input: Message) -> Result<(Vec<Stepped>, Option<String>), String> {
    let claims: Arc<dyn Claims> = Arc::new(InMemory::default());
    let build = |step| hybridge_transformers::build(step, &claims);
    let steps: Vec<_> = route.transform.iter().map(build).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| error.to_string())?;
    let input = [input];
    let flow = runtime.block_on(Flow::run(&steps, None, &input, 0, &[]));
    let mut fault = flow.failed.first().map(|failed| failed.described().to_string());
    let rules = route.rules().unwrap_or_default();
    let matcher = Matcher::compile(&rules_of(rules))
        .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let mut messages = Vec::new();
    for message in flow.messages.iter() {
        let verdicts = match matcher.explain(message) {
            Ok(verdicts) => verdicts,
            Err(error) => {
                fault.get_or_insert(format!("rules: data: {error}"));
                Vec::new()
            }
        };
        let asked = rules.iter().zip(verdicts).map(|(rule, verdict)| Asked {
            rule: rule.name.clone(),
            matches: verdict == Verdict::Matches,
            why: why(&verdict, rule.when.language()),
            send_to: rule.send_to.clone(),
        });
        let taken = Taken { message: message.clone(), to: Default::default() };
        messages.push(Stepped { message: shown(&taken), rules: asked.collect() });
    }
    Ok((messages, fault))
}

fn why(verdict: &Verdict, language: &str) -> Option<String> {
    match verdict {
        Verdict::Matches => None,
        Verdict::ExpressionFails => Some(format!("the {language} expression does not hold")),
        Verdict::Scattered { paths } => {
            let paths = paths.join(", ");
            Some(format!("{paths}: each holds, but not within the same elements of a list"))
        }
        Verdict::Fails { path, tests, seen } => {
            let tests = tests.join(" or ");
            let seen = match seen.as_slice() {
                [] => "is not there".to_owned(),
                seen => format!("is {}", seen.join(", ")),
            };
            Some(format!("{path} {seen}, wanted {tests}"))
        }
    }
}
