//! A market folder.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dazaar::cards::TermsHash;
use dazaar::database::Admission;
use dazaar::log::Durability;
use dazaar::wire::session::SecurityPolicy;
use dazaar::{Market as Records, Offer, now_ms};
use dazaar_data::{Settings, TablePublisher, Tables, described};
use dazaar_table::import::{Expect, FileFormat, RowReader};
use dazaar_table::times::parse_span;
use etcetera::BaseStrategy as _;
use pyo3::prelude::*;

use crate::error::{cannot_open, failed};
use crate::network::join;
use crate::runtime::{runtime, wait};
use crate::sale::Sale;
use crate::table::Table;

/// A market folder: who I am, what I sell, what I buy.
#[pyclass(frozen, module = "dazaar")]
pub(crate) struct Market {
    records: Arc<Records>,
}

#[pymethods]
impl Market {
    /// Opens the market in a folder, by default the one that the program `dazaar` uses; makes one if there is none.
    #[new]
    #[pyo3(signature = (dir=None, *, passphrase=None, bootstrap=None, lan=None, proxy=None))]
    fn new(
        dir: Option<PathBuf>,
        passphrase: Option<String>,
        bootstrap: Option<Vec<String>>,
        lan: Option<bool>,
        proxy: Option<String>,
    ) -> PyResult<Self> {
        let dir = match dir.or_else(|| std::env::var_os("DAZAAR_DIR").map(PathBuf::from)) {
            Some(dir) => dir,
            None => etcetera::choose_base_strategy().map_err(failed)?.data_dir().join("dazaar"),
        };
        let dir = std::path::absolute(dir)?;
        let passphrase = passphrase.or_else(|| std::env::var("DAZAAR_PASSPHRASE").ok()).map(Into::into);
        // What is written to feeds is synced by tasks of the runtime.
        let _within = runtime().enter();
        let records = if Records::keystore(&dir).exists() {
            Records::open(&dir, passphrase)
        } else {
            Records::create(&dir, None, passphrase)
        };
        let records = records.map_err(failed)?;
        join(&records, bootstrap, lan, proxy)?;
        Ok(Self { records: Arc::new(records) })
    }

    /// The key by which sellers know me.
    #[getter]
    fn buyer(&self) -> String {
        self.records.buyer().public().to_string()
    }

    /// Opens a table: the name of a listing or purchase, a key, a folder, a link, or the file of a card.
    #[pyo3(signature = (table, *, connect=Vec::new(), accept_terms=None, timeout=Some(60.0), wait_for_admission=false, require_authenticated=false))]
    #[expect(clippy::too_many_arguments, reason = "Python passes them by name")]
    fn open(
        &self,
        py: Python<'_>,
        table: &str,
        connect: Vec<String>,
        accept_terms: Option<&str>,
        timeout: Option<f64>,
        wait_for_admission: bool,
        require_authenticated: bool,
    ) -> PyResult<Table> {
        let security = if require_authenticated { SecurityPolicy::Require } else { SecurityPolicy::Offer };
        let patience = timeout.map(Duration::try_from_secs_f64).transpose().map_err(failed)?;
        let settings = Settings {
            addresses: connect.iter().map(|text| text.parse()).collect::<Result<_, _>>().map_err(failed)?,
            terms: accept_terms.map(str::parse::<TermsHash>).transpose().map_err(failed)?,
            patience,
            waits: wait_for_admission,
            security,
            ..Settings::default()
        };
        let tables = Tables::new(Arc::clone(&self.records), settings);
        let opened = wait(py, async { tables.open(table).await })?;
        Ok(Table::new(opened.map_err(|error| cannot_open(&error))?))
    }

