//! The daemon and its commands.

use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    hybridge::telemetry::logs("info")?;
    let paths: Vec<PathBuf> =
        std::env::args().skip(1).filter(|argument| argument != "run").map(PathBuf::from).collect();
    let load = move || hybridge_config::load(&paths, &|name| std::env::var(name).ok());
    let loaded = load().map_err(|problems| anyhow::anyhow!("{problems}"))?;
    let metrics = hybridge::telemetry::Metrics::install()?;
    hybridge::daemon::run(loaded, Box::new(load), metrics)?;
    Ok(())
}
