//! Disks that are full and disks that fail, under SQLite.

use std::{
    fs::{self, File},
    io::Write as _,
    path::PathBuf,
    time::Instant,
};

use serde_json::json;
use tokio::task::JoinSet;

use super::{
    speech::{Speaker, Speech},
    thread::{code, text_of},
};
use crate::harness::{Answer, Client, Config, Data, Format, Home, SOON, Server, soon};

/// Mounts a small disk that only the program sees and that goes when it goes.
const ON_A_SMALL_DISK: &str = r#"
unshare --mount true 2>/dev/null && how=--mount || how='--user --map-root-user --mount'
exec unshare $how sh -c '
    mount -t tmpfs -o size=2m tmpfs "$0" && exec "$1"
    echo "this test mounts a tmpfs: run it as root, or allow user namespaces" >&2
    exit 1
' "$0" "$1"
"#;

/// After so many turns without a fault the disk is not what it should be.
const MANY: usize = 400;

/// A process that is a short time dead is so for good, so that a test need not wait for long.
const LEASE: &str = "[limits]\nlease_ms = 1_000";

/// What became of a turn: completed and stored, or refused in the way that is promised.
async fn asked(client: &Client, name: &str) -> Answer {
    let speech = Speech::brief(name);
    // Its beginning takes more room than its end: one that can begin can end.
    let before = json!({"role": "user", "content": "x".repeat(100_000)});
    let body = json!({"input": [before, {"role": "user", "content": speech.message()}]});
    let exchange = client.open(&crate::harness::Request::post("/v1/responses", body)).await;
    let retry_after = exchange.header("retry-after").map(str::to_owned);
    let answer = exchange.answer().await;
    match answer.status {
        200 => {
            let response = answer.json();
            assert_eq!(response["status"], "completed", "{response}");
            assert_eq!(text_of(&response), speech.text());
            let path = format!("/v1/responses/{}", response["id"].as_str().unwrap());
            assert_eq!(client.found(&path).await, response, "told and stored differ");
        }
        503 => {
            let code = code(&answer);
            // The beginning, or the end, could not be stored.
            assert!(["store_unavailable", "storage"].contains(&code.as_str()), "{code}");
            assert!(code == "storage" || retry_after.is_some(), "when shall it be tried again?");
        }
        status => panic!("{status}: {}", answer.text()),
    }
    answer
}

/// Asks until the disk refuses.
async fn until_refused(client: &Client) {
    for number in 0..MANY {
        if asked(client, &format!("until-refused-{number}")).await.status == 503 {
            return;
        }
    }
    panic!("{MANY} turns without a fault");
}

async fn until_accepted(client: &Client) {
    soon("it works again", async { while asked(client, "until-accepted").await.status == 503 {} })
        .await;
}

struct SmallDisk {
    server: Server,
    /// Where the disk is for those who do not see it mounted.
    path: PathBuf,
}

impl SmallDisk {
    async fn start(home: &Home) -> Self {
        let disk = home.path().join("disk");
        fs::create_dir(&disk).unwrap();
        let path = disk.to_str().unwrap();
        let mut command = home.command_under("sh", &["-c", ON_A_SMALL_DISK, path]);
        command.env("LOQUAT_DATABASE_URL", format!("sqlite://{path}/loquat.db"));
        let server = Server::start(command).await;
        let path = PathBuf::from(format!("/proc/{}/root{path}", server.pid()));
        Self { server, path }
    }