    /// Publishes rows, an Arrow IPC stream, as the table of this name. What the table has already is left out, unless `append`.
    /// Returns how many rows it has.
    #[pyo3(signature = (stream, name, *, time=None, keys=Vec::new(), late=None, append=false, free=None))]
    #[expect(clippy::too_many_arguments, reason = "Python passes them by name")]
    fn publish(
        &self,
        py: Python<'_>,
        stream: Vec<u8>,
        name: &str,
        time: Option<String>,
        keys: Vec<String>,
        late: Option<&str>,
        append: bool,
        free: Option<bool>,
    ) -> PyResult<u64> {
        let lateness = late.map(parse_span).transpose().map_err(failed)?;
        let expect = Expect { time, keys, lateness, ..Expect::default() };
        py.detach(|| {
            let _within = runtime().enter();
            self.publish_rows(stream, name, expect, append, free)
        })
    }

    /// Lets a buyer read a listing for so many seconds, or for ever.
    #[pyo3(signature = (name, buyer, seconds=None))]
    fn grant(&self, name: &str, buyer: &str, seconds: Option<f64>) -> PyResult<()> {
        let listing = self.records.database().listing_named(name).map_err(failed)?;
        let listing = listing.ok_or_else(|| failed(format!("`{name}` is not sold here")))?;
        let span = seconds.map(Duration::try_from_secs_f64).transpose().map_err(failed)?;
        let span_ms = span.map(|span| i64::try_from(span.as_millis()).unwrap_or(i64::MAX));
        let id = format!("{}-{:016x}", now_ms(), dazaar::random_number());
        let buyer = buyer.parse().map_err(failed)?;
        self.records.database().grant(&id, &listing.feed, &buyer, span_ms, now_ms()).map_err(failed)?;
        Ok(())
    }

    /// Serves a listing in the background until the sale is closed.
    #[pyo3(signature = (name, listen="127.0.0.1:0"))]
    fn serve(&self, py: Python<'_>, name: &str, listen: &str) -> PyResult<Sale> {
        let listing = self.records.database().listing_named(name).map_err(failed)?;
        let listing = listing.ok_or_else(|| failed(format!("`{name}` is not sold here")))?;
        let listen = listen.parse().map_err(failed)?;
        wait(py, Sale::begin(&self.records, listing, listen))?
    }
}

impl Market {
    fn publish_rows(
        &self,
        stream: Vec<u8>,
        name: &str,
        mut expect: Expect,
        append: bool,
        free: Option<bool>,
    ) -> PyResult<u64> {
        let log = self.records.own_feed(name).map_err(failed)?;
        let mut publisher = TablePublisher::resume(&log, Durability::Os).map_err(failed)?;
        if let Some(publisher) = &mut publisher {
            expect.schema = Some(publisher.schema().clone());
            if !append {
                publisher.leave_out_known().map_err(failed)?;
            }
        }
        let mut reader = RowReader::from_bytes(FileFormat::ArrowIpc, stream, &expect).map_err(failed)?;
        let mut publisher = match publisher {
            Some(publisher) => publisher,
            None => TablePublisher::begin(&log, Durability::Os, reader.schema().clone()).map_err(failed)?,
        };
        while let Some(rows) = reader.read().map_err(failed)? {
            publisher.push(&rows).map_err(failed)?;
        }
        publisher.finish().map_err(failed)?;
        runtime().block_on(log.flush()).map_err(failed)?;
        let stored = self.records.database().listing(&log.key()).map_err(failed)?;
        let mut listing = match stored {
            Some(listing) => listing,
            None => {
                let folder = self.records.feed_folder(&log.key());
                let offer = Offer::new(log.key(), name, folder, Admission::Granted);
                self.records.draft(offer, now_ms()).map_err(failed)?
            }
        };
        if let Some(free) = free {
            listing.admission = if free { Admission::Free } else { Admission::Granted };
        }
        if let (true, Some(data)) = (is_ours(&listing.card), described(&log.lock())) {
            self.records.describe(&mut listing, "data", data).map_err(failed)?;
        }
        self.records.database().put_listing(&listing).map_err(failed)?;
        Ok(publisher.rows())
    }
}

/// Whether the seller has left it to us to say on the card what is sold.
fn is_ours(card: &str) -> bool {
    let card: serde_json::Value = serde_json::from_str(card).unwrap_or_default();
    card.get("data").is_none_or(|data| data["kind"] == "timeseries")
}
