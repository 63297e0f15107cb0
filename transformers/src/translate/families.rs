//! The tables, one file for each family.

mod audit;
mod function;
mod image;
mod machine;
mod message;
mod schedule;
mod secret;
mod setting;
mod storage;

use super::table::Family;

/// Every family. Where several know a type, the first one that an event fits is its family: those
/// that know more about it stand before those that know less.
pub(super) const FAMILIES: [&Family; 9] = [
    &storage::FAMILY,
    &message::FAMILY,
    &image::FAMILY,
    &machine::FAMILY,
    &function::FAMILY,
    &secret::FAMILY,
    &audit::FAMILY,
    &schedule::FAMILY,
    &setting::FAMILY,
];
