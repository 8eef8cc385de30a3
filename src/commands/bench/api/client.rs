//! The least HTTP/1.1 that asks and is answered: one request at a time on a connection that stays open, without a line of work more
//! than that, since what the generator costs is taken from the server beside it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, bail};

/// An answer that takes longer is none.
const LONGEST: Duration = Duration::from_secs(30);

/// Where requests go: `http://127.0.0.1:8080`, with or without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    /// Host and port, as the `host` header says them.
    pub(super) authority: String,
    /// The path, without the slash at its end.
    pub(super) path: String,
}

impl Url {
    /// Refuses what is not plain HTTP.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        if text.starts_with("https://") {
            bail!("`{text}`: TLS is not spoken here; send it through something that does, or to a port that is plain");
        }
        let Some(rest) = text.strip_prefix("http://") else { bail!("`{text}` is not of the form http://127.0.0.1:8080") };
        let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        if authority.is_empty() {
            bail!("`{text}` names no host");
        }
        Ok(Self { authority: authority.to_owned(), path: path.trim_end_matches('/').to_owned() })
    }

    /// The first address of its host.
    pub(super) fn address(&self) -> anyhow::Result<SocketAddr> {
        let has_port = self.authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if has_port { self.authority.clone() } else { format!("{}:80", self.authority) };
        let mut addresses =
            authority.to_socket_addrs().with_context(|| format!("cannot find the host of http://{}", self.authority))?;
        addresses.next().with_context(|| format!("http://{} has no address", self.authority))
    }
}

/// A connection that stays open.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Opens it.
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, LONGEST)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LONGEST))?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a request and reads the whole answer, whose body is in [`Connection::body`] until the next one; its status.
    pub(super) fn ask(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.write_all(request)?;
        self.buffer.clear();
        loop {
            if let Some(head) = Head::read(&self.buffer)? {
                while self.buffer.len() < head.body_at + head.body_bytes {
                    self.more()?;
                }
                if self.buffer.len() > head.body_at + head.body_bytes {
                    return Err(invalid("it answers more than it was asked"));
                }
                self.buffer.drain(..head.body_at);
                return Ok(head.status);
            }
            self.more()?;
        }
    }

    /// The body of the last answer.
    pub(super) fn body(&self) -> &[u8] {
        &self.buffer
    }

    fn more(&mut self) -> io::Result<()> {
        let mut chunk = [0; 8 * 1024];
        match self.stream.read(&mut chunk)? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server ended the connection")),
            bytes => {
                self.buffer.extend_from_slice(&chunk[..bytes]);
                Ok(())
            }
        }
    }
}

/// What the head of an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    body_at: usize,
    body_bytes: usize,
}

impl Head {
    /// `None` while it has not come whole.
    fn read(bytes: &[u8]) -> io::Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let head = std::str::from_utf8(&bytes[..end]).map_err(|_| invalid("its head is not text"))?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
        let length = |line: &str| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        };
        Ok(Some(Self {
            status: status.ok_or_else(|| invalid("it does not speak HTTP/1.1"))?,
            body_at: end + 4,
            body_bytes: lines.find_map(length).ok_or_else(|| invalid("its answer has no content-length"))?,
        }))
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_when_they_are_whole() {
        let check = |bytes: &str, expect: Result<Option<(u16, usize, usize)>, &str>| {
            let head = Head::read(bytes.as_bytes());
            let got = head.map(|head| head.map(|head| (head.status, head.body_at, head.body_bytes)));
            assert_eq!(got.map_err(|error| error.to_string()), expect.map_err(str::to_owned), "{bytes:?}");
        };
        check("", Ok(None));
        check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", Ok(None));
        check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", Ok(Some((200, 38, 2))));
        check("HTTP/1.1 422 Unprocessable Entity\r\nx: y\r\nContent-Length:  10\r\n\r\n", Ok(Some((422, 64, 10))));
        check("HTTP/1.0 200 OK\r\n\r\n", Err("it does not speak HTTP/1.1"));
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", Err("its answer has no content-length"));
    }

    #[test]
    fn urls_are_plain_http() {
        let check = |text: &str, expect: Result<(&str, &str), &str>| {
            let url = Url::parse(text).map_err(|error| error.to_string());
            let got = url.as_ref().map(|url| (url.authority.as_str(), url.path.as_str())).map_err(String::as_str);
            assert_eq!(got, expect, "{text}");
        };
        check("http://127.0.0.1:8080", Ok(("127.0.0.1:8080", "")));
        check("http://localhost/risk/", Ok(("localhost", "/risk")));
        check("localhost:8080", Err("`localhost:8080` is not of the form http://127.0.0.1:8080"));
        let tls = "`https://localhost`: TLS is not spoken here; send it through something that does, or to a port that is plain";
        check("https://localhost", Err(tls));
        check("http:///v1", Err("`http:///v1` names no host"));
    }
}
