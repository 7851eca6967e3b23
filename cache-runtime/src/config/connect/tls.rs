//! Encrypted connections.

use deadpool_redis::redis::{ConnectionAddr, ConnectionInfo};
#[cfg(feature = "tls")]
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use crate::config::Settings;
#[cfg(feature = "tls")]
use crate::config::settings::refused;
use crate::error::CacheError;

/// Whether connections are encrypted, and what with.
#[derive(Clone)]
pub(super) struct Tls {
    is_on: bool,
    #[cfg(feature = "tls")]
    certificates: deadpool_redis::redis::TlsCertificates,
}

impl Tls {
    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unnecessary_wraps, reason = "as with the feature")]
    pub(super) fn new(settings: &Settings) -> Result<Self, CacheError> {
        let is_on = settings.is_encrypted();
        Ok(Self { is_on })
    }

    #[cfg(feature = "tls")]
    pub(super) fn new(settings: &Settings) -> Result<Self, CacheError> {
        use deadpool_redis::redis::{ClientTlsConfig, TlsCertificates};
        use rustls::crypto::{CryptoProvider, ring};

        let is_on = settings.is_encrypted();
        if is_on && CryptoProvider::get_default().is_none() {
            // An application that has made its choice has made it by now; without one, rustls would panic.
            let _ = ring::default_provider().install_default();
        }
        let (ca, certificate, key) = (&settings.tls_ca, &settings.tls_cert, &settings.tls_key);
        let root_cert = read_file("REDIS_CACHE_TLS_CA", ca.as_deref(), has_certificates)?;
        let certificate = certificate.as_deref();
        let certificate = read_file("REDIS_CACHE_TLS_CERT", certificate, has_certificates)?;
        let key = read_file("REDIS_CACHE_TLS_KEY", key.as_deref(), has_a_key)?;
        let client_tls = certificate
            .zip(key)
            .map(|(client_cert, client_key)| ClientTlsConfig {
                client_cert,
                client_key,
            });
        if let Some(client) = &client_tls {
            check_pair(&client.client_cert, &client.client_key)?;
        }
        Ok(Self {
            is_on,
            certificates: TlsCertificates {
                client_tls,
                root_cert,
            },
        })
    }

    /// The same server, by an encrypted connection if that is meant.
    pub(super) fn encrypt(&self, info: ConnectionInfo) -> Result<ConnectionInfo, CacheError> {
        if !self.is_on {
            return Ok(info);
        }
        let (ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. }) =
            info.addr()
        else {
            return Ok(info);
        };
        let address = ConnectionAddr::TcpTls {
            host: host.clone(),
            port: *port,
            insecure: false,
            tls_params: None,
        };
        self.certify(info.set_addr(address))
    }

    #[cfg(not(feature = "tls"))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "as with the feature"
    )]
    fn certify(&self, info: ConnectionInfo) -> Result<ConnectionInfo, CacheError> {
        Ok(info)
    }

    #[cfg(feature = "tls")]
    fn certify(&self, info: ConnectionInfo) -> Result<ConnectionInfo, CacheError> {
        let client = deadpool_redis::redis::Client::build_with_tls(info, self.certificates.clone());
        let client = client.map_err(|error| CacheError::config("REDIS_CACHE_TLS_CA", error))?;
        Ok(client.get_connection_info().clone())
    }
}

#[cfg(feature = "tls")]
fn read_file(
    variable: &'static str,
    file: Option<&std::path::Path>,
    is_accepted: fn(&[u8]) -> bool,
) -> Result<Option<Vec<u8>>, CacheError> {
    let Some(file) = file else { return Ok(None) };
    let bytes = std::fs::read(file)
        .map_err(|error| CacheError::config(variable, format_args!("can't be read: {error}")))?;
    if is_accepted(&bytes) {
        Ok(Some(bytes))
    } else {
        Err(refused(variable))
    }
}

#[cfg(feature = "tls")]
fn check_pair(certificate: &[u8], key: &[u8]) -> Result<(), CacheError> {
    let reason = |error: &dyn std::fmt::Display| {
        let reason = format!("must be the key of REDIS_CACHE_TLS_CERT: {error}");
        CacheError::config("REDIS_CACHE_TLS_KEY", reason)
    };
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<_, _>>();
    let chain = chain.map_err(|error| reason(&error))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| reason(&error))?;
    let client = rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_client_auth_cert(chain, key);
    client.map(drop).map_err(|error| reason(&error))
}

#[cfg(feature = "tls")]
fn has_certificates(pem: &[u8]) -> bool {
    let mut all = CertificateDer::pem_slice_iter(pem);
    all.next().is_some_and(|first| first.is_ok()) && all.all(|next| next.is_ok())
}

#[cfg(feature = "tls")]
fn has_a_key(pem: &[u8]) -> bool {
    PrivateKeyDer::from_pem_slice(pem).is_ok()
}
