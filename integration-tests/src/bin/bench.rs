//! Measures the bridge against its limit programs, interleaved, and prints the table.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use hybridge_integration_tests::bench::brokers::{Brokers, ROWS};
use hybridge_integration_tests::bench::events;
use hybridge_integration_tests::bench::{HEAD, Pairs, Program, Run, Spread, run_to_done, sibling};
use hybridge_integration_tests::daemon::Daemon;
use hybridge_integration_tests::event::Id;
use hybridge_integration_tests::journal::Journal;
use hybridge_integration_tests::producer::{Load, Producer};
use hybridge_integration_tests::target::Target;
use hybridge_integration_tests::{ports, process, records};

const SIZE: usize = 1000;
const CONNECTIONS: u32 = 64;
const BATCH: u32 = 100;
const LIMIT: Duration = Duration::from_secs(600);
const MIB: f64 = 1_048_576.0;

/// Prints processor seconds per million messages of the bridge and of its limit programs.
#[derive(Parser)]
struct Options {
    /// Fewer messages and pairs: shows that it works, says little.
    #[arg(long)]
    quick: bool,
    /// Only the rows whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
}

#[derive(Clone, Copy)]
enum Row {
    HttpLogSingle,
    HttpLogBatched,
    LogLog,
    LogHttp,
}

impl Row {
    const ALL: [Self; 4] = [Self::HttpLogSingle, Self::HttpLogBatched, Self::LogLog, Self::LogHttp];

    fn name(self) -> &'static str {
        match self {
            Self::HttpLogSingle => "http->log, one event a request",
            Self::HttpLogBatched => "http->log, 100 events a request",
            Self::LogLog => "log->log",
            Self::LogHttp => "log->http, one event a request",
        }
    }

    fn messages(self, quick: bool) -> u64 {
        let full = match self {
            Self::HttpLogSingle | Self::LogHttp => 100_000,
            Self::HttpLogBatched | Self::LogLog => 500_000,
        };
        if quick { full / 5 } else { full }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let pairs = if options.quick { 2 } else { 7 };
    let mut output = std::io::stdout();
    writeln!(output, "{HEAD}")?;
    for row in Row::ALL {
        if !row.name().contains(&options.only) {
            continue;
        }
        let messages = row.messages(options.quick);
        let mut results = Pairs::default();
        // The first pair warms caches and is dropped.
        for pair in 0..=pairs {
            let bridge = bridge(row, messages).await.with_context(|| row.name())?;
            let limit = limit(row, messages).await.with_context(|| row.name())?;
            if pair > 0 {
                results.bridge.push(bridge);
                results.limit.push(limit);
            }
        }
        writeln!(output, "{}", results.row(row.name()))?;
    }
    between_brokers(&options, pairs, &mut output).await?;
    events::table(&mut output, &options.only, options.quick).await?;
    if "idle RSS, start".contains(&options.only) {
        small_rows(&mut output, options.quick).await?;
    }
    if "latency".contains(&options.only) {
        latency(&mut output, options.quick).await?;
    }
    Ok(())
}

/// Records of an open loop at a fifth and at four fifths of what flows at most while they are written, moved and read.
async fn latency(output: &mut impl Write, quick: bool) -> Result<()> {
    let mut brokers = Brokers::default();
    let (count, seconds) = if quick { (100_000, 3.0) } else { (500_000, 20.0) };
    brokers.flow(true, count / 4, None).await?;
    let most = brokers.flow(true, count, None).await?.rate;
    writeln!(
        output,
        "\n| latency in ms, kafka->kafka | bridge | one topic, no bridge |\n|---|---|---|"
    )?;
    // The flood is still felt in what comes next.
    brokers.flow(true, (most * 0.2 * seconds) as u64, Some(most * 0.2)).await?;
    for share in [0.2, 0.8] {
        let rate = most * share;
        let count = (rate * seconds) as u64;
        let bridged = brokers.flow(true, count, Some(rate)).await?;
        let straight = brokers.flow(false, count, Some(rate)).await?;
        writeln!(
            output,
            "| at {:.0} % of {most:.0}/s | {} | {} |",
            share * 100.0,
            bridged.text(),
            straight.text()
        )?;
    }
    Ok(())
}

async fn between_brokers(options: &Options, pairs: usize, output: &mut impl Write) -> Result<()> {
    let mut brokers = Brokers::default();
    for row in ROWS {
        if !row.name.contains(&options.only) {
            continue;
        }
        let messages = if options.quick { row.messages / 3 } else { row.messages };
        let mut results = Pairs::default();
        for pair in 0..=pairs {
            let bridge = brokers.bridge(row, messages).await.context(row.name)?;
            let limit = brokers.limit(row, messages).await.context(row.name)?;
            if pair > 0 {
                results.bridge.push(bridge);
                results.limit.push(limit);
            }
        }
        writeln!(output, "{}", results.row(row.name))?;
    }
    if "http->kafka, one event a request".contains(&options.only) {
        http_to_kafka(&mut brokers, options.quick, pairs, output).await?;
    }
    Ok(())
}

