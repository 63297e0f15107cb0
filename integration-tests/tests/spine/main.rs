//! The main job with the real binary: from HTTP through routes into topics and to targets.

mod cloud_samples;
mod durability;
mod lifecycle;
mod load;
mod optional;
mod reload;
mod secrets;
