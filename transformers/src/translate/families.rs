//! The tables, one file for each family.

mod message;
mod storage;

use super::table::Family;

/// Every family. Where several know a type, the first one that an event fits is its family: those
/// that know more about it stand before those that know less.
pub(super) const FAMILIES: [&Family; 2] = [&storage::FAMILY, &message::FAMILY];
