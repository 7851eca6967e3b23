//! What a write does where other processes have copies.

use cache_runtime::cache;
use cache_testkit::{Gate, RedisServer, Refused};

use crate::{BOUND, Process, read, write};

#[cache("row", method = "PUT", cache = process.cache)]
async fn slow_write(process: &Process, gate: &Gate) -> Result<u64, Refused> {
    gate.pass().await;
    Ok(process.row.commit())
}

#[cache("row", method = "PUT", cache = process.cache)]
async fn refused_write(process: &Process, gate: &Gate) -> Result<(), Refused> {
    gate.pass().await;
    Err(Refused)
}

/// Its scripts: for the fence; and one to remove all, or one to close it and one to open it again.
fn scripts(server: &RedisServer) -> u64 {
    server.commands()["evalsha"]
}

#[tokio::test]
async fn a_write_waits_only_as_long_as_its_fence_has_not_stood_yet() {
    let server = RedisServer::start();
    let (reader, gate) = (Process::new(server.cache()), Gate::default());
    reader.has_copy(read).await;
    let writer = reader.other(server.cache());
    write(&writer).await;

    reader.has_copy(read).await;
    server.reset_commands();
    write(&writer).await;
    assert_eq!(scripts(&server), 3);
    assert_eq!(read(&reader).await, 2);

    // In the meantime, nothing happens; or the fence is lost; or a command that came late has set it once more.
    for (version, meanwhile, expected) in [(3, "", 2), (4, LOST, 4), (5, LATE, 4)] {
        reader.has_copy(read).await;
        server.reset_commands();
        let ready = async {
            tokio::time::sleep(2 * BOUND).await;
            if !meanwhile.is_empty() {
                let () = server.run(&["EVAL", meanwhile, "1", "__cache:fence:{row}"]);
            }
            gate.let_pass(1);
        };
        let (written, ()) = tokio::join!(slow_write(&writer, &gate), ready);
        assert_eq!((written, scripts(&server)), (Ok(version), expected));
        assert_eq!(read(&reader).await, version);
    }
}

const LOST: &str = "redis.call('DEL', KEYS[1])";

const LATE: &str = "
    local writer = redis.call('ZRANGEBYSCORE', KEYS[1], 0, '+inf')[1]
    local time = redis.call('TIME')
    redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + 30000, writer)";

#[cache("lasting", near = "1s", cache = process.cache, skip(process))]
async fn lasting(process: &Process) -> u64 {
    process.row.load()
}

#[cache("lasting", method = "PUT", cache = process.cache)]
async fn write_lasting(process: &Process, gate: &Gate) -> Result<u64, Refused> {
    gate.pass().await;
    Ok(process.row.commit())
}

#[tokio::test]
async fn a_fence_that_is_lost_before_its_time_counts_for_nothing() {
    let server = RedisServer::start();
    let (reader, gate) = (Process::new(server.cache()), Gate::default());
    let writer = reader.other(server.cache());
    // The first removal has yet to find out that there are copies.
    reader.has_copy(lasting).await;
    writer.cache.delete(["lasting"]).await.expect("deleted");
    // Closed and opened; and once more where a part of the time was not waited for.
    for (version, meanwhile, expected) in [(1, "", 3), (2, LOST, 5)] {
        reader.has_copy(lasting).await;
        server.reset_commands();
        let ready = async {
            tokio::time::sleep(2 * BOUND).await;
            if !meanwhile.is_empty() {
                let () = server.run(&["EVAL", meanwhile, "1", "__cache:fence:{lasting}"]);
            }
            gate.let_pass(1);
        };
        let (written, ()) = tokio::join!(write_lasting(&writer, &gate), ready);
        assert_eq!((written, scripts(&server)), (Ok(version), expected));
        assert_eq!(lasting(&reader).await, version);
    }
}

#[tokio::test]
async fn nobody_waits_where_there_are_no_copies() {
    let server = RedisServer::start();
    let writer = Process::new(server.cache());
    write(&writer).await;
    server.reset_commands();
    write(&writer).await;
    assert_eq!(scripts(&server), 2);
}

#[tokio::test]
async fn nothing_is_copied_while_a_write_is_under_way() {
    let server = RedisServer::start();
    let (reader, gate) = (Process::new(server.cache()), Gate::default());
    let writer = reader.other(server.cache());
    reader.is_ready().await;
    read(&reader).await;
    let writing = tokio::spawn({
        let (writer, gate) = (writer.clone(), gate.clone());
        async move { refused_write(&writer, &gate).await }
    });
    cache_testkit::eventually("it has its fence", async || {
        server.run::<u64>(&["EXISTS", "__cache:fence:{row}"]) == 1
    })
    .await;
    let before = reader.cache.stats().near;
    for _ in 0..10 {
        assert_eq!(read(&reader).await, 0);
    }
    let near = reader.cache.stats().near;
    assert_eq!((near.hits, near.copies), (before.hits, before.copies));
    gate.let_pass(1);
    assert_eq!(writing.await.expect("no panic"), Err(Refused));
    reader.has_copy(read).await;
    assert_eq!(reader.row.loads(), 1);
}
