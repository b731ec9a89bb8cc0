//! Where events go: results to stdout, progress and complaints to stderr.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use crate::event::Event;

/// The program's output, shared by all tasks.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    /// Standard output is for the data itself; what is said to a person goes to stderr.
    is_data_only: AtomicBool,
    bar: Mutex<Option<(Unit, ProgressBar)>>,
}

/// What progress is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Blocks,
    Rows,
    Bytes,
    /// Bytes of files, of which many may be small: nobody knows how long those take.
    Files,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json, is_data_only: AtomicBool::new(false), bar: Mutex::new(None) }
    }

    /// From now on standard output is for the data itself.
    pub(crate) fn reserve_for_data(&self) {
        self.is_data_only.store(true, Ordering::Relaxed);
    }

    /// Whether a machine reads.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// Whether anybody would see progress.
    pub(crate) fn is_watched(&self) -> bool {
        self.json || io::stderr().is_terminal()
    }

    /// Reports one event. When the reader is gone the program has nothing left to say.
    pub(crate) fn event(&self, event: &Event) -> io::Result<()> {
        if self.json {
            let line = serde_json::to_string(event)?;
            return writeln!(io::stdout().lock(), "{line}");
        }
        match event {
            Event::Progress { have, length, .. } => {
                self.progress(Unit::Blocks, *have, *length, String::new());
                Ok(())
            }
            Event::DriveProgress { entries, of_entries, bytes, of_bytes } => {
                let count = format!("  {entries} of {of_entries} entries");
                self.progress(Unit::Files, *bytes, *of_bytes, count);
                Ok(())
            }
            event => match event.line() {
                Some(line) if self.is_data_only.load(Ordering::Relaxed) => {
                    self.remark(&line);
                    Ok(())
                }
                Some(line) => self.suspended(|| writeln!(anstream::stdout().lock(), "{line}")),
                None => Ok(()),
            },
        }
    }

    /// Raw bytes of the data itself.
    pub(crate) fn data(&self, bytes: &[u8]) -> io::Result<()> {
        self.suspended(|| io::stdout().lock().write_all(bytes))
    }

    /// A line about what goes on, which is not a result.
    pub(crate) fn remark(&self, text: &str) {
        // Nobody is left to tell if stderr is gone.
        let _ = self.suspended(|| writeln!(anstream::stderr().lock(), "{text}"));
    }

    /// Draws how far something is, if somebody is looking.
    pub(crate) fn progress(&self, unit: Unit, have: u64, length: u64, more: String) {
        if self.json || !io::stderr().is_terminal() {
            return;
        }
        let mut slot = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, other)) = slot.take_if(|(drawn, _)| *drawn != unit) {
            other.finish_and_clear();
        }
        let (_, bar) = slot.get_or_insert_with(|| (unit, ProgressBar::new(length).with_style(style(unit))));
        bar.set_length(length);
        bar.set_position(have);
        bar.set_message(more);
    }

    /// Takes the bar away.
    pub(crate) fn finish_progress(&self) {
        let mut slot = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, bar)) = slot.take() {
            bar.finish_and_clear();
        }
    }

    fn suspended<T>(&self, print: impl FnOnce() -> T) -> T {
        let slot = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match slot.as_ref() {
            Some((_, bar)) => bar.suspend(print),
            None => print(),
        }
    }
}

fn style(unit: Unit) -> ProgressStyle {
    let template = match unit {
        Unit::Blocks => "{bar:40} {human_pos}/{human_len} blocks{msg}  {per_sec}  {eta} left",
        Unit::Rows => "{bar:40} {human_pos}/{human_len} rows{msg}  {per_sec}  {eta} left",
        Unit::Bytes => "{bar:40} {bytes}/{total_bytes}{msg}  {binary_bytes_per_sec}  {eta} left",
        Unit::Files => "{bar:40} {bytes}/{total_bytes}{msg}  {binary_bytes_per_sec}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
