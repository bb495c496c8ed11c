//! A client that costs little: requests are written as they were prepared, answers are read as far as
//! their length says.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The name that servers are called by.
pub(crate) const HOST: &str = "id.example.com";

/// What is made of an answer: perhaps the request that comes next.
type Then = Box<dyn Fn(&Answer) -> Result<Option<Request>, String>>;

/// A request, ready to be written, and what is expected of its answer.
pub(crate) struct Request {
    bytes: Vec<u8>,
    status: u16,
    then: Option<Then>,
}

impl Request {
    fn new(text: String) -> Self {
        Self { bytes: text.into_bytes(), status: 200, then: None }
    }

    /// `GET path`.
    pub(crate) fn get(path: &str, bearer: Option<&str>) -> Self {
        Self::new(format!("{}\r\n", head("GET", path, bearer)))
    }

    /// `GET path` of a listener for operators.
    pub(crate) fn probe(path: &str) -> Self {
        Self::new(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"))
    }

    /// `POST path` with JSON.
    pub(crate) fn post(path: &str, bearer: Option<&str>, json: &str) -> Self {
        let head = head("POST", path, bearer);
        let length = json.len();
        let kind = "content-type: application/json";
        Self::new(format!("{head}{kind}\r\ncontent-length: {length}\r\n\r\n{json}"))
    }

    /// The same, with `status` expected in the place of 200.
    pub(crate) fn expecting(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The same, with something made of its answer.
    pub(crate) fn then(
        self,
        then: impl Fn(&Answer) -> Result<Option<Self>, String> + 'static,
    ) -> Self {
        Self { then: Some(Box::new(then)), ..self }
    }
}

fn head(method: &str, path: &str, bearer: Option<&str>) -> String {
    let bearer = bearer.map(|token| format!("authorization: Bearer {token}\r\n"));
    let bearer = bearer.unwrap_or_default();
    format!("{method} {path} HTTP/1.1\r\nhost: {HOST}\r\nuser-agent: bench\r\n{bearer}")
}

/// An answer: its status and its body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// One connection, kept alive.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(8192) })
    }

    /// Sends a request and reads its answer, whatever it is.
    pub(crate) async fn call(&mut self, request: &Request) -> io::Result<Answer> {
        self.stream.write_all(&request.bytes).await?;
        self.buffer.clear();
        loop {
            if let Some(answer) = whole(&self.buffer)? {
                return Ok(answer);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Sends a request and whatever comes next; each answer has to be the expected one.
    pub(crate) async fn exchange(&mut self, request: &Request) -> Result<(), String> {
        let mut next = self.step(request).await?;
        while let Some(request) = next {
            next = self.step(&request).await?;
        }
        Ok(())
    }

    async fn step(&mut self, request: &Request) -> Result<Option<Request>, String> {
        let answer = self.call(request).await;
        let answer = answer.map_err(|error| format!("a connection broke: {error}"))?;
        if answer.status != request.status {
            let (status, body) = (answer.status, String::from_utf8_lossy(&answer.body));
            return Err(format!("{status} was answered in place of {}: {body}", request.status));
        }
        request.then.as_ref().map_or(Ok(None), |then| then(&answer))
    }
}

/// The answer in `bytes`, if all of it is there.
fn whole(bytes: &[u8]) -> io::Result<Option<Answer>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let odd = || io::Error::from(io::ErrorKind::InvalidData);
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| odd())?;
    let status = head.get(9..12).and_then(|text| text.parse().ok()).ok_or_else(odd)?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(Ok(0), str::parse).map_err(|_| odd())?;
    let body = &bytes[end + 4..];
    Ok((body.len() >= length).then(|| Answer { status, body: body[..length].to_vec() }))
}
