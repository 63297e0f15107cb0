//! What replaced `${...}` must not be shown, wherever a message quotes it.

use crate::shape::suggest::escaped;
use crate::yaml::{Finding, Node, Value};

/// Texts shorter than this are hidden only where they are quoted: they are words of other messages, too.
const BARE: usize = 6;

/// The texts that came from outside, and what the file says instead.
#[derive(Default)]
pub(super) struct Replaced(Vec<(String, String)>);

impl Replaced {
    /// Takes in every scalar of a tree in which something was replaced.
    pub(super) fn take(&mut self, node: &Node) {
        match &node.value {
            Value::List(items) => items.iter().for_each(|item| self.take(item)),
            Value::Map(entries) => entries.iter().for_each(|entry| self.take(&entry.node)),
            Value::Scalar(scalar) => {
                let Some(written) = scalar.written.as_ref().filter(|w| **w != scalar.text) else {
                    return;
                };
                self.0.push((scalar.text.clone(), written.clone()));
            }
        }
    }

    /// Puts what the file says where `finding` shows what replaced it.
    pub(super) fn hide(&self, finding: &mut Finding) {
        for (text, written) in &self.0 {
            hide(&mut finding.message, text, written);
            if let Some(help) = &mut finding.help {
                hide(help, text, written);
            }
        }
    }
}

fn hide(message: &mut String, text: &str, written: &str) {
    // As messages of our own, `{:?}` of a text and `escape_debug` write it.
    let debug = format!("{text:?}");
    let forms = [
        text.to_owned(),
        escaped(text.chars()),
        debug[1..debug.len() - 1].to_owned(),
        text.escape_debug().to_string(),
    ];
    for shown in forms {
        if shown.is_empty() {
            continue;
        }
        if shown.chars().count() >= BARE {
            *message = message.replace(&shown, written);
        }
        for quote in ['`', '"'] {
            *message = message.replace(&format!("{quote}{shown}{quote}"), &format!("`{written}`"));
        }
    }
}
