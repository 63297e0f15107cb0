//! Whether one test holds for one value.

use hybridge_config::pattern::{AnythingBut, Number, Test, Wildcard, address};

use super::{case, event::Kind};

/// Whether `test` holds for a value that is there.
pub(super) fn holds(test: &Test, kind: Kind, bytes: &[u8]) -> bool {
    let is_text = kind == Kind::Text;
    match test {
        Test::Text(text) => is_text && text.as_bytes() == bytes,
        Test::Address(want) => is_text && address(bytes) == Some(*want),
        Test::Number(Number::Value(want)) => kind == Kind::Number(*want),
        Test::Number(Number::Text(text)) => kind == Kind::OtherNumber && text.as_bytes() == bytes,
        Test::Boolean(want) => kind == Kind::Boolean(*want),
        Test::Null => kind == Kind::Null,
        Test::Prefix(text) => is_text && bytes.starts_with(text.as_bytes()),
        Test::Suffix(text) => is_text && bytes.ends_with(text.as_bytes()),
        Test::IgnoreCase(text) => is_text && case::equal(text, bytes),
        Test::PrefixIgnoreCase(text) => is_text && case::prefix(text, bytes).is_some(),
        Test::SuffixIgnoreCase(text) => is_text && case::suffix(text, bytes).is_some(),
        Test::Wildcard(wildcard) => is_text && stands_for(wildcard, bytes),
        Test::AnythingBut(but) => !is_one_of(but, kind, bytes),
        Test::Range(range) => matches!(kind, Kind::Number(value) if range.contains(value)),
        Test::Cidr(block) => {
            let within = |address| block.first() <= address && address <= block.last();
            let same = |other: std::net::IpAddr| other.is_ipv4() == block.first().is_ipv4();
            is_text && address(bytes).is_some_and(|found| same(found) && within(found))
        }
        Test::Exists => true,
        Test::Absent => false,
    }
}

fn is_one_of(but: &AnythingBut, kind: Kind, bytes: &[u8]) -> bool {
    if let AnythingBut::Numbers(numbers) = but {
        return matches!(kind, Kind::Number(value) if numbers.contains(&value));
    }
    if kind != Kind::Text {
        return false;
    }
    match but {
        AnythingBut::Texts(texts) => texts.iter().any(|text| text.as_bytes() == bytes),
        AnythingBut::Numbers(_) => false,
        AnythingBut::IgnoreCase(texts) => texts.iter().any(|text| case::equal(text, bytes)),
        AnythingBut::Prefixes(texts) => texts.iter().any(|text| bytes.starts_with(text.as_bytes())),
        AnythingBut::Suffixes(texts) => texts.iter().any(|text| bytes.ends_with(text.as_bytes())),
        AnythingBut::Wildcards(wildcards) => wildcards.iter().any(|one| stands_for(one, bytes)),
    }
}

/// Whether a text is one that the wildcard stands for. The first place where a piece fits is as good as any later one,
/// so no step is taken back: the work is bounded by the pieces times the text.
pub(super) fn stands_for(wildcard: &Wildcard, text: &[u8]) -> bool {
    let [first, middle @ .., last] = wildcard.pieces() else {
        return wildcard.literal().is_some_and(|literal| literal.as_bytes() == text);
    };
    let rest = text.strip_prefix(first.as_bytes());
    let Some(mut rest) = rest.and_then(|rest| rest.strip_suffix(last.as_bytes())) else {
        return false;
    };
    for piece in middle {
        let Some(at) = memchr::memmem::find(rest, piece.as_bytes()) else { return false };
        rest = &rest[at + piece.len()..];
    }
    true
}