async fn http_to_kafka(
    brokers: &mut Brokers,
    quick: bool,
    pairs: usize,
    output: &mut impl Write,
) -> Result<()> {
    let messages = if quick { 20_000 } else { 100_000 };
    let mut results = Pairs::default();
    for pair in 0..=pairs {
        let (topic, listen, folder) =
            (brokers.fresh_topic().await?, ports::free()?, tempfile::tempdir()?);
        let addresses = brokers.kafka().await?.bootstrap();
        let config = format!(
            "connections: {{ kafka: {{ kafka: {{ brokers: [\"{addresses}\"] }} }} }}\nroutes:\n  in:\n    from: {{ http: {{ listen: \"{listen}\" }} }}\n    to: {{ kafka: {{ connection: kafka, topic: {topic} }} }}\n"
        );
        let mut daemon = Daemon::new(folder.path(), &config)?;
        daemon.start_ready().await?;
        let bridge = load_and_measure(daemon.pid()?, listen, messages, 1).await?;
        daemon.kill()?;
        let (topic, listen) = (brokers.fresh_topic().await?, ports::free()?);
        let arguments = [listen.to_string(), addresses, topic];
        let limit = Program(Command::new(sibling("limit-http-kafka")?).args(&arguments).spawn()?);
        let limit = measure_listener(limit, listen, messages, 1).await?;
        if pair > 0 {
            results.bridge.push(bridge);
            results.limit.push(limit);
        }
    }
    writeln!(output, "{}", results.row("http->kafka, one event a request"))?;
    Ok(())
}

async fn small_rows(output: &mut impl Write, quick: bool) -> Result<()> {
    let repeats = if quick { 3 } else { 9 };
    writeln!(output, "\n| row | median (min-max) |\n|---|---|")?;
    for routes in [1, 10] {
        let mut resident = Vec::new();
        for _ in 0..repeats.min(3) {
            resident.push(idle_resident(routes).await?);
        }
        let spread = Spread::of(resident).text(1);
        writeln!(output, "| idle RSS with {routes} routes, MiB | {spread} |")?;
    }
    let mut brokers = Brokers::default();
    brokers.kafka().await?;
    let mut resident = Vec::new();
    for _ in 0..repeats.min(3) {
        let folder = tempfile::tempdir()?;
        let (daemon, ..) = brokers.between_topics(folder.path()).await?;
        tokio::time::sleep(Duration::from_secs(5)).await;
        resident.push(process::resident(daemon.pid()?)?.now as f64 / MIB);
    }
    let spread = Spread::of(resident).text(1);
    writeln!(output, "| idle RSS with one route kafka->kafka, MiB | {spread} |")?;
    let mut starts = Vec::new();
    for _ in 0..repeats {
        starts.push(first_message().await?);
    }
    let spread = Spread::of(starts).text(0);
    writeln!(output, "| start to first message, ms | {spread} |")?;
    Ok(())
}

async fn bridge(row: Row, messages: u64) -> Result<Run> {
    let folder = tempfile::tempdir()?;
    match row {
        Row::HttpLogSingle => http_to_log(folder.path(), messages, 1).await,
        Row::HttpLogBatched => http_to_log(folder.path(), messages, BATCH).await,
        Row::LogLog => {
            let to = "to: { log: { topic: out } }";
            from_log(folder.path(), messages, to).await
        }
        Row::LogHttp => {
            let target = Target::discarding().await?;
            let to = format!("to: {{ http: {{ url: \"http://{}/\" }} }}", target.address);
            from_log(folder.path(), messages, &to).await
        }
    }
}

async fn limit(row: Row, messages: u64) -> Result<Run> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    match row {
        Row::HttpLogSingle => limit_http_log(&path("out"), messages, 1).await,
        Row::HttpLogBatched => limit_http_log(&path("out"), messages, BATCH).await,
        Row::LogLog => {
            write_records(&folder.path().join("in"), messages)?;
            run_to_done("limit-log-log", &[&path("in"), &path("out"), &path("cursor")], messages)
        }
        Row::LogHttp => {
            write_records(&folder.path().join("in"), messages)?;
            let target = Target::discarding().await?;
            let address = target.address.to_string();
            let input = path("in");
            let run = tokio::task::spawn_blocking(move || {
                run_to_done("limit-log-http", &[&input, &address], messages)
            });
            run.await?
        }
    }
}

