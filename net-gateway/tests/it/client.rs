//! Clients as strangers would write them: blocking sockets, no code of the gateway.

use socket2::{Domain, Socket, Type};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Longest that a test waits for one message; only a failing test ever waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn connect(address: SocketAddr) -> TcpStream {
    patient(TcpStream::connect(address).unwrap())
}

/// A connection whose own kernel buffer holds little, as if the line behind it were slow.
pub fn connect_with_little_room(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket.connect(&address.into()).unwrap();
    patient(socket.into())
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The head of an HTTP answer, and what follows it.
pub struct Answer {
    pub version: String,
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: BufReader<TcpStream>,
}

pub fn request(address: SocketAddr, method: &str, path: &str, headers: &str) -> Answer {
    request_over(connect(address), method, path, headers)
}

fn request_over(mut stream: TcpStream, method: &str, path: &str, headers: &str) -> Answer {
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n",
        stream.peer_addr().unwrap()
    )
    .unwrap();
    read_answer(stream)
}

/// Reads the head of an answer.
pub fn read_answer(stream: TcpStream) -> Answer {
    let mut body = BufReader::new(stream);
    let status_line = read_line(&mut body);
    let (version, rest) = status_line.split_once(' ').unwrap();
    let status = rest.split(' ').next().unwrap().parse().unwrap();
    let headers = read_headers(&mut body);
    Answer {
        version: version.to_owned(),
        status,
        headers,
        body,
    }
}

pub fn get(address: SocketAddr, path: &str) -> Answer {
    request(address, "GET", path, "")
}

impl Answer {
    /// The whole body, by its Content-Length.
    pub fn bytes(mut self) -> Vec<u8> {
        let len = self.headers["content-length"].parse().unwrap();
        let mut bytes = vec![0; len];
        self.body.read_exact(&mut bytes).unwrap();
        bytes
    }

    pub fn json(self) -> serde_json::Value {
        serde_json::from_slice(&self.bytes()).unwrap()
    }
}

fn read_line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    line.strip_suffix("\r\n")
        .expect("a line that ends with CRLF")
        .to_owned()
}

fn read_headers(reader: &mut impl BufRead) -> HashMap<String, String> {
    let mut headers = HashMap::new();
    loop {
        let line = read_line(reader);
        let Some((name, value)) = line.split_once(": ") else {
            assert_eq!(line, "");
            return headers;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
}

/// One part of a multipart stream.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    pub sequence: u64,
    pub capture_time_us: u64,
    /// The kind of a notice; `None` for a frame.
    pub notice: Option<String>,
    /// Whose hands are drawn in.
    pub prediction: Option<u64>,
    pub jpeg: Vec<u8>,
}

/// A viewer of `/stream`, strict about the format.
pub struct Viewer {
    reader: BufReader<TcpStream>,
}

impl Viewer {
    pub fn open(address: SocketAddr, path: &str) -> Self {
        Self::over(connect(address), path)
    }

    pub fn over(stream: TcpStream, path: &str) -> Self {
        let answer = request_over(stream, "GET", path, "");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.version, "HTTP/1.0");
        assert_eq!(
            answer.headers["content-type"],
            "multipart/x-mixed-replace; boundary=wigwag"
        );
        let mut viewer = Self {
            reader: answer.body,
        };
        assert_eq!(read_line(&mut viewer.reader), "--wigwag");
        viewer
    }

    /// The next picture, up to and including the delimiter behind it.
    pub fn next(&mut self) -> Part {
        let headers = read_headers(&mut self.reader);
        assert_eq!(headers["content-type"], "image/jpeg");
        let mut jpeg = vec![0; headers["content-length"].parse().unwrap()];
        self.reader.read_exact(&mut jpeg).unwrap();
        assert_eq!(read_line(&mut self.reader), "");
        assert_eq!(read_line(&mut self.reader), "--wigwag");
        Part {
            sequence: headers["x-wigwag-sequence"].parse().unwrap(),
            capture_time_us: headers["x-wigwag-capture-time-us"].parse().unwrap(),
            notice: headers.get("x-wigwag-notice").cloned(),
            prediction: headers
                .get("x-wigwag-prediction-sequence")
                .map(|sequence| sequence.parse().unwrap()),
            jpeg,
        }
    }

    /// Whether the gateway closed the connection, after whatever was left.
    pub fn is_closed(&mut self) -> bool {
        self.reader.read_to_end(&mut Vec::new()).is_ok()
    }
}

/// A client of the wire protocol, written from `WIRE.md`.
pub struct WireClient {
    pub stream: TcpStream,
}

impl WireClient {
    pub fn subscribe(address: SocketAddr, want: u8, source: &str) -> Self {
        let mut body = vec![want, source.len() as u8];
        body.extend(source.as_bytes());
        let mut client = Self {
            stream: connect(address),
        };
        client.send(1, 1, &body);
        client
    }

    pub fn send(&mut self, version: u8, kind: u8, body: &[u8]) {
        let mut message = (4 + body.len() as u32).to_be_bytes().to_vec();
        message.extend([version, kind, 0, 0]);
        message.extend(body);
        self.stream.write_all(&message).unwrap();
    }

    /// The next message: its type and body. PINGs are passed over, but not for ever.
    pub fn next(&mut self) -> (u8, Vec<u8>) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let mut head = [0; 8];
            self.stream.read_exact(&mut head).unwrap();
            let length = u32::from_be_bytes(head[..4].try_into().unwrap()) as usize;
            assert_eq!((head[4], &head[6..]), (1, &[0, 0][..]));
            let mut body = vec![0; length - 4];
            self.stream.read_exact(&mut body).unwrap();
            if head[5] != 19 {
                return (head[5], body);
            }
        }
        panic!("nothing but PINGs for {PATIENCE:?}");
    }

    /// The next message, which must be an ERROR that ends the connection: its code and text.
    pub fn expect_error(&mut self) -> (u16, String) {
        let (kind, body) = self.next();
        assert_eq!(kind, 127);
        assert_eq!(
            self.stream.read(&mut [0; 1]).unwrap(),
            0,
            "closed behind the ERROR"
        );
        (
            u16::from_be_bytes([body[0], body[1]]),
            String::from_utf8(body[2..].to_vec()).unwrap(),
        )
    }
}
