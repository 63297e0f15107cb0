//! All families and their dialects, and the way of an event from one form to another.

use std::borrow::Cow;
use std::collections::HashMap;

use hybridge_config::transform::translate::Cloud;
use hybridge_core::{Error, Headers};
use hybridge_schemas::json::Fault;
use uuid::Uuid;

use super::aws;
use super::event::{Data, Event, Marks, VERSIONS};
use super::families::FAMILIES;
use super::loss::{Change, Losses};
use super::options::Options;
use super::pattern::Known;
use super::plan::{Plan, Reading};
use super::table::{Family, Form};
use super::value::Value;

/// What the types of the common form begin and end with.
const COMMON: (&str, &str) = ("dev.hybridge.", ".v1");

/// Every family, compiled.
pub(super) struct Hub {
    families: Vec<Compiled>,
    /// Which families may know a type, in the order in which they are asked.
    types: HashMap<Form, HashMap<String, Vec<usize>>>,
}

struct Compiled {
    family: &'static Family,
    plans: Vec<Plan>,
}

impl Compiled {
    fn plan(&self, form: Form) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.form == form)
    }

    fn field(&self, name: &str) -> Option<usize> {
        self.family.fields.iter().position(|field| field.name == name)
    }
}

/// An event of a family, read.
pub(super) struct Member<'h, 'e> {
    compiled: &'h Compiled,
    from: &'h Plan,
    pub(super) reading: Reading<'e>,
}

impl Hub {
    pub(super) fn new() -> Self {
        let mut types: HashMap<Form, HashMap<String, Vec<usize>>> = HashMap::new();
        let mut families = Vec::with_capacity(FAMILIES.len());
        for (index, family) in FAMILIES.iter().enumerate() {
            let mut plans: Vec<Plan> =
                family.dialects.iter().map(|dialect| Plan::new(family, dialect)).collect();
            plans.push(Plan::common(family));
            for plan in &plans {
                for native in plan.types() {
                    let of_form = types.entry(plan.form).or_default();
                    let of_type = of_form.entry(key(family, plan, native)).or_default();
                    if !of_type.contains(&index) {
                        of_type.push(index);
                    }
                }
            }
            families.push(Compiled { family, plans });
        }
        Self { families, types }
    }

    /// Reads an event of a family; none where no family knows it.
    pub(super) fn read<'e>(&self, event: &'e Event<'_>) -> Result<Option<Member<'_, 'e>>, Fault> {
        let Some((form, key, native)) = form_of(event) else { return Ok(None) };
        let Some(types) = self.types.get(&form) else { return Ok(None) };
        let of_any = || types.get(&of_any_service(&native)).filter(|_| form == Form::EventBridge);
        let lists = types.get(&*key).into_iter().chain(std::iter::once_with(of_any).flatten());
        for compiled in lists.flatten().filter_map(|index| self.families.get(*index)) {
            let Some(from) = compiled.plan(form) else { continue };
            let known = |which| known_of(form, event, &native, which);
            if let Some(reading) = from.read(event, &native, &known)? {
                return Ok(Some(Member { compiled, from, reading }));
            }
        }
        Ok(None)
    }
}

/// The key of a type in the index.
fn key(family: &Family, plan: &Plan, native: &str) -> String {
    match plan.form {
        // Calls of every service are written down by one.
        Form::EventBridge if plan.service == "cloudtrail" => of_any_service(native),
        Form::EventBridge => format!("{}/{native}", plan.service),
        Form::Canonical => format!("{}.{native}", family.name),
        Form::S3Notification | Form::Azure | Form::Gcp => native.to_owned(),
    }
}

/// The key of a type of EventBridge that is the same for all services.
fn of_any_service(native: &str) -> String {
    format!("*/{native}")
}

