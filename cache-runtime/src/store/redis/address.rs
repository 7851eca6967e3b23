//! Where a server is.

use std::fmt;
use std::str::FromStr;

use deadpool_redis::redis::ConnectionAddr;

/// `host:port`; an IPv6 address stands in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    pub(crate) fn tcp(&self) -> ConnectionAddr {
        ConnectionAddr::Tcp(self.host.clone(), self.port)
    }

    /// As one server names another, perhaps itself: without brackets, and without a host where that is the one
    /// under which it was asked.
    pub(crate) fn seen_from(server: &str, named: &str) -> Option<Self> {
        let (host, port) = named.rsplit_once(':')?;
        let host = match host {
            "" | "?" => server.parse::<Self>().ok()?.host,
            host => host.to_owned(),
        };
        let port = port.parse().ok()?;
        Some(Self { host, port })
    }
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const ACCEPTED: &str = "must look like host:port,host:port";
        let (host, port) = text.trim().rsplit_once(':').ok_or(ACCEPTED)?;
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        let is_whole = !host.is_empty() && (bare.is_some() || !host.contains([':', '/', '@']));
        match port.parse() {
            Ok(port) if is_whole => Ok(Self {
                host: host.to_owned(),
                port,
            }),
            _ => Err(ACCEPTED),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for text in [
            "redis:6379",
            "127.0.0.1:1",
            "[::1]:7000",
            "node-1.example.org:65535",
        ] {
            let address: Address = text.parse().expect(text);
            assert_eq!(address.to_string(), text);
        }
        let spaced: Address = " redis:6379 ".parse().expect("spaces around a comma");
        assert_eq!(spaced.host, "redis");
        for text in [
            "",
            "redis",
            ":6379",
            "redis:",
            "redis:x",
            "redis:65536",
            "::1:7000",
            "redis://redis:1",
            "me@redis:1",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
