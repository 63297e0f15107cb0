//! Where the topics are looked at: a process that runs, or the folder of one that does not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use hybridge_config::{Config, Secret};
use hybridge_connectors::log::{OpenError, Store};
use reqwest::StatusCode;
use serde::de::DeserializeOwned;

use crate::cli::failure::Failure;
use crate::feed::Start;
use crate::topics::{self, Ask, Page};

/// How long the listener may take to answer, beside what it was asked to wait.
const ANSWER: Duration = Duration::from_secs(30);

/// Topics of a process or of a folder.
pub(super) enum View {
    Admin(Admin),
    Folder(Store),
}

/// The admin listener of a process.
pub(super) struct Admin {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl View {
    /// The folder of a process that does not run.
    pub(super) fn folder(path: &Path) -> Result<Self, Failure> {
        match Store::open_read_only(path) {
            Ok(store) => Ok(Self::Folder(store)),
            Err(error @ OpenError::Locked(_)) => Err(Failure::Other(
                anyhow::Error::new(error).context("ask its admin listener (--admin URL)"),
            )),
            Err(error) => Err(Failure::other(error)),
        }
    }

    /// The listener at this URL.
    pub(super) fn admin(url: &str, token: Option<String>) -> Result<Self, Failure> {
        let base = url.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") && !base.starts_with("https://") {
            let text = format!("--admin {url}: a URL such as http://127.0.0.1:9090 is wanted");
            return Err(Failure::Usage(text));
        }
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(Failure::other)?;
        Ok(Self::Admin(Admin { http, base, token }))
    }

    /// The process of this configuration if it runs, else its folder.
    pub(super) async fn of(config: &Config, token: Option<String>) -> Result<Self, Failure> {
        let address = reachable(config.admin.listen);
        let answers = tokio::net::TcpStream::connect(address).await;
        match answers {
            Ok(_) => {
                let known = config.admin.token.as_ref().map(Secret::expose).map(str::to_owned);
                Self::admin(&format!("http://{address}"), token.or(known))
            }
            Err(refused) => match Store::open_read_only(&config.storage.path) {
                Ok(store) => Ok(Self::Folder(store)),
                Err(error @ OpenError::Locked(_)) => Err(Failure::Other(
                    anyhow::Error::new(error)
                        .context(format!("and the admin listener at {address} says: {refused}")),
                )),
                Err(error) => Err(Failure::Other(anyhow::Error::new(error).context(format!(
                    "no process answers at {address}, and its folder cannot be read"
                )))),
            },
        }
    }

    /// Whether more can come.
    pub(super) fn is_live(&self) -> bool {
        matches!(self, Self::Admin(_))
    }

    /// All topics in figures.
    pub(super) async fn list(&self) -> Result<Vec<Topic>, Failure> {
        #[derive(serde::Deserialize)]
        struct Topics {
            topics: Vec<Topic>,
        }
        match self {
            Self::Admin(admin) => {
                let topics: Topics = admin.get("/topics", Duration::ZERO).await?;
                Ok(topics.topics)
            }
            Self::Folder(store) => same(&topics::list(store)),
        }
    }

    /// One topic in figures.
    pub(super) async fn stat(&self, topic: &str) -> Result<Topic, Failure> {
        match self {
            Self::Admin(admin) => admin.get(&format!("/topics/{topic}"), Duration::ZERO).await,
            Self::Folder(store) => same(&store.stat(&find(store, topic)?)),
        }
    }

    /// Some records of a topic.
    pub(super) async fn page(&self, topic: &str, ask: &Ask) -> Result<Page, Failure> {
        match self {
            Self::Admin(admin) => admin.get(&path(topic, ask), ask.wait).await,
            Self::Folder(store) => {
                let topic = find(store, topic)?;
                // Nothing will come that could be waited for.
                let ask = Ask { wait: Duration::ZERO, ..ask.clone() };
                topics::page(store, &topic, &ask).await.map_err(Failure::other)
            }
        }
    }
}

impl Admin {
    async fn get<T: DeserializeOwned>(&self, path: &str, wait: Duration) -> Result<T, Failure> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.get(&url).timeout(ANSWER + wait);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.map_err(Failure::other)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(Failure::other)?;
        if status == StatusCode::OK {
            let answer = serde_json::from_slice(&body);
            return answer
                .with_context(|| format!("{url} is no admin listener of hybridge"))
                .map_err(Failure::Other);
        }
        let detail = serde_json::from_slice::<serde_json::Value>(&body).ok();
        let detail = detail.as_ref().and_then(|body| body["detail"].as_str());
        let hint = match status {
            StatusCode::UNAUTHORIZED => ": name --token-file, or set HYBRIDGE_ADMIN_TOKEN",
            _ => "",
        };
        match detail {
            Some(detail) => Err(Failure::Other(anyhow!("{detail}{hint}"))),
            None => Err(Failure::Other(anyhow!("{url} answers {status}{hint}"))),
        }
    }
}

/// A topic in figures, as the listener and the folder tell them.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Topic {
    pub(super) topic: String,
    pub(super) incarnation: String,
    pub(super) partitions: Vec<Partition>,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Partition {
    pub(super) partition: u32,
    pub(super) segments: u64,
    pub(super) bytes: u64,
    pub(super) records: u64,
    pub(super) earliest: u64,
    pub(super) next: u64,
    pub(super) damaged_places: u64,
    pub(super) damaged_records: u64,
    pub(super) groups: Vec<Group>,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Group {
    pub(super) group: String,
    pub(super) cursor: u64,
    pub(super) lag: u64,
}

/// What the folder says, in the form in which the listener would have said it.
fn same<T: DeserializeOwned>(value: &impl serde::Serialize) -> Result<T, Failure> {
    let value = serde_json::to_value(value).map_err(Failure::other)?;
    serde_json::from_value(value).map_err(Failure::other)
}

fn find(store: &Store, name: &str) -> Result<hybridge_connectors::log::Topic, Failure> {
    let topic = store.find(name);
    topic.ok_or_else(|| Failure::Other(anyhow!("topic `{name}` does not exist")))
}

fn path(topic: &str, ask: &Ask) -> String {
    let mut path = format!("/topics/{topic}/records?max={}", ask.max);
    let more = match &ask.start {
        Start::Earliest => "&from=earliest".to_owned(),
        Start::Latest => "&from=latest".to_owned(),
        Start::Time(millis) => {
            let time = jiff::Timestamp::from_millisecond(*millis).unwrap_or_default();
            format!("&from={time}")
        }
        Start::Cursor(cursor) => format!("&cursor={cursor}"),
    };
    path.push_str(&more);
    if let Some(partition) = ask.partition {
        path.push_str(&format!("&partition={partition}"));
    }
    if !ask.wait.is_zero() {
        path.push_str(&format!("&wait={}ms", ask.wait.as_millis()));
    }
    path
}

/// A listener at every address is reached at this machine's own.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listen.port())
}