/// In which form an event is, under which key its type is known, and the type as tables have it.
fn form_of<'e>(event: &'e Event<'_>) -> Option<(Form, Cow<'e, str>, Cow<'e, str>)> {
    let kind = &*event.kind;
    if let Some(name) = kind.strip_prefix(COMMON.0) {
        let name = name.strip_suffix(COMMON.1)?;
        let (_, native) = name.rsplit_once('.')?;
        return Some((Form::Canonical, name.into(), native.into()));
    }
    if let Some(name) = kind.strip_prefix(aws::S3_PREFIX) {
        let name = name.strip_prefix("s3:").unwrap_or(name);
        return Some((Form::S3Notification, name.into(), name.into()));
    }
    if let Some(origin) = aws::Origin::of(&event.source) {
        let detail = origin.detail_type(kind)?;
        let key = format!("{}/{detail}", origin.service());
        return Some((Form::EventBridge, key.into(), detail.into()));
    }
    let form = if kind.starts_with("google.") { Form::Gcp } else { Form::Azure };
    Some((form, kind.into(), kind.into()))
}

/// The cloud that an event is of, as far as it can be seen.
pub(super) fn cloud_of(event: &Event<'_>) -> Option<&'static str> {
    if event.kind.starts_with("google.") {
        return Some("gcp");
    }
    if event.kind.starts_with("Microsoft.") {
        return Some("azure");
    }
    if event.source.starts_with("//") && event.source.contains(".googleapis.com/") {
        return Some("gcp");
    }
    if event.source.starts_with("/subscriptions/") {
        return Some("azure");
    }
    let is_aws = ["arn:aws", "aws:"].iter().any(|start| event.source.starts_with(start))
        || event.kind.starts_with("com.amazonaws.");
    is_aws.then_some("aws")
}

/// What an event that is read knows beside its fields.
fn known_of<'e>(
    form: Form,
    event: &'e Event<'_>,
    native: &str,
    which: Known,
) -> Option<Cow<'e, str>> {
    match which {
        Known::Id => Some(Cow::Borrowed(&*event.id)),
        Known::Request => event.id.split_once('.').map(|(request, _)| Cow::Borrowed(request)),
        Known::Host => event.id.split('.').nth(1).map(Cow::Borrowed),
        Known::Time => event.time.as_deref().map(Cow::Borrowed),
        Known::Name => Some(Cow::Owned(native.to_owned())),
        Known::Account if form == Form::Azure => storage_account(&event.source).map(Cow::Borrowed),
        Known::Account => aws::Origin::of(&event.source).map(|origin| origin.account.into()),
        Known::Region if form == Form::S3Notification => {
            event.source.split('.').nth(1).map(Cow::Borrowed)
        }
        Known::Region => aws::Origin::of(&event.source).map(|origin| origin.region.into()),
        Known::Project => segment(&event.source, "projects").map(Cow::Borrowed),
        Known::Location => segment(&event.source, "locations").map(Cow::Borrowed),
        Known::Source => Some(Cow::Borrowed(&*event.source)),
        Known::Store => event.source.rsplit('/').next().map(Cow::Borrowed),
    }
}

/// The name of the storage account in the path of a resource of Azure.
fn storage_account(source: &str) -> Option<&str> {
    segment(source, "storageAccounts")
}

/// What follows a name in a path.
fn segment<'s>(path: &'s str, name: &str) -> Option<&'s str> {
    let mut segments = path.split('/');
    segments.find(|segment| *segment == name)?;
    segments.next().filter(|segment| !segment.is_empty())
}

impl Member<'_, '_> {
    /// Whether it is in a form of this cloud.
    pub(super) fn is_of(&self, cloud: Cloud) -> bool {
        match self.from.form {
            Form::EventBridge | Form::S3Notification => cloud == Cloud::Aws,
            Form::Azure => cloud == Cloud::Azure,
            Form::Gcp => cloud == Cloud::Gcp,
            Form::Canonical => false,
        }
    }

    /// Whether it says that a file was begun in which there is nothing yet.
    pub(super) fn is_incomplete(&self) -> bool {
        let is = |name: &str, word: &str| {
            let field = self.compiled.field(name);
            field.and_then(|field| self.reading.values.text(field)) == Some(word)
        };
        self.from.form == Form::Azure && is("operation", "CreateFile") && is("size", "0")
    }

