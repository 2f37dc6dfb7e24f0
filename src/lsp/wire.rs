//! Messages as they go over a pipe: headers, an empty line, JSON.

use std::io::{self, BufRead, Read, Write};

use lsp_server::Message;

/// No message of an editor is larger; what is larger is passed over.
const LARGEST: u64 = 64 << 20;

/// No line of a header is longer.
const LONGEST_LINE: u64 = 8 << 10;

/// What came over the pipe.
#[derive(Debug)]
pub(super) enum Received {
    Message(Message),
    /// A whole message that says nothing, and why.
    Nonsense(String),
    /// The other side is gone.
    End,
}

/// The next message. An error is one that nothing can follow: where messages begin is no longer known.
pub(super) fn receive(from: &mut impl BufRead) -> io::Result<Received> {
    let Some(length) = length(from)? else { return Ok(Received::End) };
    if length > LARGEST {
        let passed = io::copy(&mut from.take(length), &mut io::sink())?;
        return Ok(if passed < length {
            Received::End
        } else {
            Received::Nonsense(format!("a message of {length} bytes is larger than any that is read"))
        });
    }
    // What is announced need not come: memory is taken as it does.
    let mut body = Vec::new();
    if from.take(length).read_to_end(&mut body)? as u64 != length {
        return Ok(Received::End);
    }
    Ok(match serde_json::from_slice(&body) {
        Ok(message) => Received::Message(message),
        Err(error) => Received::Nonsense(format!("a message cannot be read: {error}")),
    })
}

/// The length that the headers of a message say; `None` at the end of everything.
fn length(from: &mut impl BufRead) -> io::Result<Option<u64>> {
    let mut length = None;
    loop {
        let mut line = Vec::new();
        let read = from.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return match length {
                Some(length) => Ok(Some(length)),
                None => Err(io::Error::new(io::ErrorKind::InvalidData, "a message has no Content-Length")),
            };
        }
        let Some((name, value)) = text.split_once(':').filter(|_| line.ends_with(b"\n")) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "what came is no header of a message"));
        };
        if name.trim().eq_ignore_ascii_case("Content-Length") {
            let value = value.trim().parse();
            length =
                Some(value.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the Content-Length is no number"))?);
        }
    }
}

/// Writes a message.
pub(super) fn send(to: &mut impl Write, message: &Message) -> io::Result<()> {
    message.write(to)?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut bytes: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        loop {
            match receive(&mut bytes) {
                Ok(Received::Message(Message::Notification(message))) => found.push(message.method),
                Ok(Received::Message(_)) => found.push("other".to_owned()),
                Ok(Received::Nonsense(_)) => found.push("nonsense".to_owned()),
                Ok(Received::End) => return found,
                Err(error) => {
                    found.push(error.to_string());
                    return found;
                }
            }
        }
    }

    #[test]
    fn nonsense_is_passed_over_and_a_lost_frame_ends() {
        let good = r#"{"jsonrpc":"2.0","method":"m"}"#;
        let framed = |body: &str| format!("content-length: {}\r\nX: y\r\n\r\n{body}", body.len());
        assert_eq!(
            all(format!("{}{}{}", framed("{"), framed(good), framed("7")).as_bytes()),
            ["nonsense", "m", "nonsense"]
        );
        assert_eq!(all(b"garbage\r\n\r\n"), ["what came is no header of a message"]);
        assert_eq!(all(b"A: b\r\n\r\n"), ["a message has no Content-Length"]);
        assert_eq!(all(b"Content-Length: -3\r\n\r\n"), ["the Content-Length is no number"]);
        assert!(all(b"Content-Length: 99999999999999999\r\n\r\nshort").is_empty());
        assert!(all(b"Content-Length: 50\r\n\r\nshort").is_empty());
        assert_eq!(all(&vec![b'x'; 20_000]), ["what came is no header of a message"]);
    }
}
