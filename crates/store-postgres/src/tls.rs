//! Who is believed to be the database.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use tokio_postgres_rustls::MakeRustlsConnect;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// libpq's `sslmode`, with the file of the authorities' certificates where one is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tls {
    /// Never.
    Off,
    /// Where the server offers it; nobody is verified.
    Preferred,
    /// Always; nobody is verified.
    Unverified,
    /// A certificate of these authorities, whatever name it bears.
    Authority(PathBuf),
    /// A certificate for this host, of these authorities or of those that the system trusts.
    Full(Option<PathBuf>),
}

impl Tls {
    /// # Errors
    ///
    /// When the authorities' certificates cannot be read.
    pub(crate) fn connector(&self) -> Result<MakeRustlsConnect, Source> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match self {
            Self::Off | Self::Preferred | Self::Unverified => {
                Arc::new(Verifier { provider: Arc::clone(&provider), authorities: None })
            }
            Self::Authority(root) => {
                let authorities = Some(authorities(root, &provider)?);
                Arc::new(Verifier { provider: Arc::clone(&provider), authorities })
            }
            Self::Full(Some(root)) => authorities(root, &provider)?,
            Self::Full(None) => {
                Arc::new(rustls_platform_verifier::Verifier::new(Arc::clone(&provider))?)
            }
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }
}

fn authorities(
    root: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Source> {
    let unreadable = |error| format!("the certificates in `{}`: {error}", root.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(root).map_err(unreadable)? {
        roots.add(certificate.map_err(unreadable)?)?;
    }
    if roots.is_empty() {
        return Err(format!("there is no certificate in `{}`", root.display()).into());
    }
    Ok(WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider)).build()?)
}

/// Believes certificates of its authorities under any name, or without authorities any certificate.
/// That the server has the certificate's key is checked in each case.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    authorities: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(authorities) = &self.authorities else {
            return Ok(ServerCertVerified::assertion());
        };
        // The name is looked at last, when the chain has been found good.
        match authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        ) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