    /// Whether it says that a generation is gone because another one took its place.
    pub(super) fn is_overwritten(&self) -> bool {
        let field = self.compiled.field("overwritten_by");
        field.is_some_and(|field| self.reading.values.get(field).is_some())
    }

    /// Whether it says that an object of Cloud Storage is gone, which it may be by another generation.
    pub(super) fn may_be_overwritten(&self) -> bool {
        self.from.form == Form::Gcp
            && self.compiled.field("overwritten_by").is_some()
            && ["deleted", "archived"].contains(&self.reading.kind)
    }

    /// The event in another form, one or several; none where that form does not know its kind.
    pub(super) fn translated(
        self,
        event: &Event<'_>,
        to: Form,
        options: &Options,
    ) -> Result<Option<Vec<Event<'static>>>, Error> {
        let Some(plan) = self.compiled.plan(to) else { return Ok(None) };
        let kind = self.reading.kind;
        let is_home = self.reading.marks.origin.as_deref() == Some(options.to_name());
        if kind == "renamed" && !plan.writes(kind) && plan.writes("created") {
            return self.parted(event, plan, options).map(Some);
        }
        let mut reading = self.reading;
        let parts = Parts { compiled: self.compiled, from: self.from, plan, event, options };
        let translated = parts.write(&mut reading, kind, is_home, 0);
        Ok(translated.map(|event| vec![event]))
    }

    /// A rename where there is no such thing: the old name is gone, the new one is there.
    fn parted(
        self,
        event: &Event<'_>,
        plan: &Plan,
        options: &Options,
    ) -> Result<Vec<Event<'static>>, Error> {
        let incomplete = || Error::rejected("the event of a rename does not say the old name");
        let (Some(key), Some(previous)) =
            (self.compiled.field("key"), self.compiled.field("previous_key"))
        else {
            return Err(incomplete());
        };
        let mut reading = self.reading;
        reading.losses.add(Change::Changed, "", "type");
        let old = reading.values.take(previous).ok_or_else(incomplete)?;
        let new = reading.values.take(key).ok_or_else(incomplete)?;
        let container = self.compiled.field("container");
        let old_container = self.compiled.field("previous_container");
        let mut old_container = old_container.and_then(|field| reading.values.take(field));
        let parts = Parts { compiled: self.compiled, from: self.from, plan, event, options };
        let mut events = Vec::with_capacity(2);
        let values = reading.values.clone();
        for (index, (kind, name)) in [("deleted", old), ("created", new)].into_iter().enumerate() {
            reading.values = values.clone();
            reading.values.set(key, name, "subject");
            // Only what is gone was in the old container.
            if let (Some(container), Some(old)) = (container, old_container.take()) {
                reading.values.set(container, old, "subject");
            }
            let mut part = parts.write(&mut reading, kind, false, index).ok_or_else(incomplete)?;
            part.set_extension("correlationid", &event.id);
            events.push(part);
        }
        Ok(events)
    }
}

/// What does not change between the parts that an event is written as.
struct Parts<'p> {
    compiled: &'p Compiled,
    from: &'p Plan,
    plan: &'p Plan,
    event: &'p Event<'p>,
    options: &'p Options,
}

