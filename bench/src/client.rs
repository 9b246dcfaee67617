//! A client of HTTP/1.1 that does no more than it must: what it costs is a small part of what is measured with it.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Bytes of an answer, at most.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// An answer, its head and its body in one text.
pub struct Answer {
    pub status: u16,
    pub text: String,
}

impl Answer {
    /// What stands behind the head.
    pub fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }
}

/// Asks one path again and again.
pub struct Client {
    address: SocketAddr,
    request: String,
    /// Whether connections are kept for the next question.
    keeps: bool,
    open: Option<BufReader<TcpStream>>,
}

impl Client {
    pub fn new(address: SocketAddr, path: &str, keeps: bool) -> Self {
        let close = if keeps { "" } else { "connection: close\r\n" };
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{close}\r\n");
        Self { address, request, keeps, open: None }
    }

    /// One question. A kept connection that the server has closed meanwhile is no loss: it is asked once more, on another.
    pub fn ask(&mut self) -> Result<Answer> {
        if let Some(kept) = self.open.take()
            && let Ok(answer) = self.ask_on(kept)
        {
            return Ok(answer);
        }
        let connection = connect(self.address)?;
        self.ask_on(connection)
    }

    fn ask_on(&mut self, mut connection: BufReader<TcpStream>) -> Result<Answer> {
        connection.get_mut().write_all(self.request.as_bytes())?;
        let (answer, stays) = read(&mut connection)?;
        self.open = Some(connection).filter(|_| self.keeps && stays);
        Ok(answer)
    }
}

/// One request on a connection of its own. `head` has whole lines.
pub fn send(address: SocketAddr, method: &str, path: &str, head: &str, body: &str) -> Result<Answer> {
    let mut connection = connect(address)?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         {head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    connection.get_mut().write_all(request.as_bytes())?;
    Ok(read(&mut connection)?.0)
}

fn connect(address: SocketAddr) -> Result<BufReader<TcpStream>> {
    let connection = TcpStream::connect_timeout(&address, ANSWER_MAX)?;
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(ANSWER_MAX))?;
    connection.set_write_timeout(Some(ANSWER_MAX))?;
    Ok(BufReader::new(connection))
}

/// Reads one answer. Whether the connection can be used again.
fn read(connection: &mut BufReader<TcpStream>) -> Result<(Answer, bool)> {
    let mut text = String::new();
    let (mut length, mut chunked, mut stays) = (None, false, true);
    loop {
        let start = text.len();
        if connection.by_ref().take(BYTES_MAX).read_line(&mut text)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let line = text.get(start..).unwrap_or_default().trim_end().to_ascii_lowercase();
        match line.split_once(':').map(|(name, value)| (name, value.trim())) {
            Some(("content-length", value)) => length = value.parse().ok(),
            Some(("transfer-encoding", value)) => chunked = value.contains("chunked"),
            Some(("connection", value)) => stays = value != "close",
            _ if line.is_empty() => break,
            _ => {}
        }
    }
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| Error::other("the answer has no status"))?;
    let mut body = Vec::new();
    match length {
        _ if chunked => chunks(connection, &mut body)?,
        Some(length) => {
            exactly(connection, length, &mut body)?;
        }
        None => {
            stays = false;
            connection.by_ref().take(BYTES_MAX).read_to_end(&mut body)?;
        }
    }
    text.push_str(&String::from_utf8_lossy(&body));
    Ok((Answer { status, text }, stays))
}

fn chunks(connection: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Result<()> {
    loop {
        let mut size = String::new();
        connection.by_ref().take(BYTES_MAX).read_line(&mut size)?;
        let size = u64::from_str_radix(size.trim(), 16).map_err(Error::other)?;
        exactly(connection, size, body)?;
        // The end of the line after the chunk, or after the empty last one.
        connection.by_ref().take(BYTES_MAX).read_line(&mut String::new())?;
        if size == 0 {
            return Ok(());
        }
    }
}

fn exactly(connection: &mut BufReader<TcpStream>, length: u64, body: &mut Vec<u8>) -> Result<()> {
    let read = connection.by_ref().take(length.min(BYTES_MAX)).read_to_end(body)?;
    if (read as u64) < length {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}
