//! `dazaar drive cat`: the bytes of a file.

use clap::Args;

use super::{Source, path};
use crate::commands::Context;
use crate::failure::Failure;

/// Print a file of a drive
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar drive cat ./photos.drive /notes.txt --from 100 --to 200")]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,

    /// The file, or a link to it
    path: String,

    /// First byte
    #[arg(long, value_name = "BYTE", default_value_t = 0)]
    from: u64,

    /// Byte before which to end [default: the end of the file]
    #[arg(long, value_name = "BYTE")]
    to: Option<u64>,
}

pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    context.output.reserve_for_data();
    let (drive, version) = arguments.source.open(context).await?;
    let range = arguments.from..arguments.to.unwrap_or(u64::MAX);
    let mut reader = drive.read(version, &path(&arguments.path), range).await?;
    while let Some(bytes) = reader.next().await? {
        context.output.data(&bytes)?;
    }
    Ok(())
}
