//! Names in the CloudEvents form of AWS.
//!
//! An event of EventBridge has the source `arn:aws:events:REGION:ACCOUNT:source/SOURCE` and the type
//! `SOURCE.DETAIL-TYPE`, so that equal events of two accounts or regions are told apart. The sources
//! that begin with `aws.` are kept for AWS: translated events have `hybridge.CLOUD.SERVICE`.

use std::borrow::Cow;

use hybridge_schemas::uri;

use super::pattern;

/// What the types of S3 notifications begin with.
pub(super) const S3_PREFIX: &str = "com.amazonaws.s3.";

/// The extension with the resources of an event of EventBridge, as a JSON array.
pub(super) const RESOURCES: &str = "awsresources";

/// The extension with the version of the envelope, where it is not 0.
pub(super) const VERSION: &str = "awsversion";

/// The extension with all other members of the envelope, as a JSON object.
pub(super) const OTHERS: &str = "awsothers";

const PREFIX: &str = "arn:aws:events:";

/// Where an event of EventBridge comes from.
#[derive(Debug, PartialEq)]
pub(super) struct Origin<'s> {
    pub(super) region: &'s str,
    pub(super) account: &'s str,
    pub(super) source: Cow<'s, str>,
}

impl<'s> Origin<'s> {
    /// Out of the source of a CloudEvent.
    pub(super) fn of(source: &'s str) -> Option<Self> {
        let mut parts = source.strip_prefix(PREFIX)?.splitn(3, ':');
        let (region, account) = (parts.next()?, parts.next()?);
        let source = pattern::decode(parts.next()?.strip_prefix("source/")?)?;
        Some(Self { region, account, source })
    }

    /// As the source of a CloudEvent.
    pub(super) fn to_source(&self) -> String {
        let Self { region, account, source } = self;
        format!("{PREFIX}{region}:{account}:source/{}", uri::encode_path(source))
    }

    /// The service whose events these are.
    pub(super) fn service(&self) -> &str {
        if let Some(service) = self.source.strip_prefix("aws.") {
            return service;
        }
        match self.source.strip_prefix("hybridge.").and_then(|rest| rest.split_once('.')) {
            Some((_, service)) => service,
            None => &self.source,
        }
    }

    /// The detail type out of the type of a CloudEvent.
    pub(super) fn detail_type<'k>(&self, kind: &'k str) -> Option<&'k str> {
        kind.strip_prefix(&*self.source)?.strip_prefix('.')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_there_and_back() {
        let source = "arn:aws:events:eu-west-1:123456789012:source/my%20app:x";
        let origin = Origin::of(source).unwrap();
        assert_eq!((origin.region, &*origin.source), ("eu-west-1", "my app:x"));
        assert_eq!(origin.to_source(), source);
        assert_eq!(origin.detail_type("my app:x.Order placed"), Some("Order placed"));
        let service = |source: &str| Origin::of(source).unwrap().service().to_owned();
        assert_eq!(service("arn:aws:events:::source/hybridge.azure.s3"), "s3");
        assert_eq!(service("arn:aws:events:::source/aws.ec2"), "ec2");
        assert_eq!(Origin::of("arn:aws:sqs:eu-west-1:1:queue"), None);
    }
}
