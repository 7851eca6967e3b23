//! What is sent again where a node says that a key is elsewhere, or hangs up, and what must not be.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use cache_runtime::{Cache, cache};
use cache_testkit::{MINUTE, SECOND, cache_builder};

#[cache("{{user_{id}}}_page", tags = ["{{user_{id}}}_tag"], cache = cache)]
async fn page(cache: &Cache, id: u64) -> u64 {
    id
}

/// The only node of a cluster. It sends a load and the tags that it joins elsewhere, which is to itself, and hangs up
/// where a tag is joined then. It also does where a value is set by hand.
struct Moving {
    port: u16,
    loads: AtomicUsize,
    joins: AtomicUsize,
    sets: AtomicUsize,
}

impl Moving {
    fn start() -> Arc<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let node = Arc::new(Self {
            port: listener.local_addr().expect("it is bound").port(),
            loads: AtomicUsize::default(),
            joins: AtomicUsize::default(),
            sets: AtomicUsize::default(),
        });
        let serving = node.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let node = serving.clone();
                thread::spawn(move || node.serve(&client));
            }
        });
        node
    }

    fn serve(&self, mut client: &TcpStream) -> io::Result<()> {
        let mut commands = BufReader::new(client);
        loop {
            let command = read_command(&mut commands)?;
            let Some(reply) = self.reply(&command) else {
                return Ok(());
            };
            client.write_all(reply.as_bytes())?;
        }
    }

    /// Nothing where it hangs up.
    fn reply(&self, command: &[String]) -> Option<String> {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let moved = format!("-MOVED 0 127.0.0.1:{}\r\n", self.port);
        Some(match words.as_slice() {
            ["CLUSTER", "SLOTS"] => format!(
                "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$9\r\n127.0.0.1\r\n:{}\r\n$2\r\nid\r\n",
                self.port
            ),
            ["CLUSTER", "INFO"] => "$16\r\ncluster_state:ok\r\n".to_owned(),
            ["MGET", keys @ ..] => format!("*{}\r\n{}", keys.len(), "$-1\r\n".repeat(keys.len())),
            ["EVALSHA", _, _, tag, ..] if tag.ends_with("_tag") => {
                match self.joins.fetch_add(1, Ordering::SeqCst) {
                    0 => moved,
                    _ => return None,
                }
            }
            ["EVALSHA", _, _, page, ..] if page.ends_with("_page") => {
                match self.loads.fetch_add(1, Ordering::SeqCst) {
                    0 => moved,
                    _ => "*2\r\n$7\r\ngranted\r\n$1\r\n0\r\n".to_owned(),
                }
            }
            ["EVALSHA", _, _, set, ..] if set.ends_with("_set") => {
                self.sets.fetch_add(1, Ordering::SeqCst);
                return None;
            }
            _ => "$-1\r\n".to_owned(),
        })
    }
}

/// On a line of its own, behind a sign.
fn read_number(from: &mut impl BufRead) -> io::Result<usize> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let number = line.get(1..).and_then(|number| number.trim().parse().ok());
    number.ok_or(io::ErrorKind::UnexpectedEof.into())
}

/// An array of texts.
fn read_command(from: &mut impl BufRead) -> io::Result<Vec<String>> {
    let words = read_number(from)?;
    let mut command = Vec::new();
    for _ in 0..words {
        let length = read_number(from)?;
        let mut word = vec![0; length + 2];
        from.read_exact(&mut word)?;
        word.truncate(length);
        command.push(String::from_utf8_lossy(&word).into_owned());
    }
    Ok(command)
}

impl Moving {
    fn cache(&self) -> Cache {
        let settings = cache_builder().cluster_nodes([format!("127.0.0.1:{}", self.port)]);
        settings.deadline(SECOND).build().expect("right")
    }
}

/// The first copy may arrive after the second, long after: behind an invalidation it would bring back what was invalid.
#[tokio::test]
async fn what_is_never_sent_twice_is_not_behind_a_redirect_either() {
    let node = Moving::start();
    assert_eq!(page(&node.cache(), 1).await, 1);
    assert_eq!(node.loads.load(Ordering::SeqCst), 2, "it has moved");
    assert_eq!(node.joins.load(Ordering::SeqCst), 2, "and was sent again");
}

#[tokio::test]
async fn a_value_that_is_set_by_hand_is_not_sent_twice() {
    let node = Moving::start();
    let set = node.cache().set("{user_1}_set", &1, MINUTE).await;
    assert!(set.is_err(), "nobody knows whether it is there");
    assert_eq!(node.sets.load(Ordering::SeqCst), 1);
}
