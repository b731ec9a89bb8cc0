//! Serving a listing in the background.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use dazaar::database::Listing;
use dazaar::{Market, Seller, SellerOptions};
use dazaar_data::answer_all;
use pyo3::prelude::*;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::error::failed;
use crate::runtime::wait;

/// A listing that is being served.
#[pyclass(frozen, module = "dazaar")]
pub(crate) struct Sale {
    seller: Seller,
    #[pyo3(get)]
    link: String,
    tasks: Mutex<Option<(JoinHandle<()>, JoinHandle<()>)>>,
}

impl Sale {
    pub(crate) async fn begin(market: &Arc<Market>, listing: Listing, listen: SocketAddr) -> PyResult<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?.to_string().parse().map_err(failed)?;
        let options = SellerOptions { contents: dazaar_data::contents_of, ..SellerOptions::default() };
        let seller = Seller::new(Arc::clone(market), listing, options).map_err(failed)?;
        let link = market.link(seller.listing(), vec![address]).to_string();
        let serving = seller.clone();
        let serving = tokio::spawn(async move { serving.serve(listener).await });
        let answering = tokio::spawn(answer_all(seller.clone()));
        Ok(Self { seller, link, tasks: Mutex::new(Some((serving, answering))) })
    }
}

#[pymethods]
impl Sale {
    /// The seller's key.
    #[getter]
    fn seller(&self) -> String {
        self.seller.key().to_string()
    }

    /// Ends all connections.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((serving, answering)) = tasks else { return Ok(()) };
        self.seller.close();
        answering.abort();
        wait(py, async { drop(serving.await) })
    }

    fn __enter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, pyo3::types::PyTuple>) -> PyResult<()> {
        self.close(py)
    }
}