async fn http_to_log(folder: &Path, messages: u64, batch: u32) -> Result<Run> {
    let listen = ports::free()?;
    let mut daemon = Daemon::new(folder, &route_into_log(listen))?;
    daemon.start_ready().await?;
    load_and_measure(daemon.pid()?, listen, messages, batch).await
}

async fn limit_http_log(file: &str, messages: u64, batch: u32) -> Result<Run> {
    let listen = ports::free()?;
    let arguments = [listen.to_string(), file.to_owned()];
    let program = Program(Command::new(sibling("limit-http-log")?).args(&arguments).spawn()?);
    measure_listener(program, listen, messages, batch).await
}

async fn measure_listener(
    program: Program,
    listen: SocketAddr,
    messages: u64,
    batch: u32,
) -> Result<Run> {
    while tokio::net::TcpStream::connect(listen).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    load_and_measure(program.0.id(), listen, messages, batch).await
}

fn route_into_log(listen: SocketAddr) -> String {
    format!(
        "routes:\n  in:\n    from: {{ http: {{ listen: \"{listen}\" }} }}\n    to: {{ log: {{ topic: in }} }}\n"
    )
}

async fn load_and_measure(pid: u32, address: SocketAddr, messages: u64, batch: u32) -> Result<Run> {
    let before = process::cpu_seconds(pid)?;
    let started = Instant::now();
    let producer = Producer::start(load(address, messages, batch), journal(batch));
    producer.finish(LIMIT).await?;
    Ok(Run {
        messages,
        cpu: process::cpu_seconds(pid)? - before,
        wall: started.elapsed().as_secs_f64(),
        peak: process::resident(pid)?.peak,
    })
}

fn load(address: SocketAddr, messages: u64, batch: u32) -> Load {
    Load {
        address,
        path: "/".to_owned(),
        connections: CONNECTIONS,
        keys: CONNECTIONS * batch,
        batch,
        size: SIZE,
        events: messages,
        pause: Duration::ZERO,
    }
}

fn journal(batch: u32) -> Arc<Journal> {
    Arc::new(Journal::new(0, CONNECTIONS * batch, 0))
}

/// Fills a topic through the bridge, then measures a second start that moves it on.
async fn from_log(folder: &Path, messages: u64, to: &str) -> Result<Run> {
    let listen = ports::free()?;
    let mut daemon = Daemon::new(folder, &route_into_log(listen))?;
    daemon.start_ready().await?;
    Producer::start(load(listen, messages, BATCH), journal(BATCH)).finish(LIMIT).await?;
    daemon.terminate(Duration::from_secs(30)).await?;
    daemon.configure(&format!(
        "routes:\n  move:\n    from: {{ log: {{ topic: in }} }}\n    {to}\n"
    ))?;
    let started = Instant::now();
    daemon.start()?;
    daemon.live(Duration::from_secs(30)).await?;
    let admin = daemon.admin()?;
    loop {
        let counts = admin.route("move").await?.counts;
        if counts.delivered >= messages {
            break;
        }
        ensure!(started.elapsed() < LIMIT, "{counts:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let pid = daemon.pid()?;
    Ok(Run {
        messages,
        cpu: process::cpu_seconds(pid)?,
        wall: started.elapsed().as_secs_f64(),
        peak: process::resident(pid)?.peak,
    })
}

fn write_records(path: &Path, messages: u64) -> Result<()> {
    let id = |seq| Id { key: 0, seq: seq as u32 };
    records::write(path, (0..messages).map(|seq| records::request(id(seq), SIZE)))
}

/// Resident MiB of a daemon with so many routes and nothing to do.
async fn idle_resident(routes: u32) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let mut config = "routes:\n".to_owned();
    for number in 0..routes {
        let listen = ports::free()?;
        config.push_str(&format!(
            "  r{number}:\n    from: {{ http: {{ listen: \"{listen}\" }} }}\n    to: {{ log: {{ topic: t{number} }} }}\n"
        ));
    }
    let mut daemon = Daemon::new(folder.path(), &config)?;
    daemon.start_ready().await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(process::resident(daemon.pid()?)?.now as f64 / MIB)
}

/// Milliseconds from the start of the process to the first event that it has accepted.
async fn first_message() -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let listen = ports::free()?;
    let mut daemon = Daemon::new(folder.path(), &route_into_log(listen))?;
    let started = Instant::now();
    daemon.start()?;
    let id = Id { key: 0, seq: 0 };
    loop {
        ensure!(started.elapsed() < Duration::from_secs(10), "no event was accepted");
        if let Ok(mut connection) = hybridge_integration_tests::wire::Connection::open(listen).await
        {
            let body = id.body(SIZE, false);
            if connection.post("/", &id.headers(), body.as_bytes()).await?.status < 300 {
                return Ok(started.elapsed().as_secs_f64() * 1000.0);
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
