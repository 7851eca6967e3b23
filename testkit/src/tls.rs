//! Certificates of a test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;

/// When a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Now, and for years to come.
    Now,
    /// It was valid once, and is no more.
    Past,
}

/// A fresh authority that issues certificates. Its files, and those of what it issued, are removed with it.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    issued: AtomicUsize,
    ca_file: PathBuf,
    directory: TempDir,
}

/// A certificate with its key, for a server or for a client.
#[derive(Debug, Clone)]
pub struct Certificate {
    file: PathBuf,
    key_file: PathBuf,
}

impl Authority {
    /// An authority that nobody trusts yet.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory for temporary files");
        let ca_file = directory.path().join("ca.crt");
        let key = KeyPair::generate().expect("a key");
        let parameters = authority_parameters();
        let certificate = parameters.self_signed(&key).expect("a certificate");
        write(&ca_file, &certificate.pem());
        Self {
            issuer: Issuer::new(parameters, key),
            issued: AtomicUsize::new(0),
            ca_file,
            directory,
        }
    }

    /// Its own certificate, for those who are to trust it, as a PEM file.
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// A certificate for these host names and IP addresses, good for a server and for a client.
    #[must_use]
    pub fn issue(&self, names: &[&str], validity: Validity) -> Certificate {
        let number = self.issued.fetch_add(1, Ordering::Relaxed);
        let path = |ending| self.directory.path().join(format!("{number}.{ending}"));
        let issued = Certificate {
            file: path("crt"),
            key_file: path("key"),
        };
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters(names, validity).signed_by(&key, &self.issuer);
        write(&issued.file, &certificate.expect("a certificate").pem());
        write(&issued.key_file, &key.serialize_pem());
        issued
    }
}

impl Certificate {
    /// The certificate, as a PEM file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Its private key, as a PEM file.
    #[must_use]
    pub fn key_file(&self) -> &Path {
        &self.key_file
    }
}

fn authority_parameters() -> CertificateParams {
    let mut parameters = named("an authority of a test", &[]);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

fn parameters(names: &[&str], validity: Validity) -> CertificateParams {
    let mut parameters = named("a certificate of a test", names);
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    parameters.use_authority_key_identifier_extension = true;
    if validity == Validity::Past {
        parameters.not_after = date_time_ymd(2001, 1, 1);
    }
    parameters
}

/// Valid since long ago, and for long.
fn named(common_name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut parameters = CertificateParams::new(names).expect("names for a certificate");
    let name = &mut parameters.distinguished_name;
    name.push(DnType::CommonName, common_name);
    parameters.not_before = date_time_ymd(2000, 1, 1);
    parameters.not_after = date_time_ymd(2100, 1, 1);
    parameters
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("a file of our own");
}
