//! `dazaar drive attach`: a drive as a folder, through FUSE.

use std::path::PathBuf;

use clap::Args;

use super::Source;
use crate::commands::Context;
use crate::failure::Failure;

/// Show a drive in an empty folder, as if its files were there, until Ctrl-C
///
/// Programs read it like any folder, and see newer versions as they come; nothing can be written. Only who attaches it sees it. Takes FUSE, and the
/// program fusermount3 or root.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar drive attach ./photos.drive /mnt/photos
  dazaar drive attach photos ./photos --at 12     a drive that was bought, as it was")]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,

    /// The folder, which is empty
    folder: PathBuf,
}

#[cfg(feature = "fuse")]
pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    use std::sync::Arc;

    use dazaar::drive::Shown;
    use tokio::sync::watch;

    use super::renew::renew;
    use crate::event::Event;
    use crate::signals::Interruption;

    let Arguments { source, folder } = arguments;
    let place = source.place(context)?;
    let (drive, version) = source.open_at(&place).await?;
    let key = drive.key().to_string();
    let (shown, watched) = watch::channel(Shown { drive: Arc::new(drive), version });
    let interruption = Interruption::listen()?;
    let mut attached = dazaar_fuse::attach(folder, watched).await?;
    context.output.event(&Event::Attached { key, folder: folder.display().to_string() })?;
    let work = async {
        tokio::select! {
            () = attached.ended() => Ok(()),
            never = renew(context, source, &place, &shown) => match never {},
        }
    };
    interruption.or(work).await?;
    if !attached.detach().await? {
        context.output.remark("A program still uses the folder; what it has open there ends now");
    }
    Ok(())
}

#[cfg(feature = "fuse")]
impl From<dazaar_fuse::AttachError> for Failure {
    fn from(error: dazaar_fuse::AttachError) -> Self {
        use crate::failure::Kind;
        use dazaar_fuse::AttachError;

        match error {
            AttachError::Drive(error) => error.into(),
            AttachError::Left { ref folder } => {
                let cure = format!("take it away: umount {0}, or fusermount3 -u {0}", folder.display());
                Self::input(error).hint(cure)
            }
            AttachError::Folder { .. } | AttachError::NotEmpty { .. } | AttachError::Taken { .. } => {
                Self::input(error).hint("attach it to an empty folder of its own")
            }
            _ => Self::new(Kind::General, error),
        }
    }
}

#[cfg(not(feature = "fuse"))]
pub(super) async fn run(_: &Context, _: &Arguments) -> Result<(), Failure> {
    Err(Failure::new(crate::failure::Kind::Usage, "this program was built without FUSE")
        .hint("build it with: cargo install --path crates/dazaar-cli --features fuse"))
}
