//! The real binary, real peers, chaos, benches, limit programs and mutants.
