//! Clients over TLS, with rustls: whatever the certificate is, it is taken and told.
//!
//! What browsers, curl, ffmpeg and Python make of a certificate is tested with those.

use super::multipart::MultipartStream;
use crate::wait::DEADLINE;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use sha2::{Digest, Sha256};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// A connection under TLS.
pub type TlsConnection = StreamOwned<ClientConnection, TcpStream>;

/// Takes whatever certificate there is.
#[derive(Debug)]
struct TakeAny(Arc<CryptoProvider>);

impl ServerCertVerifier for TakeAny {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Connects and shakes hands.
///
/// # Errors
///
/// Nobody listens, or the handshake failed.
///
/// # Panics
///
/// If rustls cannot be set up.
pub fn connect(address: &str) -> io::Result<TlsConnection> {
    over(TcpStream::connect(address)?)
}

/// The same over a connection.
///
/// # Errors
///
/// The handshake failed.
///
/// # Panics
///
/// If rustls cannot be set up.
pub fn over(mut socket: TcpStream) -> io::Result<TlsConnection> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TakeAny(provider)))
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let mut session = ClientConnection::new(Arc::new(config), name).expect("a session");
    socket.set_read_timeout(Some(DEADLINE))?;
    while session.is_handshaking() {
        session.complete_io(&mut socket)?;
    }
    Ok(StreamOwned::new(session, socket))
}

/// SHA-256 of the certificate that the other end has shown, as browsers write it.
///
/// # Panics
///
/// If it has shown none.
#[must_use]
pub fn fingerprint(connection: &TlsConnection) -> String {
    let shown = connection.conn.peer_certificates().expect("a certificate");
    let bytes = Sha256::digest(&shown[0]);
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}

/// The fingerprint of the certificate that a new connection is shown.
///
/// # Panics
///
/// If there is no connection.
#[track_caller]
#[must_use]
pub fn fingerprint_at(address: &str) -> String {
    fingerprint(&connect(address).expect("a connection with TLS"))
}

/// Opens `GET /stream/{source}`.
///
/// # Panics
///
/// If it cannot be opened.
#[track_caller]
#[must_use]
pub fn stream(connection: TlsConnection, source: &str) -> MultipartStream {
    let (content_type, body) = get(connection, &format!("/stream/{source}"));
    MultipartStream::of(&content_type, body)
}

/// The content type and the body of the answer to `GET path`, up to the connection's end.
///
/// # Panics
///
/// If the answer is not 200.
#[track_caller]
#[must_use]
pub fn get(mut connection: TlsConnection, path: &str) -> (String, super::http::Streaming) {
    write!(
        connection,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .expect("the request can be sent");
    let body: Box<dyn Read + Send> = Box::new(connection);
    let mut body = BufReader::new(body);
    let (mut content_type, mut line) = (String::new(), String::new());
    body.read_line(&mut line).expect("an answer");
    assert!(line.contains(" 200 "), "GET {path}: {line}");
    while line != "\r\n" {
        line.clear();
        body.read_line(&mut line).expect("the head of an answer");
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("content-type")
        {
            value.trim_end().clone_into(&mut content_type);
        }
    }
    (content_type, body)
}