impl Parts<'_> {
    fn write(
        &self,
        reading: &mut Reading<'_>,
        kind: &'static str,
        is_home: bool,
        index: usize,
    ) -> Option<Event<'static>> {
        let to = self.plan.form;
        let (native, missing) = self.plan.kind_written(kind, &reading.values)?;
        let mut losses = Losses::of(reading.marks.loss.as_deref());
        losses.join(&reading.losses);
        for (field, word) in missing {
            let word = if word == "*" { "unknown" } else { word };
            reading.values.set(field, Value::Text(Cow::Borrowed(word)), "type");
            match self.plan.place_of(field) {
                Some((prefix, path)) => losses.add(Change::Added, prefix, path),
                None => losses.add(Change::Changed, "", "type"),
            }
        }
        if native.is_ambiguous {
            losses.add(Change::Changed, "", "type");
        }
        let marks = self.marks(reading);
        let id = match to {
            Form::Canonical => match &marks.id {
                Some(id) if self.is_from_home(&marks) => id.to_string(),
                _ => self.event.id.to_string(),
            },
            _ if is_home => marks.id.as_deref().unwrap_or(&self.event.id).to_owned(),
            _ => derived_id(&marks, self.options.to_name(), index),
        };
        let source = match to {
            Form::Canonical => match &marks.source {
                Some(source) if self.is_from_home(&marks) => Some(source.to_string()),
                _ => Some(self.event.source.to_string()),
            },
            _ if is_home => marks.source.as_deref().map(|source| self.home(source)),
            _ => self.options.source(self.plan, &marks, &mut losses),
        };
        let known = |which| self.known(which, &id, native.native, source.as_deref());
        let written = self.plan.write(native, &reading.values, is_home, &known)?;
        self.from.name_lost(reading, &written.carried, &mut losses);
        let source = if is_home { source } else { written.source.or(source) }?;
        let mut extensions: Vec<_> = self.kept_extensions(&marks).collect();
        for (name, text) in &reading.extensions {
            extensions.push((
                Cow::Owned(name.to_string()),
                hybridge_core::Value::String(text.as_ref().into()),
            ));
        }
        for (name, text) in written.extensions {
            extensions.push((Cow::Borrowed(name), hybridge_core::Value::String(text.into())));
        }
        let mut event = Event {
            id: Cow::Owned(id),
            kind: Cow::Owned(self.kind(native.native, &source)),
            source: Cow::Owned(source),
            subject: written.subject.map(Cow::Owned),
            time: self.event.time.as_deref().map(|time| Cow::Owned(time.to_owned())),
            content_type: Some(Cow::Borrowed("application/json")),
            extensions,
            marks: Marks { loss: losses.into_text().map(Cow::Owned), ..marks },
            data: written.data.map_or(Data::None, |data| Data::Own(data.into())),
            headers: match self.from.reads_headers() {
                true => Headers::new(),
                false => self.event.headers.clone(),
            },
            is_queued: self.event.is_queued,
            tells_overwriting: self.event.tells_overwriting,
        };
        if let Some(payload) = written.payload {
            event.data = Data::Own(payload);
            event.headers = written.headers;
            event.guess_content_type();
        }
        Some(event)
    }

    /// Whether the event that is read is in the cloud that it began in.
    fn is_from_home(&self, marks: &Marks<'_>) -> bool {
        marks.origin.as_deref() == Some(self.own_cloud())
    }

    /// The cloud of the event that is read; what is in the common form shows it by its source, or not.
    fn own_cloud(&self) -> &'static str {
        match self.from.form {
            Form::Canonical => cloud_of(self.event).unwrap_or(self.options.own_name()),
            form => self.options.cloud_name(form),
        }
    }

    /// The source of an event that is at home again, in the form that it is written in now.
    fn home(&self, source: &str) -> String {
        if self.plan.form != Form::EventBridge || aws::Origin::of(source).is_some() {
            return source.to_owned();
        }
        let of_s3 = source.strip_prefix("aws:s3.").and_then(|rest| rest.split('.').next());
        let region = of_s3.or_else(|| source.split(':').nth(3)).filter(|region| !region.is_empty());
        aws::Origin {
            region: region.or(self.options.region()).unwrap_or_default(),
            account: self.options.account().unwrap_or_default(),
            source: Cow::Owned(format!("aws.{}", self.plan.service)),
        }
        .to_source()
    }

    /// Where the event began: here, unless it says otherwise.
    fn marks(&self, reading: &Reading<'_>) -> Marks<'static> {
        let marks = &reading.marks;
        let owned =
            |text: &Option<Cow<'_, str>>| text.as_deref().map(|text| Cow::Owned(text.to_owned()));
        if marks.origin.is_some() {
            return Marks {
                origin: owned(&marks.origin),
                id: owned(&marks.id),
                source: owned(&marks.source),
                loss: None,
            };
        }
        Marks {
            origin: Some(Cow::Borrowed(self.own_cloud())),
            id: Some(Cow::Owned(self.event.id.to_string())),
            source: Some(Cow::Owned(self.event.source.to_string())),
            loss: None,
        }
    }

    /// Extensions that no row reads.
    fn kept_extensions(
        &self,
        marks: &Marks<'_>,
    ) -> impl Iterator<Item = (Cow<'static, str>, hybridge_core::Value)> {
        let is_guest = self.from.form == Form::Azure && !self.is_from_home(marks);
        let is_kept = move |(name, _): &&(Cow<'_, str>, hybridge_core::Value)| {
            // The schema of Event Grid demands versions: they are not of an event that is a guest there.
            let is_of_schema = is_guest && VERSIONS.contains(&&**name);
            !is_of_schema && !self.from.reads_extension(name)
        };
        let owned = |(name, value): &(Cow<'_, str>, hybridge_core::Value)| {
            (Cow::Owned(name.to_string()), value.clone())
        };
        self.event.extensions.iter().filter(is_kept).map(owned)
    }

    fn kind(&self, native: &str, source: &str) -> String {
        match self.plan.form {
            Form::Canonical => {
                format!("{}{}.{native}{}", COMMON.0, self.compiled.family.name, COMMON.1)
            }
            Form::S3Notification => format!("{}{native}", aws::S3_PREFIX),
            Form::EventBridge => match aws::Origin::of(source) {
                Some(origin) => format!("{}.{native}", origin.source),
                None => native.to_owned(),
            },
            Form::Azure | Form::Gcp => native.to_owned(),
        }
    }

    fn known<'k>(
        &'k self,
        which: Known,
        id: &'k str,
        native: &'k str,
        source: Option<&'k str>,
    ) -> Option<Cow<'k, str>> {
        let text = match which {
            Known::Id => Some(id),
            Known::Request => id.split_once('.').map(|(request, _)| request),
            Known::Host => id.split('.').nth(1),
            Known::Time => self.event.time.as_deref(),
            Known::Name => Some(native),
            Known::Account if self.plan.form == Form::Azure => source.and_then(storage_account),
            Known::Account => match source.and_then(aws::Origin::of) {
                Some(origin) => Some(origin.account),
                None => self.options.account(),
            },
            Known::Region => {
                let of_s3 = source.and_then(|source| source.strip_prefix("aws:s3."));
                let of_s3 = of_s3.and_then(|own| own.split('.').next());
                match source.and_then(aws::Origin::of) {
                    Some(origin) => Some(origin.region),
                    None => of_s3.or(self.options.region()),
                }
            }
            Known::Source => source,
            Known::Store => source.and_then(|source| source.rsplit('/').next()),
            Known::Project => {
                let own = source.and_then(|source| segment(source, "projects"));
                own.or(self.options.project())
            }
            Known::Location => {
                let own = source.and_then(|source| segment(source, "locations"));
                own.or(self.options.location())
            }
        };
        text.map(Cow::Borrowed)
    }
}

/// The id of a translated event: the same whenever the same event is translated.
pub(super) fn derived_id(marks: &Marks<'_>, to: &str, index: usize) -> String {
    let [id, source] = [&marks.id, &marks.source].map(|text| text.as_deref().unwrap_or_default());
    let name = match index {
        0 => format!("{source}\n{id}\n{to}"),
        _ => format!("{source}\n{id}\n{to}\n{index}"),
    };
    Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string()
}

/// The namespace of the ids of translated events.
const NAMESPACE: Uuid = Uuid::from_u128(0x3d0f_86a2_6c1b_5d7e_9a44_52f0_1b7c_e811);
