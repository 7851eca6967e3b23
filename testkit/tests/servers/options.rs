//! The options of a server.

use cache_testkit::RedisServer;

#[test]
fn a_server_keeps_its_keys_on_disk_only_where_a_test_asks_for_it() {
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    let directory = directory.path().to_str().expect("the path is text");
    let always = ["--appendonly", "yes", "--appendfsync", "always"];
    for (options, kept) in [(&[][..], &[][..]), (&always, &["key"])] {
        let options = [options, &["--dir", directory]].concat();
        let mut server = RedisServer::start_with(&options);
        let () = server.run(&["SET", "key", "value"]);
        server.restart();
        assert_eq!(server.keys(), kept);
    }
}
