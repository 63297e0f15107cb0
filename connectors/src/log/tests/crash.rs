//! Random histories with crashes and faults against a naive model.
