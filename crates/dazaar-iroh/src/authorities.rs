//! Who may vouch for relays.

use std::path::Path;

use iroh::tls::CaTlsConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::error::IrohError;

/// Authorities that may vouch for relays, besides those that browsers trust: that of an office, say.
#[derive(Debug, Clone, Default)]
pub struct Authorities(Vec<CertificateDer<'static>>);

impl Authorities {
    /// Reads their certificates (PEM). A relay may also vouch for itself, and then its certificate is the one.
    ///
    /// # Errors
    /// [`IrohError::Authorities`].
    pub fn read(path: &Path) -> Result<Self, IrohError> {
        let wrong = |problem: String| IrohError::Authorities { path: path.to_owned(), problem };
        let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
        let certificates: Vec<_> =
            read.map_err(|error: rustls::pki_types::pem::Error| wrong(error.to_string()))?;
        if certificates.is_empty() {
            return Err(wrong("there is no certificate in it".to_owned()));
        }
        Ok(Self(certificates))
    }

    pub(crate) fn tls(&self) -> CaTlsConfig {
        CaTlsConfig::embedded().with_extra_roots(self.0.iter().cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_refused() {
        let file = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
        assert_eq!(Authorities::read(&file("relay-certificate.pem")).unwrap().0.len(), 1);
        for name in ["relay-key.pem", "nothing.pem"] {
            let error = Authorities::read(&file(name)).unwrap_err();
            assert!(matches!(error, IrohError::Authorities { .. }), "{error}");
        }
    }
}
