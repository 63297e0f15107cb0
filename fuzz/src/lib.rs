//! What bytes of other systems may do to the parsers of hybridge: nothing but be read or be refused.
//!
//! Each function of [`TARGETS`] takes any bytes and panics where the code under test panics or where something does not
//! hold that is said beside the function. `fuzz_targets` are programs for libFuzzer around them, run by
//! `scripts/fuzz.sh`; `tests/seeds.rs` runs each of them once over every [seed](seeds).

mod bindings;
mod event;
mod expressions;
mod formats;
mod matcher;
mod rule_set;
mod seeds;
mod steps;
mod translate;

pub use bindings::bindings;
pub use expressions::expressions;
pub use formats::{event_avro, event_json, event_protobuf};
pub use matcher::matcher;
pub use rule_set::rule_set;
pub use seeds::seeds;
pub use steps::steps;
pub use translate::translate;

/// What takes any bytes.
pub type Target = fn(&[u8]);

/// Every target by the name of its program.
pub const TARGETS: [(&str, Target); 9] = [
    ("bindings", bindings),
    ("event_avro", event_avro),
    ("event_json", event_json),
    ("event_protobuf", event_protobuf),
    ("expressions", expressions),
    ("matcher", matcher),
    ("rule_set", rule_set),
    ("steps", steps),
    ("translate", translate),
];

/// The first line of an input and what follows it.
fn first_line(input: &[u8]) -> (&[u8], &[u8]) {
    match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &[]),
    }
}
