//! What the options of the step say that no event does.

use hybridge_config::transform::translate::{
    AwsFormat, AzureFormat, Choice, Cloud, DataForm, TranslateConfig,
};

use super::aws;
use super::event::Marks;
use super::loss::{Change, Losses};
use super::plan::Plan;
use super::table::Form;

/// The options, with their defaults.
pub(super) struct Options {
    config: TranslateConfig,
}

impl Options {
    pub(super) fn new(config: &TranslateConfig) -> Self {
        Self { config: config.clone() }
    }

    pub(super) fn from(&self) -> Cloud {
        self.config.from
    }

    pub(super) fn to(&self) -> Cloud {
        self.config.to
    }

    /// The form that families are written in; none where events stay as they are.
    pub(super) fn form(&self) -> Option<Form> {
        match self.config.to {
            Cloud::Aws => Some(match &self.config.aws {
                Some(aws) if aws.format == AwsFormat::S3Notification => Form::S3Notification,
                _ => Form::EventBridge,
            }),
            Cloud::Azure => Some(Form::Azure),
            Cloud::Gcp => Some(Form::Gcp),
            Cloud::Cloudevents => {
                (self.config.data == DataForm::Canonical).then_some(Form::Canonical)
            }
        }
    }

    /// Whether events go from one cloud to another.
    pub(super) fn is_between_clouds(&self) -> bool {
        ![self.config.from, self.config.to].contains(&Cloud::Cloudevents)
    }

    pub(super) fn is_event_grid(&self) -> bool {
        self.config.azure.as_ref().is_some_and(|azure| azure.format == AzureFormat::EventGrid)
    }

    pub(super) fn data_version(&self) -> &str {
        let azure = self.config.azure.as_ref();
        azure.and_then(|azure| azure.data_version.as_deref()).unwrap_or("1.0")
    }

    pub(super) fn topic(&self) -> &str {
        self.config.azure.as_ref().map_or("/", |azure| &azure.source)
    }

    pub(super) fn drops_returning(&self) -> bool {
        self.config.returning == Choice::Drop
    }

    pub(super) fn drops_incomplete(&self) -> bool {
        self.config.incomplete == Choice::Drop
    }

    pub(super) fn drops_overwritten(&self) -> bool {
        self.config.overwritten == Choice::Drop
    }

    pub(super) fn drops_unsure(&self) -> bool {
        self.config.unsure_deletions == Choice::Drop
    }

    pub(super) fn to_name(&self) -> &'static str {
        name(self.config.to)
    }

    /// The name of the cloud whose events arrive.
    pub(super) fn own_name(&self) -> &'static str {
        name(self.config.from)
    }

    /// The cloud that an event of a form is of; that of the step where the form does not say.
    pub(super) fn cloud_name(&self, form: Form) -> &'static str {
        match form {
            Form::EventBridge | Form::S3Notification => "aws",
            Form::Azure => "azure",
            Form::Gcp => "gcp",
            Form::Canonical => name(self.config.from),
        }
    }

    pub(super) fn account(&self) -> Option<&str> {
        self.config.aws.as_ref().map(|aws| &*aws.account)
    }

    pub(super) fn region(&self) -> Option<&str> {
        self.config.aws.as_ref().map(|aws| &*aws.region)
    }

    pub(super) fn project(&self) -> Option<&str> {
        self.config.gcp.as_ref().map(|gcp| &*gcp.project)
    }

    pub(super) fn location(&self) -> Option<&str> {
        let gcp = self.config.gcp.as_ref()?;
        Some(gcp.location.as_deref().unwrap_or("global"))
    }

    /// The source of an event that did not begin in the cloud that it goes to.
    pub(super) fn source(
        &self,
        plan: &Plan,
        marks: &Marks<'_>,
        losses: &mut Losses,
    ) -> Option<String> {
        match plan.form {
            Form::Azure => {
                losses.add(Change::Added, "", "source");
                Some(self.topic().to_owned())
            }
            Form::EventBridge | Form::S3Notification => {
                losses.add(Change::Added, "", "account");
                losses.add(Change::Added, "", "region");
                let origin = marks.origin.as_deref().unwrap_or("other");
                Some(self.aws_source(&format!("hybridge.{origin}.{}", plan.service)))
            }
            Form::Gcp | Form::Canonical => None,
        }
    }

    /// The source of an event of EventBridge of the account and the region of the step.
    pub(super) fn aws_source(&self, source: &str) -> String {
        let (region, account) = (self.region(), self.account());
        aws::Origin {
            region: region.unwrap_or_default(),
            account: account.unwrap_or_default(),
            source: source.into(),
        }
        .to_source()
    }
}

fn name(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Aws => "aws",
        Cloud::Azure => "azure",
        Cloud::Gcp => "gcp",
        Cloud::Cloudevents => "cloudevents",
    }
}
