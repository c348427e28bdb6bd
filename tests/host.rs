//! A web host on loopback that serves the files of a folder, with the manners of one kind of host or another, plain or in
//! TLS with a certificate of an authority of its own.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

/// How a host behaves.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// Ranges are answered with 206, else with the whole.
    pub knows_ranges: bool,
    /// What is not there.
    pub missing: u16,
    /// The media type of everything.
    pub media_type: &'static str,
    /// Answers carry a tag, and 304 is said of what has it still.
    pub tags: bool,
    /// Pages of records are answered only once so many of them were asked for at the same time; 0 or 1: at once.
    pub pages_together: usize,
}

impl Manners {
    /// A web server.
    pub const WEB: Self = Self {
        knows_ranges: true,
        missing: 404,
        media_type: "application/octet-stream",
        tags: true,
        pages_together: 0,
    };
    /// A bucket that nobody may list.
    pub const BUCKET: Self = Self {
        missing: 403,
        media_type: "binary/octet-stream",
        ..Self::WEB
    };
    /// A host that knows as little as a host can.
    pub const PLAIN: Self = Self {
        knows_ranges: false,
        tags: false,
        media_type: "text/html",
        ..Self::WEB
    };
}

/// A web host; stops taking connections when dropped.
pub struct Host {
    address: SocketAddr,
    is_tls: bool,
    shared: Arc<Shared>,
}

struct Shared {
    root: PathBuf,
    manners: Manners,
    tls: Option<Arc<ServerConfig>>,
    asked: Mutex<Vec<String>>,
    sent: Mutex<u64>,
    pages: Mutex<Pages>,
    more_pages: Condvar,
    is_over: AtomicBool,
}

/// Questions for pages of records that wait, and the most that ever did.
#[derive(Default)]
struct Pages {
    waiting: usize,
    most: usize,
}

impl Host {
    /// Serves a folder.
    ///
    /// # Panics
    /// When the machine gives no port.
    #[must_use]
    pub fn serve(root: &Path, manners: Manners) -> Self {
        Self::start(root, manners, None)
    }

    /// Serves it in TLS.
    ///
    /// # Panics
    /// When the machine gives no port.
    #[must_use]
    pub fn serve_tls(root: &Path, manners: Manners, authority: &Authority) -> Self {
        Self::start(root, manners, Some(authority.server()))
    }