    fn fill(&self) {
        let mut filler = File::create(self.path.join("filler")).unwrap();
        for size in [64 * 1024, 4 * 1024, 1] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn clear(&self) {
        fs::remove_file(self.path.join("filler")).unwrap();
    }

    fn data(&self) -> Data {
        Data::sqlite(self.path.join("loquat.db"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_new_turns_are_refused_and_what_there_is_can_be_read() {
    let speaker = Speaker::new().await;
    let home = Home::new(Config::scripted(&speaker.upstream).table(LEASE));
    let mut disk = SmallDisk::start(&home).await;
    let client = home.client(&disk.server).await;
    let first = asked(&client, "first").await.json();
    let path = format!("/v1/responses/{}", first["id"].as_str().unwrap());
    // It ends when nothing can be stored any more.
    let running = Speech {
        words: 100,
        pause: std::time::Duration::from_millis(20),
        ..Speech::brief("running")
    };
    let mut exchange = client.open(&Format::Responses.ask(&running.message())).await;
    exchange.read_until(".0 ").await;

    disk.fill();
    until_refused(&client).await;
    for _ in 0..10 {
        asked(&client, "refused").await;
        assert_eq!(client.found(&path).await, first, "reading goes on");
        assert_eq!(client.get("/healthz").await.status, 200);
    }
    let id = exchange.response_id();
    let said = Format::Responses.read(exchange).await;
    assert_eq!(said.text, running.text(), "a stream needs no disk to go on");
    assert_eq!((said.status.as_str(), said.why.as_deref()), ("failed", Some("storage")));
    assert!(disk.server.is_alive());

    disk.clear();
    until_accepted(&client).await;
    let stored = ended(&client, &id).await;
    assert_eq!(stored["status"], "incomplete", "told that it was not stored");
    assert!(running.text().starts_with(&text_of(&stored)));
    disk.data().assert_sound().await;
    assert!(!disk.server.kill().await.contains("panicked"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_ends_while_the_disk_is_full_is_stored_as_soon_as_there_is_room() {
    let speaker = Speaker::new().await;
    let home = Home::new(Config::scripted(&speaker.upstream));
    let disk = SmallDisk::start(&home).await;
    let client = home.client(&disk.server).await;
    let running = Speech {
        words: 50,
        pause: std::time::Duration::from_millis(20),
        ..Speech::brief("running")
    };
    let mut exchange = client.open(&Format::Responses.ask(&running.message())).await;
    exchange.read_until(".0 ").await;
    disk.fill();
    until_refused(&client).await;
    exchange.read_until(&running.word(49)).await;
    disk.clear();
    let said = Format::Responses.read(exchange).await;
    assert_eq!((said.status.as_str(), said.text), ("completed", running.text()));
    let path = format!("/v1/responses/{}", said.last["id"].as_str().unwrap());
    assert_eq!(client.found(&path).await, said.last);
}

/// The response once somebody has ended it.
async fn ended(client: &Client, id: &str) -> serde_json::Value {
    let asked = Instant::now();
    loop {
        let response = client.found(&format!("/v1/responses/{id}")).await;
        if response["status"] != "in_progress" {
            return response;
        }
        assert!(asked.elapsed() < SOON, "nobody ends it: {response}");
    }
}

/// From the 40th to the 200th time that a thread of the server asks for its writes to be on the
/// disk, the disk says that it has failed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_for_a_while_never_makes_a_turn_complete_that_is_not_stored() {
    let speaker = Speaker::new().await;
    let home = Home::new(Config::scripted(&speaker.upstream).table(LEASE));
    let failing = "inject=fsync,fdatasync:error=EIO:when=40..200";
    // The server is the process that is started; who traces it ends with it.
    let tracing =
        ["-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", failing];
    let mut server = Server::start(home.command_under("strace", &tracing)).await;
    let client = home.client(&server).await;
    let first = asked(&client, "first").await.json();
    // A beginning is refused at once; an end is tried again, so that one client could wait long.
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        let client = client.clone();
        clients.spawn(async move { until_refused(&client).await });
    }
    clients.join_next().await.unwrap().unwrap();
    let path = format!("/v1/responses/{}", first["id"].as_str().unwrap());
    assert_eq!(client.found(&path).await, first, "reading goes on");
    clients.shutdown().await;
    until_accepted(&client).await;
    for number in 0..20 {
        assert_eq!(asked(&client, &format!("later-{number}")).await.status, 200);
    }
    assert!(server.is_alive());
    let data = home.data();
    data.assert_sound().await;
    assert!(!server.kill().await.contains("panicked"));

    let server = home.serve().await;
    let client = home.client(&server).await;
    assert_eq!(client.found(&path).await, first);
    until_accepted(&client).await;
    data.assert_sound().await;
}
