//! The smallest server that shows two values: every answer takes them once. `bench-peers` has it in common with the floor.

use std::io::{BufRead, BufReader, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// Answers every request with the two values that are live in that moment; a thread for each connection.
pub fn serve(
    listener: &TcpListener,
    values: impl Fn() -> (String, String) + Send + Sync + 'static,
) -> Result<()> {
    let values = Arc::new(values);
    for connection in listener.incoming() {
        let (connection, values) = (connection?, Arc::clone(&values));
        std::thread::Builder::new().spawn(move || {
            if let Err(error) = answer(&connection, values.as_ref()) {
                eprintln!("a connection ended: {error}");
            }
        })?;
    }
    Ok(())
}

fn answer(mut connection: &TcpStream, values: &impl Fn() -> (String, String)) -> Result<()> {
    connection.set_nodelay(true)?;
    let mut close = false;
    for line in BufReader::new(connection).lines() {
        let line = line?;
        close |= line.eq_ignore_ascii_case("connection: close");
        if line.is_empty() {
            let (one, two) = values();
            let body = format!("{one} {two}\n");
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            connection.write_all((head + &body).as_bytes())?;
            if close {
                return Ok(());
            }
        }
    }
    Ok(())
}
