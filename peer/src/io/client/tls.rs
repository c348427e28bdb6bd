//! TLS towards peers that are https hosts: rustls with the machine's own roots.

use super::request::first_line;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::sync::{Arc, LazyLock};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

static CONFIG: LazyLock<Result<Arc<ClientConfig>, String>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
});

/// Shakes hands with the host of this name. The error is in words.
pub(super) async fn connect<S>(host: &str, stream: S) -> Result<TlsStream<S>, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = CONFIG.clone()?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| "its name cannot have a certificate".to_owned())?;
    TlsConnector::from(config)
        .connect(name, stream)
        .await
        .map_err(|error| plain_words(&error))
}

/// What went wrong in a handshake.
fn plain_words(error: &std::io::Error) -> String {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidMessage(_)) => {
            "it does not speak TLS; maybe it wants http://".into()
        }
        // It may name all that the certificate is for.
        Some(other) => first_line(other.to_string().as_bytes()),
        None if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "it closed the connection".into()
        }
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::CertificateError;
    use std::io::{Error, ErrorKind};

    #[test]
    fn certificate_for_many_names_is_told_in_few_words() {
        let expected = ServerName::try_from("one.example").unwrap();
        let presented = (0..500).map(|number| format!("host-{number}.example\u{1b}[2J"));
        let refused = CertificateError::NotValidForNameContext {
            expected,
            presented: presented.collect(),
        };
        let refused = rustls::Error::InvalidCertificate(refused);
        assert!(refused.to_string().len() > 9_000, "it names them all");
        let words = plain_words(&Error::new(ErrorKind::InvalidData, refused));
        assert_eq!(words.chars().count(), 200, "{words}");
        assert!(words.contains("one.example"), "{words}");
        assert!(!words.contains('\u{1b}'), "{words}");
    }
}