    fn start(root: &Path, manners: Manners, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let host = Self {
            address: listener.local_addr().expect("it listens"),
            is_tls: tls.is_some(),
            shared: Arc::new(Shared {
                root: root.to_owned(),
                manners,
                tls,
                asked: Mutex::default(),
                sent: Mutex::default(),
                pages: Mutex::default(),
                more_pages: Condvar::new(),
                is_over: AtomicBool::new(false),
            }),
        };
        let shared = host.shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.is_over.load(Ordering::SeqCst) {
                    break;
                }
                if let Ok(stream) = stream {
                    let shared = shared.clone();
                    std::thread::spawn(move || shared.talk(stream));
                }
            }
        });
        host
    }

    /// Its address; `localhost` in TLS, which is the name of its certificate.
    #[must_use]
    pub fn url(&self) -> String {
        if self.is_tls {
            format!("https://localhost:{}", self.address.port())
        } else {
            format!("http://{}", self.address)
        }
    }

    /// The paths that were asked for since the last call, and the bytes of the bodies sent.
    ///
    /// # Panics
    /// When another test thread panicked.
    #[must_use]
    pub fn asked(&self) -> (Vec<String>, u64) {
        let asked = std::mem::take(&mut *self.shared.asked.lock().expect("no panic"));
        let sent = std::mem::take(&mut *self.shared.sent.lock().expect("no panic"));
        (asked, sent)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes the one that waits for a connection; that nobody waits any more is as well.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn talk(&self, stream: TcpStream) {
        // Whoever asks may go away at any time.
        let _ = match &self.tls {
            None => self.answer_all(stream),
            Some(tls) => match ServerConnection::new(tls.clone()) {
                Ok(connection) => self.answer_all(StreamOwned::new(connection, stream)),
                Err(_) => Ok(()),
            },
        };
    }

    fn answer_all(&self, mut stream: impl Read + Write) -> std::io::Result<()> {
        while let Some(request) = read_request(&mut stream)? {
            let answer = self.answer(&request);
            let size = u64::try_from(answer.body.len()).unwrap_or(0);
            let head = format!(
                "HTTP/1.1 {} x\r\ncontent-length: {size}\r\ncontent-type: {}\r\n{}\r\n",
                answer.status, self.manners.media_type, answer.headers
            );
            *self.sent.lock().expect("no panic") += size;
            stream.write_all(head.as_bytes())?;
            stream.write_all(&answer.body)?;
            stream.flush()?;
            if header(&request, "connection") == Some("close") {
                break;
            }
        }
        Ok(())
    }

    fn wait_for_more(&self) {
        let mut pages = self.pages.lock().expect("no panic");
        pages.waiting += 1;
        pages.most = pages.most.max(pages.waiting);
        self.more_pages.notify_all();
        let together = self.manners.pages_together;
        let waited = self
            .more_pages
            .wait_while(pages, |pages| pages.most < together);
        waited.expect("no panic").waiting -= 1;
    }

    fn answer(&self, request: &str) -> Answer {
        let mut words = request.split(' ');
        let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        self.asked.lock().expect("no panic").push(target.to_owned());
        let path = target.split('?').next().unwrap_or("");
        if path.contains("/pages/") {
            self.wait_for_more();
        }
        let status = |status| Answer {
            status,
            headers: String::new(),
            body: Vec::new(),
        };
        if method != "GET" {
            return status(405);
        }
        let file = self.root.join(path.trim_start_matches('/'));
        let Ok(bytes) = std::fs::read(file) else {
            return status(self.manners.missing);
        };
        let mut headers = String::new();
        if self.manners.tags {
            let tag = format!("\"{}\"", &blake3::hash(&bytes).to_hex()[..16]);
            if header(request, "if-none-match") == Some(&tag) {
                return status(304);
            }
            headers = format!("etag: {tag}\r\n");
        }
        let range = header(request, "range").and_then(|range| {
            let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
            Some((first.parse::<usize>().ok()?, last.parse::<usize>().ok()?))
        });
        match range.filter(|_| self.manners.knows_ranges) {
            Some((first, _)) if first >= bytes.len() => status(416),
            Some((first, last)) => {
                let end = (last + 1).min(bytes.len());
                headers += &format!(
                    "content-range: bytes {first}-{}/{}\r\n",
                    end - 1,
                    bytes.len()
                );
                Answer {
                    status: 206,
                    headers,
                    body: bytes[first..end].to_vec(),
                }
            }
            None => Answer {
                status: 200,
                headers,
                body: bytes,
            },
        }
    }
}

struct Answer {
    status: u16,
    headers: String,
    body: Vec<u8>,
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let lines = request.lines().skip(1);
    let mut pairs = lines.filter_map(|line| line.split_once(": "));
    let found = pairs.find(|(found, _)| found.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}

fn read_request(stream: &mut impl Read) -> std::io::Result<Option<String>> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        request.extend_from_slice(&byte);
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let size = header(&text, "content-length").and_then(|size| size.parse().ok());
    let mut body = vec![0; size.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    Ok(Some(text))
}

/// An authority that vouches for `localhost`, made for one test.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    /// When no key can be made.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key can be made");
        Self {
            issuer: CertifiedIssuer::self_signed(params, key).expect("it signs itself"),
        }
    }

    /// Its own certificate, as text: what `SSL_CERT_FILE` names.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for `localhost` and its key, as text.
    ///
    /// # Panics
    /// When none can be made.
    #[must_use]
    pub fn vouch(&self) -> (String, String) {
        let (certificate, key) = self.certificate();
        (certificate.pem(), key.serialize_pem())
    }

    fn certificate(&self) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key can be made");
        let params = CertificateParams::new(["localhost".to_owned()]).expect("it is a name");
        let certificate = params
            .signed_by(&key, &self.issuer)
            .expect("the authority signs");
        (certificate, key)
    }

    fn server(&self) -> Arc<ServerConfig> {
        let (certificate, key) = self.certificate();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the versions are known")
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(certificate.der().to_vec())],
                PrivateKeyDer::try_from(key.serialize_der()).expect("it is a key"),
            );
        Arc::new(config.expect("the certificate has this key"))
    }
}
