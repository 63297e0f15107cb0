//! What a mapping is written down as: families, their dialects, and the rows of each dialect.
//!
//! A **family** is one kind of thing that happens in every cloud, such as that an object was
//! created. It has fields. A **dialect** is how one cloud says it: which types its events have, and
//! a row for each place that holds a field. One table serves both directions: reading takes the
//! fields out of their places, writing puts them there. So N dialects need N tables.
//!
//! What is lost between two dialects follows from their tables and is nowhere written by hand: a
//! field that the one has a row for and the other has not. Everything else that an event says and
//! that no row of its dialect reads is lost too, and is named in each message that had it.

/// One kind of thing that happens in every cloud.
pub(super) struct Family {
    /// Its name, as in the type of its common form: `dev.hybridge.NAME.KIND.v1`.
    pub(super) name: &'static str,
    /// What it is about, for the documentation.
    pub(super) about: &'static str,
    /// Its fields.
    pub(super) fields: &'static [Field],
    /// How each cloud says it; at most one for each form.
    pub(super) dialects: &'static [Dialect],
}

/// What can be known about an event of a family.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) is: Is,
}

/// A field that is a text.
pub(super) const fn text(name: &'static str) -> Field {
    Field { name, is: Is::Text }
}

/// A field that is a number.
pub(super) const fn number(name: &'static str) -> Field {
    Field { name, is: Is::Number }
}

/// A field that is any JSON value.
pub(super) const fn json(name: &'static str) -> Field {
    Field { name, is: Is::Json }
}

/// What the value of a field is, in the common form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Is {
    Text,
    Number,
    /// Any JSON value, kept as it is written.
    Json,
    /// The payload of a message: any bytes.
    Bytes,
    /// Texts by name: the headers of a message.
    Texts,
    /// A text that is an extension of the common form.
    Extension(&'static str),
    /// The subject of the common form.
    Subject,
}

/// In which form events are written; each has its own tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Form {
    EventBridge,
    S3Notification,
    Azure,
    Gcp,
    /// The common form of all clouds.
    Canonical,
}

impl Form {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::EventBridge => "AWS EventBridge",
            Self::S3Notification => "S3 notification",
            Self::Azure => "Azure",
            Self::Gcp => "Google Cloud",
            Self::Canonical => "common form",
        }
    }

    /// What the path of a member of the data begins with where people read it.
    pub(super) fn data_name(self) -> &'static str {
        match self {
            Self::EventBridge => "detail.",
            Self::S3Notification => "",
            Self::Azure | Self::Gcp | Self::Canonical => "data.",
        }
    }
}

/// How one cloud says what a family is about.
pub(super) struct Dialect {
    pub(super) form: Form,
    /// The service of AWS whose events these are; for others empty.
    pub(super) service: &'static str,
    pub(super) kinds: &'static [Kind],
    pub(super) rows: &'static [Row],
}

/// One kind of event. When an event is read, the first kind of its type counts whose conditions
/// hold; when one is written, the first of its kind whose conditions do not contradict it.
pub(super) struct Kind {
    /// Its name in the family.
    pub(super) name: &'static str,
    /// The type of the CloudEvent; for EventBridge the detail type.
    pub(super) native: &'static str,
    /// Fields that have these values; `*` is any, `*END` one that ends so, and an empty one is none at all. One that no
    /// row of the dialect reads is what the type says by itself.
    pub(super) with: &'static [(&'static str, &'static str)],
    /// Whether such events are written too, or only read.
    pub(super) is_written: bool,
}

/// A kind that is read and written, without conditions.
pub(super) const fn kind(name: &'static str, native: &'static str) -> Kind {
    Kind { name, native, with: &[], is_written: true }
}

/// A kind that has conditions.
pub(super) const fn kind_with(
    name: &'static str,
    native: &'static str,
    with: &'static [(&'static str, &'static str)],
) -> Kind {
    Kind { name, native, with, is_written: true }
}

/// A place of an event and what it holds.
pub(super) struct Row {
    /// `source`, `subject`, `ext.NAME` for an extension, `payload` and `headers` of a message, or
    /// else the path of a member of the data.
    pub(super) at: &'static str,
    pub(super) holds: Holds,
}

/// A row.
pub(super) const fn row(at: &'static str, holds: Holds) -> Row {
    Row { at, holds }
}

/// What a place holds. The text is the name of a field, or a pattern with fields in braces.
#[derive(Clone, Copy)]
pub(super) enum Holds {
    /// A text.
    Text(&'static str),
    /// A number.
    Number(&'static str),
    /// A number that is written as a text; both are read.
    NumberText(&'static str),
    /// Any JSON value.
    Json(&'static str),
    /// A text that may stand in quotes of its own.
    Quoted(&'static str),
    /// A text that is form-url-encoded.
    FormUrl(&'static str),
    /// Bytes in base64.
    Base64(&'static str),
    /// Bytes that are UTF-8, as a text. Others need a row with [`Base64`](Self::Base64) too.
    Utf8(&'static str),
    /// Texts by name.
    Texts(&'static str),
    /// A number that puts events in order, which other clouds have as a text that does: it is
    /// written there with 20 digits. Written from a text of 20 digits only.
    Sequence(&'static str),
    /// Words of this cloud and of the family; several of this cloud may mean the same, the first of them is written. A
    /// word of the family that only another cloud has has no place here; words that no table knows are the same everywhere.
    Words(&'static str, &'static [(&'static str, &'static str)]),
    /// A text with several fields in it. An event that does not fit is not one of the family.
    Pattern(&'static str),
    /// The same where the event may be without it, and is written without it.
    Maybe(&'static str),
    /// The same where what does not fit is read as nothing, but is needed to write an event.
    Loose(&'static str),
    /// A text that follows from fields that have places of their own: written, and when read only
    /// compared.
    Derived(&'static str),
    /// The same in every event, as JSON.
    Fixed(&'static str),
    /// Nothing: an event that has something there is not one of the family.
    Absent,
}
