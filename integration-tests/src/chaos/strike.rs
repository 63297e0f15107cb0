//! The faults.

use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;

use super::fixture::Fixture;
use crate::sys::Signal;
use crate::target::Mode;

/// One way to strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strike {
    Kill,
    Freeze,
    FullDisk,
    KillOnFullDisk,
    Throttle,
    ServerError,
    Reset,
}

impl Strike {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kill => "SIGKILL",
            Self::Freeze => "SIGSTOP",
            Self::FullDisk => "full disk",
            Self::KillOnFullDisk => "SIGKILL on a full disk",
            Self::Throttle => "429",
            Self::ServerError => "500",
            Self::Reset => "reset",
        }
    }

    /// Whether what is uncommitted then comes again.
    pub(super) fn repeats(self) -> bool {
        matches!(self, Self::Kill | Self::KillOnFullDisk | Self::Reset)
    }

    /// The strikes of a run: SIGKILL twice, and each other one that is possible here, shuffled.
    pub(super) fn draw(fixture: &Fixture, rng: &mut Rng) -> Vec<Self> {
        let mut strikes = vec![Self::Kill, Self::Kill, Self::Freeze];
        if fixture.disk.is_some() {
            strikes.push(if rng.bool() { Self::FullDisk } else { Self::KillOnFullDisk });
        }
        if fixture.target.is_some() {
            strikes.extend([Self::Throttle, Self::ServerError, Self::Reset]);
        }
        rng.shuffle(&mut strikes);
        strikes
    }

    /// Strikes, lasts a while and makes everything well again.
    pub(super) async fn perform(self, fixture: &mut Fixture, rng: &mut Rng) -> Result<()> {
        let lasts = Duration::from_millis(rng.u64(100..500));
        match self {
            Self::Kill => {
                fixture.daemon.kill()?;
                fixture.restart().await?;
            }
            Self::Freeze => {
                fixture.daemon.signal(Signal::Stop)?;
                tokio::time::sleep(lasts).await;
                fixture.daemon.signal(Signal::Continue)?;
            }
            Self::FullDisk => {
                fixture.fill_disk()?;
                tokio::time::sleep(lasts).await;
                fixture.free_disk()?;
            }
            Self::KillOnFullDisk => {
                fixture.fill_disk()?;
                tokio::time::sleep(lasts).await;
                fixture.daemon.kill()?;
                fixture.free_disk()?;
                fixture.restart().await?;
            }
            Self::Throttle => fixture.target_does(Mode::Throttle(1), lasts).await,
            Self::ServerError => fixture.target_does(Mode::Fail(500), lasts).await,
            Self::Reset => {
                if let Some(target) = &fixture.target {
                    target.reset_all();
                }
                fixture.target_does(Mode::Reset, lasts).await;
            }
        }
        Ok(())
    }
}
