//! A drive that is shown while it grows.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use dazaar::drive::Shown;
use tokio::sync::watch;

use super::{Place, Source};
use crate::commands::Context;

/// Time from one look for a newer version to the next.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Shows what comes, newer versions and more of the files, unless one version is meant. What cannot be opened now is shown as it was.
pub(super) async fn renew(
    context: &Context,
    source: &Source,
    place: &Place,
    shown: &watch::Sender<Shown>,
) -> Infallible {
    let mut is_open = true;
    let Shown { drive, mut version } = shown.borrow().clone();
    // What is open of a drive that is not replicated stays as it was when it was opened.
    let mut held = drive.held_with_mounts().await;
    drop(drive);
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        match source.open_at(place).await {
            Ok((drive, newest)) => {
                is_open = true;
                let holds = drive.held_with_mounts().await;
                if (newest, holds) != (version, held) {
                    (version, held) = (newest, holds);
                    shown.send_replace(Shown { drive: Arc::new(drive), version });
                }
            }
            Err(failure) if is_open => {
                is_open = false;
                context.output.remark(&format!("Shown as it was: {failure}"));
            }
            Err(_) => {}
        }
    }
}
