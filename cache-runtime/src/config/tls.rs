//! Encrypted connections.

use deadpool_redis::redis::{ConnectionAddr, ConnectionInfo};
#[cfg(feature = "tls")]
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use super::Settings;
use crate::error::CacheError;

/// Whether connections are encrypted, and what with.
#[derive(Clone)]
pub(super) struct Tls {
    is_on: bool,
    #[cfg(feature = "tls")]
    certificates: deadpool_redis::redis::TlsCertificates,
}

impl Tls {
    pub(super) fn new(settings: &Settings) -> Result<Self, CacheError> {
        let url = settings.url.as_deref().unwrap_or_default();
        let is_on = settings.tls || url.starts_with("rediss:") || url.starts_with("valkeys:");
        let files = [
            ("REDIS_CACHE_TLS_CA", &settings.tls_ca),
            ("REDIS_CACHE_TLS_CERT", &settings.tls_cert),
            ("REDIS_CACHE_TLS_KEY", &settings.tls_key),
        ];
        let unused = files.iter().find(|(_, file)| file.is_some() && !is_on);
        if let Some((setting, _)) = unused {
            let reason =
                "needs REDIS_CACHE_TLS=true, or a REDIS_CACHE_URL that begins with rediss://";
            return Err(CacheError::config(setting, reason));
        }
        if is_on && url.ends_with("#insecure") {
            let reason = "must not say `#insecure`: certificates are always checked";
            return Err(CacheError::config("REDIS_CACHE_URL", reason));
        }
        Self::read(settings, is_on)
    }

    #[cfg(not(feature = "tls"))]
    fn read(settings: &Settings, is_on: bool) -> Result<Self, CacheError> {
        let setting = if settings.tls {
            "REDIS_CACHE_TLS"
        } else {
            "REDIS_CACHE_URL"
        };
        if is_on {
            return Err(CacheError::config(
                setting,
                "needs the feature `tls` of cache-runtime",
            ));
        }
        Ok(Self { is_on })
    }

    #[cfg(feature = "tls")]
    fn read(settings: &Settings, is_on: bool) -> Result<Self, CacheError> {
        use deadpool_redis::redis::{ClientTlsConfig, TlsCertificates};
        use rustls::crypto::{CryptoProvider, ring};

        let (ca, certificate, key) = (&settings.tls_ca, &settings.tls_cert, &settings.tls_key);
        let ca = read_file("REDIS_CACHE_TLS_CA", ca.as_deref(), has_certificates)?;
        let certificate = certificate.as_deref();
        let certificate = read_file("REDIS_CACHE_TLS_CERT", certificate, has_certificates)?;
        let key = read_file("REDIS_CACHE_TLS_KEY", key.as_deref(), has_a_key)?;
        let client = match (certificate, key) {
            (Some(client_cert), Some(client_key)) => Some(ClientTlsConfig {
                client_cert,
                client_key,
            }),
            (None, None) => None,
            (Some(_), None) => {
                return Err(CacheError::config(
                    "REDIS_CACHE_TLS_KEY",
                    "must be set beside REDIS_CACHE_TLS_CERT",
                ));
            }
            (None, Some(_)) => {
                return Err(CacheError::config(
                    "REDIS_CACHE_TLS_CERT",
                    "must be set beside REDIS_CACHE_TLS_KEY",
                ));
            }
        };
        if is_on && CryptoProvider::get_default().is_none() {
            // An application that has made its choice has made it by now; without one, rustls would panic.
            let _ = ring::default_provider().install_default();
        }
        if let Some(client) = client.as_ref().filter(|_| is_on) {
            check_pair(&client.client_cert, &client.client_key)?;
        }
        Ok(Self {
            is_on,
            certificates: TlsCertificates {
                client_tls: client,
                root_cert: ca,
            },
        })
    }

    /// The same server, by an encrypted connection if that is meant.
    pub(super) fn encrypt(&self, info: ConnectionInfo) -> Result<ConnectionInfo, CacheError> {
        if !self.is_on {
            return Ok(info);
        }
        let address = match info.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                ConnectionAddr::TcpTls {
                    host: host.clone(),
                    port: *port,
                    insecure: false,
                    tls_params: None,
                }
            }
            _ => {
                return Err(CacheError::config(
                    "REDIS_CACHE_TLS",
                    "can't be set for a socket of this machine",
                ));
            }
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
    setting: &'static str,
    file: Option<&std::path::Path>,
    check: fn(&[u8]) -> Result<(), &'static str>,
) -> Result<Option<Vec<u8>>, CacheError> {
    let bytes = file.map(std::fs::read).transpose();
    let bytes =
        bytes.map_err(|error| CacheError::config(setting, format!("can't be read: {error}")))?;
    let checked = bytes.as_deref().map_or(Ok(()), check);
    checked.map_err(|reason| CacheError::config(setting, reason))?;
    Ok(bytes)
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
fn has_certificates(pem: &[u8]) -> Result<(), &'static str> {
    let mut all = CertificateDer::pem_slice_iter(pem);
    let is_right = all.next().is_some_and(|first| first.is_ok()) && all.all(|next| next.is_ok());
    let reason = "must be a file of certificates in PEM, with lines that say BEGIN CERTIFICATE";
    is_right.then_some(()).ok_or(reason)
}

#[cfg(feature = "tls")]
fn has_a_key(pem: &[u8]) -> Result<(), &'static str> {
    let reason = "must be a file with a key in PEM, with a line that says BEGIN PRIVATE KEY";
    let key = PrivateKeyDer::from_pem_slice(pem);
    key.map(drop).map_err(|_| reason)
}
